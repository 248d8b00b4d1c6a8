//! What the wire and the payloads' formats say.

use std::fmt;

use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use twinwire::frame::{FrameType, Malformed};
use twinwire::log::ItemTooLarge;
use twinwire::session::{Full, ItemRefused, State};
use twinwire::shape::{Descriptor, Shape};
use twinwire::{
    DecodeError, EncodeError, End, Format, Goodbye, GoodbyeCode, PeerMisbehaved, Refusal, SeqNo,
};
use twinwire_server::Refused;

use crate::listed::{List, listed};

/// A type whose serde implementation is the user's own, and wrong.
#[derive(Debug)]
pub(crate) struct Odd;

impl Serialize for Odd {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom("an Odd has no form"))
    }
}

impl Shape for Odd {
    const SHAPE: &'static Descriptor = u8::SHAPE;
}

impl<'de> Deserialize<'de> for Odd {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(de::Error::custom("an Odd has no form"))
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Nest(Option<Box<Nest>>);

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "t", content = "c")]
enum Tagged {
    Text(String),
}

pub(crate) fn list(list: &mut List) {
    list.heading("twinwire");
    encode(list);
    decode(list);
    session(list);
    ends(list);
    for (why, ..) in Refusal::ALL {
        let refused = Refused::new("Join", (*why).into());
        list.text(
            &format!("Refusal::{why:?}"),
            "a request",
            &refused.to_string(),
        );
    }
    let refused = Refused::new("Join", Refusal::Other(99).into());
    list.text(
        "Refusal::Other",
        "a request, by a newer peer",
        &refused.to_string(),
    );
}

fn encode(list: &mut List) {
    let error = |written: Result<Vec<u8>, _>| written.expect_err("it can't be written");
    let many = error(Format::Postcard.encode(&"x".repeat(11), 10));
    listed!(
        list,
        EncodeError::TooLarge { .. },
        "a value over the limit",
        many
    );
    let nest = (0..200).fold(Nest(None), |inner, _| Nest(Some(Box::new(inner))));
    let deep = error(Format::Postcard.encode(&nest, 1000));
    listed!(list, EncodeError::TooDeep, "a value of 200 levels", deep);
    let nan = error(Format::Json.encode(&f64::NAN, 10));
    listed!(list, EncodeError::NotFinite, "a NaN in JSON", nan);
    let odd = error(Format::Postcard.encode(&Odd, 10));
    listed!(
        list,
        EncodeError::Postcard(_),
        "a Serialize that fails",
        odd
    );
    let odd = error(Format::Json.encode(&Odd, 10));
    listed!(
        list,
        EncodeError::Json(_),
        "a Serialize that fails, in JSON",
        odd
    );
}

fn decode(list: &mut List) {
    let deep = Format::Postcard
        .decode::<Nest>(&[1; 200])
        .expect_err("deep");
    listed!(list, DecodeError::TooDeep, "a payload of 200 levels", deep);
    let trailing = Format::Postcard.decode::<u8>(&[1, 2]).expect_err("long");
    listed!(list, DecodeError::Trailing, "two bytes for one", trailing);
    let first = br#"{"c":"x","t":"Text"}"#;
    let first = Format::Json.decode::<Tagged>(first).expect_err("content");
    listed!(
        list,
        DecodeError::ContentFirst,
        "an enum's content before its tag",
        first
    );
    let bool = Format::Postcard.decode::<bool>(&[9]).expect_err("no bool");
    listed!(list, DecodeError::Postcard(_), "a bool of 9", bool);
    let number = Format::Json.decode::<u8>(b"\"x\"").expect_err("no number");
    listed!(
        list,
        DecodeError::Json(_),
        "a text for a number, in JSON",
        number
    );
}

fn session(list: &mut List) {
    listed!(list, ItemTooLarge, "a publication of 40 KiB", ItemTooLarge);
    listed!(list, Full, "a session whose send queue is full", Full);
    listed!(
        list,
        ItemRefused::Full,
        "an item behind many",
        ItemRefused::Full
    );
    listed!(
        list,
        ItemRefused::TooLarge,
        "a large item",
        ItemRefused::TooLarge
    );
    listed!(
        list,
        ItemRefused::Over,
        "an item of a stream that is over",
        ItemRefused::Over
    );
    // A user reads them as the end of a session.
    let mut misbehaved = |name: &str, fault: &dyn fmt::Debug, error| {
        let name = format!("{name}::{fault:?}");
        list.add(&name, "a message of the peer", &End::Misbehaved(error));
    };
    for malformed in MALFORMED {
        misbehaved("Malformed", &malformed, malformed.into());
    }
    for fault in MISBEHAVED {
        misbehaved("PeerMisbehaved", &fault, fault);
    }
}

const MALFORMED: [Malformed; 9] = [
    Malformed::Truncated,
    Malformed::Trailing,
    Malformed::NotMinimal,
    Malformed::TooLarge,
    Malformed::NotUtf8,
    Malformed::Meaningless,
    Malformed::OverLimit,
    Malformed::UnknownType(0x3f),
    Malformed::Text,
];

const MISBEHAVED: [PeerMisbehaved; 18] = [
    PeerMisbehaved::Malformed(Malformed::Trailing),
    PeerMisbehaved::WrongState {
        frame: FrameType::Hello,
        state: State::Open,
    },
    PeerMisbehaved::NumberSkipped {
        expected: SeqNo::FIRST,
        got: SeqNo::FIRST,
    },
    PeerMisbehaved::AckAhead,
    PeerMisbehaved::WindowOverrun,
    PeerMisbehaved::ReplyToNothing,
    PeerMisbehaved::NoSuchCall,
    PeerMisbehaved::PartOutOfPlace,
    PeerMisbehaved::ShortPart,
    PeerMisbehaved::ItemAfterReply,
    PeerMisbehaved::PayloadTooLarge,
    PeerMisbehaved::WrongClass,
    PeerMisbehaved::OtherTable,
    PeerMisbehaved::OutlineUnasked,
    PeerMisbehaved::WrongContinuity,
    PeerMisbehaved::OffsetSkipped,
    PeerMisbehaved::NoSuchTopic,
    PeerMisbehaved::KindBeyondTable,
];

fn ends(list: &mut List) {
    let closed = End::Closed(Goodbye::new(GoodbyeCode::Done, ""));
    listed!(list, End::Closed(_), "Client::close", closed);
    for (code, ..) in GoodbyeCode::ALL {
        let goodbye = End::Goodbye(Goodbye::new(*code, ""));
        let when = format!("a goodbye of code {code}");
        listed!(list, End::Goodbye(_), &when, goodbye);
    }
    let denied = End::Goodbye(Goodbye::new(GoodbyeCode::Denied, "your ticket is used up"));
    listed!(list, End::Goodbye(_), "a goodbye with a reason", denied);
    let newer = End::Goodbye(Goodbye::new(GoodbyeCode::Other(99), ""));
    listed!(list, End::Goodbye(_), "a goodbye of a newer peer", newer);
    let misbehaved = End::Misbehaved(PeerMisbehaved::Malformed(Malformed::Trailing));
    listed!(
        list,
        End::Misbehaved(_),
        "a server that isn't one",
        misbehaved
    );
    listed!(list, End::TooSlow, "no welcome in time", End::TooSlow);
    listed!(list, End::Silent, "a cable that was pulled", End::Silent);
    listed!(list, End::Lost, "a server that was killed", End::Lost);
}
