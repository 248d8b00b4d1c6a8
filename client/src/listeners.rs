//! The server's events on their way to whoever listens.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use twinwire::Number;
use twinwire::limits::FRAME_COST;
use twinwire_remote::channels::queue;

use crate::events::{Heard, HeardEvent};
use crate::handlers::Handler;

/// How many events wait in a stream that isn't read before they hold up what follows; and how many
/// of a kind are kept until somebody listens.
pub(crate) const KEPT: usize = 64;

/// How many bytes of events, likewise; of those that nobody listens to, of all kinds together.
const KEPT_BYTES: usize = 256 * 1024;

/// What handles tell the driver of the server's requests.
pub(crate) enum Registration {
    Listen(Listen),
    /// A listener has taken an event of so many bytes.
    Taken(ListenerId, usize),
    /// A listener is gone.
    Gone(ListenerId),
    Handle(u32, Handler),
    /// The application wants the connection back now.
    ReconnectNow,
    /// The application wants no connection for a while.
    Pause,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ListenerId(u64);

/// A new listener.
pub(crate) struct Listen {
    id: ListenerId,
    /// The kind that it wants; none for all.
    kind: Option<u32>,
    events: queue::Sender<HeardEvent>,
}

impl Listen {
    pub(crate) fn new(
        kind: Option<u32>,
        registrations: queue::Sender<Registration>,
    ) -> (Self, Heard) {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = ListenerId(NEXT.fetch_add(1, Ordering::Relaxed));
        let (events, heard) = queue::queue();
        let listen = Self { id, kind, events };
        (listen, Heard::new(heard, id, registrations))
    }

    fn wants(&self, kind: u32) -> bool {
        self.kind.is_none_or(|wanted| wanted == kind)
    }
}

struct Listener {
    listen: Listen,
    /// Given and not taken yet.
    waiting: usize,
    bytes: usize,
}

/// Everybody who listens, and what nobody has listened to so far.
pub(crate) struct Listeners {
    all: Vec<Listener>,
    unheard: Vec<HeardEvent>,
    /// How many are kept of each kind of which some are.
    kept: Vec<(u32, usize)>,
    kept_bytes: usize,
    dropped: Arc<AtomicU64>,
    /// The event that the next one waits for, since some listener has as many as may wait.
    held: Option<Number>,
    /// Sessions are over that left more than may wait, perhaps.
    has_leftovers: bool,
}

impl Listeners {
    pub(crate) fn new(dropped: Arc<AtomicU64>) -> Self {
        Self {
            all: Vec::new(),
            unheard: Vec::new(),
            kept: Vec::new(),
            kept_bytes: 0,
            dropped,
            held: None,
            has_leftovers: false,
        }
    }

    /// Adds a listener, and gives it what was kept.
    pub(crate) fn add(&mut self, listen: Listen) {
        let mut listener = Listener {
            listen,
            waiting: 0,
            bytes: 0,
        };
        self.unheard.retain(|event| {
            let wanted = listener.listen.wants(event.kind);
            if wanted {
                listener.give(event.clone());
                self.kept.retain(|(kind, _)| *kind != event.kind);
                self.kept_bytes -= event.payload.len();
            }
            !wanted
        });
        self.all.push(listener);
    }

    /// Gives an event to whoever wants it. Says whether the next may come.
    pub(crate) fn give(&mut self, number: Number, kind: u32, payload: &[u8]) -> bool {
        self.give_leftover(kind, payload);
        if self.is_full() {
            self.held = Some(number);
        }
        self.held.is_none()
    }

    /// Gives an event that nothing waits for: its session is over.
    pub(crate) fn give_leftover(&mut self, kind: u32, payload: &[u8]) {
        let event = HeardEvent {
            kind,
            payload: payload.into(),
        };
        let mut wanted = false;
        for listener in self.all.iter_mut().filter(|of| of.listen.wants(kind)) {
            wanted = true;
            listener.give(event.clone());
        }
        if !wanted {
            self.keep(event);
        }
    }

    fn keep(&mut self, event: HeardEvent) {
        let place = self.kept.iter().position(|(kind, _)| *kind == event.kind);
        let kept = place.map_or(0, |place| self.kept[place].1);
        if kept < KEPT && self.kept_bytes + event.payload.len() <= KEPT_BYTES {
            match place {
                Some(place) => self.kept[place].1 += 1,
                None => self.kept.push((event.kind, 1)),
            }
            self.kept_bytes += event.payload.len();
            self.unheard.push(event);
        } else {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn is_full(&self) -> bool {
        self.all.iter().any(Listener::is_full)
    }

    pub(crate) fn taken(&mut self, id: ListenerId, bytes: usize) {
        let listener = self.all.iter_mut().find(|of| of.listen.id == id);
        if let Some(listener) = listener {
            listener.waiting -= 1;
            listener.bytes -= bytes;
        }
    }

    pub(crate) fn gone(&mut self, id: ListenerId) {
        self.all.retain(|listener| listener.listen.id != id);
    }

    /// Another session has begun, which holds nothing.
    pub(crate) fn begin_anew(&mut self) {
        self.held = None;
        self.has_leftovers = true;
    }

    /// Whether just now all listeners have taken so much of what sessions left that no more waits than may.
    pub(crate) fn has_caught_up(&mut self) -> bool {
        !self.is_full() && std::mem::take(&mut self.has_leftovers)
    }

    /// What waits for the slowest listener, as a window counts it, if that is more than may.
    pub(crate) fn untaken(&self) -> u64 {
        let full = self.all.iter().filter(|listener| listener.is_full());
        let untaken = full.map(|of| of.bytes as u64 + of.waiting as u64 * FRAME_COST);
        untaken.max().unwrap_or(0)
    }

    /// The event that was held and needn't be any more: because there is room, or since `last` of the
    /// events have come.
    pub(crate) fn released(&mut self, last: bool) -> Option<Number> {
        if self.is_full() && !last {
            return None;
        }
        self.held.take()
    }
}

impl Listener {
    fn is_full(&self) -> bool {
        self.waiting > KEPT || self.bytes > KEPT_BYTES
    }

    fn give(&mut self, event: HeardEvent) {
        self.waiting += 1;
        self.bytes += event.payload.len();
        // A listener that left will be taken off the list.
        let _ = self.listen.events.send(event);
    }
}
