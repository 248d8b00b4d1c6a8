//! Middleware: what an application does around its handlers.

use std::fmt;
use std::sync::Arc;

use twinwire::{Answer, Class, Refusal};

use crate::HandlerContext;
use crate::app::handler::HandlerFuture;
use crate::session::handler_tasks::Joining;

/// The application's own wrapping of handlers.
pub(crate) type Middleware<S, I> =
    Arc<dyn Fn(HandlerContext<S, I>, Next) -> HandlerFuture + Send + Sync>;

/// The handler of a request, and the middleware inside this one. Given to
/// [`Builder::middleware`](crate::Builder::middleware): [`run`](Self::run) it, or answer in its place.
#[must_use = "the request isn't handled unless this runs"]
pub struct Next {
    pub(crate) kind: &'static str,
    pub(crate) class: Class,
    pub(crate) rest: HandlerFuture,
}

impl Next {
    /// Returns the name of the request's kind.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// Returns the request's class: a call, a stream, an event, or a join or publication of a topic.
    pub fn class(&self) -> Class {
        self.class
    }

    /// Runs the handler to its end.
    pub async fn run(self) -> Response {
        self.rest.await
    }
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Next")
            .field("kind", &self.kind)
            .field("class", &self.class)
            .finish_non_exhaustive()
    }
}

/// The outcome of a request.
#[must_use = "this is what the client is answered"]
pub struct Response {
    pub(crate) answer: Answer<Vec<u8>>,
    /// The topic that the client is let into. It comes with the answer, in which the connection tells the
    /// client where it begins: neither is ever there without the other.
    pub(crate) joining: Option<Joining>,
}

impl Response {
    /// Refuses a request, in its handler's place or after it. Of an event nothing comes then.
    pub fn refused(why: Refusal) -> Self {
        Self::from(Answer::Refused(why.into()))
    }

    /// Returns the refusal, if it was refused: the handler got to no answer.
    pub fn refusal(&self) -> Option<Refusal> {
        match &self.answer {
            Answer::Refused(refused) => Some(refused.why),
            Answer::Value(_) | Answer::Error(_) => None,
        }
    }

    /// Returns true if the handler answered with the application's own error.
    pub fn is_error(&self) -> bool {
        matches!(self.answer, Answer::Error(_))
    }
}

impl From<Answer<Vec<u8>>> for Response {
    fn from(answer: Answer<Vec<u8>>) -> Self {
        let joining = None;
        Self { answer, joining }
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("refusal", &self.refusal())
            .finish_non_exhaustive()
    }
}
