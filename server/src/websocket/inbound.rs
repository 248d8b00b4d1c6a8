//! The receiving half.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use actix_web::dev::Payload;
use futures_core::Stream;
use tokio::task::coop;
use tokio::time::Instant;

use super::close::Close;
use super::decoder::{FrameDecoder, IncomingFrame};
use super::fault::Fault;
use super::frame::{Opcode, WsFrame};
use super::link::{Link, ReadStop};
use super::utf8::Utf8;

/// The end of a connection's receiving half.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ReadEnd {
    /// The peer's close frame came, of itself or in answer to ours; `None` when without a code.
    Closed(Option<Close>),
    /// TCP ended without a close frame, or the peer didn't answer ours in time.
    Lost,
    /// The peer broke the protocol; the close frame that says so is queued.
    Fault(Fault),
}

/// Receives from one peer, answers its pings, and takes part in closing.
///
/// It must be polled until it gives an [`ReadEnd`]: only so are pings and close frames answered.
/// Dropped before, it closes the connection with 1011.
pub(crate) struct InboundFrames {
    link: Arc<Link>,
    payload: Payload,
    decoder: FrameDecoder,
    /// The time at which the latest bytes came.
    arrived: Instant,
    /// True while the link hasn't heard of the latest bytes.
    untold: bool,
    /// The time at which the message began that isn't whole yet.
    begun: Option<Instant>,
    /// Set while a text is open.
    text: Option<Utf8>,
    end: Option<ReadEnd>,
}

impl InboundFrames {
    pub(super) fn new(link: Arc<Link>, payload: Payload, limit: usize) -> Self {
        Self {
            link,
            payload,
            decoder: FrameDecoder::new(limit),
            arrived: Instant::now(),
            untold: false,
            begun: None,
            text: None,
            end: None,
        }
    }

    /// Returns the next data frame, in the order sent. Dropping the future loses nothing.
    ///
    /// A text is UTF-8 as a whole; a frame of a fragmented one may begin or end inside a
    /// character. After this side has closed, frames that still come are discarded.
    ///
    /// # Errors
    ///
    /// The way the connection ended, and the same again if asked again.
    pub(crate) async fn next(&mut self) -> Result<WsFrame, ReadEnd> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// [`next`](Self::next), for who waits for other things beside it.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<WsFrame, ReadEnd>> {
        loop {
            if let Some(end) = &self.end {
                return Poll::Ready(Err(end.clone()));
            }
            // A peer that sends without pause must not keep others from being served, whatever it sends.
            let budget = ready!(coop::poll_proceed(cx));
            match self.decoder.next() {
                Ok(Some(incoming)) => {
                    budget.made_progress();
                    if let Some(frame) = self.take(incoming) {
                        return Poll::Ready(Ok(frame));
                    }
                }
                Ok(None) => {
                    self.tell_arrival();
                    ready!(self.poll_bytes(cx));
                }
                Err(fault) => self.fail(fault),
            }
        }
    }

    /// Ready with more bytes for the decoder, or with an end.
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // Without a kill switch TCP goes on, and a peer that never pauses would keep this half busy.
        if self.link.is_aborted() {
            self.lose();
            return Poll::Ready(());
        }
        match Pin::new(&mut self.payload).poll_next(cx) {
            Poll::Ready(Some(Ok(bytes))) => {
                (self.arrived, self.untold) = (Instant::now(), true);
                self.decoder.feed(bytes);
            }
            // TCP ended, or the payload broke off, which is the same.
            Poll::Ready(Some(Err(_)) | None) => self.lose(),
            // Asked only when no bytes are there: what came before the end is still read.
            Poll::Pending => {
                ready!(self.link.poll_read_stop(cx));
                self.lose();
            }
        }
        Poll::Ready(())
    }

    /// Tells the link of the bytes that were decoded, and since when a message is unfinished.
    fn tell_arrival(&mut self) {
        if !std::mem::take(&mut self.untold) {
            return;
        }
        self.begun = match self.decoder.is_unfinished() {
            true => self.begun.or(Some(self.arrived)),
            false => None,
        };
        self.link.received(self.arrived, self.begun);
    }

    fn take(&mut self, incoming: IncomingFrame) -> Option<WsFrame> {
        // The next message has a time of its own, also if it begins with the same bytes.
        if !self.decoder.is_unfinished() {
            self.begun = None;
        }
        match incoming {
            IncomingFrame::Data(frame) => self.data(frame),
            IncomingFrame::Ping(payload) => {
                self.link.ping(payload);
                None
            }
            IncomingFrame::Close(close) => {
                self.closed(close);
                None
            }
            // Any byte is a sign of life, and the link hears of those: a pong says no more.
            IncomingFrame::Pong => None,
        }
    }

    fn data(&mut self, frame: WsFrame) -> Option<WsFrame> {
        if frame.opcode == Opcode::Text {
            self.text = Some(Utf8::default());
        }
        if let Some(text) = &mut self.text
            && !text.accepts(&frame.data, frame.fin)
        {
            self.fail(Fault::Utf8);
            return None;
        }
        if frame.fin {
            self.text = None;
        }
        (!self.link.discards()).then_some(frame)
    }

    fn closed(&mut self, close: Option<Close>) {
        self.end = Some(ReadEnd::Closed(close.clone()));
        // The answer repeats the code (RFC 6455 §5.5.1), unless our own frame is on its way.
        self.link
            .answer(close.map(|close| Close::known(close.code(), "")));
        self.link.stop_reading(ReadStop::Closed);
    }

    fn fail(&mut self, fault: Fault) {
        self.end = Some(ReadEnd::Fault(fault));
        // After a fault nothing that comes can be understood: where the next frame begins isn't known.
        self.link.close(fault.close());
        self.link.stop_reading(ReadStop::Ignored);
    }

    fn lose(&mut self) {
        self.end = Some(ReadEnd::Lost);
        self.link.gone();
    }
}

impl Drop for InboundFrames {
    fn drop(&mut self) {
        // Forgotten by the application: nobody reads on, and the peer should learn that.
        if self.end.is_none() {
            self.link.close(Close::known(1011, ""));
            self.link.stop_reading(ReadStop::Ignored);
        }
    }
}
