use proptest::prelude::*;

use super::super::fault::Fault;
use super::{Guard, Watch};

const LIMIT: usize = 70_000;

/// A masked frame with this first byte.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
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
    bytes.extend([1, 2, 3, 4]);
    bytes.extend(
        payload
            .iter()
            .zip([1, 2, 3, 4].iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    bytes
}

/// Feeds `bytes` in parts of at most `part`; gives where frames ended, or the fault and its place.
fn watch(bytes: &[u8], part: usize) -> Result<Vec<usize>, (usize, Fault)> {
    let mut guard = Guard::new(LIMIT);
    let (mut at, mut ends) = (0, Vec::new());
    while at < bytes.len() {
        let part = &bytes[at..bytes.len().min(at + part)];
        let watched = guard
            .watch(part)
            .map_err(|fault| (at + part.len(), fault))?;
        assert!((1..=part.len()).contains(&watched.taken));
        assert!(watched.complete || watched.taken == part.len());
        at += watched.taken;
        if watched.complete {
            ends.push(at);
        }
    }
    Ok(ends)
}

/// Byte by byte: the fault must be known with the last of `bytes`, not before and not after.
fn check_fault(bytes: &[u8], fault: Fault) {
    assert_eq!(watch(bytes, 1), Err((bytes.len(), fault)), "{bytes:x?}");
}

#[test]
fn frames_of_every_length_form_end_where_they_end() {
    for len in [0, 1, 125, 126, 0xffff, 0x10000, LIMIT] {
        let bytes = frame(0x82, &vec![7; len]);
        for part in [1, 3, bytes.len()] {
            assert_eq!(
                watch(&bytes, part),
                Ok(vec![bytes.len()]),
                "{len} bytes in parts of {part}"
            );
        }
    }
}

#[test]
fn watching_stops_at_the_end_of_a_frame() {
    let mut bytes = frame(0x01, b"one");
    let first = bytes.len();
    bytes.extend(frame(0x89, b"ping"));
    bytes.extend(frame(0x80, b"two"));
    let mut guard = Guard::new(LIMIT);
    assert_eq!(
        guard.watch(&bytes),
        Ok(Watch {
            taken: first,
            complete: true
        })
    );
    assert_eq!(
        guard.watch(&[]),
        Ok(Watch {
            taken: 0,
            complete: false
        })
    );
}

#[test]
fn a_claim_beyond_the_limit_is_refused_before_the_mask_comes() {
    let limit = Fault::TooLarge { limit: LIMIT };
    check_fault(&[0x82, 0xff, 0, 0, 0, 0, 0x10, 0, 0, 0], limit);
    check_fault(&[0x82, 0xff, 0, 0, 0, 0, 0, 1, 0x11, 0x71], limit);
    let small = Guard::new(10).watch(&[0x82, 0x80 | 11]);
    assert_eq!(small, Err(Fault::TooLarge { limit: 10 }));
}

#[test]
fn the_claims_of_fragments_are_summed_and_those_of_control_frames_are_not() {
    let limit = Err(Fault::TooLarge { limit: 10 });
    let complete = |guard: &mut Guard, bytes: &[u8]| {
        let watched = guard.watch(bytes).expect("within the limit");
        assert!(watched.complete && watched.taken == bytes.len());
    };
    let mut guard = Guard::new(10);
    for _ in 0..2 {
        complete(&mut guard, &frame(0x01, &[b'x'; 6]));
        complete(&mut guard, &frame(0x89, &[b'x'; 125]));
        complete(&mut guard, &frame(0x80, &[b'x'; 4]));
    }
    complete(&mut guard, &frame(0x01, &[b'x'; 6]));
    assert_eq!(guard.watch(&[0x80, 0x80 | 5]), limit);
}

#[test]
fn each_broken_header_is_refused_at_its_byte() {
    check_fault(&[0x82, 0x05], Fault::Unmasked);
    check_fault(&[0xc2], Fault::ReservedBits);
    check_fault(&[0x92], Fault::ReservedBits);
    check_fault(&[0x83], Fault::Opcode(3));
    check_fault(&[0x8b], Fault::Opcode(11));
    check_fault(&[0x09], Fault::FragmentedControl);
    check_fault(&[0x88, 0xfe], Fault::LongControl);
    check_fault(&[0x82, 0xfe, 0, 125], Fault::Length);
    check_fault(&[0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff], Fault::Length);
    check_fault(&[0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0], Fault::Length);
    check_fault(&[0x80], Fault::NothingToContinue);
    check_fault(
        &[&frame(0x01, b"a")[..], &[0x81]].concat(),
        Fault::Interleaved,
    );
    check_fault(
        &[&frame(0x01, b"a")[..], &frame(0x80, b"b"), &[0x00]].concat(),
        Fault::NothingToContinue,
    );
}

#[test]
fn control_frames_may_come_between_fragments() {
    let frames = [
        frame(0x02, b"a"),
        frame(0x89, b""),
        frame(0x00, b"b"),
        frame(0x80, b""),
    ];
    assert_eq!(watch(&frames.concat(), 1).map(|ends| ends.len()), Ok(4));
}

proptest! {
    #[test]
    fn cutting_the_stream_elsewhere_changes_nothing(
        frames in prop::collection::vec((any::<bool>(), 0_usize..300), 1..20),
        part in 1_usize..50,
    ) {
        let bytes: Vec<u8> = frames
            .iter()
            .flat_map(|(ping, len)| frame(if *ping { 0x89 } else { 0x82 }, &vec![0; if *ping { len % 126 } else { *len }]))
            .collect();
        let whole = watch(&bytes, bytes.len());
        prop_assert_eq!(whole.as_ref().map(Vec::len), Ok(frames.len()));
        prop_assert_eq!(watch(&bytes, part), whole);
    }

    #[test]
    fn any_bytes_are_taken_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), part in 1_usize..30) {
        let slow = watch(&bytes, 1);
        match (watch(&bytes, part), slow) {
            (Ok(fast), Ok(slow)) => prop_assert_eq!(fast, slow),
            (Err((_, fast)), Err((_, slow))) => prop_assert_eq!(fast, slow),
            (fast, slow) => prop_assert!(false, "{:?} but byte by byte {:?}", fast, slow),
        }
    }
}

#[test]
fn what_a_payload_still_has_is_known_once_its_header_is_whole() {
    let frame = frame(0x82, &[7; 300]);
    let header = 8;
    for came in 1..frame.len() {
        let mut guard = Guard::new(LIMIT);
        guard.watch(&frame[..came]).expect("nothing is wrong");
        let left = if came < header { 0 } else { frame.len() - came };
        assert_eq!(guard.left(), left, "{came}");
    }
}
