//! Whether an event has arrived, and where a publication is.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use twinwire::frame::decode_offset;
use twinwire::session::{Outcome, SessionCore};
use twinwire::{Answer, Format, Never, Offset, Refusal, Time};

use crate::channels::{mpsc, oneshot};
use crate::command::ControlFn;
use crate::remote::not_answered;
use crate::{CallError, EventError, Refused, Requests};

/// The future of an event's acknowledgement: ready when the event is in the other side's session, in
/// order. That isn't yet its handler's end: if the session ends before, what waits there is dropped.
/// Whoever awaits it asks for the acknowledgement at once; dropping it changes nothing.
#[derive(Debug)]
pub struct Receipt {
    /// The name of the event's kind.
    kind: &'static str,
    outcome: oneshot::Receiver<Outcome>,
    control: mpsc::Sender<ControlFn>,
    asked: bool,
}

impl Receipt {
    pub(crate) fn new(
        kind: &'static str,
        outcome: oneshot::Receiver<Outcome>,
        control: mpsc::Sender<ControlFn>,
    ) -> Self {
        Self {
            kind,
            outcome,
            control,
            asked: false,
        }
    }
}

impl Future for Receipt {
    type Output = Result<(), EventError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match Pin::new(&mut self.outcome).poll(cx) {
            Poll::Ready(outcome) => Poll::Ready(match outcome.unwrap_or(Outcome::Unknown) {
                Outcome::Accepted => Ok(()),
                Outcome::NotReceived => Err(EventError::NotReceived),
                Outcome::Closed => Err(EventError::Closed),
                Outcome::Unknown | Outcome::Deadline => Err(EventError::Unknown),
                Outcome::Answered(Answer::Refused(refused)) => {
                    Err(EventError::Refused(Refused::new(self.kind, refused)))
                }
                // Nobody answers an event.
                Outcome::Answered(Answer::Value(_) | Answer::Error(_)) => {
                    let refused = Refused::new(self.kind, Refusal::NoHandler.into());
                    Err(EventError::Refused(refused))
                }
            }),
            Poll::Pending => {
                // Asked for when somebody awaits it, not as the event is sent: for most events no message is spent.
                if !std::mem::replace(&mut self.asked, true) {
                    // A shell that is gone has settled everything.
                    let _ = self.control.send(Box::new(prompt));
                }
                Poll::Pending
            }
        }
    }
}

/// Somebody waits for an acknowledgement.
fn prompt(_: &mut Requests, session: &mut SessionCore, now: Time) {
    session.prompt(now);
}

/// The future of a publication's place in its topic's log: ready when the server has it there. Dropping
/// it changes nothing.
#[must_use = "await it to learn whether the publication was taken, or refused"]
#[derive(Debug)]
pub struct Published {
    /// The name of the topic's kind.
    kind: &'static str,
    outcome: oneshot::Receiver<Outcome>,
    format: Format,
}

impl Published {
    pub(crate) fn new(
        kind: &'static str,
        outcome: oneshot::Receiver<Outcome>,
        format: Format,
    ) -> Self {
        Self {
            kind,
            outcome,
            format,
        }
    }
}

impl Future for Published {
    type Output = Result<Offset, CallError<Never>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = ready!(Pin::new(&mut self.outcome).poll(cx));
        Poll::Ready(match outcome.unwrap_or(Outcome::Unknown) {
            // A reply that is no offset is of a server that breaks the protocol.
            Outcome::Answered(Answer::Value(payload)) => {
                decode_offset(&payload).map_err(|_| CallError::Unknown)
            }
            other => Err(not_answered(self.kind, other, self.format)),
        })
    }
}
