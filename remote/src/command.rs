//! What goes from the handles to the shell.
//!
//! A request, and what the shell is told besides, bring along what is to be done for them. So an
//! application has in its program only what it asks for: what a page doesn't use, it needn't load.

use std::sync::{Arc, Mutex};

use twinwire::frame::KindTable;
use twinwire::session::{Outcome, SessionCore};
use twinwire::{Format, Time};

use crate::channels::mpsc;
use crate::remote::Handle;
use crate::{Remote, Requests};

/// Requests on their way from handles to the shell. What the session takes is bounded in bytes by its
/// limits; this only bridges the tasks.
pub(crate) const COMMAND_QUEUE: usize = 16;

/// The most bytes that joining and publishing add to a key and an item.
pub(crate) const TOPIC_REQUEST: usize = 32;

/// A request, which waits for room in the session.
pub(crate) struct Command {
    pub(crate) asked: OutboundRequest,
    pub(crate) act: RequestFn,
}

/// Makes a request of the session. One that holds nothing needs no memory.
pub(crate) type RequestFn =
    Box<dyn FnOnce(&mut Requests, OutboundRequest, &mut SessionCore, Time) + Send>;

/// The part that all requests have.
pub(crate) struct OutboundRequest {
    /// Names the request between handle and shell.
    pub(crate) id: u64,
    pub(crate) kind: u32,
    /// Of a topic that is joined, the key.
    pub(crate) payload: Vec<u8>,
    /// At most this many bytes of the session's room are taken besides the payload.
    pub(crate) overhead: usize,
    /// It takes the place of what waits under the same name.
    pub(crate) latest: Option<String>,
    pub(crate) waiter: Option<Waiter>,
}

impl OutboundRequest {
    /// At most this many bytes are its payload in the session.
    pub(crate) fn cost(&self) -> usize {
        self.payload.len() + self.overhead
    }

    /// Nobody waits for what becomes of it.
    pub(crate) fn is_unwanted(&self) -> bool {
        let waiter = self.waiter.as_ref();
        waiter.is_some_and(|waiter| waiter.0.is_gone())
    }

    /// Tells what became of it.
    pub(crate) fn settle(self, outcome: Outcome) {
        if let Some(waiter) = self.waiter {
            waiter.0.settle(outcome);
        }
    }
}

/// The caller that waits for the outcome of a request: one of the ends of a channel.
pub(crate) struct Waiter(pub(crate) Arc<dyn Completion>);

impl Drop for Waiter {
    fn drop(&mut self) {
        // Whatever became of the request: who waits for it mustn't wait for ever.
        self.0.end();
    }
}

/// The state that both ends of a channel share through which somebody waits for the outcome of a request.
/// Who left meanwhile wants nothing.
pub(crate) trait Completion: Send + Sync {
    /// Returns true if whoever waited has left.
    fn is_gone(&self) -> bool;

    /// Gives an item of a stream.
    fn item(&self, _payload: Vec<u8>) {}

    /// Tells what became of the request.
    fn settle(&self, outcome: Outcome);

    /// Nothing is told any more.
    fn end(&self);
}

/// A task of the shell besides requests, done also while those have to wait.
pub(crate) type ControlFn = Box<dyn FnOnce(&mut Requests, &mut SessionCore, Time) + Send>;

/// Makes the two halves. What the other end takes may be told later, by [`Requests::set_peer_capabilities`].
/// `S` is the end whose requests they make.
pub fn channel<S>(table: Arc<KindTable>, format: Format) -> (Remote<S>, Requests) {
    let (commands, incoming) = mpsc::channel();
    let (first, incoming_first) = mpsc::channel();
    let (control, incoming_control) = mpsc::channel();
    let capabilities = Arc::new(Mutex::default());
    let requests = Requests::new(
        incoming,
        incoming_first,
        incoming_control,
        Arc::clone(&capabilities),
    );
    let handle = Handle::new(commands, first, control, capabilities, table, format);
    (Remote::new(handle), requests)
}
