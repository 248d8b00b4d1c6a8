//! A hash over all that happens in a world, and when.

use std::cell::Cell;

use tokio::time::Instant;

/// FNV-1a (Fowler, Noll and Vo) over messages and times: the same for the same seed.
#[derive(Debug)]
pub(crate) struct Trace {
    begun: Instant,
    hash: Cell<u64>,
    messages: Cell<u64>,
}

impl Trace {
    pub(crate) fn new() -> Self {
        Self {
            begun: Instant::now(),
            hash: Cell::new(0xcbf2_9ce4_8422_2325),
            messages: Cell::new(0),
        }
    }

    fn add(&self, bytes: &[u8]) {
        let mut hash = self.hash.get();
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self.hash.set(hash);
    }

    fn add_time(&self) {
        let millis = self.begun.elapsed().as_millis() as u64;
        self.add(&millis.to_le_bytes());
    }

    /// Notes a message that goes out.
    pub(crate) fn message(&self, direction: u64, message: &[u8]) {
        self.messages.set(self.messages.get() + 1);
        self.add_time();
        self.add(&direction.to_le_bytes());
        self.add(message);
    }

    /// Notes bytes that go out, whatever they are: masks and keys of WebSockets are of the system's chance.
    pub(crate) fn bytes(&self, direction: u64, len: usize) {
        self.add_time();
        self.add(&direction.to_le_bytes());
        self.add(&len.to_le_bytes());
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash.get()
    }

    pub(crate) fn messages(&self) -> u64 {
        self.messages.get()
    }
}
