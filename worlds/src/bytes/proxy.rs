//! What is between the ends: it reads along, splits frames in two, and asks either end for a pong.

use twinwire_sim::Dice;

/// One direction of a connection, as a proxy sees it that speaks WebSocket.
pub(super) struct Proxy {
    at: At,
    /// The bytes of the head, or of the frame's header, that have come.
    head: Vec<u8>,
    /// The payload of the message that isn't whole yet.
    message: Vec<u8>,
    /// The number of pings so far.
    pub(super) pings: u64,
}

/// The place in the bytes.
enum At {
    /// In the head of the request, or of the response.
    Head,
    /// Before or in the header of a frame.
    Header,
    Payload(Frame),
    /// After all that is understood: a close frame, or a response that isn't the handshake's.
    Rest,
}

/// A frame of which the payload is under way.
struct Frame {
    opcode: u8,
    is_last: bool,
    mask: Option<[u8; 4]>,
    /// The bytes that are still to come of this frame, and of the other if it is split.
    left: usize,
    other: Option<usize>,
    payload: Vec<u8>,
}

/// What has passed in whole.
pub(super) enum Passed {
    Binary(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>),
    /// An opcode that nobody here uses.
    Stray(u8),
}

/// The number of bytes of a ping's payload.
const PING: usize = 8;

impl Proxy {
    pub(super) fn new() -> Self {
        Self {
            at: At::Head,
            head: Vec::new(),
            message: Vec::new(),
            pings: 0,
        }
    }

    /// Passes bytes on; gives what comes out, and what is whole with it,
    /// and where there it ends. `is_masked` in the client's direction.
    pub(super) fn pass(
        &mut self,
        bytes: &[u8],
        is_masked: bool,
        dice: &mut Dice,
    ) -> (Vec<u8>, Vec<(usize, Passed)>) {
        let (mut out, mut passed) = (Vec::with_capacity(bytes.len()), Vec::new());
        let mut rest = bytes;
        while let Some((&byte, later)) = rest.split_first() {
            let mut taken = 1;
            match &mut self.at {
                At::Head => {
                    out.push(byte);
                    self.head.push(byte);
                    if self.head.ends_with(b"\r\n\r\n") {
                        let is_open = is_masked || self.head.starts_with(b"HTTP/1.1 101 ");
                        self.at = if is_open { At::Header } else { At::Rest };
                        self.head.clear();
                    }
                }
                At::Header => {
                    if self.head.is_empty() && dice.one_in(24) {
                        self.ping(is_masked, dice, &mut out);
                    }
                    self.head.push(byte);
                    self.header(dice, &mut out);
                }
                At::Payload(frame) => {
                    taken = frame.left.min(rest.len());
                    out.extend_from_slice(&rest[..taken]);
                    frame.payload.extend_from_slice(&rest[..taken]);
                    frame.left -= taken;
                }
                At::Rest => {
                    out.extend_from_slice(rest);
                    return (out, passed);
                }
            }
            rest = if taken == 1 { later } else { &rest[taken..] };
            self.end_frame(is_masked, dice, &mut out, &mut passed);
        }
        (out, passed)
    }

    /// Reads the server's bytes along; gives the messages that they complete.
    pub(super) fn watch(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let (_, passed) = self.pass(bytes, false, &mut Dice::new(0));
        let messages = passed.into_iter().filter_map(|(_, passed)| match passed {
            Passed::Binary(message) => Some(message),
            Passed::Pong(_) | Passed::Close(_) | Passed::Stray(_) => None,
        });
        messages.collect()
    }

    /// Takes the header if it is whole, and splits its frame now and then.
    fn header(&mut self, dice: &mut Dice, out: &mut Vec<u8>) {
        let Some((_, len, mask)) = parse(&self.head) else {
            return;
        };
        let (is_last, opcode) = (self.head[0] & 0x80 != 0, self.head[0] & 0x0f);
        self.head.clear();
        // A multiple of four, as then the second part goes on with the mask where the first has ended.
        let first = match opcode {
            0..=2 if len > 4 && dice.one_in(6) => 4 * dice.roll(len as u64 / 4) as usize,
            _ => len,
        };
        let other = (first < len).then_some(len - first);
        write_header(out, opcode, is_last && other.is_none(), first, mask);
        self.at = At::Payload(Frame {
            opcode,
            is_last,
            mask,
            left: first,
            other,
            payload: Vec::new(),
        });
    }

    /// Goes on to the frame's other part, or to what follows it.
    fn end_frame(
        &mut self,
        is_masked: bool,
        dice: &mut Dice,
        out: &mut Vec<u8>,
        passed: &mut Vec<(usize, Passed)>,
    ) {
        let At::Payload(frame) = &mut self.at else {
            return;
        };
        if frame.left > 0 {
            return;
        }
        if let Some(other) = frame.other.take() {
            frame.left = other;
            let (is_last, mask) = (frame.is_last, frame.mask);
            if dice.one_in(4) {
                self.ping(is_masked, dice, out);
            }
            write_header(out, 0, is_last, other, mask);
            return;
        }
        let mut payload = std::mem::take(&mut frame.payload);
        if let Some(mask) = frame.mask {
            apply(mask, &mut payload);
        }
        let (opcode, is_last) = (frame.opcode, frame.is_last);
        self.at = At::Header;
        let whole = match opcode {
            0..=2 => {
                self.message.extend(payload);
                if !is_last {
                    return;
                }
                Passed::Binary(std::mem::take(&mut self.message))
            }
            8 => {
                self.at = At::Rest;
                let code = payload.first_chunk();
                Passed::Close(code.map(|code| u16::from_be_bytes(*code)))
            }
            10 => Passed::Pong(payload),
            opcode => Passed::Stray(opcode),
        };
        passed.push((out.len(), whole));
    }

    /// Asks the reader for a pong.
    fn ping(&mut self, is_masked: bool, dice: &mut Dice, out: &mut Vec<u8>) {
        self.pings += 1;
        let mask = is_masked.then(|| (dice.roll(u64::MAX) as u32).to_be_bytes());
        let mut payload = self.pings.to_be_bytes();
        write_header(out, 9, true, PING, mask);
        if let Some(mask) = mask {
            apply(mask, &mut payload);
        }
        out.extend(payload);
    }
}

pub(super) fn apply(mask: [u8; 4], payload: &mut [u8]) {
    for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

/// Reads the length of a header, of its payload, and its mask, if it is whole (RFC 6455 §5.2).
pub(super) fn parse(header: &[u8]) -> Option<(usize, usize, Option<[u8; 4]>)> {
    let (&second, rest) = header.get(1..)?.split_first()?;
    let extended = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let (extended, rest) = rest.split_at_checked(extended)?;
    let len = match extended {
        [] => usize::from(second & 0x7f),
        bytes => bytes
            .iter()
            .fold(0, |len, byte| len << 8 | usize::from(*byte)),
    };
    let end = 2 + extended.len();
    match second & 0x80 {
        0 => Some((end, len, None)),
        _ => Some((end + 4, len, Some(*rest.first_chunk()?))),
    }
}

pub(super) fn write_header(
    out: &mut Vec<u8>,
    opcode: u8,
    is_last: bool,
    len: usize,
    mask: Option<[u8; 4]>,
) {
    let masked = u8::from(mask.is_some()) << 7;
    out.push(u8::from(is_last) << 7 | opcode);
    match len {
        0..126 => out.push(masked | len as u8),
        126..0x1_0000 => {
            out.push(masked | 126);
            out.extend((len as u16).to_be_bytes());
        }
        _ => {
            out.push(masked | 127);
            out.extend((len as u64).to_be_bytes());
        }
    }
    out.extend(mask.into_iter().flatten());
}
