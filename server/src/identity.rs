//! Who a client is: the application's judgement of a hello.

use std::pin::Pin;

use actix_web::HttpRequest;
use twinwire::{Goodbye, GoodbyeCode, Retry};

/// The judgement under way.
pub(crate) type Judging<I> = Pin<Box<dyn Future<Output = Result<I, Denied>>>>;

/// The application's judgement of a hello: token and handshake request in, identity out.
pub(crate) type Authenticate<I> = Box<dyn Fn(Vec<u8>, HttpRequest) -> Judging<I> + Send + Sync>;

/// `authenticate` refuses a client. The client learns the reason.
#[derive(Clone, Debug)]
pub struct Denied(Goodbye);

impl Denied {
    /// Refuses for good: with the same token the client would be refused again. `reason` is a
    /// sentence for a person, cut at 123 bytes.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(Goodbye::new(GoodbyeCode::Denied, reason))
    }

    /// Refuses for now.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.0.retry = retry;
        self
    }

    pub(crate) fn into_goodbye(self) -> Goodbye {
        self.0
    }
}
