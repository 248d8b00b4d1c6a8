//! Where a handler puts a stream's items.

use std::fmt;

use tokio::sync::{mpsc, oneshot};
use twinwire::limits::MAX_PAYLOAD;
use twinwire::{EncodeError, Format, Refusal, SeqNo, StreamCall};

use crate::app::handler::unwritable;

/// The place where the handler of a stream puts its items, in order.
pub struct StreamSender<C: StreamCall> {
    output: OutputSender,
    format: Format,
    /// Writes an item as the client knows it.
    write: fn(C::Item, Format) -> Result<Vec<u8>, EncodeError>,
}

/// The way of items from a handler to its connection.
#[derive(Clone)]
pub(crate) struct OutputSender {
    pub(crate) call: SeqNo,
    pub(crate) items: mpsc::UnboundedSender<PendingItem>,
}

/// An item of a stream, or why the stream can't go on. A handler gives one at a time.
pub(crate) struct PendingItem {
    pub(crate) call: SeqNo,
    pub(crate) item: Result<Vec<u8>, Refusal>,
    pub(crate) taken: oneshot::Sender<()>,
}

impl<C: StreamCall> StreamSender<C> {
    /// For a client that knows the stream as `O`.
    pub(crate) fn new<O: StreamCall>(output: OutputSender, format: Format) -> Self
    where
        C::Item: Into<O::Item>,
    {
        Self {
            output,
            format,
            write: |item, format| format.encode::<O::Item>(&item.into(), MAX_PAYLOAD),
        }
    }

    /// Gives the next item, and waits while the consumer is behind by more than the stream's window.
    ///
    /// Dropping the future before it is ready takes the item back, unless it was taken already.
    ///
    /// It doesn't return when the stream is over, as the handler's future is dropped then: because the
    /// consumer left, or since this item is larger than its side takes or can't be written, which ends
    /// the stream with a refusal and is logged.
    pub async fn send(&mut self, item: C::Item) {
        let item = (self.write)(item, self.format);
        let item = item.map_err(|error| unwritable(C::NAME, &error));
        let (taken, is_taken) = oneshot::channel();
        let OutputSender { call, items } = &self.output;
        let call = *call;
        let sent = items.send(PendingItem { call, item, taken });
        if sent.is_err() || is_taken.await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl<C: StreamCall> fmt::Debug for StreamSender<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamSender").finish_non_exhaustive()
    }
}
