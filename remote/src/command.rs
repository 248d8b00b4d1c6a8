//! What goes from the handles to the shell.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use twinwire::frame::{Start, Table};
use twinwire::session::Outcome;
use twinwire::{Alias, Format, Goodbye, Position};

use crate::channels::{once, queue};
use crate::remote::Handle;
use crate::topics::Subscriber;
use crate::{Remote, Requests};

/// Requests on their way from handles to the shell. What the session takes is bounded in bytes by its
/// limits; this only bridges the tasks.
pub(crate) const UNDER_WAY: usize = 16;

/// A request, which waits for room in the session.
pub(crate) struct Command {
    /// Names the request between handle and shell.
    pub(crate) id: u64,
    pub(crate) kind: u32,
    pub(crate) payload: Vec<u8>,
    pub(crate) act: Act,
    pub(crate) waiter: Waiter,
}

impl Command {
    /// At most this many bytes are its payload in the session.
    pub(crate) fn cost(&self) -> usize {
        let key = match &self.act {
            Act::Request => return self.payload.len(),
            Act::Join { .. } | Act::Invite { .. } => 0,
            Act::Publish { key } => key.len(),
        };
        self.payload.len() + key + TOPIC_REQUEST
    }
}

/// What joining and publishing adds to a key and an item, at most, in bytes.
pub(crate) const TOPIC_REQUEST: usize = 32;

/// What a request does.
pub(crate) enum Act {
    /// What its kind says.
    Request,
    /// Joins a topic: the payload is its key.
    Join { start: Start },
    /// Has the other end, a client, join a topic: the payload is its key.
    Invite { position: Position },
    /// Publishes to a topic: the payload is the item.
    Publish { key: Vec<u8> },
}

/// Who waits for what becomes of a request.
pub(crate) enum Waiter {
    /// A call's maker.
    Call(once::Sender<Outcome>),
    /// The holder of an event's receipt, if it wasn't dropped: the event goes all the same.
    Receipt(once::Sender<Outcome>),
    /// A stream's consumer. Its window bounds what waits here.
    Stream(queue::Sender<Piece>),
    /// Nobody; it takes the place of what waits under the same name.
    Latest(String),
    /// A topic's subscriber.
    Subscriber(Subscriber),
}

/// A piece of a stream.
pub(crate) enum Piece {
    Item(Vec<u8>),
    End(Outcome),
}

/// What the shell hears besides requests, also while those have to wait.
pub(crate) enum Control {
    /// Nobody waits for this request any more.
    Cancel(u64),
    /// A stream's consumer has taken an item, or all of a topic's subscribers a publication.
    Consumed(u64),
    /// A topic's subscriber is gone.
    Leave(u64),
    /// The other end, a client, is to be put out of a topic.
    PutOut(Alias),
    /// Somebody waits for an acknowledgement.
    Prompt,
    /// Somebody wants to know the time of a round trip.
    Ping(once::Sender<Duration>),
    /// The application is done.
    Close(Goodbye),
}

/// Makes the two halves. What the other end takes may be told later, by [`Requests::told`].
pub fn channel(table: Arc<Table>, format: Format) -> (Remote, Requests) {
    let (commands, incoming) = queue::queue();
    let (first, incoming_first) = queue::queue();
    let (control, incoming_control) = queue::queue();
    let taken = Arc::new(Mutex::default());
    let requests = Requests::new(
        incoming,
        incoming_first,
        incoming_control,
        control.downgrade(),
        Arc::clone(&taken),
    );
    let handle = Handle::new(commands, first, control, taken, table, format);
    (Remote::new(handle), requests)
}
