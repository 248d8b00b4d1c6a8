//! Kinds that have every form a type can have, and samples of what they carry.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use serde::{Deserialize, Serialize};
use twinwire::shape::Descriptor;
use twinwire::{Bytes, Call, Event, Format, Kinds, Payload, Shape, Topic, kinds};

pub(crate) const KINDS: Kinds = kinds![Store, Watch, Moved, Board, Ping, Object, Measure];

/// Stores a profile.
///
/// It is kept */ for good.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Call)]
#[call(reply = Page<Profile>, error = StoreError)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Store {
    /// The profile.
    pub(crate) profile: Profile,
    /// How often to try.
    #[serde(default)]
    pub(crate) max_tries: Option<u8>,
    #[serde(rename = "a-b")]
    pub(crate) hyphen: [u16; 3],
    #[serde(skip)]
    pub(crate) left_out: u8,
}

/// Somebody.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Shape)]
pub(crate) struct Profile {
    pub(crate) id: UserId,
    pub(crate) balance: i128,
    pub(crate) level: f32,
    pub(crate) initial: char,
    pub(crate) picture: Bytes,
    pub(crate) tags: BTreeSet<String>,
    pub(crate) scores: BTreeMap<u64, Vec<Option<i64>>>,
    pub(crate) place: (f64, f64),
    pub(crate) verified: bool,
    pub(crate) nothing: (),
    pub(crate) friends: Vec<Contact>,
}

/// A number, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Shape)]
pub(crate) struct UserId(pub(crate) u64);

/// One page of many.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Shape)]
pub(crate) struct Page<T> {
    /// What is on it.
    pub(crate) items: Vec<T>,
    pub(crate) next: Option<u32>,
}

/// How somebody is reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Shape)]
#[serde(tag = "type", content = "at", rename_all = "snake_case")]
pub(crate) enum Contact {
    /// By letter.
    Letter(Vec<String>),
    ByPhone(u64, Option<u16>),
    /// Not at all.
    Hidden,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Shape)]
pub(crate) enum StoreError {
    Full {
        /// The most profiles.
        limit: u64,
    },
    Conflict(UserId),
    Pair(u8, i64),
    #[serde(rename = "read-only")]
    ReadOnly,
    Nothing {},
}

/// Watches a tree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Call)]
#[call(stream = Tree, name = "tree.watch")]
pub(crate) struct Watch {
    pub(crate) root: Node<Option<Box<Watch>>>,
}

/// A tree of numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Shape)]
pub(crate) struct Tree {
    pub(crate) value: u64,
    pub(crate) children: Vec<Tree>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Shape)]
pub(crate) struct Node<T> {
    pub(crate) inner: T,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Event)]
pub(crate) struct Moved(pub(crate) Point, pub(crate) Point);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Shape)]
pub(crate) struct Point {
    pub(crate) x: i32,
    pub(crate) y: i32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Topic)]
#[topic(item = Result<u64, String>)]
pub(crate) struct Board {
    pub(crate) id: u128,
}

/// Carries nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Call)]
pub(crate) struct Ping;

/// Has no fields, and the name of a global of JavaScript's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Event)]
pub(crate) struct Object {}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Call)]
#[call(reply = Vec<(Celsius, Celsius)>)]
pub(crate) struct Measure {
    pub(crate) from: Celsius,
}

/// A foreign type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Celsius(String);

impl Shape for Celsius {
    const SHAPE: &'static Descriptor = &Descriptor::Foreign {
        name: "celsius",
        version: 1,
        key: false,
    };
}

/// A value as Rust writes it, or as somebody else may.
pub(crate) struct Sample {
    /// What it is called in TypeScript.
    pub(crate) name: &'static str,
    /// Its type in TypeScript.
    pub(crate) type_name: &'static str,
    /// The JSON.
    pub(crate) json: String,
}

/// What Rust writes for a value, which is what it reads.
fn written<T: Payload + Debug + PartialEq>(
    name: &'static str,
    type_name: &'static str,
    value: &T,
) -> Sample {
    let json = Format::Json.encode(value, 4096).expect("a short value");
    let json = String::from_utf8(json).expect("JSON is UTF-8");
    read(name, type_name, &json, value)
}

/// What Rust reads as this value.
fn read<T: Payload + Debug + PartialEq>(
    name: &'static str,
    type_name: &'static str,
    json: &str,
    value: &T,
) -> Sample {
    let read: T = Format::Json
        .decode(json.as_bytes())
        .expect("it is of the type");
    assert_eq!(read, *value);
    Sample {
        name,
        type_name,
        json: json.to_owned(),
    }
}

fn profile(friends: Vec<Contact>) -> Profile {
    Profile {
        id: UserId(u64::MAX),
        balance: i128::MIN,
        level: 0.5,
        initial: 'é',
        picture: Bytes(vec![0, 255, 7]),
        tags: BTreeSet::from(["a".to_owned(), "b".to_owned()]),
        scores: BTreeMap::from([(u64::MAX, vec![Some(-1), None])]),
        place: (1.25, -0.5),
        verified: true,
        nothing: (),
        friends,
    }
}

/// Samples of all forms. Each is decoded here to the value that it stands for.
pub(crate) fn samples() -> Vec<Sample> {
    let friends = vec![
        Contact::Letter(vec!["1 Main Street".to_owned()]),
        Contact::ByPhone(4_912_345, None),
        Contact::Hidden,
    ];
    let store = |max_tries| Store {
        profile: profile(friends.clone()),
        max_tries,
        hyphen: [1, 2, 3],
        left_out: 0,
    };
    let page = Page {
        items: vec![profile(Vec::new())],
        next: Some(2),
    };
    let leaf = |value| Tree {
        value,
        children: Vec::new(),
    };
    let tree = Tree {
        value: 1,
        children: vec![leaf(2), leaf(u64::MAX)],
    };
    let watch = |inner| Watch {
        root: Node { inner },
    };
    let board = Board { id: u128::MAX };
    let whole = written("store", "Store", &store(Some(3)));
    let without = whole.json.replace("\"maxTries\":3,", "");
    vec![
        read("storeWithoutTries", "Store", &without, &store(None)),
        whole,
        written("page", "Page_Profile", &page),
        written("full", "StoreError", &StoreError::Full { limit: 1 }),
        written("conflict", "StoreError", &StoreError::Conflict(UserId(7))),
        written("pair", "StoreError", &StoreError::Pair(1, -1)),
        written("readOnly", "StoreError", &StoreError::ReadOnly),
        written("nothing", "StoreError", &StoreError::Nothing {}),
        written("watch", "Watch", &watch(Some(Box::new(watch(None))))),
        written("tree", "Tree", &tree),
        written(
            "moved",
            "Moved",
            &Moved(Point { x: 1, y: 2 }, Point { x: 3, y: 4 }),
        ),
        written("board", "Board", &board),
        written("ping", "Ping", &Ping),
        written("object", "Object", &Object {}),
        written(
            "measure",
            "Measure",
            &Measure {
                from: Celsius("20".to_owned()),
            },
        ),
    ]
}

/// The samples as TypeScript: JSON is a part of it.
pub(crate) fn samples_file() -> String {
    let samples = samples();
    let mut names: Vec<&str> = samples.iter().map(|sample| sample.type_name).collect();
    names.sort_unstable();
    names.dedup();
    let mut file = String::from(
        "// Generated from samples of the Rust types: what Rust writes or reads. Do not edit.\n",
    );
    file += &format!(
        "import type {{ {} }} from \"../kinds.js\";\n",
        names.join(", ")
    );
    for Sample {
        name,
        type_name,
        json,
    } in samples
    {
        file += &format!("\nexport const {name}: {type_name} = {json};\n");
    }
    file
}
