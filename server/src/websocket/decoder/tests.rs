use std::collections::BTreeSet;

use actix_web::web::{Bytes, BytesMut};
use proptest::prelude::*;
use testkit::raw::frame;

use super::super::fault::Fault;
use super::super::frame::{Opcode, WsFrame};
use super::{Close, FrameDecoder, IncomingFrame};

const LIMIT: usize = 1 << 20;

/// All that comes of `parts`, and the fault if one ended it.
fn decode<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> (Vec<IncomingFrame>, Option<Fault>) {
    let mut decoder = FrameDecoder::new(LIMIT);
    let mut all = Vec::new();
    for part in parts {
        decoder.feed(Bytes::copy_from_slice(part));
        loop {
            match decoder.next() {
                Ok(Some(incoming)) => all.push(incoming),
                Ok(None) => break,
                Err(fault) => return (all, Some(fault)),
            }
        }
    }
    (all, None)
}

fn data(opcode: Opcode, fin: bool, data: &[u8]) -> IncomingFrame {
    let data = Bytes::copy_from_slice(data);
    IncomingFrame::Data(WsFrame { opcode, fin, data })
}

/// Frames of every kind and of every form of length, and what they mean.
fn conversation() -> (Vec<u8>, Vec<IncomingFrame>) {
    let (long, longer) = ([7; 300], vec![8; 0x1_0000]);
    let bytes = [
        frame(0x81, "whole – text".as_bytes()),
        frame(0x82, b""),
        frame(0x02, b"one, "),
        frame(0x89, b"ping"),
        frame(0x00, &long),
        frame(0x8a, b"pong"),
        frame(0x80, b""),
        frame(0x82, &longer),
        frame(0x89, b""),
        frame(0x88, b"\x0f\xa0bye"),
    ];
    let close = Close::new(4000, "bye").expect("a code that can be sent");
    let meaning = vec![
        data(Opcode::Text, true, "whole – text".as_bytes()),
        data(Opcode::Binary, true, b""),
        data(Opcode::Binary, false, b"one, "),
        IncomingFrame::Ping(Bytes::from_static(b"ping")),
        data(Opcode::Continuation, false, &long),
        IncomingFrame::Pong,
        data(Opcode::Continuation, true, b""),
        data(Opcode::Binary, true, &longer),
        IncomingFrame::Ping(Bytes::new()),
        IncomingFrame::Close(Some(close)),
    ];
    (bytes.concat(), meaning)
}

#[test]
fn bytes_cut_at_any_place_give_the_same_frames() {
    let (bytes, meaning) = conversation();
    let check = |parts: Vec<&[u8]>| {
        let cut = parts[0].len();
        assert!(decode(parts) == (conversation().1, None), "cut at {cut}");
    };
    assert_eq!(decode([&bytes[..]]), (meaning, None));
    check(bytes.chunks(1).collect());
    // All headers lie outside of the middle of the longest frame, which is the same at any place.
    let middle = bytes.len() - 0x1_0000..bytes.len() - 100;
    for cut in (0..bytes.len()).filter(|cut| !middle.contains(cut) || cut % 997 == 0) {
        check(vec![&bytes[..cut], &bytes[cut..]]);
    }
}

#[test]
fn a_header_that_lies_about_its_length_costs_no_buffer() {
    // The largest claim that isn't refused, in the longest header.
    let header = &frame(0x82, &vec![0; LIMIT])[..14];
    let mut decoder = FrameDecoder::new(LIMIT);
    decoder.feed(Bytes::copy_from_slice(header));
    assert_eq!(decoder.next(), Ok(None));
    let held = decoder.frame.capacity();
    assert!(held <= 64, "{held} bytes for a header");

    let limit = LIMIT - 1;
    let mut decoder = FrameDecoder::new(limit);
    decoder.feed(Bytes::copy_from_slice(header));
    assert_eq!(decoder.next(), Err(Fault::TooLarge { limit }));
    assert_eq!(decoder.frame.capacity(), 0);
}

#[test]
fn a_frame_gets_memory_as_it_comes_and_never_more_than_it_needs() {
    for (len, part) in [(LIMIT, 10_000), (20_000, 1), (300, 7)] {
        let bytes = frame(0x82, &vec![7; len]);
        let mut decoder = FrameDecoder::new(LIMIT);
        let mut came = 0;
        let mut sizes = BTreeSet::new();
        for part in bytes[..bytes.len() - 1].chunks(part) {
            decoder.feed(Bytes::copy_from_slice(part));
            assert_eq!(decoder.next(), Ok(None));
            came += part.len();
            let held = decoder.frame.capacity();
            let most = match came {
                ..32_768 => bytes.len().min(2 * came),
                32_768.. => bytes.len(),
            };
            assert!((came..=most).contains(&held), "{held} bytes for {came}");
            sizes.insert(held);
        }
        // Each is twice the last: what came is moved a few times, and not with each byte.
        assert!(sizes.len() <= 24, "moved {} times", sizes.len());
    }
}

#[test]
fn a_frame_that_is_kept_keeps_nothing_that_came_with_it() {
    let mut bytes = frame(0x82, b"kept");
    bytes.extend(frame(0x82, &[0; 50_000]));
    let (mut incoming, _) = decode([&bytes[..]]);
    incoming.truncate(1);
    let Some(IncomingFrame::Data(kept)) = incoming.pop() else {
        panic!("the first frame has data");
    };
    let kept = BytesMut::from(kept.data);
    assert!(
        kept.capacity() < 64,
        "{} bytes behind four",
        kept.capacity()
    );
}

#[test]
fn what_came_before_a_fault_is_given_first() {
    let mut bytes = frame(0x82, b"good");
    bytes.extend(frame(0x88, &[0x03, 0xed]));
    bytes.extend(frame(0x82, b"never"));
    let good = data(Opcode::Binary, true, b"good");
    assert_eq!(decode([&bytes[..]]), (vec![good], Some(Fault::Close)));
}

#[test]
fn only_proper_close_frames_are_taken() {
    let close = |payload: &[u8]| decode([&frame(0x88, payload)[..]]);
    let taken = |close| (vec![IncomingFrame::Close(close)], None);
    assert_eq!(close(b""), taken(None));
    assert_eq!(close(&[0x03, 0xe8]), taken(Some(Close::known(1000, ""))));
    for bad in [&b"\x03"[..], b"\x03\xed", b"\x00\x00", b"\x03\xe8\xff"] {
        assert_eq!(close(bad), (vec![], Some(Fault::Close)), "{bad:?}");
    }
}

proptest! {
    #[test]
    fn frames_are_the_same_in_parts_of_any_size(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..10),
        part in 1_usize..400,
    ) {
        let bytes: Vec<u8> = payloads.iter().flat_map(|payload| frame(0x82, payload)).collect();
        let whole: Vec<IncomingFrame> =
            payloads.iter().map(|payload| data(Opcode::Binary, true, payload)).collect();
        prop_assert_eq!(decode(bytes.chunks(part)), (whole, None));
    }
}
