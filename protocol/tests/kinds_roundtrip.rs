//! Any value comes back from either format, and no bytes make the decoder panic.
#![cfg(not(target_arch = "wasm32"))]

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use proptest::collection::{btree_map, btree_set, hash_map, hash_set, vec, vec_deque};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use twinwire::{Bytes, Format, Shape};
use uuid::Uuid;

const LIMIT: usize = 1 << 20;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Shape)]
#[serde(rename_all = "camelCase")]
struct Rich {
    unsigned: (u8, u16, u32, u64, u128),
    signed: (i8, i16, i32, i64, i128),
    floats: (f32, f64),
    flag: bool,
    letter: char,
    text: String,
    boxed_text: Box<str>,
    raw: Bytes,
    list: Vec<u8>,
    boxed_list: Box<[u64]>,
    ring: VecDeque<Option<i128>>,
    array: [u64; 3],
    nothing: (),
    outcome: Result<u64, String>,
    sets: (BTreeSet<u64>, HashSet<String>),
    keys: Keys,
    nodes: Vec<Node>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Shape)]
struct Keys {
    text: BTreeMap<String, u64>,
    small: BTreeMap<u8, HashMap<i8, bool>>,
    middle: BTreeMap<u16, BTreeMap<i16, ()>>,
    whole: BTreeMap<u32, BTreeMap<i32, Bytes>>,
    wide: BTreeMap<u64, BTreeMap<i64, u64>>,
    widest: BTreeMap<u128, BTreeMap<i128, i128>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Shape)]
enum Node {
    Leaf,
    Number(i64),
    Pair(Box<Node>, u128),
    Named {
        label: Option<String>,
        children: Vec<Node>,
    },
    Tagged(Tagged),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Shape)]
#[serde(tag = "type", content = "value", rename_all = "kebab-case")]
enum Tagged {
    NothingAtAll,
    Wide(u64),
    Maybe(Option<Bytes>),
    Both(i64, Bytes),
}

/// Of types whose own serde judges what came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Shape)]
struct Foreign {
    length: Duration,
    time: SystemTime,
    socket: SocketAddr,
    instant: DateTime<Utc>,
    day: NaiveDate,
    span: TimeDelta,
    id: Uuid,
    timed: time::OffsetDateTime,
    lasting: time::Duration,
}

fn foreign() -> impl Strategy<Value = Foreign> {
    let long = 0..i64::MAX.unsigned_abs();
    (any::<(u64, SocketAddr, i32, u128)>(), long, 0_u32..1 << 30).prop_map(
        |((seconds, socket, at, id), long, nanos)| Foreign {
            length: Duration::new(seconds, nanos % 1_000_000_000),
            time: SystemTime::UNIX_EPOCH + Duration::new(long, nanos % 1_000_000_000),
            socket: SocketAddr::new(socket.ip(), socket.port()),
            instant: DateTime::UNIX_EPOCH + TimeDelta::seconds(at.into()),
            day: NaiveDate::MIN,
            span: TimeDelta::nanoseconds(at.into()),
            id: Uuid::from_u128(id),
            timed: time::OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(at.into()),
            lasting: time::Duration::nanoseconds(at.into()),
        },
    )
}

fn finite() -> impl Strategy<Value = (f32, f64)> {
    use proptest::num::{f32, f64};
    let narrow = f32::NORMAL | f32::SUBNORMAL | f32::ZERO | f32::NEGATIVE;
    let wide = f64::NORMAL | f64::SUBNORMAL | f64::ZERO | f64::NEGATIVE;
    (narrow, wide)
}

fn tagged() -> impl Strategy<Value = Tagged> {
    prop_oneof![
        Just(Tagged::NothingAtAll),
        any::<u64>().prop_map(Tagged::Wide),
        proptest::option::of(bytes()).prop_map(Tagged::Maybe),
        (any::<i64>(), bytes()).prop_map(|(number, bytes)| Tagged::Both(number, bytes)),
    ]
}

fn bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..20).prop_map(Bytes)
}

fn node() -> impl Strategy<Value = Node> {
    let leaf = prop_oneof![
        Just(Node::Leaf),
        any::<i64>().prop_map(Node::Number),
        tagged().prop_map(Node::Tagged),
    ];
    leaf.prop_recursive(5, 30, 4, |inner| {
        let label = proptest::option::of(any::<String>());
        prop_oneof![
            (inner.clone(), any::<u128>()).prop_map(|(node, wide)| Node::Pair(node.into(), wide)),
            (label, vec(inner, 0..4)).prop_map(|(label, children)| Node::Named { label, children }),
        ]
    })
}

fn keys() -> impl Strategy<Value = Keys> {
    let small = btree_map(
        any::<u8>(),
        hash_map(any::<i8>(), any::<bool>(), 0..3),
        0..3,
    );
    let middle = btree_map(any::<u16>(), btree_map(any::<i16>(), Just(()), 0..3), 0..3);
    let whole = btree_map(any::<u32>(), btree_map(any::<i32>(), bytes(), 0..3), 0..3);
    let wide = btree_map(
        any::<u64>(),
        btree_map(any::<i64>(), any::<u64>(), 0..3),
        0..3,
    );
    let widest = btree_map(
        any::<u128>(),
        btree_map(any::<i128>(), any::<i128>(), 0..3),
        0..3,
    );
    (
        btree_map(any::<String>(), any::<u64>(), 0..3),
        small,
        middle,
        whole,
        wide,
        widest,
    )
        .prop_map(|(text, small, middle, whole, wide, widest)| Keys {
            text,
            small,
            middle,
            whole,
            wide,
            widest,
        })
}

fn rich() -> impl Strategy<Value = Rich> {
    let numbers = (
        any::<(u8, u16, u32, u64, u128)>(),
        any::<(i8, i16, i32, i64, i128)>(),
        finite(),
    );
    let texts = (
        any::<bool>(),
        any::<char>(),
        any::<String>(),
        any::<String>(),
        bytes(),
    );
    let lists = (
        vec(any::<u8>(), 0..20),
        vec(any::<u64>(), 0..5),
        vec_deque(any::<Option<i128>>(), 0..5),
        any::<[u64; 3]>(),
    );
    let sets = (
        btree_set(any::<u64>(), 0..4),
        hash_set(any::<String>(), 0..4),
    );
    let rest = (
        any::<Result<u64, String>>(),
        sets,
        keys(),
        vec(node(), 0..4),
    );
    (numbers, texts, lists, rest).prop_map(
        |(
            (unsigned, signed, floats),
            (flag, letter, text, boxed_text, raw),
            (list, boxed_list, ring, array),
            (outcome, sets, keys, nodes),
        )| Rich {
            unsigned,
            signed,
            floats,
            flag,
            letter,
            text,
            boxed_text: boxed_text.into(),
            raw,
            list,
            boxed_list: boxed_list.into(),
            ring,
            array,
            nothing: (),
            outcome,
            sets,
            keys,
            nodes,
        },
    )
}

proptest! {
    #[test]
    fn any_value_comes_back_from_both_formats(value in rich()) {
        for format in [Format::Postcard, Format::Json] {
            let bytes = format.encode(&value, LIMIT).expect("within the limits");
            let back: Rich = format.decode(&bytes).expect("what we wrote");
            prop_assert_eq!(&back, &value);
        }
    }

    #[test]
    fn floats_come_back_to_the_last_bit(bits: u64, narrow_bits: u32) {
        let (wide, narrow) = (f64::from_bits(bits), f32::from_bits(narrow_bits));
        let postcard = Format::Postcard.encode(&(wide, narrow), LIMIT).expect("any float");
        let (a, b): (f64, f32) = Format::Postcard.decode(&postcard).expect("what we wrote");
        prop_assert_eq!((a.to_bits(), b.to_bits()), (bits, narrow_bits));
        match Format::Json.encode(&(wide, narrow), LIMIT) {
            Ok(json) => {
                let (a, b): (f64, f32) = Format::Json.decode(&json).expect("what we wrote");
                prop_assert_eq!((a.to_bits(), b.to_bits()), (bits, narrow_bits));
            }
            Err(_) => prop_assert!(!wide.is_finite() || !narrow.is_finite()),
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..400)) {
        for format in [Format::Postcard, Format::Json] {
            drop(format.decode::<Rich>(&bytes));
            drop(format.decode::<Node>(&bytes));
            drop(format.decode::<Keys>(&bytes));
            drop(format.decode::<Foreign>(&bytes));
        }
    }

    #[test]
    fn foreign_types_come_back_and_broken_ones_never_panic(
        value in foreign(), place: prop::sample::Index, byte: u8,
    ) {
        for format in [Format::Postcard, Format::Json] {
            let mut bytes = format.encode(&value, LIMIT).expect("within the limits");
            let back: Foreign = format.decode(&bytes).expect("what we wrote");
            prop_assert_eq!(&back, &value);
            *place.get_mut(&mut bytes) = byte;
            drop(format.decode::<Foreign>(&bytes));
        }
    }

    #[test]
    fn broken_payloads_never_panic(
        value in rich(), place: prop::sample::Index, byte: u8, cut: prop::sample::Index,
    ) {
        for format in [Format::Postcard, Format::Json] {
            let mut bytes = format.encode(&value, LIMIT).expect("within the limits");
            let length = cut.index(bytes.len());
            drop(format.decode::<Rich>(&bytes[..length]));
            *place.get_mut(&mut bytes) = byte;
            drop(format.decode::<Rich>(&bytes));
        }
    }

    #[test]
    fn what_postcard_accepts_is_written_alike_from_then_on(bytes in vec(0_u8..6, 0..60)) {
        if let Ok(node) = Format::Postcard.decode::<Node>(&bytes) {
            let canonical = Format::Postcard.encode(&node, LIMIT).expect("decoded within limits");
            let again: Node = Format::Postcard.decode(&canonical).expect("what we wrote");
            prop_assert_eq!(&again, &node);
            let json = Format::Json.encode(&node, LIMIT).expect("decoded within limits");
            prop_assert_eq!(&Format::Json.decode::<Node>(&json).expect("what we wrote"), &node);
        }
    }
}
