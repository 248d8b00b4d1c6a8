//! What payloads look like in each format, and what is refused.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use twinwire::{Bytes, Call, DecodeError, EncodeError, Format, MAX_DEPTH, Never, Shape};

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const FORMATS: [Format; 2] = [Format::Postcard, Format::Json];
const LIMIT: usize = 256 * 1024;

fn round_trips<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    for format in FORMATS {
        let bytes = format.encode(value, LIMIT).expect("encodable");
        let back: T = format.decode(&bytes).unwrap_or_else(|error| {
            panic!(
                "{format:?}: {error:?} in {:?}",
                String::from_utf8_lossy(&bytes)
            )
        });
        assert_eq!(back, *value, "{format:?}");
    }
}

fn json_is<T>(value: &T, expected: &str)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let json = Format::Json.encode(value, LIMIT).expect("encodable");
    assert_eq!(String::from_utf8_lossy(&json), expected);
    round_trips(value);
}

fn postcard_is<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, expected: &[u8]) {
    assert_eq!(
        Format::Postcard.encode(value, LIMIT).expect("encodable"),
        expected
    );
    round_trips(value);
}

fn json_refuses<T: DeserializeOwned + Debug>(json: &str) {
    match Format::Json.decode::<T>(json.as_bytes()) {
        Err(DecodeError::Json(_)) => {}
        other => panic!("{json}: {other:?}"),
    }
}

#[test]
fn wide_integers_are_decimal_strings_in_json() {
    json_is(&u64::MAX, r#""18446744073709551615""#);
    json_is(&i64::MIN, r#""-9223372036854775808""#);
    json_is(&u128::MAX, r#""340282366920938463463374607431768211455""#);
    json_is(&i128::MIN, r#""-170141183460469231731687303715884105728""#);
    json_is(&0_u64, r#""0""#);
    json_is(&u32::MAX, "4294967295");
    json_is(&i32::MIN, "-2147483648");
    json_is(&Some(7_u64), r#""7""#);
    json_is(
        &vec![Ok::<u64, i128>(1), Err(-1)],
        r#"[{"Ok":"1"},{"Err":"-1"}]"#,
    );
}

#[test]
fn wide_integers_are_read_in_one_spelling_only() {
    for json in [
        "1",
        "1.0",
        "null",
        r#""""#,
        r#""+1""#,
        r#""01""#,
        r#""00""#,
        r#"" 1""#,
        r#""1 ""#,
        r#""1.0""#,
        r#""1e3""#,
        r#""0x1""#,
        r#""-0""#,
        r#""-""#,
        r#""--1""#,
        r#""-01""#,
        r#""١""#,
        r#""18446744073709551616""#,
        r#""-9223372036854775809""#,
    ] {
        json_refuses::<u64>(json);
        json_refuses::<i64>(json);
    }
    json_refuses::<u64>(r#""-1""#);
    json_refuses::<u128>(r#""340282366920938463463374607431768211456""#);
    json_refuses::<i128>(r#""170141183460469231731687303715884105728""#);
    json_refuses::<u32>(r#""1""#);
    json_refuses::<u8>("256");
    json_refuses::<u8>("1.0");
}

#[test]
fn bytes_are_base64_in_json_and_one_piece_in_postcard() {
    json_is(&Bytes(vec![]), r#""""#);
    json_is(&Bytes(vec![0xfb, 0xff, 0]), r#""+/8A""#);
    json_is(&Bytes(vec![1]), r#""AQ==""#);
    json_is(&vec![1_u8, 2], "[1,2]");
    postcard_is(&Bytes(vec![1, 2, 3]), &[3, 1, 2, 3]);
    postcard_is(&vec![1_u8, 2, 3], &[3, 1, 2, 3]);
    for json in [
        r#""AQ""#,
        r#""AR==""#,
        r#""AQ==\n""#,
        r#""-_8A""#,
        r#""AQ==AQ==""#,
        "[1]",
        "null",
    ] {
        json_refuses::<Bytes>(json);
    }
}

#[test]
fn floats_survive_to_the_last_bit_and_are_finite_in_json() {
    for value in [
        0.1 + 0.2,
        f64::MAX,
        f64::MIN_POSITIVE,
        5e-324,
        -0.0,
        1e21,
        123_456_789.123_456_79,
    ] {
        round_trips(&value);
        let json = Format::Json.encode(&value, LIMIT).expect("finite");
        let back: f64 = Format::Json.decode(&json).expect("a float");
        assert_eq!(back.to_bits(), value.to_bits());
    }
    for value in [f32::MAX, f32::MIN_POSITIVE, 1e-45, 0.1, 16_777_216.0] {
        round_trips(&value);
    }
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let result = Format::Json.encode(&vec![Some(value)], LIMIT);
        assert!(matches!(result, Err(EncodeError::NotFinite)), "{result:?}");
    }
    let result = Format::Json.encode(&f32::NAN, LIMIT);
    assert!(matches!(result, Err(EncodeError::NotFinite)), "{result:?}");
    json_refuses::<f64>("1e400");
    json_refuses::<f64>("null");
    json_refuses::<f32>("1e39");
    json_refuses::<f32>("-1e300");
    assert_eq!(
        Format::Json
            .decode::<f64>(b"3")
            .expect("JavaScript writes 3.0 so"),
        3.0
    );
}

#[test]
fn keys_of_maps_are_strings_in_json() {
    #[derive(Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Shape)]
    struct UserId(u64);

    json_is(&BTreeMap::from([(-1_i8, true)]), r#"{"-1":true}"#);
    json_is(
        &BTreeMap::from([(u64::MAX, 1_u64)]),
        r#"{"18446744073709551615":"1"}"#,
    );
    json_is(
        &BTreeMap::from([(i128::MIN, ())]),
        &format!(r#"{{"{}":null}}"#, i128::MIN),
    );
    json_is(
        &BTreeMap::from([(u128::MAX, ())]),
        &format!(r#"{{"{}":null}}"#, u128::MAX),
    );
    json_is(&HashMap::from([(UserId(5), UserId(6))]), r#"{"5":"6"}"#);
    json_is(
        &BTreeMap::from([("a\"b".to_owned(), 'c')]),
        r#"{"a\"b":"c"}"#,
    );
    for key in [
        "01",
        " 1",
        "1 ",
        "+1",
        "1.0",
        "1e1",
        "-0",
        "",
        "18446744073709551616",
    ] {
        json_refuses::<BTreeMap<u64, bool>>(&format!(r#"{{"{key}":true}}"#));
        json_refuses::<BTreeMap<u8, bool>>(&format!(r#"{{"{key}":true}}"#));
        json_refuses::<BTreeMap<i128, bool>>(
            &format!(r#"{{"{key}":true}}"#).replace("18446744073709551616", "x"),
        );
    }
}

#[test]
fn structs_look_as_serde_writes_them() {
    #[derive(Debug, PartialEq, Serialize, Deserialize, Shape)]
    struct Unit;
    #[derive(Debug, PartialEq, Serialize, Deserialize, Shape)]
    struct Empty {}
    #[derive(Debug, PartialEq, Serialize, Deserialize, Shape)]
    struct NoItems();
    #[derive(Debug, PartialEq, Serialize, Deserialize, Shape)]
    struct Partly(u8, #[serde(skip)] u16, u64);
    #[derive(Debug, PartialEq, Serialize, Deserialize, Shape)]
    #[serde(transparent)]
    struct Clear {
        inner: u64,
        #[serde(skip)]
        cache: u8,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize, Shape)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Named {
        first_field: u64,
        #[serde(skip)]
        left_out: u8,
        #[serde(default)]
        may_lack: Option<String>,
    }

    json_is(&Unit, "null");
    json_is(&Empty {}, "{}");
    json_is(&NoItems(), "[]");
    json_is(&Partly(1, 0, 2), r#"[1,"2"]"#);
    postcard_is(&Partly(1, 0, 2), &[1, 2]);
    json_is(&Clear { inner: 3, cache: 0 }, r#""3""#);
    let named = Named {
        first_field: 1,
        left_out: 0,
        may_lack: None,
    };
    json_is(&named, r#"{"firstField":"1","mayLack":null}"#);
    postcard_is(&named, &[1, 0]);
    let short: Named = Format::Json
        .decode(br#"{"firstField":"1"}"#)
        .expect("a default");
    assert_eq!(short, named);
    json_refuses::<Named>(r#"{"firstField":"1","leftOut":1}"#);
    json_refuses::<Named>(r#"{"firstField":"1","firstField":"1"}"#);
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Shape)]
enum External {
    Unit,
    One(u64),
    Two(u64, #[serde(skip)] u8, Option<u8>),
    Named {
        wide: i64,
        #[serde(skip)]
        left_out: u8,
    },
}

#[test]
fn external_enums_round_trip_in_every_form_of_variant() {
    json_is(&External::Unit, r#""Unit""#);
    json_is(&External::One(1), r#"{"One":"1"}"#);
    json_is(&External::Two(1, 0, None), r#"{"Two":["1",null]}"#);
    json_is(
        &External::Named {
            wide: -1,
            left_out: 0,
        },
        r#"{"Named":{"wide":"-1"}}"#,
    );
    postcard_is(&External::Unit, &[0]);
    postcard_is(
        &External::Named {
            wide: -1,
            left_out: 0,
        },
        &[3, 1],
    );
    json_refuses::<External>(r#""Unknown""#);
    assert!(Format::Postcard.decode::<External>(&[4]).is_err());
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Shape)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
enum Adjacent {
    Unit,
    One(u64),
    Maybe(Option<u64>),
    Many(Vec<Adjacent>),
    Two(u64, Bytes),
    NoItems(),
}

#[test]
fn adjacent_enums_round_trip_in_both_formats() {
    json_is(&Adjacent::Unit, r#"{"type":"unit"}"#);
    json_is(&Adjacent::One(1), r#"{"type":"one","data":"1"}"#);
    json_is(&Adjacent::Maybe(None), r#"{"type":"maybe","data":null}"#);
    json_is(&Adjacent::Maybe(Some(2)), r#"{"type":"maybe","data":"2"}"#);
    json_is(
        &Adjacent::Two(3, Bytes(vec![0])),
        r#"{"type":"two","data":["3","AA=="]}"#,
    );
    round_trips(&Adjacent::NoItems());
    let many = Adjacent::Many(vec![
        Adjacent::Unit,
        Adjacent::One(5),
        Adjacent::Many(vec![]),
    ]);
    round_trips(&many);
    round_trips(&vec![(many, 1_u8), (Adjacent::Unit, 2)]);
    postcard_is(&Adjacent::Unit, &[0]);
    postcard_is(&Adjacent::One(1), &[1, 1]);
    assert!(Format::Postcard.decode::<Adjacent>(&[6]).is_err());
}

#[test]
fn adjacent_content_before_its_tag_is_refused_by_name() {
    let result = Format::Json.decode::<Adjacent>(br#"{"data":"1","type":"one"}"#);
    assert!(
        matches!(result, Err(DecodeError::ContentFirst)),
        "{result:?}"
    );
    let unit: Adjacent = Format::Json
        .decode(br#"{"type":"unit","data":null}"#)
        .expect("null");
    assert_eq!(unit, Adjacent::Unit);
}

#[test]
fn a_call_without_an_error_never_decodes_one() {
    #[derive(Serialize, Deserialize, Call)]
    struct Ping;

    fn error_of<C: Call>(format: Format, bytes: &[u8]) -> bool {
        format.decode::<C::Error>(bytes).is_ok()
    }

    assert!(!error_of::<Ping>(Format::Postcard, &[0]));
    assert!(!error_of::<Ping>(Format::Json, b"null"));
    round_trips(&Ok::<u8, Never>(1));
}

#[test]
fn trailing_bytes_are_refused() {
    for (format, bytes) in [(Format::Postcard, &[1, 0][..]), (Format::Json, b"1 1")] {
        let result = format.decode::<u8>(bytes);
        assert!(
            matches!(result, Err(DecodeError::Trailing)),
            "{format:?}: {result:?}"
        );
    }
}

#[test]
fn encoding_stops_at_the_limit() {
    for format in FORMATS {
        let value = vec!["some text".to_owned(); 100];
        let bytes = format.encode(&value, LIMIT).expect("small enough");
        assert_eq!(
            format.encode(&value, bytes.len()).expect("just fits"),
            bytes
        );
        for limit in [0, 1, bytes.len() - 1] {
            let result = format.encode(&value, limit);
            assert!(
                matches!(result, Err(EncodeError::TooLarge { limit: told }) if told == limit),
                "{format:?}: {result:?}"
            );
        }
    }
}

/// Would write for ever.
struct Endless;

impl Serialize for Endless {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeTuple as _;
        let mut tuple = serializer.serialize_tuple(usize::MAX)?;
        loop {
            tuple.serialize_element("more")?;
        }
    }
}

#[test]
fn a_value_without_end_is_cut_off_at_the_limit() {
    for format in FORMATS {
        let result = format.encode(&Endless, 10_000);
        assert!(
            matches!(result, Err(EncodeError::TooLarge { .. })),
            "{format:?}: {result:?}"
        );
    }
}

#[test]
fn claimed_lengths_reserve_nothing() {
    let mut claim = vec![0xff; 9];
    claim.push(1);
    for bytes in [&claim[..], &[0xff, 0xff, 0xff, 0x7f]] {
        assert!(Format::Postcard.decode::<String>(bytes).is_err());
        assert!(Format::Postcard.decode::<Bytes>(bytes).is_err());
        assert!(Format::Postcard.decode::<Vec<[u64; 32]>>(bytes).is_err());
        assert!(
            Format::Postcard
                .decode::<BTreeMap<String, u64>>(bytes)
                .is_err()
        );
        assert!(
            Format::Postcard
                .decode::<HashMap<String, [u64; 32]>>(bytes)
                .is_err()
        );
    }
}

#[test]
fn varints_longer_than_needed_are_read_and_overlong_ones_refused() {
    assert_eq!(
        Format::Postcard
            .decode::<u32>(&[0x81, 0x80, 0x00])
            .expect("tolerated"),
        1
    );
    assert!(
        Format::Postcard
            .decode::<u16>(&[0x81, 0x80, 0x80, 0x00])
            .is_err()
    );
    assert!(Format::Postcard.decode::<u16>(&[0xff, 0xff, 0x7f]).is_err());
}

/// Recursive, and nearly as large as a recursive type may be.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Shape)]
struct Tree {
    padding: ([u8; 32], [u8; 32]),
    wide: [u64; 32],
    more: [u64; 21],
    children: Vec<Tree>,
}

impl Tree {
    fn of_height(height: u32) -> Self {
        (1..height).fold(Self::default(), |tree, _| Self {
            children: vec![tree],
            ..Self::default()
        })
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Shape)]
struct List(Vec<List>);

#[derive(Debug, Serialize, Deserialize, Shape)]
enum Chain {
    End,
    Next(Box<Chain>),
    Pair(Box<Chain>, u8),
    Named { next: Option<Box<Chain>> },
}

fn is_too_deep<T: DeserializeOwned + Debug>(format: Format, bytes: &[u8]) {
    let result = format.decode::<T>(bytes);
    assert!(
        matches!(result, Err(DecodeError::TooDeep)),
        "{format:?}: {result:?}"
    );
}

#[test]
fn depth_attacks_are_refused_and_leave_the_stack_whole() {
    is_too_deep::<List>(Format::Postcard, &[1; 32 * 1024]);
    is_too_deep::<Chain>(Format::Postcard, &[1; 32 * 1024]);
    is_too_deep::<Chain>(Format::Postcard, &[2; 32 * 1024]);
    is_too_deep::<Chain>(Format::Postcard, &[3, 1].repeat(16 * 1024));
    is_too_deep::<Adjacent>(Format::Postcard, &[3, 1].repeat(16 * 1024));
    is_too_deep::<List>(Format::Json, &[b'['; 32 * 1024]);
    is_too_deep::<Chain>(Format::Json, br#"{"Next":"#.repeat(4 * 1024).as_slice());
    is_too_deep::<Chain>(Format::Json, br#"{"Pair":["#.repeat(4 * 1024).as_slice());
    is_too_deep::<Chain>(
        Format::Json,
        br#"{"Named":{"next":"#.repeat(4 * 1024).as_slice(),
    );
    is_too_deep::<Adjacent>(
        Format::Json,
        br#"{"type":"many","data":["#.repeat(2048).as_slice(),
    );
    let mut level = Format::Postcard
        .encode(&Tree::default(), LIMIT)
        .expect("small");
    if let Some(children) = level.last_mut() {
        *children = 1;
    }
    is_too_deep::<Tree>(Format::Postcard, &level.repeat(1000));
}

#[test]
fn unknown_json_is_skipped_whatever_its_depth() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Known {}

    let json = format!(
        r#"{{"x":{}{}}}"#,
        "[".repeat(16 * 1024),
        "]".repeat(16 * 1024)
    );
    assert_eq!(
        Format::Json
            .decode::<Known>(json.as_bytes())
            .expect("skipped"),
        Known {}
    );
}

#[test]
fn what_can_be_encoded_can_be_decoded_and_the_next_level_neither() {
    // A level of a tree is a struct and a sequence; its padding reaches one further.
    let highest = (MAX_DEPTH - 1) / 2;
    for format in FORMATS {
        let tree = Tree::of_height(highest);
        let bytes = format.encode(&tree, LIMIT).expect("not too deep");
        assert_eq!(
            format.decode::<Tree>(&bytes).expect("not too deep"),
            tree,
            "{format:?}"
        );
        let result = format.encode(&Tree::of_height(highest + 1), LIMIT);
        assert!(
            matches!(result, Err(EncodeError::TooDeep)),
            "{format:?}: {result:?}"
        );
    }
}

#[test]
fn a_long_chain_is_refused_when_encoded_and_leaves_the_stack_whole() {
    let mut chain = Chain::End;
    for _ in 0..2000 {
        chain = Chain::Named {
            next: Some(Box::new(Chain::Pair(Box::new(chain), 0))),
        };
    }
    for format in FORMATS {
        let result = format.encode(&chain, LIMIT);
        assert!(
            matches!(result, Err(EncodeError::TooDeep)),
            "{format:?}: {result:?}"
        );
    }
}

#[test]
fn errors_tell_what_was_expected() {
    let error = Format::Json.decode::<u64>(b"7").expect_err("a number");
    assert!(error.to_string().contains("a decimal string"), "{error}");
    let error = Format::Json
        .decode::<Bytes>(br#""?""#)
        .expect_err("no base64");
    assert!(error.to_string().contains("base64"), "{error}");
}
