//! The receiving half.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use actix_web::web::Bytes;
use actix_ws::{CloseReason, Item, Message, MessageStream, ProtocolError};
use futures_core::Stream;
use tokio::task::coop;

use super::body::Encoder;
use super::close::Close;
use super::fault::Fault;
use super::frame::{Frame, Opcode};
use super::gate::FaultSlot;
use super::link::{Link, Silence};
use super::utf8::Utf8;

/// How a connection's receiving half ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The peer's close frame came, of itself or in answer to ours; `None` when without a code.
    Closed(Option<Close>),
    /// TCP ended without a close frame, or the peer didn't answer ours in time.
    Lost,
    /// The peer broke the protocol; the close frame that says so is queued.
    Fault(Fault),
}

/// Receives from one peer, answers its pings, and takes part in closing.
///
/// It must be polled until it gives an [`End`]: only so are pings and close frames answered.
/// Dropped before, it closes the connection with 1011.
pub(crate) struct Inbound {
    link: Arc<Link>,
    messages: MessageStream,
    fault: FaultSlot,
    /// See [`Encoder`].
    _encoder: Encoder,
    /// The largest message in bytes.
    limit: usize,
    /// Bytes of the open message so far.
    received: usize,
    /// Set while a fragmented text is open.
    text: Option<Utf8>,
    end: Option<End>,
}

impl Inbound {
    pub(super) fn new(
        link: Arc<Link>,
        messages: MessageStream,
        fault: FaultSlot,
        encoder: Encoder,
        limit: usize,
    ) -> Self {
        Self {
            link,
            messages: messages.max_frame_size(limit),
            fault,
            _encoder: encoder,
            limit,
            received: 0,
            text: None,
            end: None,
        }
    }

    /// The next data frame, in the order sent. Dropping the future loses nothing.
    ///
    /// A text is UTF-8 as a whole; a frame of a fragmented one may begin or end inside a
    /// character. After this side has closed, frames that still come are discarded.
    ///
    /// # Errors
    ///
    /// The way the connection ended, and the same again if asked again.
    pub(crate) async fn next(&mut self) -> Result<Frame, End> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// [`next`](Self::next), for who waits for other things beside it.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Frame, End>> {
        // A peer that sends without pause must not keep others from being served.
        let budget = ready!(coop::poll_proceed(cx));
        loop {
            if let Some(end) = &self.end {
                return Poll::Ready(Err(end.clone()));
            }
            match Pin::new(&mut self.messages).poll_next(cx) {
                Poll::Ready(Some(Ok(message))) => {
                    budget.made_progress();
                    if let Some(frame) = self.take(message) {
                        return Poll::Ready(Ok(frame));
                    }
                }
                Poll::Ready(Some(Err(error))) => self.end_by(&error),
                Poll::Ready(None) => match self.fault.get() {
                    Some(fault) => self.fail(fault),
                    None => self.lose(),
                },
                Poll::Pending if self.link.poll_silence(cx).is_ready() => self.lose(),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn take(&mut self, message: Message) -> Option<Frame> {
        match message {
            Message::Text(text) => self.whole(Opcode::Text, text.into_bytes()),
            Message::Binary(data) => self.whole(Opcode::Binary, data),
            Message::Continuation(Item::FirstText(data)) => {
                self.text = Some(Utf8::default());
                self.fragment(Opcode::Text, data, false)
            }
            Message::Continuation(Item::FirstBinary(data)) => {
                self.fragment(Opcode::Binary, data, false)
            }
            Message::Continuation(Item::Continue(data)) => {
                self.fragment(Opcode::Continuation, data, false)
            }
            Message::Continuation(Item::Last(data)) => {
                self.fragment(Opcode::Continuation, data, true)
            }
            Message::Ping(payload) => {
                self.link.ping(payload);
                None
            }
            Message::Close(reason) => {
                self.closed(reason);
                None
            }
            Message::Pong(_) | Message::Nop => None,
        }
    }

    fn whole(&self, opcode: Opcode, data: Bytes) -> Option<Frame> {
        // The guard has compared its length with the limit.
        self.link.is_open().then_some(Frame {
            opcode,
            fin: true,
            data,
        })
    }

    fn fragment(&mut self, opcode: Opcode, data: Bytes, fin: bool) -> Option<Frame> {
        self.received += data.len();
        if self.received > self.limit {
            self.fail(Fault::TooLarge { limit: self.limit });
            return None;
        }
        if self
            .text
            .as_mut()
            .is_some_and(|text| !text.accepts(&data, fin))
        {
            self.fail(Fault::Utf8);
            return None;
        }
        if fin {
            self.received = 0;
            self.text = None;
        }
        self.link.is_open().then_some(Frame { opcode, fin, data })
    }

    fn closed(&mut self, reason: Option<CloseReason>) {
        let close = reason.map(Close::from);
        self.end = Some(End::Closed(close.clone()));
        // The answer repeats the code (RFC 6455 §5.5.1), unless our own frame is on its way.
        self.link
            .close(close.map(|close| Close::known(close.code())));
        self.link.silence(Silence::Closed);
    }

    fn end_by(&mut self, error: &ProtocolError) {
        match error {
            ProtocolError::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                self.fail(Fault::Utf8);
            }
            // The payload broke off: TCP ended.
            ProtocolError::Io(_) => self.lose(),
            ProtocolError::BadOpCode | ProtocolError::InvalidLength(_) => self.fail(Fault::Close),
            // The guard has refused all else that actix-http knows to refuse.
            _ => self.fail(Fault::Undecodable),
        }
    }

    fn fail(&mut self, fault: Fault) {
        self.end = Some(End::Fault(fault));
        self.link.close(Some(Close::known(fault.close_code())));
        self.link.silence(Silence::Ignored);
    }

    fn lose(&mut self) {
        self.end = Some(End::Lost);
        self.link.gone();
    }
}

impl Drop for Inbound {
    fn drop(&mut self) {
        if self.end.is_none() {
            self.link.close(Some(Close::known(1011)));
            self.link.silence(Silence::Ignored);
        }
    }
}
