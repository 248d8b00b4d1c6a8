//! Files of kinds that have every form, and what can't be printed.

mod greet;
mod kinds;
#[path = "../../protocol/tests/vectors/kinds.rs"]
mod vectors;

use serde::{Deserialize, Serialize};
use twinwire::shape::Descriptor;
use twinwire::{Call, Event, Shape, Topic, kinds as table};
use twinwire_typescript::{Error, Options, generate};

fn options() -> Options {
    Options::default().foreign("celsius", "string")
}

fn check(committed: &str, printed: &str, file: &str) {
    assert!(
        committed == printed,
        "{file} is stale: `cargo xtask types` writes it anew"
    );
}

#[test]
fn the_committed_types_are_those_of_the_kinds() {
    let printed = generate(&kinds::KINDS, &options()).expect("names of their own");
    let committed = include_str!("../../npm/test/kinds.ts");
    check(committed, &printed, "npm/test/kinds.ts");
}

#[test]
fn the_committed_types_are_those_of_the_readme() {
    let printed = generate(&greet::KINDS, &Options::default()).expect("names of their own");
    let committed = include_str!("../../npm/test/greet.ts");
    check(committed, &printed, "npm/test/greet.ts");
}

#[test]
fn the_committed_types_with_bigint_are_those_of_the_kinds() {
    let options = options().bigint(true).outlines(true);
    let printed = generate(&kinds::KINDS, &options).expect("names of their own");
    let committed = include_str!("../../npm/test/kinds-bigint.ts");
    check(committed, &printed, "npm/test/kinds-bigint.ts");
}

#[test]
fn the_committed_types_are_those_of_the_golden_vectors() {
    let options = Options::default().bigint(true);
    let printed = generate(&vectors::KINDS, &options).expect("names of their own");
    let committed = include_str!("../../npm/test/vectors.ts");
    check(committed, &printed, "npm/test/vectors.ts");
}

/// They are decoded on the way, and TypeScript's compiler looks at the file.
#[test]
fn the_committed_samples_are_what_rust_writes() {
    let committed = include_str!("../../npm/test/samples/samples.ts");
    check(
        committed,
        &kinds::samples_file(),
        "npm/test/samples/samples.ts",
    );
}

#[test]
fn foreign_types_are_unknown_unless_told() {
    let printed = generate(&kinds::KINDS, &Options::default()).expect("names of their own");
    assert!(printed.contains("Measure: CallKind<Measure, [unknown, unknown][], never>"));
}

#[derive(Serialize, Deserialize)]
struct Uuid(String);

impl Shape for Uuid {
    const SHAPE: &'static Descriptor = &Descriptor::Foreign {
        name: "uuid::Uuid",
        version: 1,
        key: false,
    };
}

#[derive(Serialize, Deserialize, Topic)]
#[topic(item = u64)]
struct Counter {
    name: String,
}

#[derive(Serialize, Deserialize, Call)]
#[call(reply = Uuid)]
struct Identify {}

#[test]
fn foreign_types_that_are_text_in_json_are_strings() {
    let printed = generate(&table![Identify], &Options::default()).expect("names of their own");
    assert!(printed.contains("Identify: CallKind<Identify, string, never>"));
}

/// TypeScript would find fault with a constant that nobody uses.
#[test]
fn no_decoders_are_printed_for_types_without_a_name() {
    let printed = generate(&table![Counter], &options().bigint(true)).expect("names of their own");
    assert!(printed.contains("item: { encode, decode: decode.integer }"));
    assert!(!printed.contains("decoders"));
}

#[test]
fn no_codec_is_printed_where_there_are_no_wide_integers() {
    let printed = generate(&table![One], &options().bigint(true)).expect("names of their own");
    assert!(!printed.contains("codec") && !printed.contains("encode"));
}

mod ours {
    use super::*;

    #[derive(Serialize, Deserialize, Shape)]
    pub(crate) struct Item {
        a: u8,
    }
}

mod theirs {
    use super::*;

    #[derive(Serialize, Deserialize, Shape)]
    pub(crate) struct Item {
        a: String,
    }

    #[derive(Serialize, Deserialize, Shape)]
    #[serde(rename = "TheirItem")]
    pub(crate) struct Renamed {
        a: String,
    }
}

#[derive(Serialize, Deserialize, Call)]
#[call(reply = ours::Item, error = theirs::Item)]
struct Clash;

#[derive(Serialize, Deserialize, Call)]
#[call(reply = ours::Item, error = theirs::Renamed)]
struct Mended;

#[test]
fn two_types_of_one_name_are_refused_until_one_is_renamed() {
    let place = |module| format!("{}::{module}", module_path!());
    let taken = Error::NameTaken {
        name: "Item".to_owned(),
        first: place("ours"),
        second: place("theirs"),
    };
    assert_eq!(generate(&table![Clash], &options()), Err(taken));
    let printed = generate(&table![Mended], &options()).expect("names of their own");
    assert!(printed.contains("Mended: CallKind<Mended, Item, TheirItem>"));
}

mod again {
    use super::*;

    #[derive(Serialize, Deserialize, Event)]
    #[event(name = "again")]
    pub(crate) struct One {
        a: u8,
    }
}

#[derive(Serialize, Deserialize, Event)]
struct One {
    a: u8,
}

#[test]
fn two_kinds_of_one_type_name_are_refused_though_their_types_are_alike() {
    let taken = Error::NameTaken {
        name: "One".to_owned(),
        first: module_path!().to_owned(),
        second: format!("{}::again", module_path!()),
    };
    let printed = generate(&table![One, again::One], &options());
    assert_eq!(printed, Err(taken));
}

#[test]
fn names_that_the_file_needs_are_refused() {
    #[derive(Serialize, Deserialize, Event)]
    #[serde(rename = "CallKind")]
    struct Import {}

    #[derive(Serialize, Deserialize, Event)]
    #[serde(rename = "two words")]
    struct Words {}

    for (table, name) in [(table![Import], "CallKind"), (table![Words], "two words")] {
        let unusable = Error::NameUnusable {
            name: name.to_owned(),
            module: module_path!().to_owned(),
        };
        assert_eq!(generate(&table, &options()), Err(unusable));
    }
}

/// A list that nobody gave a name.
#[derive(Serialize, Deserialize)]
struct Nameless(Vec<Nameless>);

impl Shape for Nameless {
    const SHAPE: &'static Descriptor =
        &Descriptor::Recursive(&Descriptor::Sequence(&Descriptor::Reference));
}

#[derive(Serialize, Deserialize, Event)]
struct Holder {
    list: Nameless,
}

#[test]
fn a_type_that_contains_itself_needs_a_name() {
    let nameless = Error::Nameless {
        kind: "Holder".to_owned(),
    };
    assert_eq!(generate(&table![Holder], &options()), Err(nameless));
}
