//! A WebSocket client made of bytes, for tests of what a proper client never sends.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The pause before a client that awaits a reset sends another byte.
const POKE_INTERVAL: Duration = Duration::from_millis(100);

/// The mask of every frame here; servers must not care which.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A frame of a server, which is never masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The first byte: FIN, reserved bits and opcode.
    pub first: u8,
    /// The payload.
    pub payload: Bytes,
}

impl Frame {
    /// The code of a close frame; `None` when it has none or this isn't one.
    #[must_use]
    pub fn close_code(&self) -> Option<u16> {
        match (self.first, self.payload.get(..2)) {
            (0x88, Some(code)) => Some(u16::from_be_bytes([code[0], code[1]])),
            _ => None,
        }
    }
}

/// The bytes of a masked frame with this first byte (FIN, reserved bits and opcode).
#[must_use]
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..=125 => bytes.push(0x80 | len as u8),
        len @ 126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend((len as u16).to_be_bytes());
        }
        len => {
            bytes.push(0x80 | 127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes.extend(
        payload
            .iter()
            .zip(MASK.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    bytes
}

/// What a server answers to the key in a handshake's head (RFC 6455 §4.2.2), for servers made by
/// hand.
///
/// # Panics
///
/// If there is no key.
#[must_use]
pub fn accept_key(head: &str) -> String {
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    let key = lines.find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"));
    let (_, key) = key.expect("a handshake has a key");
    let accept = actix_http::ws::hash_key(key.trim().as_bytes());
    String::from_utf8_lossy(&accept).into_owned()
}

/// A TCP connection to a server, on which anything can be sent.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    received: BytesMut,
}

impl Client {
    /// Connects TCP and sends nothing.
    ///
    /// # Errors
    ///
    /// The connection's.
    pub async fn tcp(addr: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            received: BytesMut::new(),
        })
    }

    /// Connects and completes the handshake.
    ///
    /// # Errors
    ///
    /// The connection's, or when the answer isn't 101.
    pub async fn open(addr: SocketAddr, path: &str) -> io::Result<Self> {
        let mut client = Self::tcp(addr).await?;
        let head = client.get(path, HANDSHAKE).await?;
        match head.starts_with("HTTP/1.1 101 ") {
            true => Ok(client),
            false => Err(io::Error::other(head)),
        }
    }

    /// Sends a GET with these header lines, each ending in CRLF, and gives the answer's head.
    ///
    /// # Errors
    ///
    /// The connection's.
    pub async fn get(&mut self, path: &str, headers: &str) -> io::Result<String> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\n{headers}\r\n");
        self.ask(request.as_bytes()).await
    }

    /// Sends a request as it is, and returns the answer's head.
    ///
    /// # Errors
    ///
    /// The connection's.
    pub async fn ask(&mut self, request: &[u8]) -> io::Result<String> {
        self.send(request).await?;
        loop {
            if let Some(end) = self.received.windows(4).position(|end| end == b"\r\n\r\n") {
                let head = self.received.split_to(end + 4);
                return Ok(String::from_utf8_lossy(&head).into_owned());
            }
            self.receive().await?;
        }
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    ///
    /// The connection's.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Sends one masked frame; see [`frame`].
    ///
    /// # Errors
    ///
    /// The connection's.
    pub async fn send_frame(&mut self, first: u8, payload: &[u8]) -> io::Result<()> {
        self.send(&frame(first, payload)).await
    }

    /// The server's next frame; `None` when TCP ended first.
    ///
    /// # Errors
    ///
    /// The connection's, such as a reset.
    pub async fn next_frame(&mut self) -> io::Result<Option<Frame>> {
        loop {
            if let Some(frame) = self.split_frame() {
                return Ok(Some(frame));
            }
            match self.receive().await {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads and forgets until TCP ends, whichever way.
    pub async fn drain(&mut self) {
        while self.receive().await.is_ok() {
            self.received.clear();
        }
    }

    /// Everything until TCP ends, for answers that aren't frames.
    ///
    /// # Errors
    ///
    /// The connection's.
    pub async fn rest(&mut self) -> io::Result<Bytes> {
        loop {
            match self.receive().await {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Ok(self.received.split().freeze());
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Has the kernel take little for this client to read, so that a server soon feels that
    /// nobody does.
    ///
    /// # Errors
    ///
    /// The connection's.
    pub fn receive_little(&self) -> io::Result<()> {
        SockRef::from(&self.stream).set_recv_buffer_size(64 * 1024)
    }

    /// Waits, reading nothing, until the server has reset the connection.
    ///
    /// A reset that comes while this client's window is full may have a number that TCP doesn't take at once
    /// (RFC 5961 §3.2), and nothing would follow. So a byte is sent again and again, which a socket that is gone answers.
    ///
    /// # Errors
    ///
    /// The connection's.
    pub async fn was_reset(&self) -> io::Result<()> {
        loop {
            let reset = self.stream.ready(Interest::ERROR);
            if let Ok(reset) = timeout(POKE_INTERVAL, reset).await {
                return reset.map(drop);
            }
            match self.stream.try_write(&[0]) {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Ok(()),
                Ok(_) | Err(_) => {}
            }
        }
    }

    /// Ends the sending side of TCP, as a client that breaks off does.
    ///
    /// # Errors
    ///
    /// The connection's.
    pub async fn end(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }

    /// Ends TCP with a reset.
    ///
    /// # Errors
    ///
    /// The connection's.
    pub fn reset(self) -> io::Result<()> {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO))
    }

    async fn receive(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.received).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    fn split_frame(&mut self) -> Option<Frame> {
        let bytes = &self.received[..];
        let (head, len) = match bytes.get(1)? {
            126 => (
                4,
                u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)),
            ),
            127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)),
            len => (2, u64::from(*len)),
        };
        let (first, len) = (bytes[0], usize::try_from(len).ok()?);
        if bytes.len() - head < len {
            return None;
        }
        self.received.advance(head);
        Some(Frame {
            first,
            payload: self.received.split_to(len).freeze(),
        })
    }
}

/// The header lines of a handshake, for [`Client::get`].
pub const HANDSHAKE: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
