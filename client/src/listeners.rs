//! The server's events on their way to whoever listens.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use twinwire::SeqNo;
use twinwire::limits::FRAME_COST;
use twinwire_remote::channels::mpsc;

use crate::application::Registration;
use crate::events::{EventReceiver, RawEvent};
use crate::handlers::MaybeSend;

/// The most events that wait in a stream that isn't read before they hold up what follows; and the most that
/// of a kind are kept until somebody listens.
pub(crate) const KEPT: usize = 64;

/// The most bytes of events, likewise; of those that nobody listens to, of all kinds together.
const KEPT_BYTES: usize = 256 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ListenerId(u64);

/// A new listener.
pub(crate) struct Listen {
    id: ListenerId,
    /// The kind that it wants; none for all.
    kind: Option<u32>,
    events: mpsc::Sender<RawEvent>,
}

impl Listen {
    pub(crate) fn new(
        kind: Option<u32>,
        registrations: mpsc::Sender<Registration>,
    ) -> (Self, EventReceiver) {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // Ids only have to differ: nothing is ordered by them.
        let id = ListenerId(NEXT.fetch_add(1, Ordering::Relaxed));
        let (events, heard) = mpsc::channel();
        let listen = Self { id, kind, events };
        (listen, EventReceiver::new(heard, id, registrations))
    }

    fn wants(&self, kind: u32) -> bool {
        self.kind.is_none_or(|wanted| wanted == kind)
    }
}

/// Everybody who listens, and what nobody has listened to so far.
pub(crate) struct Listeners {
    /// None before the first.
    all: Option<Box<dyn Listening>>,
    backlog: Vec<RawEvent>,
    kept_bytes: usize,
    dropped: Arc<AtomicU64>,
    /// The event that the next one waits for, since some listener has as many as may wait.
    held: Option<SeqNo>,
    /// Sessions are over that left more than may wait, perhaps.
    has_leftovers: bool,
}

impl Listeners {
    pub(crate) fn new(dropped: Arc<AtomicU64>) -> Self {
        Self {
            all: None,
            backlog: Vec::new(),
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
        // Before it is listed: what was kept is older than whatever comes next.
        self.backlog.retain(|event| {
            let wanted = listener.listen.wants(event.kind);
            if wanted {
                listener.give(event.clone());
                twinwire::plant!("kept_bytes_stay", self.kept_bytes += event.payload.len());
                self.kept_bytes -= event.payload.len();
            }
            !wanted
        });
        let create = || -> Box<dyn Listening> { Box::new(Vec::new()) };
        self.all.get_or_insert_with(create).add(listener);
    }

    /// Gives an event to whoever wants it. Says whether the next may come.
    pub(crate) fn give(&mut self, number: SeqNo, kind: u32, payload: &[u8]) -> bool {
        self.give_leftover(kind, payload);
        // Given all the same, and only not said to be done: the session starts nothing after it, so at most one event more
        // than may be waits in memory.
        if self.is_full() {
            self.held = Some(number);
        }
        self.held.is_none()
    }

    /// Gives an event that nothing waits for: its session is over.
    pub(crate) fn give_leftover(&mut self, kind: u32, payload: &[u8]) {
        let event = RawEvent {
            kind,
            payload: payload.into(),
        };
        let wanted = self.all.as_mut().is_some_and(|all| all.give(&event));
        if !wanted {
            self.keep(event);
        }
    }

    fn keep(&mut self, event: RawEvent) {
        let same = self.backlog.iter().filter(|kept| kept.kind == event.kind);
        // By kind, so that a chatty kind that nobody listens to doesn't push out the first events of another.
        if same.count() < KEPT && self.kept_bytes + event.payload.len() <= KEPT_BYTES {
            self.kept_bytes += event.payload.len();
            self.backlog.push(event);
        } else {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn is_full(&self) -> bool {
        self.all.as_ref().is_some_and(|all| all.is_full())
    }

    pub(crate) fn taken(&mut self, id: ListenerId, bytes: usize) {
        if let Some(all) = &mut self.all {
            all.taken(id, bytes);
        }
    }

    pub(crate) fn gone(&mut self, id: ListenerId) {
        if let Some(all) = &mut self.all {
            all.gone(id);
        }
    }

    /// Returns the number of listeners, of events that these haven't taken, and of the backlog.
    #[cfg(feature = "test")]
    pub(crate) fn count(&self) -> (usize, usize, usize) {
        let all = self.all.as_ref().map_or((0, 0), |all| all.count());
        (all.0, all.1, self.backlog.len())
    }

    /// Another session has begun, which holds nothing.
    pub(crate) fn replace_session(&mut self) {
        // Its number is of the lost session: told to the next one, it would acknowledge an event of that.
        self.held = None;
        self.has_leftovers = true;
    }

    /// Returns true if just now all listeners have taken so much of what sessions left that no more waits than may.
    pub(crate) fn has_caught_up(&mut self) -> bool {
        // Only when all have caught up: the bytes count against the new session's window until then, or a client that is
        // lost again and again would pile up a window's worth each time.
        !self.is_full() && std::mem::take(&mut self.has_leftovers)
    }

    /// Returns the bytes that wait for the slowest listener, as a window counts them, if that is more than may.
    pub(crate) fn untaken(&self) -> u64 {
        self.all.as_ref().map_or(0, |all| all.untaken())
    }

    /// Returns the event that was held and needn't be any more: because there is room, or since `last` of the
    /// events have come.
    pub(crate) fn released(&mut self, last: bool) -> Option<SeqNo> {
        if self.is_full() && !last {
            return None;
        }
        self.held.take()
    }
}

/// [`Listeners`], once there are some.
trait Listening: MaybeSend {
    fn add(&mut self, listener: Listener);
    /// Says whether anybody wants it.
    fn give(&mut self, event: &RawEvent) -> bool;
    fn taken(&mut self, id: ListenerId, bytes: usize);
    fn gone(&mut self, id: ListenerId);
    fn is_full(&self) -> bool;
    fn untaken(&self) -> u64;
    #[cfg(feature = "test")]
    fn count(&self) -> (usize, usize);
}

impl Listening for Vec<Listener> {
    fn add(&mut self, listener: Listener) {
        self.push(listener);
    }

    fn give(&mut self, event: &RawEvent) -> bool {
        let mut wanted = false;
        for listener in self.iter_mut().filter(|of| of.listen.wants(event.kind)) {
            wanted = true;
            listener.give(event.clone());
        }
        wanted
    }

    fn taken(&mut self, id: ListenerId, bytes: usize) {
        let listener = self.iter_mut().find(|of| of.listen.id == id);
        if let Some(listener) = listener {
            listener.waiting -= 1;
            listener.bytes -= bytes;
        }
    }

    fn gone(&mut self, id: ListenerId) {
        self.retain(|listener| listener.listen.id != id);
    }

    fn is_full(&self) -> bool {
        self.iter().any(Listener::is_full)
    }

    fn untaken(&self) -> u64 {
        // Of the slowest alone: the same event waits in several listeners, and came over the wire once.
        let full = self.iter().filter(|listener| listener.is_full());
        let untaken = full.map(|of| of.bytes as u64 + of.waiting as u64 * FRAME_COST);
        untaken.max().unwrap_or(0)
    }

    #[cfg(feature = "test")]
    fn count(&self) -> (usize, usize) {
        (self.len(), self.iter().map(|of| of.waiting).sum())
    }
}

struct Listener {
    listen: Listen,
    /// Given and not taken yet.
    waiting: usize,
    bytes: usize,
}

impl Listener {
    fn is_full(&self) -> bool {
        self.waiting > KEPT || self.bytes > KEPT_BYTES
    }

    fn give(&mut self, event: RawEvent) {
        self.waiting += 1;
        self.bytes += event.payload.len();
        // A listener that left will be taken off the list.
        let _ = self.listen.events.send(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listeners() -> (Listeners, Arc<AtomicU64>) {
        let dropped = Arc::new(AtomicU64::new(0));
        (Listeners::new(Arc::clone(&dropped)), dropped)
    }

    fn listen(listeners: &mut Listeners, kind: Option<u32>) -> (ListenerId, EventReceiver) {
        let (listen, heard) = Listen::new(kind, mpsc::channel().0);
        let id = listen.id;
        listeners.add(listen);
        (id, heard)
    }

    #[test]
    fn what_nobody_hears_is_kept_to_a_number_of_each_kind() {
        let (mut listeners, dropped) = listeners();
        let dropped = || dropped.load(Ordering::Relaxed);
        for _ in 0..64 {
            listeners.give_leftover(1, b"");
        }
        listeners.give_leftover(2, b"");
        assert_eq!(dropped(), 0);
        listeners.give_leftover(1, b"");
        assert_eq!(dropped(), 1);
    }

    #[test]
    fn what_nobody_hears_is_kept_to_a_number_of_bytes_of_all_kinds() {
        let (mut listeners, dropped) = listeners();
        let dropped = || dropped.load(Ordering::Relaxed);
        let half = vec![0; 128 * 1024];
        listeners.give_leftover(1, &half);
        listeners.give_leftover(2, &half);
        assert_eq!(dropped(), 0);
        listeners.give_leftover(3, b"one");
        assert_eq!(dropped(), 1);
        // What somebody takes makes room again.
        let _heard = listen(&mut listeners, Some(1));
        listeners.give_leftover(3, &half);
        assert_eq!(dropped(), 1);
        listeners.give_leftover(4, b"one");
        assert_eq!(dropped(), 2);
    }

    #[test]
    fn a_listener_with_more_than_may_wait_holds_the_next_event_up_until_it_has_taken_some() {
        let half = vec![0; 128 * 1024];
        let number = SeqNo::FIRST;
        for (payload, fitting) in [(&b""[..], 64), (&half[..], 2)] {
            let (mut listeners, _) = listeners();
            let (id, _heard) = listen(&mut listeners, None);
            for _ in 0..fitting {
                assert!(listeners.give(number, 1, payload));
            }
            assert_eq!(listeners.untaken(), 0, "no more waits than may");
            assert!(!listeners.give(number, 1, payload));
            let waiting = fitting as u64 + 1;
            let cost = payload.len() as u64 + FRAME_COST;
            assert_eq!(listeners.untaken(), waiting * cost);
            assert_eq!(listeners.released(false), None);
            listeners.taken(id, payload.len());
            assert_eq!(listeners.untaken(), 0);
            assert_eq!(listeners.released(false), Some(number));
        }
    }

    #[test]
    fn what_a_session_left_is_caught_up_with_once_and_not_while_a_listener_has_more_than_may_wait()
    {
        let (mut listeners, _) = listeners();
        let (id, _heard) = listen(&mut listeners, None);
        assert!(!listeners.has_caught_up(), "no session has left anything");
        let payload = vec![0; 256 * 1024];
        assert!(listeners.give(SeqNo::FIRST, 1, &payload));
        assert!(!listeners.give(SeqNo::FIRST, 1, &payload));
        listeners.replace_session();
        assert!(!listeners.has_caught_up());
        listeners.taken(id, payload.len());
        listeners.taken(id, payload.len());
        assert!(listeners.has_caught_up());
        assert!(!listeners.has_caught_up());
    }

    #[test]
    fn a_listener_that_is_gone_holds_nothing_up() {
        let (mut listeners, _) = listeners();
        let (id, _heard) = listen(&mut listeners, Some(1));
        for _ in 0..=64 {
            listeners.give(SeqNo::FIRST, 1, b"");
        }
        listeners.gone(id);
        assert_eq!(listeners.released(false), Some(SeqNo::FIRST));
    }
}
