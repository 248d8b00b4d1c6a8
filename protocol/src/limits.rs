//! Every bound of a session, in one place.

use std::time::Duration;

/// The most bytes of one WebSocket message: past that, the peer is refused, by the session with
/// `limit` or by the socket with 1009.
/// Small enough that a ping or an acknowledgement never waits long behind one.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// The most bytes of a payload in one frame: a longer one is cut into parts, between which other
/// frames find room.
pub const MAX_PART: usize = 32 * 1024;

/// The most bytes of one request's, answer's or item's payload that [`Limits::payload`] can allow.
pub const MAX_PAYLOAD: usize = 16 * 1024 * 1024;

/// The charge of each frame of a request or an item against its window, besides its payload's
/// length, in bytes: the cost of keeping it. Without it, a window of empty requests would be a
/// crowd.
pub const FRAME_COST: u64 = 64;

/// The most bytes of a token in a hello.
pub const MAX_TOKEN: usize = 4 * 1024;

/// The most bytes of a kind's name.
pub const MAX_NAME: usize = 64;

/// The most kinds in a client's table: with names of full length they fit one message.
pub const MAX_KINDS: usize = 512;

/// The most bytes of a kind's outline, by which a client tells how it differs.
pub const MAX_OUTLINE: usize = 4 * 1024;

/// The most kinds whose outlines a server asks for at once.
pub const MAX_OUTLINES: usize = 8;

/// The most bytes of a topic's key in its canonical form, which is postcard.
pub const MAX_TOPIC_KEY: usize = 255;

/// The most subscriptions of a client: a hello that resumes its session lists them.
pub const MAX_SUBSCRIPTIONS: usize = 1024;

/// The least that a side keeps of what it sent, until it is acknowledged, in bytes: see
/// [`Limits::retained`].
pub const MIN_RETAINED: usize = 256 * 1024;

/// The least that a side keeps that is short of memory: a message that the peer acknowledges at once, and
/// another meanwhile.
pub const MIN_RETAINED_LOW_MEMORY: usize = 2 * MAX_MESSAGE;

/// The largest window of requests: what a session could ever be granted stays below the wire's
/// 2^53.
const MAX_WINDOW: u64 = 1 << 32;

/// The bounds of one session. What is full is always a visible outcome, never silent growth.
///
/// ```
/// use twinwire::Limits;
/// let limits = Limits::default().calls(8).handshake(std::time::Duration::from_secs(3));
/// ```
#[derive(Clone, Debug)]
pub struct Limits {
    pub(crate) requests: u64,
    pub(crate) payload: usize,
    pub(crate) queued: usize,
    pub(crate) calls: usize,
    pub(crate) streams: usize,
    pub(crate) stream_window: u64,
    pub(crate) subscriptions: usize,
    pub(crate) subscription_window: u64,
    pub(crate) handshake: Duration,
    pub(crate) call_deadline: Duration,
    pub(crate) drain: Duration,
    pub(crate) heartbeat: Duration,
    pub(crate) retained: usize,
    pub(crate) resume: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests: 256 * 1024,
            payload: 256 * 1024,
            queued: 256 * 1024,
            calls: 64,
            streams: 16,
            stream_window: 64 * 1024,
            subscriptions: 256,
            subscription_window: 256 * 1024,
            handshake: Duration::from_secs(10),
            // As long as it takes to find a silent connection, two heartbeats, and shorter than a
            // session is kept.
            call_deadline: Duration::from_secs(30),
            drain: Duration::from_secs(2),
            heartbeat: Duration::from_secs(15),
            retained: MIN_RETAINED,
            resume: Duration::from_secs(120),
        }
    }
}

impl Limits {
    /// Sets the window of requests that this side grants its peer: bytes that have arrived and wait for
    /// their turn (default 256 KiB, at least one largest call). A peer that sends past it is
    /// refused with `limit`; an honest one waits. At most 4 GiB. More costs memory for each session, less makes
    /// bursts wait a round trip.
    pub fn requests(mut self, bytes: u64) -> Self {
        // With less, a full part would never have room, and its sender would wait for ever.
        self.requests = bytes.clamp(MAX_MESSAGE as u64, MAX_WINDOW);
        self
    }

    /// Sets the largest payload of one request, answer or item that this side takes and sends (default
    /// 256 KiB, at least 32 KiB, at most 16 MiB). The peer is told: it refuses its caller at once as
    /// [`Refusal::TooLarge`](crate::Refusal::TooLarge); one that sends more is refused with `limit`.
    /// An unfinished message of that size may stand beside each window.
    pub fn payload(mut self, bytes: usize) -> Self {
        // Lengths are judged as parts are put together: a single part is within any bound.
        self.payload = bytes.clamp(MAX_PART, MAX_PAYLOAD);
        self
    }

    /// Sets the bytes of requests that wait in this side's hands for the peer's window (default 256 KiB). When
    /// that many wait, [`SessionCore::request`](crate::session::SessionCore::request) says
    /// [`Full`](crate::session::Full); into an empty queue goes one of any size.
    pub fn queued(mut self, bytes: usize) -> Self {
        self.queued = bytes.max(MAX_MESSAGE);
        self
    }

    /// Calls in flight in each direction (default 64, at least 1), streams among them. Further ones
    /// wait, in order.
    pub fn calls(mut self, calls: usize) -> Self {
        self.calls = calls.max(1);
        self
    }

    /// Streams in flight in each direction (default 16, at least 1): each may hold a window. A
    /// further one is refused as [`Refusal::Busy`](crate::Refusal::Busy).
    pub fn streams(mut self, streams: usize) -> Self {
        self.streams = streams.max(1);
        self
    }

    /// Sets the bytes of a stream's items that this side holds for a consumer that is slow (default 64 KiB,
    /// at least that, at most 4 GiB). When they are there, the producer waits.
    pub fn stream_window(mut self, bytes: u64) -> Self {
        self.stream_window = bytes.clamp(MAX_MESSAGE as u64, MAX_WINDOW);
        self
    }

    /// Topics that a client is subscribed to (default 256, at least 1, at most 1,024). A further join is
    /// refused as [`Refusal::Busy`](crate::Refusal::Busy).
    pub fn subscriptions(mut self, subscriptions: usize) -> Self {
        self.subscriptions = subscriptions.clamp(1, MAX_SUBSCRIPTIONS);
        self
    }

    /// Sets the bytes of a subscription's publications that this side holds for a consumer that is slow
    /// (default 256 KiB, at least 64 KiB, at most 4 GiB). When they are there, it falls behind in the
    /// topic's log, at no cost to anybody.
    pub fn subscription_window(mut self, bytes: u64) -> Self {
        self.subscription_window = bytes.clamp(MAX_MESSAGE as u64, MAX_WINDOW);
        self
    }

    /// Time from the open socket to the welcome (default 10 s), on both sides: who is silent that
    /// long holds no socket.
    pub fn handshake(mut self, time: Duration) -> Self {
        self.handshake = time;
        self
    }

    /// Returns the time of a request, see [`call_deadline`](Self::call_deadline).
    pub fn call_time(&self) -> Duration {
        self.call_deadline
    }

    /// Returns the time for last words, see [`drain`](Self::drain).
    pub fn drain_time(&self) -> Duration {
        self.drain
    }

    /// Returns the handshake's time, see [`handshake`](Self::handshake).
    pub fn handshake_time(&self) -> Duration {
        self.handshake
    }

    /// Time that a request may take (default 30 s): for a call's maker from the moment that the
    /// session has taken it, which is at once unless [`queued`](Self::queued) is reached; on the
    /// other side the time that a handler may run. At its end the maker's side of the call ends as
    /// [`Outcome::Deadline`](crate::session::Outcome::Deadline), the other as a refusal,
    /// [`Refusal::Deadline`](crate::Refusal::Deadline). A stream has as much for each item; the time
    /// that its consumer takes doesn't count. It runs on while there is no connection: for calls that outlast an
    /// absence set it above [`resume`](Self::resume), at both ends.
    pub fn call_deadline(mut self, time: Duration) -> Self {
        self.call_deadline = time;
        self
    }

    /// Silence after which this side asks the peer for a sign of life (default 15 s, at least 1 s);
    /// after as much again the connection is given up. The session outlives that; only one that isn't kept ends,
    /// as [`End::Silent`](crate::End::Silent). More
    /// finds a vanished peer later, less sends more pings over idle connections.
    pub fn heartbeat(mut self, time: Duration) -> Self {
        // The timers of hidden pages run about once a second: faster, they would be found silent.
        self.heartbeat = time.max(Duration::from_secs(1));
        self
    }

    /// Time that a goodbye waits for the peer's goodbye (default 2 s); then the socket is closed.
    pub fn drain(mut self, time: Duration) -> Self {
        self.drain = time;
        self
    }

    /// Sets the bytes of what this side has sent that it keeps until the peer acknowledges them, to send them
    /// again over another connection (default and least 256 KiB). While as much is kept, nothing new
    /// of requests, answers and items is sent. More allows more speed over long distances: a round
    /// trip carries as much at most. A side that is short of memory keeps half: see
    /// [`SessionCore::set_low_memory`](crate::session::SessionCore::set_low_memory).
    pub fn retained(mut self, bytes: usize) -> Self {
        self.retained = bytes.max(MIN_RETAINED);
        self
    }

    /// Time that a server keeps a session whose connection was lost (default 120 s, at most 2^32 - 1 ms; at
    /// zero it keeps none). More outlives longer tunnels, at the cost of what such sessions hold;
    /// [`call_deadline`](Self::call_deadline) isn't lengthened by it. Of a client's limits it only matters
    /// whether this is zero: then it wants no session back.
    pub fn resume(mut self, time: Duration) -> Self {
        // The welcome tells it in 32 bits.
        self.resume = time.min(Duration::from_millis(u64::from(u32::MAX)));
        self
    }
}
