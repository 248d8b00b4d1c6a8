//! What a type looks like on the wire, as a constant the compiler knows.
//!
//! A [`Descriptor`] is a tree of what both payload formats write for a type: the names of fields
//! and variants (after serde's renames), their order and their types. Type names and doc comments
//! stand beside it ([`Descriptor::Named`]), for what prints the types in another language. A struct with
//! a single unnamed field looks like that field: neither format writes the difference. Descriptors feed
//! [`Fingerprint`]s, which pass over names and docs.
//!
//! # What the compiler refuses
//!
//! An `Option` of something that JSON writes as `null` itself:
//!
//! ```compile_fail
//! # use serde::{Deserialize, Serialize};
//! #[derive(Serialize, Deserialize, twinwire::Shape)]
//! struct Profile {
//!     nickname: Option<Option<String>>,
//! }
//! ```
//!
//! ```compile_fail
//! # use serde::{Deserialize, Serialize};
//! #[derive(Serialize, Deserialize, twinwire::Shape)]
//! struct Nested(Option<Box<Nested>>);
//! ```
//!
//! A collection of what takes no byte in postcard, as a peer could claim any number of them:
//!
//! ```compile_fail
//! # use serde::{Deserialize, Serialize};
//! #[derive(Serialize, Deserialize, twinwire::Shape)]
//! struct Ticks {
//!     all: Vec<()>,
//! }
//! ```
//!
//! Keys of maps that are neither strings nor integers, as JSON has no others:
//!
//! ```compile_fail
//! # use serde::{Deserialize, Serialize};
//! #[derive(Serialize, Deserialize, twinwire::Shape)]
//! struct Board {
//!     fields: std::collections::BTreeMap<(u8, u8), String>,
//! }
//! ```
//!
//! A type that contains itself and has more than 512 bytes, as a deep payload could overflow the
//! stack:
//!
//! ```compile_fail
//! # use serde::{Deserialize, Serialize};
//! #[derive(Serialize, Deserialize, twinwire::Shape)]
//! struct Tree {
//!     bits: [[u64; 16]; 5],
//!     children: Vec<Tree>,
//! }
//! ```
//!
//! A recursive type inside another's type parameter, where a reference could mean either:
//!
//! ```compile_fail
//! # use serde::{Deserialize, Serialize};
//! # use twinwire::Shape;
//! #[derive(Serialize, Deserialize, Shape)]
//! struct Tree<T> {
//!     value: T,
//!     children: Vec<Tree<T>>,
//! }
//!
//! #[derive(Serialize, Deserialize, Shape)]
//! struct Forest {
//!     trees: Tree<Box<Forest>>,
//! }
//! ```
//!
//! All of these with the faults mended:
//!
//! ```
//! # use serde::{Deserialize, Serialize};
//! # use twinwire::Shape;
//! # #[derive(Serialize, Deserialize, Shape)]
//! # struct Profile {
//! #     nickname: Option<String>,
//! # }
//! #[derive(Serialize, Deserialize, Shape)]
//! struct Nested {
//!     inner: Option<Box<Nested>>,
//! }
//!
//! #[derive(Serialize, Deserialize, Shape)]
//! struct Ticks {
//!     number: u32,
//! }
//!
//! #[derive(Serialize, Deserialize, Shape)]
//! struct Board {
//!     rows: std::collections::BTreeMap<u8, Vec<String>>,
//! }
//!
//! #[derive(Serialize, Deserialize, Shape)]
//! struct Tree<T> {
//!     value: T,
//!     bits: Box<[[u64; 16]; 5]>,
//!     children: Vec<Tree<T>>,
//! }
//!
//! #[derive(Serialize, Deserialize, Shape)]
//! struct Forest {
//!     trees: Vec<Tree<u8>>,
//!     inner: Vec<Forest>,
//! }
//! ```

mod check;
mod fingerprint;
mod foreign;
mod foundation;
mod outline;

pub use fingerprint::Fingerprint;
pub use outline::{Difference, outline};

/// A type whose form on the wire is known at compile time.
///
/// Derive it. Numbers, text, tuples and collections of the standard library have one; so have `Duration`,
/// `SystemTime` (from 1970 on), and the addresses of `std::net` (the flow of an IPv6 socket's address is left
/// out, in postcard its scope too). All are written as their own serde does. So are those of other crates, by a
/// feature each: `uuid::Uuid`; of `chrono` `DateTime` in `Utc` or a `FixedOffset`, `NaiveDate`, `NaiveDateTime`,
/// `NaiveTime` and `TimeDelta`; of `time` `Date`, `Duration`, `OffsetDateTime`, `PrimitiveDateTime`, `Time` and
/// `UtcDateTime`.
///
/// A hand-written implementation is a promise: `SHAPE` must say what the type's `Serialize` writes and its
/// `Deserialize` reads; for a type that does something of its own, use [`Descriptor::Foreign`] and raise
/// `version` with every change. A type of another crate goes into a struct of one field:
///
/// ```
/// use std::num::NonZeroU32;
///
/// use serde::{Deserialize, Serialize};
/// use twinwire::shape::{Descriptor, Shape};
/// use twinwire::Call;
///
/// #[derive(Serialize, Deserialize)]
/// struct Quantity(NonZeroU32);
///
/// impl Shape for Quantity {
///     const SHAPE: &'static Descriptor = &Descriptor::Foreign {
///         name: "shop.Quantity",
///         version: 1,
///         key: false,
///     };
/// }
///
/// #[derive(Serialize, Deserialize, Call)]
/// struct Order {
///     article: String,
///     quantity: Quantity,
/// }
/// ```
///
/// A `Deserialize` that takes whatever comes (`deserialize_any`) finds nothing that it can read: postcard doesn't
/// tell, and JSON has text for it only if it has asked `is_human_readable` before.
///
/// `usize` and `isize` have no shape: their width differs between a server and a browser.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no shape on the wire",
    note = "derive `twinwire::Shape` for it (`twinwire::Call` and `Event` do so too)",
    note = "instead of `usize` and `isize`, whose width differs between machines, use `u32` or `u64`",
    note = "types of the crates `chrono`, `time` and `uuid` have one by `twinwire`'s feature of that name",
    note = "wrap another crate's type in a struct of your own, and implement `Shape` by hand: see its docs"
)]
pub trait Shape {
    /// The type's form on the wire.
    const SHAPE: &'static Descriptor;
}

/// The form of one type on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Descriptor {
    /// `bool`.
    Bool,
    /// `u8`.
    U8,
    /// `u16`.
    U16,
    /// `u32`.
    U32,
    /// `u64`; in JSON a decimal string.
    U64,
    /// `u128`; in JSON a decimal string.
    U128,
    /// `i8`.
    I8,
    /// `i16`.
    I16,
    /// `i32`.
    I32,
    /// `i64`; in JSON a decimal string.
    I64,
    /// `i128`; in JSON a decimal string.
    I128,
    /// `f32`; in JSON finite only.
    F32,
    /// `f64`; in JSON finite only.
    F64,
    /// `char`; in JSON a string of one character.
    Char,
    /// UTF-8 text.
    String,
    /// Bytes in one piece ([`Bytes`](crate::Bytes)); in JSON base64.
    Bytes,
    /// Nothing at all: `()` and unit structs; in JSON `null`.
    Unit,
    /// A value or none; in JSON `null` for none.
    Option(&'static Descriptor),
    /// Any number of values of one type: `Vec`, `VecDeque`, sets.
    Sequence(&'static Descriptor),
    /// A fixed number of values of one type; no count is written.
    Array(&'static Descriptor, usize),
    /// Keys and values; keys are strings or integers (in JSON always strings).
    Map(&'static Descriptor, &'static Descriptor),
    /// A fixed list of types: tuples and structs with unnamed fields.
    Tuple(&'static [&'static Descriptor]),
    /// Named fields, in order.
    Struct {
        /// The fields that are written, skipped ones left out.
        fields: &'static [Field],
        /// True if JSON with other fields is refused (`deny_unknown_fields`).
        deny_unknown: bool,
    },
    /// One of several variants.
    Enum {
        /// The way in which JSON tells the variants apart.
        tagging: Tagging,
        /// The variants, in order: postcard writes the position.
        variants: &'static [Variant],
        /// True if JSON with other fields is refused (`deny_unknown_fields`).
        deny_unknown: bool,
    },
    /// A type that contains itself: inside, [`Descriptor::Reference`] means this type again.
    Recursive(&'static Descriptor),
    /// The innermost [`Descriptor::Recursive`] around this place.
    Reference,
    /// A type of the application's, and its form. Neither format writes its name.
    Named(&'static TypeName, &'static Descriptor),
    /// A type with a form of its own, known only by name and version.
    ///
    /// It must take at least one byte in postcard and must not be `null` in JSON.
    Foreign {
        /// A name that no other foreign type of the application has.
        name: &'static str,
        /// Raised with every change of the form.
        version: u32,
        /// True if the type may stand in a topic's key and be the key of a map: its equal values are equal
        /// bytes in postcard, and JSON writes it as a string. Not part of the fingerprint.
        key: bool,
    },
}

impl Descriptor {
    /// Returns the form without the names that the application gave it as a whole.
    pub const fn unnamed(&self) -> &Self {
        let mut shape = self;
        while let Self::Named(_, inner) = shape {
            shape = inner;
        }
        shape
    }
}

/// The name of a struct or an enum, and what its definition says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypeName {
    /// The type's name, or what serde's `rename` calls it.
    pub name: &'static str,
    /// The path of the module that defines it.
    pub module: &'static str,
    /// The doc comment, without the space that begins each line; empty without one.
    pub docs: &'static str,
    /// The types that a generic type was given, in order.
    pub arguments: &'static [&'static Descriptor],
}

/// A named field of a struct or of a struct variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The name on the wire, after renames.
    pub name: &'static str,
    /// The doc comment, as in [`TypeName`].
    pub docs: &'static str,
    /// The field's type.
    pub shape: &'static Descriptor,
    /// True if JSON may leave the field out (`default`).
    pub optional: bool,
}

/// One variant of an enum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variant {
    /// The name on the wire, after renames.
    pub name: &'static str,
    /// The doc comment, as in [`TypeName`].
    pub docs: &'static str,
    /// The content of the variant.
    pub content: Content,
}

/// The content of a [`Variant`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Nothing.
    Unit,
    /// One value.
    Newtype(&'static Descriptor),
    /// Several unnamed values.
    Tuple(&'static [&'static Descriptor]),
    /// Named fields.
    Struct(&'static [Field]),
}

/// The way in which JSON tells the variants of an enum apart. Postcard writes the variant's position in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tagging {
    /// `{"Variant": content}`, or `"Variant"` for a unit variant.
    External,
    /// `{"tag": "Variant", "content": content}` with names of the application's choice.
    Adjacent {
        /// The name of the field that holds the variant's name.
        tag: &'static str,
        /// The name of the field that holds what the variant carries.
        content: &'static str,
    },
}

/// Stands for a type inside its own definition.
///
/// The derives put it where a recursive type names itself, since a constant can't contain itself.
/// It has no values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {}

impl Shape for Reference {
    const SHAPE: &'static Descriptor = &Descriptor::Reference;
}

/// Bounds what one level of a recursive type takes of the stack; called by the derives.
///
/// Decoding holds a few copies of a value for each level, and there may be
/// [`MAX_DEPTH`](crate::MAX_DEPTH) of them.
///
/// # Panics
///
/// At compile time, for a type of more than 512 bytes.
#[doc(hidden)]
pub const fn assert_small(size: usize) {
    assert!(
        size <= 512,
        "a type that contains itself has at most 512 bytes, or a payload could overflow the stack: \
         box its largest fields"
    );
}

/// Keeps the references in a type parameter apart from a recursive generic type's own; called by
/// the derives.
///
/// # Panics
///
/// At compile time, when a type parameter's shape refers to a recursive type around it: the
/// reference would change its meaning.
#[doc(hidden)]
pub const fn assert_closed_parameter(parameter: &Descriptor) {
    assert!(
        !check::has_free_reference(parameter),
        "a recursive generic type can't take, as its parameter, the recursive type that contains it: \
         its references would be ambiguous"
    );
}

/// Returns the shape of a type that travels by itself; called by the derives.
///
/// Where it isn't a [`Payload`](crate::Payload), the compiler says so once, and with the whole remedy.
#[doc(hidden)]
pub const fn of_payload<T: crate::Payload>() -> &'static Descriptor {
    T::SHAPE
}

/// Refuses the one recursive form that JSON can't tell apart; called by the derives for structs
/// that look like their only field.
///
/// # Panics
///
/// At compile time, for a struct that is an optional version of itself.
#[doc(hidden)]
pub const fn assert_not_optional_self(field: &Descriptor) {
    assert!(
        !check::is_optional_reference(field),
        "a struct whose only field is an `Option` of itself is `null` in JSON at every depth: \
         name the field"
    );
}
