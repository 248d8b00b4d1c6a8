//! A stream, at who asked for it.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_core::stream::FusedStream;
use twinwire::session::Outcome;
use twinwire::{Answer, Format, StreamCall};

use crate::CallError;
use crate::cancel::CancelOnDrop;
use crate::channels::mpsc;
use crate::command::Completion;
use crate::remote::not_answered;

/// A message to the handle of a stream.
pub(crate) enum StreamMessage {
    Item(Vec<u8>),
    End(Outcome),
}

/// A stream's consumer. Its window bounds what waits here.
impl Completion for mpsc::QueueShared<StreamMessage> {
    fn is_gone(&self) -> bool {
        self.is_closed()
    }

    fn item(&self, payload: Vec<u8>) {
        // A consumer that left has had its stream cancelled, or soon will.
        let _ = self.send(StreamMessage::Item(payload));
    }

    fn settle(&self, outcome: Outcome) {
        let _ = self.send(StreamMessage::End(outcome));
    }

    fn end(&self) {
        self.end();
    }
}

/// The items that answer a [`StreamCall`], in order; then, if it didn't end well, one error. Who
/// takes none makes the other side wait when a window of them is here; dropping it cancels the
/// stream. It doesn't keep the client: hold a `Client` for as long as you read.
#[must_use = "dropping it cancels the stream"]
pub struct Items<C> {
    messages: mpsc::Receiver<StreamMessage>,
    cancel: CancelOnDrop,
    format: Format,
    ended: bool,
    kind: PhantomData<fn() -> C>,
}

impl<C> Items<C> {
    pub(crate) fn new(
        messages: mpsc::Receiver<StreamMessage>,
        cancel: CancelOnDrop,
        format: Format,
    ) -> Self {
        Self {
            messages,
            cancel,
            format,
            ended: false,
            kind: PhantomData,
        }
    }
}

impl<C> Items<C> {
    /// Returns the next message as it came; none after the end.
    pub(crate) fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<StreamMessage>> {
        if self.ended {
            return Poll::Ready(None);
        }
        // A shell ends every request before it ends itself, unless its runtime drops it.
        let message =
            ready!(self.messages.poll_next(cx)).unwrap_or(StreamMessage::End(Outcome::Unknown));
        match &message {
            StreamMessage::Item(_) => self.cancel.consumed(),
            StreamMessage::End(_) => {
                // A cancel of what has ended would cost a message and change nothing.
                self.ended = true;
                self.cancel.disarm();
            }
        }
        Poll::Ready(Some(message))
    }
}

impl<C: StreamCall> Items<C> {
    /// Returns the next item; none after the end.
    pub async fn next(&mut self) -> Option<Result<C::Item, CallError<C::Error>>> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl<C: StreamCall> Stream for Items<C> {
    type Item = Result<C::Item, CallError<C::Error>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(match ready!(self.poll_message(cx)) {
            // What follows an item that can't be read is still to be had.
            Some(StreamMessage::Item(payload)) => {
                Some(self.format.decode(&payload).map_err(CallError::Decode))
            }
            None | Some(StreamMessage::End(Outcome::Answered(Answer::Value(_)))) => None,
            Some(StreamMessage::End(other)) => Some(Err(not_answered(C::NAME, other, self.format))),
        })
    }
}

impl<C: StreamCall> FusedStream for Items<C> {
    fn is_terminated(&self) -> bool {
        self.ended
    }
}

impl<C> fmt::Debug for Items<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Items")
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
