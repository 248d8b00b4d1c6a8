#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use core::any::TypeId;
use core::cell::Cell;

use super::*;
use crate::Format;
use crate::frame::Frames;

const EPOCH: Epoch = Epoch::from_bytes([5; 8]);
const READER: PeerId = PeerId::from_bytes([1; 8]);
const PLENTY: ReadBudget = ReadBudget {
    bytes: 64 * 1024,
    credit: 1 << 20,
};

fn log(retention: Retention) -> Log {
    Log::new(Alias::new(7), EPOCH, retention)
}

fn offset(value: u64) -> Offset {
    Offset::new(value).expect("offsets count from one")
}

fn filled(retention: Retention, entries: u8) -> Log {
    let mut log = log(retention);
    for entry in 1..=entries {
        assert_eq!(log.append(vec![entry], None), Ok(offset(u64::from(entry))));
    }
    log
}

/// As text, in which there is no 13.
const TEXT: Encoding = Encoding::Converted {
    item: TypeId::of::<u8>(),
    format: Format::Json,
    encode: |item| (item != [13]).then(|| format!("{}", item[0]).into_bytes()),
};

/// As another type, in the same format.
const TWICE: Encoding = Encoding::Converted {
    item: TypeId::of::<u8>(),
    format: Format::Postcard,
    encode: |item| Some(item.repeat(2)),
};

/// Returns what a reader gets, in short.
fn read_as(log: &mut Log, encoding: Encoding, from: u64, room: ReadBudget) -> (Vec<String>, Slice) {
    let mut out = Vec::new();
    let peer = READER;
    let reader = LogReader { peer, encoding };
    let slice = log.read(reader, offset(from), room, &mut out);
    assert!(out.len() <= room.bytes && slice.charged <= room.credit);
    let frames = (!out.is_empty()).then(|| Frames::new(&out));
    let told = frames
        .into_iter()
        .flatten()
        .map(|frame| match frame.expect("readable") {
            Frame::Publication(entry) => format!("{} {:?}", entry.offset, entry.payload),
            Frame::Skipped(skipped) => {
                format!("{} to {} {:?}", skipped.from, skipped.to, skipped.why)
            }
            other => panic!("{other:?}"),
        });
    (told.collect(), slice)
}

fn read(log: &mut Log, from: u64) -> Vec<String> {
    read_as(log, Encoding::Canonical, from, PLENTY).0
}

#[test]
fn entries_are_read_in_order_from_where_the_reader_stands() {
    let mut log = filled(Retention::default(), 3);
    assert_eq!(read(&mut log, 1), ["@1 [1]", "@2 [2]", "@3 [3]"]);
    assert_eq!(read(&mut log, 3), ["@3 [3]"]);
    assert_eq!(read(&mut log, 4), [""; 0]);
}

#[test]
fn what_is_kept_is_bounded_and_a_slow_reader_learns_what_it_missed() {
    let mut log = filled(Retention::default().entries(2), 9);
    assert_eq!(read(&mut log, 3), ["@3 to @8 Gone", "@8 [8]", "@9 [9]"]);
    let mut log = filled(Retention::default().bytes(3 * 65), 9);
    assert_eq!(read(&mut log, 7), ["@7 [7]", "@8 [8]", "@9 [9]"]);
    assert_eq!(log.bytes(), 3 * 65);
    log.append(vec![0; MAX_PART], None)
        .expect("it fits a frame");
    assert_eq!(read(&mut log, 10).len(), 1, "the newest stays");
    let too_large = log.append(vec![0; MAX_PART + 1], None);
    assert_eq!(too_large, Err(ItemTooLarge));
}

#[test]
fn room_and_credit_bound_a_slice() {
    let mut log = filled(Retention::default(), 3);
    let credit = |credit| ReadBudget { credit, ..PLENTY };
    let bytes = |bytes| ReadBudget { bytes, ..PLENTY };
    for (room, got) in [
        (credit(64), 0),
        (credit(65), 1),
        (credit(2 * 65), 2),
        (bytes(4), 0),
        (bytes(5), 1),
        (bytes(14), 2),
        (bytes(15), 3),
    ] {
        let (told, slice) = read_as(&mut log, Encoding::Canonical, 1, room);
        assert_eq!(told.len(), got, "{room:?}");
        assert_eq!((slice.next, slice.more), (offset(1 + got as u64), got < 3));
        assert_eq!(slice.charged, 65 * got as u64);
    }
}

#[test]
fn joins_are_judged_by_what_is_there() {
    let log = filled(Retention::default().entries(4), 9);
    let check = |start, next, verdict| {
        let joined = log.join(start);
        assert_eq!(
            (joined.position.offset.get(), joined.verdict),
            (next, verdict)
        );
        assert_eq!(
            (joined.alias, joined.position.epoch),
            (Alias::new(7), EPOCH)
        );
    };
    let at = |epoch, value| {
        Start::At(Position {
            epoch,
            offset: offset(value),
        })
    };
    check(Start::Now, 10, Verdict::Begun);
    check(Start::Last(2), 8, Verdict::Begun);
    check(Start::Last(100), 6, Verdict::Begun);
    check(at(EPOCH, 6), 6, Verdict::Recovered);
    check(at(EPOCH, 10), 10, Verdict::Recovered);
    check(at(EPOCH, 5), 6, Verdict::Gap);
    check(at(EPOCH, 11), 10, Verdict::NewEpoch);
    check(at(Epoch::from_bytes([6; 8]), 9), 6, Verdict::NewEpoch);
}

#[test]
fn what_is_for_all_but_one_leaves_that_one_out() {
    let mut log = filled(Retention::default(), 1);
    log.append(vec![2], Some(READER)).expect("small");
    log.append(vec![3], Some(PeerId::from_bytes([9; 8])))
        .expect("small");
    assert_eq!(read(&mut log, 1), ["@1 [1]", "@2 to @3 LeftOut", "@3 [3]"]);
}

#[test]
fn another_form_is_charged_and_what_has_none_is_told() {
    let mut log = log(Retention::default().bytes(3 * 65 + 2));
    for item in [12, 13, 14] {
        log.append(vec![item], None).expect("small");
    }
    let (told, slice) = read_as(&mut log, TEXT, 1, PLENTY);
    assert_eq!(told, ["@1 [49, 50]", "@2 to @3 Gone", "@3 [49, 52]"]);
    assert_eq!(slice.charged, 2 * 66 + 64);
    assert_eq!(log.bytes(), 3 * 65);
    assert_eq!(read(&mut log, 1)[0], "@1 [12]");
}

#[test]
fn a_run_of_what_is_left_out_is_one_frame() {
    let mut log = filled(Retention::default(), 1);
    for item in 2..9 {
        log.append(vec![item], Some(READER)).expect("small");
    }
    assert_eq!(read(&mut log, 1), ["@1 [1]", "@2 to @9 LeftOut"]);
}

#[test]
fn readers_of_other_forms_take_nothing_from_the_log() {
    let mut log = log(Retention::default().bytes(10 * 65));
    for item in 20..30 {
        log.append(vec![item], None).expect("small");
    }
    let nothing = ReadBudget {
        credit: 0,
        ..PLENTY
    };
    assert_eq!(read_as(&mut log, TEXT, 1, nothing).0, [""; 0]);
    assert_eq!(read_as(&mut log, TEXT, 1, PLENTY).0.len(), 10);
    assert_eq!(read(&mut log, 1)[0], "@1 [20]");
    assert_eq!(read_as(&mut log, TWICE, 1, PLENTY).0.len(), 10);
    assert_eq!(read_as(&mut log, TWICE, 10, PLENTY).0, ["@10 [29, 29]"]);
    assert_eq!(read_as(&mut log, TEXT, 10, PLENTY).0, ["@10 [50, 57]"]);
}

#[test]
fn a_form_is_written_once_as_long_as_there_is_room_for_it() {
    thread_local! {
        static WRITTEN: Cell<u32> = const { Cell::new(0) };
    }
    let encoding = Encoding::Converted {
        item: TypeId::of::<u16>(),
        format: Format::Postcard,
        encode: |item| {
            WRITTEN.set(WRITTEN.get() + 1);
            Some(item.repeat(100))
        },
    };
    let mut log = log(Retention::default().bytes(1000));
    for item in 0..8 {
        log.append(vec![item], None).expect("small");
    }
    for _ in 0..3 {
        read_as(&mut log, encoding, 1, PLENTY);
    }
    assert_eq!(WRITTEN.get(), 8);
    for item in 8..11 {
        log.append(vec![item], None).expect("small");
    }
    read_as(&mut log, encoding, 9, PLENTY);
    assert_eq!(WRITTEN.get(), 11, "what is read is written");
    read_as(&mut log, encoding, 1, PLENTY);
    assert_eq!(WRITTEN.get(), 12, "the oldest had gone for it");
}
