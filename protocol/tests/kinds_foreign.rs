//! Types of the standard library and of other crates that travel as their own serde writes them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use twinwire::{DecodeError, EncodeError, Fingerprint, Format, Payload, Shape, Topic};
use uuid::Uuid;

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const LIMIT: usize = 1024;

/// Writes `value` as `json` and as `postcard`, and reads it back from both.
#[track_caller]
fn travels<T: Payload + PartialEq + Debug>(value: &T, json: &str, postcard: &[u8]) {
    let written = Format::Json.encode(value, LIMIT).expect("encodable");
    assert_eq!(String::from_utf8_lossy(&written), json);
    let written = Format::Postcard.encode(value, LIMIT).expect("encodable");
    assert_eq!(written, postcard);
    for (format, bytes) in [
        (Format::Json, json.as_bytes()),
        (Format::Postcard, postcard),
    ] {
        let back: T = format.decode(bytes).expect("what we wrote");
        assert_eq!(back, *value, "{format:?}");
    }
}

/// `text` in quotes in JSON, and after its length in postcard.
#[track_caller]
fn travels_as_text<T: Payload + PartialEq + Debug>(value: &T, text: &str) {
    let length = u8::try_from(text.len()).expect("short");
    assert!(length < 0x80, "one byte of a varint");
    let postcard = [&[length], text.as_bytes()].concat();
    travels(value, &format!("\"{text}\""), &postcard);
}

#[track_caller]
fn json_refuses<T: DeserializeOwned + Debug>(json: &str) {
    match Format::Json.decode::<T>(json.as_bytes()) {
        Err(DecodeError::Json(_)) => {}
        other => panic!("{json}: {other:?}"),
    }
}

#[track_caller]
fn postcard_refuses<T: DeserializeOwned + Debug>(bytes: &[u8]) {
    match Format::Postcard.decode::<T>(bytes) {
        Err(DecodeError::Postcard(_)) => {}
        other => panic!("{bytes:?}: {other:?}"),
    }
}

const EPOCH: SystemTime = SystemTime::UNIX_EPOCH;

/// The varint of `u64::MAX`, and that of `u32::MAX`.
const MAX_64: [u8; 10] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
const MAX_32: [u8; 5] = [0xff, 0xff, 0xff, 0xff, 0x0f];

#[test]
fn times_are_seconds_and_nanoseconds() {
    let time = Duration::new(300, 5);
    travels(&time, r#"{"secs":"300","nanos":5}"#, &[0xac, 2, 5]);
    travels(
        &(EPOCH + time),
        r#"{"secs_since_epoch":"300","nanos_since_epoch":5}"#,
        &[0xac, 2, 5],
    );
    let longest = [&MAX_64[..], &[0xff, 0x93, 0xeb, 0xdc, 3]].concat();
    travels(
        &Duration::MAX,
        r#"{"secs":"18446744073709551615","nanos":999999999}"#,
        &longest,
    );
}

#[test]
fn times_beyond_what_the_type_holds_are_refused() {
    json_refuses::<Duration>(r#"{"secs":"18446744073709551615","nanos":1000000000}"#);
    json_refuses::<SystemTime>(
        r#"{"secs_since_epoch":"18446744073709551615","nanos_since_epoch":4294967295}"#,
    );
    let far = [&MAX_64[..], &MAX_32].concat();
    postcard_refuses::<Duration>(&far);
    postcard_refuses::<SystemTime>(&far);
    // The machine's clock ends here; a browser's only where a `Duration` does.
    if cfg!(not(target_arch = "wasm32")) {
        json_refuses::<SystemTime>(
            r#"{"secs_since_epoch":"9223372036854775808","nanos_since_epoch":0}"#,
        );
        postcard_refuses::<SystemTime>(&[&MAX_64[..], &[0]].concat());
    }
    for json in [
        r#"{"secs":1,"nanos":0}"#,
        r#"{"secs":"1"}"#,
        r#"{"secs":"1","nanos":-1}"#,
        r#"{"secs":"1","nanos":0,"more":0}"#,
        r#""1s""#,
    ] {
        json_refuses::<Duration>(json);
    }
}

#[test]
fn a_second_of_nanoseconds_is_carried() {
    let carried: Duration = Format::Json
        .decode(br#"{"secs":"1","nanos":1500000000}"#)
        .expect("it fits");
    assert_eq!(carried, Duration::new(2, 500_000_000));
    let most: Duration = Format::Postcard
        .decode(&[&[0][..], &MAX_32].concat())
        .expect("it fits");
    assert_eq!(most, Duration::new(4, 294_967_295));
}

#[test]
fn a_time_before_1970_is_not_sent() {
    let before = EPOCH.checked_sub(Duration::from_secs(1));
    // A browser's clock begins in 1970.
    let Some(before) = before else { return };
    let json = Format::Json.encode(&before, LIMIT);
    assert!(matches!(json, Err(EncodeError::Json(_))), "{json:?}");
    let postcard = Format::Postcard.encode(&before, LIMIT);
    assert!(
        matches!(postcard, Err(EncodeError::Postcard(_))),
        "{postcard:?}"
    );
}

#[test]
fn addresses_are_text_in_json_and_bytes_in_postcard() {
    let v4 = Ipv4Addr::new(192, 0, 2, 7);
    let v6: Ipv6Addr = "2001:db8::1".parse().expect("an address");
    travels(&v4, r#""192.0.2.7""#, &[192, 0, 2, 7]);
    travels(&v6, r#""2001:db8::1""#, &v6.octets());
    travels(&IpAddr::V4(v4), r#""192.0.2.7""#, &[0, 192, 0, 2, 7]);
    let tagged = [&[1][..], &v6.octets()].concat();
    travels(&IpAddr::V6(v6), r#""2001:db8::1""#, &tagged);

    let socket = SocketAddrV4::new(v4, 443);
    let bytes = [192, 0, 2, 7, 0xbb, 3];
    travels(&socket, r#""192.0.2.7:443""#, &bytes);
    let tagged = [&[0][..], &bytes].concat();
    travels(&SocketAddr::V4(socket), r#""192.0.2.7:443""#, &tagged);

    let socket = SocketAddrV6::new(v6, 443, 0, 0);
    let bytes = [&v6.octets()[..], &[0xbb, 3]].concat();
    travels(&socket, r#""[2001:db8::1]:443""#, &bytes);
    let tagged = [&[1][..], &bytes].concat();
    travels(&SocketAddr::V6(socket), r#""[2001:db8::1]:443""#, &tagged);
}

#[test]
fn what_is_no_address_is_refused() {
    for json in [
        r#""""#,
        r#""192.0.2.256""#,
        r#""192.0.2.7:443""#,
        "7",
        "null",
    ] {
        json_refuses::<IpAddr>(json);
    }
    json_refuses::<SocketAddr>(r#""192.0.2.7:65536""#);
    json_refuses::<SocketAddr>(r#""localhost:80""#);
    postcard_refuses::<IpAddr>(&[2, 192, 0, 2, 7]);
    postcard_refuses::<IpAddr>(&[1, 192, 0, 2, 7]);
    postcard_refuses::<SocketAddr>(&[0, 192, 0, 2, 7]);
}

#[test]
fn borrowed_text_arrives_as_owned_text() {
    travels_as_text(&Cow::Borrowed("word"), "word");
    assert_eq!(Cow::<'static, str>::SHAPE, String::SHAPE);
}

#[test]
fn a_uuid_is_text_in_json_and_sixteen_bytes_in_postcard() {
    let id = Uuid::from_u128(0x67e5_5044_10b1_426f_9247_bb68_0e5f_e0c8);
    let bytes = [&[16][..], id.as_bytes()].concat();
    travels(&id, r#""67e55044-10b1-426f-9247-bb680e5fe0c8""#, &bytes);
    for json in [r#""67e55044""#, r#""""#, "7", "null"] {
        json_refuses::<Uuid>(json);
    }
    postcard_refuses::<Uuid>(&bytes[..16]);
    postcard_refuses::<Uuid>(&[&[15][..], &id.as_bytes()[..15]].concat());
}

#[test]
fn dates_of_chrono_are_text_in_both_formats() {
    let date = NaiveDate::from_ymd_opt(2026, 11, 30).expect("a date");
    let time = NaiveTime::from_hms_milli_opt(23, 59, 59, 250).expect("a time");
    let both = NaiveDateTime::new(date, time);
    travels_as_text(&date, "2026-11-30");
    travels_as_text(&time, "23:59:59.250");
    travels_as_text(&both, "2026-11-30T23:59:59.250");
    travels_as_text::<DateTime<Utc>>(&both.and_utc(), "2026-11-30T23:59:59.250Z");
    let east = FixedOffset::east_opt(3600).expect("an offset");
    let there: DateTime<FixedOffset> = both.and_local_timezone(east).single().expect("one");
    travels_as_text(&there, "2026-11-30T23:59:59.250+01:00");
    for widest in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
        for format in [Format::Json, Format::Postcard] {
            let bytes = format.encode(&widest, LIMIT).expect("encodable");
            let back: DateTime<Utc> = format.decode(&bytes).expect("what we wrote");
            assert_eq!(back, widest);
        }
    }
}

#[test]
fn what_is_no_date_is_refused() {
    for json in [
        r#""2026-02-30T00:00:00Z""#,
        r#""2026-11-30T00:00:00""#,
        r#""999999-01-01T00:00:00Z""#,
        r#""""#,
        "0",
        "null",
    ] {
        json_refuses::<DateTime<Utc>>(json);
    }
    json_refuses::<NaiveDate>(r#""2026-13-01""#);
    json_refuses::<NaiveTime>(r#""24:00:00""#);
    postcard_refuses::<DateTime<Utc>>(&[2, b'n', b'o']);
    postcard_refuses::<NaiveDate>(&[2, 0xff, 0xff]);
    json_refuses::<TimeDelta>(r#"["9223372036854775807",0]"#);
    json_refuses::<TimeDelta>(r#"["0",1000000000]"#);
    json_refuses::<TimeDelta>(r#"["0",-1]"#);
}

#[test]
fn a_span_of_chrono_is_seconds_and_nanoseconds() {
    let span = TimeDelta::milliseconds(-500);
    let nanos = [0x80, 0x94, 0xeb, 0xdc, 3];
    let postcard = [&[1][..], &nanos].concat();
    travels(&span, r#"["-1",500000000]"#, &postcard);
}

#[test]
fn dates_of_time_are_text_in_json_and_numbers_in_postcard() {
    let date = time::Date::from_ordinal_date(2026, 334).expect("a date");
    let noon = time::Time::from_hms_milli(12, 0, 1, 250).expect("a time");
    let both = time::PrimitiveDateTime::new(date, noon);
    let day = [0xd4, 0x1f, 0xce, 2];
    let clock = [12, 0, 1, 0x80, 0xe5, 0x9a, 0x77];
    let whole = [&day[..], &clock].concat();
    travels(&date, r#""2026-11-30""#, &day);
    travels(&noon, r#""12:00:01.25""#, &clock);
    travels(&both, r#""2026-11-30 12:00:01.25""#, &whole);
    let east = time::UtcOffset::from_hms(1, 0, 0).expect("an offset");
    travels(
        &both.assume_offset(east),
        r#""2026-11-30 12:00:01.25 +01:00:00""#,
        &[&whole[..], &[1, 0, 0]].concat(),
    );
    travels(
        &time::UtcDateTime::new(date, noon),
        r#""2026-11-30 12:00:01.25""#,
        &whole,
    );
    travels(
        &time::Duration::milliseconds(-1500),
        r#""-1.500000000""#,
        &[1, 0xff, 0x93, 0xeb, 0xdc, 3],
    );
    // Where it isn't the whole payload, and where an enum's tag comes before it.
    let within = vec![Some((date, Moment::Then(both.assume_utc())))];
    travels(
        &within,
        r#"[["2026-11-30",{"type":"Then","at":"2026-11-30 12:00:01.25 +00:00:00"}]]"#,
        &[&[1, 1][..], &day, &[1], &whole, &[0, 0, 0]].concat(),
    );
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Shape)]
#[serde(tag = "type", content = "at")]
enum Moment {
    Never,
    Then(time::OffsetDateTime),
}

#[test]
fn what_is_no_time_is_refused() {
    for json in [r#""2026-02-30""#, r#""""#, "0", "[2026,1]", "null"] {
        json_refuses::<time::Date>(json);
    }
    json_refuses::<time::OffsetDateTime>(r#""2026-11-30 24:00:00.0 +00:00:00""#);
    json_refuses::<time::Duration>(r#""9223372036854775808.0""#);
    postcard_refuses::<time::Date>(&[0xd4, 0x1f, 0]);
    postcard_refuses::<time::Date>(&[0xff, 0xff, 0xff, 0xff, 0x0f, 1]);
    postcard_refuses::<time::Time>(&[24, 0, 0, 0]);
    // Nothing but the tag says what the content is.
    let early = Format::Json.decode::<Moment>(br#"{"at":"2026-11-30","type":"Then"}"#);
    assert!(matches!(early, Err(DecodeError::ContentFirst)), "{early:?}");
}

/// Each computed by a second implementation, from the documentation alone.
#[test]
fn their_fingerprints_stay() {
    #[track_caller]
    fn is<T: Shape>(expected: &str) {
        assert_eq!(Fingerprint::of(T::SHAPE).to_string(), expected);
    }
    is::<Duration>("15fe2a65dc533d50");
    is::<SystemTime>("431f44430d743eaa");
    is::<Cow<'static, str>>("6341fb446f175638");
    is::<IpAddr>("20eee102afe5c9f5");
    is::<Ipv4Addr>("3600a830ec6006f1");
    is::<Ipv6Addr>("1e0ae2db84250963");
    is::<SocketAddr>("c0ee37a2e0281f60");
    is::<SocketAddrV4>("c0e6a89a594d8e9f");
    is::<SocketAddrV6>("8e5c4eb2a19c4e3e");
    is::<Uuid>("d5719aad96b3a6cb");
    is::<DateTime<Utc>>("cd7b015729376633");
    is::<DateTime<FixedOffset>>("af68fef667d25857");
    is::<NaiveDate>("c1588d85ecc5b0fa");
    is::<NaiveDateTime>("be987ae925b5c047");
    is::<NaiveTime>("27d5822371dad6b2");
    is::<TimeDelta>("47677f67ac7eea28");
    is::<time::Date>("c08700f2daf2017c");
    is::<time::Duration>("3e018c0dc537448a");
    is::<time::OffsetDateTime>("e495510f9a88ddce");
    is::<time::PrimitiveDateTime>("0f3e738b12f542aa");
    is::<time::Time>("fdc100cacb9fcd65");
    is::<time::UtcDateTime>("2cb927b244956108");
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, Topic)]
#[topic(item = String)]
struct Room {
    id: Uuid,
    from: IpAddr,
    day: NaiveDate,
    length: Duration,
}

#[test]
fn what_has_one_form_may_be_a_key() {
    let id = Uuid::nil();
    travels(
        &BTreeMap::from([(id, 1_u8)]),
        r#"{"00000000-0000-0000-0000-000000000000":1}"#,
        &[&[1, 16][..], id.as_bytes(), &[1]].concat(),
    );
    travels(
        &BTreeMap::from([(IpAddr::V4(Ipv4Addr::LOCALHOST), 1_u8)]),
        r#"{"127.0.0.1":1}"#,
        &[1, 0, 127, 0, 0, 1, 1],
    );
    let day = time::Date::from_ordinal_date(2026, 334).expect("a date");
    travels(
        &BTreeMap::from([(day, NaiveTime::MIN)]),
        r#"{"2026-11-30":"00:00:00"}"#,
        &[&[1, 0xd4, 0x1f, 0xce, 2, 8][..], b"00:00:00"].concat(),
    );
    let room = Room {
        id,
        from: Ipv4Addr::LOCALHOST.into(),
        day: NaiveDate::MIN,
        length: Duration::from_secs(1),
    };
    let bytes = Format::Postcard.encode(&room, LIMIT).expect("encodable");
    let back: Room = Format::Postcard.decode(&bytes).expect("what we wrote");
    assert_eq!(back, room);
}
