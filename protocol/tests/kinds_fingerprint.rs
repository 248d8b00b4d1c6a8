//! What changes a fingerprint, and what doesn't.

// Only the shapes matter here; no value of these types is ever made.
#![expect(dead_code, reason = "only the shapes are used")]

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use serde::{Deserialize, Serialize};
use twinwire::shape::Descriptor;
use twinwire::{Bytes, Call, Class, Event, Fingerprint, Kind, Never, Shape};

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn of<T: Shape>() -> Fingerprint {
    Fingerprint::of(T::SHAPE)
}

/// A fingerprint of the struct or enum given as source.
macro_rules! of {
    ($(#[$attribute:meta])* struct $($rest:tt)*) => {{
        #[derive(Serialize, Deserialize, Shape)]
        $(#[$attribute])*
        struct $($rest)*
        of_item!($($rest)*)
    }};
    ($(#[$attribute:meta])* enum $($rest:tt)*) => {{
        #[derive(Serialize, Deserialize, Shape)]
        $(#[$attribute])*
        enum $($rest)*
        of_item!($($rest)*)
    }};
}

macro_rules! of_item {
    ($name:ident $($rest:tt)*) => {
        Fingerprint::of(<$name as Shape>::SHAPE)
    };
}

#[test]
fn the_algorithm_is_the_same_on_every_machine() {
    assert_eq!(of::<()>().to_string(), UNIT);
    assert_eq!(Join::FINGERPRINT.to_string(), JOIN);
    assert_eq!(
        Fingerprint::from_bytes(Join::FINGERPRINT.to_bytes()),
        Join::FINGERPRINT
    );
}

/// Both computed by a second implementation, from the documentation alone.
const UNIT: &str = "39b630c6f8c5cecf";
const JOIN: &str = "343b3ff4e4a18f8c";

#[derive(Serialize, Deserialize, Call)]
#[call(reply = Vec<String>, error = JoinError)]
struct Join {
    room: String,
    name: String,
}

#[derive(Serialize, Deserialize, Shape)]
enum JoinError {
    NameTaken,
    Full { members: u32 },
}

#[test]
fn names_of_types_do_not_count() {
    assert_eq!(
        of!(
            struct One {
                a: u8,
            }
        ),
        of!(
            struct Two {
                a: u8,
            }
        )
    );
    assert_eq!(
        of!(
            struct One(u8);
        ),
        of::<u8>()
    );
    assert_eq!(
        of!(
            #[serde(transparent)]
            struct One {
                a: u8,
            }
        ),
        of::<u8>()
    );
    assert_eq!(
        of!(
            struct One(u8, u16);
        ),
        of::<(u8, u16)>()
    );
    assert_eq!(
        of!(
            #[serde(rename = "Else")]
            struct One {
                a: u8,
            }
        ),
        of!(
            struct One {
                a: u8,
            }
        )
    );
    assert_eq!(
        of!(
            /// With documentation.
            struct One {
                /// Here too.
                a: u8,
            }
        ),
        of!(
            struct One {
                a: u8,
            }
        )
    );
}

#[test]
fn collections_of_one_form_are_alike() {
    let sequence = of::<Vec<u8>>();
    assert_eq!(of::<VecDeque<u8>>(), sequence);
    assert_eq!(of::<HashSet<u8>>(), sequence);
    assert_eq!(of::<BTreeSet<u8>>(), sequence);
    assert_eq!(of::<Box<[u8]>>(), sequence);
    assert_eq!(of::<HashMap<u8, u8>>(), of::<BTreeMap<u8, u8>>());
    assert_eq!(of::<Box<u8>>(), of::<u8>());
    assert_eq!(of::<Box<str>>(), of::<String>());
}

#[test]
fn forms_that_differ_have_fingerprints_that_differ() {
    let all = [
        of::<bool>(),
        of::<u8>(),
        of::<u16>(),
        of::<u32>(),
        of::<u64>(),
        of::<u128>(),
        of::<i8>(),
        of::<i16>(),
        of::<i32>(),
        of::<i64>(),
        of::<i128>(),
        of::<f32>(),
        of::<f64>(),
        of::<char>(),
        of::<String>(),
        of::<Bytes>(),
        of::<()>(),
        of::<Never>(),
        of::<Option<u8>>(),
        of::<Vec<u8>>(),
        of::<[u8; 3]>(),
        of::<[u8; 4]>(),
        of::<(u8,)>(),
        of::<(u8, u8, u8)>(),
        of::<((u8, u8), u8)>(),
        of::<(u8, (u8, u8))>(),
        of::<BTreeMap<u8, u16>>(),
        of::<BTreeMap<u16, u8>>(),
        of::<Result<u8, u16>>(),
        of::<Result<u16, u8>>(),
        Fingerprint::of(&Descriptor::Foreign {
            name: "uuid",
            version: 1,
            key: false,
        }),
        Fingerprint::of(&Descriptor::Foreign {
            name: "uuid",
            version: 2,
            key: false,
        }),
        Fingerprint::of(&Descriptor::Foreign {
            name: "date",
            version: 1,
            key: false,
        }),
    ];
    assert_eq!(HashSet::from(all).len(), all.len());
}

/// Each item in its own braces; their fingerprints differ from one another.
macro_rules! all_differ {
    ($({ $($item:tt)* })*) => {
        let all = [$(of!($($item)*)),*];
        assert_eq!(HashSet::from(all).len(), all.len());
    };
}

#[test]
fn every_part_of_a_struct_counts() {
    all_differ! {
        { struct S { a: u8, b: u16 } }
        { struct S { b: u16, a: u8 } }
        { struct S { a: u8, c: u16 } }
        { struct S { a: u8, b: u32 } }
        { struct S { a: u8 } }
        { struct S { ab: u8 } }
        { struct S { a: u8, #[serde(default)] b: u16 } }
        { #[serde(deny_unknown_fields)] struct S { a: u8, b: u16 } }
        { #[serde(rename_all = "UPPERCASE")] struct S { a: u8, b: u16 } }
        { struct S {} }
        { struct S(); }
        { struct S; }
    }
}

#[test]
fn a_skipped_field_does_not_count() {
    assert_eq!(
        of!(
            struct S {
                a: u8,
                #[serde(skip)]
                b: u16,
            }
        ),
        of!(
            struct S {
                a: u8,
            }
        )
    );
    assert_eq!(
        of!(
            struct S(u8, #[serde(skip)] u16, u32);
        ),
        of::<(u8, u32)>()
    );
}

#[test]
fn every_part_of_an_enum_counts() {
    all_differ! {
        { enum E { A, B } }
        { enum E { B, A } }
        { enum E { A } }
        { enum E { A, C } }
        { enum E { A, B(u8) } }
        { enum E { A, B((u8,)) } }
        { enum E { A, B(u8, u8) } }
        { enum E { A, B((u8, u8)) } }
        { enum E { A, B() } }
        { enum E { A, B {} } }
        { enum E { A, B { a: u8 } } }
        { enum E { A, B { b: u8 } } }
        { enum E { A, B { #[serde(default)] a: u8 } } }
        { #[serde(deny_unknown_fields)] enum E { A, B { a: u8 } } }
        { #[serde(tag = "t", content = "c")] enum E { A, B } }
        { #[serde(tag = "t", content = "d")] enum E { A, B } }
        { #[serde(tag = "u", content = "c")] enum E { A, B } }
    }
}

/// One kind in two versions that differ in one field, three levels down.
mod deep {
    macro_rules! version {
        ($version:ident, $leaf:ty) => {
            pub(super) mod $version {
                use serde::{Deserialize, Serialize};
                use twinwire::{Call, Shape};

                #[derive(Serialize, Deserialize, Call)]
                #[call(reply = Top)]
                pub(crate) struct Fetch;

                #[derive(Serialize, Deserialize, Shape)]
                pub(crate) struct Top {
                    parts: Vec<Middle>,
                }

                #[derive(Serialize, Deserialize, Shape)]
                enum Middle {
                    Some { inner: Option<Bottom> },
                }

                #[derive(Serialize, Deserialize, Shape)]
                struct Bottom {
                    leaf: $leaf,
                }
            }
        };
    }

    version!(one, u32);
    version!(same, u32);
    version!(other, u64);
}

#[test]
fn one_field_three_levels_down_changes_the_kind() {
    assert_eq!(
        deep::one::Fetch::FINGERPRINT,
        deep::same::Fetch::FINGERPRINT
    );
    assert_ne!(
        deep::one::Fetch::FINGERPRINT,
        deep::other::Fetch::FINGERPRINT
    );
}

#[test]
fn name_request_reply_and_error_of_a_call_count() {
    let (a, b) = (u8::SHAPE, u16::SHAPE);
    let all = [
        Fingerprint::of_kind(Class::Call, "Join", &[a, a, a]),
        Fingerprint::of_kind(Class::Call, "Joins", &[a, a, a]),
        Fingerprint::of_kind(Class::Call, "Join", &[b, a, a]),
        Fingerprint::of_kind(Class::Call, "Join", &[a, b, a]),
        Fingerprint::of_kind(Class::Call, "Join", &[a, a, b]),
        Fingerprint::of_kind(Class::Stream, "Join", &[a, a, a]),
        Fingerprint::of_kind(Class::Event, "Join", &[a]),
    ];
    assert_eq!(HashSet::from(all).len(), all.len());
}

#[test]
fn a_call_is_named_after_its_type_unless_told() {
    #[derive(Serialize, Deserialize, Call)]
    struct Plain;

    #[derive(Serialize, Deserialize, Call)]
    #[call(name = "room.join")]
    struct Told;

    assert_eq!(Plain::NAME, "Plain");
    assert_eq!(Told::NAME, "room.join");
    let expected = Fingerprint::of_kind(
        Class::Call,
        "Plain",
        &[<()>::SHAPE, <()>::SHAPE, Never::SHAPE],
    );
    assert_eq!(Plain::FINGERPRINT, expected);
}

#[test]
fn a_type_that_contains_itself_is_hashed_as_a_reference() {
    #[derive(Serialize, Deserialize, Shape)]
    struct Tree {
        children: Vec<Tree>,
    }

    #[derive(Serialize, Deserialize, Shape)]
    struct Grove {
        children: Vec<Self>,
    }

    #[derive(Serialize, Deserialize, Shape)]
    struct Labelled<T> {
        label: T,
        children: Vec<Labelled<T>>,
    }

    #[derive(Serialize, Deserialize, Shape)]
    struct Forest {
        children: Vec<Tree>,
    }

    let Descriptor::Recursive(Descriptor::Struct { fields, .. }) = Tree::SHAPE.unnamed() else {
        panic!("{:?}", Tree::SHAPE)
    };
    assert_eq!(
        *fields[0].shape,
        Descriptor::Sequence(&Descriptor::Reference)
    );
    assert_eq!(of::<Tree>(), of::<Grove>());
    assert_ne!(of::<Tree>(), of::<Forest>());
    assert_ne!(of::<Tree>(), of::<Labelled<u8>>());
    assert_ne!(of::<Labelled<u16>>(), of::<Labelled<u8>>());
}

#[test]
fn a_reference_tells_which_type_it_means() {
    #[derive(Serialize, Deserialize, Shape)]
    struct List(Vec<List>);

    #[derive(Serialize, Deserialize, Shape)]
    struct Inner {
        list: List,
    }

    #[derive(Serialize, Deserialize, Shape)]
    struct Outer {
        list: Vec<Outer>,
    }

    assert_ne!(of::<Inner>(), of::<Outer>());
}

#[test]
fn streams_and_events_are_kinds_of_their_own_class() {
    #[derive(Serialize, Deserialize, Call)]
    #[call(stream = u8)]
    struct Count {}

    #[derive(Serialize, Deserialize, Event)]
    #[event(name = "room.typing")]
    struct Typing {}

    let shape = Count::SHAPE;
    let expected = Fingerprint::of_kind(Class::Stream, "Count", &[shape, u8::SHAPE, Never::SHAPE]);
    assert_eq!(
        (Count::CLASS, Count::FINGERPRINT),
        (Class::Stream, expected)
    );
    let expected = Fingerprint::of_kind(Class::Event, "room.typing", &[Typing::SHAPE]);
    assert_eq!(
        (Typing::CLASS, Typing::FINGERPRINT),
        (Class::Event, expected)
    );
}
