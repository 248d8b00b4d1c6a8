//! A client of bare WebSocket, of which each byte is as its maker wants it.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use twinwire_sim::Dice;

use super::proxy::{apply, parse, write_header};
use super::serving::PATH;
use super::stream::{Stream, Tap};

/// A frame of the server's.
#[derive(Debug)]
struct Frame {
    opcode: u8,
    payload: Vec<u8>,
}

impl Frame {
    fn is_ping(&self) -> bool {
        self.opcode == 9
    }
}

/// A client that has shaken hands.
pub(super) struct Peer<T: Tap> {
    stream: Stream<T>,
    came: Vec<u8>,
    dice: Rc<RefCell<Dice>>,
    pings: u8,
    /// The last ping that was answered.
    pong: u8,
}

impl<T: Tap> Peer<T> {
    /// Shakes hands.
    pub(super) async fn open(stream: Stream<T>, dice: Rc<RefCell<Dice>>) -> Result<Self, String> {
        let mut peer = Self {
            stream,
            came: Vec::new(),
            dice,
            pings: 0,
            pong: 0,
        };
        let request = format!(
            "GET {PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        peer.send(request.as_bytes()).await;
        loop {
            let end = peer.came.windows(4).position(|end| end == b"\r\n\r\n");
            if let Some(end) = end {
                let is_open = peer.came.starts_with(b"HTTP/1.1 101 ");
                peer.came.drain(..end + 4);
                return is_open.then_some(peer).ok_or("no 101".to_owned());
            }
            if !peer.read().await {
                return Err("the connection ends in the handshake".to_owned());
            }
        }
    }

    /// Writes these bytes; false if the connection is over.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    async fn read(&mut self) -> bool {
        let read = self.stream.read_buf(&mut self.came).await;
        read.is_ok_and(|bytes| bytes > 0)
    }

    async fn frame(&mut self, opcode: u8, is_last: bool, payload: &[u8]) -> bool {
        let mask = (self.dice.borrow_mut().roll(u64::MAX) as u32).to_be_bytes();
        let (mut frame, mut payload) = (Vec::new(), payload.to_vec());
        write_header(&mut frame, opcode, is_last, payload.len(), Some(mask));
        apply(mask, &mut payload);
        frame.extend(payload);
        self.send(&frame).await
    }

    pub(super) async fn text(&mut self, text: &str) -> bool {
        self.frame(1, true, text.as_bytes()).await
    }

    pub(super) async fn begin_message(&mut self) -> bool {
        self.frame(2, false, b"and so on").await
    }

    pub(super) async fn close(&mut self, code: Option<u16>) {
        let payload = code.map(u16::to_be_bytes);
        self.frame(8, true, payload.as_ref().map_or(&[], |code| &code[..]))
            .await;
    }

    pub(super) async fn ping(&mut self) -> bool {
        self.pings += 1;
        self.frame(9, true, &[self.pings]).await
    }

    /// Returns the next frame, and takes note of pongs; none at the end of the stream.
    async fn next(&mut self) -> Result<Option<Frame>, String> {
        loop {
            if let Some((header, len, _)) = parse(&self.came)
                && self.came.len() >= header + len
            {
                let payload = self.came[header..header + len].to_vec();
                let (opcode, is_last) = (self.came[0] & 0x0f, self.came[0] & 0x80 != 0);
                self.came.drain(..header + len);
                if !is_last {
                    return Err("the server sends fragments".to_owned());
                }
                if opcode != 10 {
                    return Ok(Some(Frame { opcode, payload }));
                }
                // The newest is enough, in order.
                if payload.len() != 1 || payload[0] <= self.pong || payload[0] > self.pings {
                    return Err(format!("it answers {payload:?}, after {}", self.pong));
                }
                self.pong = payload[0];
            } else if !self.read().await {
                return Ok(None);
            }
        }
    }

    /// Checks that this message comes next, beside pings.
    pub(super) async fn hears(&mut self, opcode: u8, payload: &[u8]) -> Result<(), String> {
        loop {
            match self.next().await? {
                Some(frame) if frame.is_ping() => {
                    self.frame(10, true, &frame.payload).await;
                }
                Some(frame) if frame.opcode == opcode && frame.payload == payload => return Ok(()),
                other => return Err(format!("{other:?} comes for {} bytes", payload.len())),
            }
        }
    }

    /// Checks that the server closes with this code, after whatever it had to say, and then ends.
    pub(super) async fn hears_close(&mut self, code: Option<&[u8]>) -> Result<(), String> {
        loop {
            match self.next().await? {
                Some(frame) if frame.opcode == 8 => {
                    let closes = frame.payload.get(..2);
                    return match closes == code {
                        true => Ok(()),
                        false => Err(format!("it closes with {closes:?}, not {code:?}")),
                    };
                }
                Some(frame) if frame.is_ping() => {}
                other => return Err(format!("{other:?} comes before the close frame")),
            }
        }
    }

    /// Checks that the server pings, and ends the connection as nobody answers.
    pub(super) async fn is_pinged(&mut self) -> Result<(), String> {
        let mut pings = 0;
        while let Some(frame) = self.next().await? {
            match frame.is_ping() {
                true => pings += 1,
                false => return Err(format!("{frame:?} comes to who is silent")),
            }
        }
        match pings {
            1 => Ok(()),
            pings => Err(format!("it is pinged {pings} times")),
        }
    }

    /// Sends messages in pieces, with pings between, and checks that they come back, and pongs.
    pub(super) async fn talk(&mut self, longest: usize) -> Result<(), String> {
        let messages = self.dice.borrow_mut().roll(8);
        let mut sent = Vec::new();
        for _ in 0..messages {
            let (opcode, payload) = self.draw(longest.min(6_000));
            let mut rest = &payload[..];
            let mut is_first = true;
            loop {
                let (part, is_last, pings) = {
                    let mut dice = self.dice.borrow_mut();
                    let is_last = dice.one_in(2);
                    let part = dice.roll(rest.len() as u64 + 1) as usize;
                    (
                        if is_last { rest.len() } else { part },
                        is_last,
                        dice.one_in(3),
                    )
                };
                let part_of = if is_first { opcode } else { 0 };
                self.frame(part_of, is_last, &rest[..part]).await;
                if pings {
                    self.ping().await;
                }
                (rest, is_first) = (&rest[part..], false);
                if is_last {
                    break;
                }
            }
            sent.push((opcode, payload));
        }
        self.ping().await;
        for (opcode, payload) in sent {
            self.hears(opcode, &payload).await?;
        }
        self.text("the last").await;
        self.hears(1, b"the last").await?;
        match self.pong == self.pings {
            true => Ok(()),
            false => Err(format!(
                "of {} pings {} is the last answered",
                self.pings, self.pong
            )),
        }
    }

    /// Draws a message of at most so many bytes.
    fn draw(&self, longest: usize) -> (u8, Vec<u8>) {
        let mut dice = self.dice.borrow_mut();
        let len = dice.roll(longest as u64) as usize;
        if dice.one_in(2) {
            return (2, (0..len).map(|_| dice.roll(256) as u8).collect());
        }
        let letters = ['a', 'é', '€', '𝄞'];
        let mut text = String::new();
        while text.len() + 4 <= len {
            text.push(letters[dice.roll(4) as usize]);
        }
        (1, text.into_bytes())
    }
}
