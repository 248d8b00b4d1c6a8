//! Prints the TypeScript types of the kinds that an application declares with [`kinds!`](twinwire::kinds).
//!
//! It reads the descriptors that the derives write ([`twinwire::shape`]): no source files, no compiler
//! plugin. Call it from a test or a build script of the application's, for debug and release alike.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use twinwire::{Call, Kinds, Shape, kinds};
//! use twinwire_typescript::{Options, generate};
//!
//! /// Greets somebody.
//! #[derive(Serialize, Deserialize, Call)]
//! #[call(reply = Greeting)]
//! struct Greet {
//!     name: String,
//! }
//!
//! #[derive(Serialize, Deserialize, Shape)]
//! struct Greeting {
//!     text: Option<String>,
//! }
//!
//! const KINDS: Kinds = kinds![Greet];
//!
//! let file = generate(&KINDS, &Options::default())?;
//! assert!(file.contains("export interface Greet {\n  name: string;\n}"));
//! assert!(file.contains("export const Greet: CallKind<Greet, Greeting, never> = {"));
//! # Ok::<(), twinwire_typescript::Error>(())
//! ```
//!
//! # What becomes of a type
//!
//! The file has what clients in JavaScript send and get: the payloads in JSON (PROTOCOL.md, "Payloads").
//!
//! | Rust | TypeScript |
//! |---|---|
//! | integers of up to 32 bits, floats | `number` |
//! | integers of 64 and 128 bits | `U64`, `I64`, `U128`, `I128`: decimal strings; [`bigint`](Options::bigint) on demand |
//! | `String`, `char` | `string` |
//! | [`Bytes`](twinwire::Bytes) | `Base64`, a string |
//! | `()`, unit structs | `null` |
//! | `Option<T>` | `T \| null` |
//! | `Vec<T>`, sets | `T[]` |
//! | arrays, tuples, structs with unnamed fields | `[A, B]` |
//! | maps | `{ [key: string]: T }`, whatever integers or strings the keys are |
//! | structs | interfaces |
//! | structs with a single unnamed field | the field's type under another name |
//! | enums | unions, as serde's external or adjacent tagging writes them |
//! | `Descriptor::Foreign` | what [`Options::foreign`] says; else `string` for times, addresses and ids of the crates that Twinwire knows, `unknown` for others |
//!
//! A field with serde's `default` is optional (`name?: T`): whoever sends it may leave it out. Rust always writes
//! it. As a kind can be sent by either end, the type is the same for both.
//!
//! In JSON an adjacently tagged enum's tag comes before its content, so write it first in an object literal.
//!
//! Types keep their names, or get what serde's `rename` calls them. A generic type's name has its arguments'
//! behind it: `Page<Line>` is `Page_Line`. Two types of one name are one in the file if they look alike there; else
//! one of them has to be renamed.

//!
//! # Keeping the file
//!
//! Commit it among the sources of the JavaScript, and let a test in the crate of the kinds hold it:
//!
//! ```no_run
//! # use twinwire::{Kinds, kinds};
//! # const KINDS: Kinds = kinds![];
//! #[test]
//! fn the_types_are_those_of_the_kinds() {
//!     let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../web/src/kinds.ts");
//!     let types = twinwire_typescript::generate(&KINDS, &Default::default()).expect("names of their own");
//!     if std::env::var_os("WRITE_TYPES").is_some() {
//!         std::fs::write(file, &types).expect("the folder is there");
//!     }
//!     let committed = std::fs::read_to_string(file).unwrap_or_default();
//!     assert!(committed == types, "{file} is stale: run this test with WRITE_TYPES=1");
//! }
//! ```

#![forbid(unsafe_code)]

mod codec;
mod file;
mod text;
mod types;

use thiserror::Error;
use twinwire::Kinds;

/// The form of the printed file. The default has 64-bit integers as strings and no outlines.
#[derive(Clone, Debug, Default)]
pub struct Options {
    bigint: bool,
    outlines: bool,
    foreign: Vec<(String, String)>,
}

impl Options {
    /// Makes integers of 64 and 128 bits `bigint`. Each kind that carries any gets a codec, which the file then
    /// brings along, in ECMAScript 2022. The keys of maps stay strings. A codec doesn't know an integer's bounds: Rust
    /// refuses one that is beyond them. Default: they are branded decimal strings.
    #[must_use]
    pub fn bigint(mut self, bigint: bool) -> Self {
        self.bigint = bigint;
        self
    }

    /// Gives each kind its outline, of which the other end explains a mismatch. That is for development: the
    /// file grows by a line for each field. Default: false.
    #[must_use]
    pub fn outlines(mut self, outlines: bool) -> Self {
        self.outlines = outlines;
        self
    }

    /// Says what [`Descriptor::Foreign`](twinwire::shape::Descriptor::Foreign) types of this name are in
    /// TypeScript, as `string`.
    #[must_use]
    pub fn foreign(mut self, name: &str, typescript: &str) -> Self {
        self.foreign.push((name.to_owned(), typescript.to_owned()));
        self
    }
}

/// The file can't be made.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// Two types that differ would have one name. Rename one of them.
    #[error(
        "two types would be called `{name}`, one of {first} and one of {second}: give one another name by \
         #[serde(rename = \"…\")]"
    )]
    NameTaken {
        /// The name in TypeScript.
        name: String,
        /// The module of the type that came first.
        first: String,
        /// The module of the other.
        second: String,
    },
    /// A name that TypeScript or the file itself needs, or that is no identifier. Rename the type.
    #[error(
        "`{name}` of {module} can't be declared in the file: give it another name by #[serde(rename = \"…\")]"
    )]
    NameUnusable {
        /// The name in TypeScript.
        name: String,
        /// The module of the type.
        module: String,
    },
    /// A type that contains itself has no name. Derive its `Shape`, or wrap its descriptor in
    /// [`Descriptor::Named`](twinwire::shape::Descriptor::Named).
    #[error("a type in the kind `{kind}` contains itself and has no name: derive its `Shape`")]
    Nameless {
        /// The kind's name on the wire.
        kind: String,
    },
    /// The table has no shapes: it was compiled for WebAssembly without debug assertions. Compile for the host.
    #[error("the kind `{kind}` has no shapes: call the generator on the host, not in WebAssembly")]
    ShapesMissing {
        /// The kind's name on the wire.
        kind: String,
    },
}

/// Prints the TypeScript file of these kinds.
///
/// # Errors
/// See [`enum@Error`].
pub fn generate(kinds: &Kinds, options: &Options) -> Result<String, Error> {
    file::print(kinds, options)
}
