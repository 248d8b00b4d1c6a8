//! The sending half.

use std::sync::Arc;
use std::task::{Context, Poll};

use super::close::{Close, CloseEvent};
use super::inbound::ReadEnd;
use super::link::{Link, NotQueued};
use super::message::Message;
use super::switch::KillSwitch;

/// Sends to one peer, from any thread; clones are cheap and share one queue, bounded in bytes.
///
/// A message is charged its bytes and 64 more until it was handed to the connection. Messages
/// leave in the order in which they were queued.
#[derive(Clone)]
pub(crate) struct Outbound {
    link: Arc<Link>,
    switch: Option<KillSwitch>,
}

impl Outbound {
    pub(super) fn new(link: Arc<Link>, switch: Option<KillSwitch>) -> Self {
        Self { link, switch }
    }

    /// Ready when a message of so many bytes has room, or with the reason why it never will have.
    /// Wakes one waiter: for a connection with a single sender.
    pub(crate) fn poll_room(&self, len: usize, cx: &Context<'_>) -> Poll<Result<(), NotQueued>> {
        self.link.poll_room(len, cx)
    }

    /// Queues a message if there is room now.
    pub(crate) fn try_send(&self, message: impl Into<Message>) -> Result<(), NotQueued> {
        self.link.try_send(message.into())
    }

    /// Closes after what is queued; `false` when the connection was closing or gone already.
    ///
    /// TCP ends when the peer has answered, at the latest after the time set by
    /// [`AcceptOptions::close_time`](super::AcceptOptions) and a second, whatever the peer does.
    pub(crate) fn close(&self, close: Close) -> bool {
        self.link.close(close)
    }

    /// Ends TCP now, without a close frame; what is queued is dropped.
    pub(crate) fn abort(&self) {
        // Recorded first: what the kill wakes finds this side's end, and takes no more data.
        self.link.abort();
        if let Some(switch) = &self.switch {
            switch.kill();
        }
    }

    /// Returns how the connection ended, given the end of its receiving half.
    pub(crate) fn close_event(&self, end: Option<&ReadEnd>) -> CloseEvent {
        CloseEvent::new(self.link.own_end(), end)
    }

    /// Returns true once this side has closed: data that still comes goes nowhere.
    pub(crate) fn discards(&self) -> bool {
        self.link.discards()
    }

    /// Returns true while messages can be queued: not closing, not gone.
    pub(crate) fn is_open(&self) -> bool {
        self.link.is_open()
    }
}
