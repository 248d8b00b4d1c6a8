use std::io;

/// A growing buffer that refuses to pass its limit.
pub(super) struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
}

/// The buffer is full.
struct BufferFull;

impl Bounded {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            bytes: Vec::new(),
            limit,
        }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn append(&mut self, more: &[u8]) -> Result<(), BufferFull> {
        // Invariant: never more bytes than the limit, so the difference can't wrap.
        if more.len() > self.limit - self.bytes.len() {
            return Err(BufferFull);
        }
        self.bytes.extend_from_slice(more);
        Ok(())
    }
}

impl postcard::ser_flavors::Flavor for Bounded {
    type Output = Vec<u8>;

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.try_extend(&[byte])
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.append(bytes)
            .map_err(|BufferFull| postcard::Error::SerializeBufferFull)
    }

    fn finalize(self) -> postcard::Result<Vec<u8>> {
        Ok(self.bytes)
    }
}

/// `serde_json` writes to nothing else.
impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.append(bytes)
            .map_err(|BufferFull| io::ErrorKind::WriteZero)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
