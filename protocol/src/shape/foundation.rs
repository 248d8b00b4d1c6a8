//! Shapes of the standard library's types.

use core::marker::PhantomData;
use core::time::Duration;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::time::SystemTime;

use super::{Content, Descriptor, Field, Shape, Tagging, Variant, check};

macro_rules! leaves {
    ($($type:ty => $variant:ident),* $(,)?) => {$(
        impl Shape for $type {
            const SHAPE: &'static Descriptor = &Descriptor::$variant;
        }
    )*};
}

leaves! {
    bool => Bool,
    u8 => U8, u16 => U16, u32 => U32, u64 => U64, u128 => U128,
    i8 => I8, i16 => I16, i32 => I32, i64 => I64, i128 => I128,
    f32 => F32, f64 => F64,
    char => Char, String => String, Box<str> => String, Cow<'static, str> => String,
    () => Unit,
}

impl<T: ?Sized> Shape for PhantomData<T> {
    const SHAPE: &'static Descriptor = &Descriptor::Unit;
}

/// A struct of seconds and nanoseconds, as serde writes it.
macro_rules! times {
    ($($type:ty => $seconds:literal, $nanoseconds:literal;)*) => {$(
        impl Shape for $type {
            const SHAPE: &'static Descriptor = &Descriptor::Struct {
                fields: &[
                    Field { name: $seconds, shape: u64::SHAPE, optional: false, docs: "" },
                    Field { name: $nanoseconds, shape: u32::SHAPE, optional: false, docs: "" },
                ],
                deny_unknown: true,
            };
        }
    )*};
}

times! {
    Duration => "secs", "nanos";
    SystemTime => "secs_since_epoch", "nanos_since_epoch";
}

impl<T: Shape> Shape for Box<T> {
    const SHAPE: &'static Descriptor = T::SHAPE;
}

impl<T: Shape> Shape for Option<T> {
    const SHAPE: &'static Descriptor = {
        assert!(
            !check::may_be_null(T::SHAPE),
            "an `Option` of what JSON writes as `null` (an `Option`, `()`, a unit struct) can't \
             travel: `Some` and `None` would look alike"
        );
        &Descriptor::Option(T::SHAPE)
    };
}

/// The external enum form, as serde writes it.
impl<T: Shape, E: Shape> Shape for Result<T, E> {
    const SHAPE: &'static Descriptor = &Descriptor::Enum {
        tagging: Tagging::External,
        variants: &[
            Variant {
                name: "Ok",
                docs: "",
                content: Content::Newtype(T::SHAPE),
            },
            Variant {
                name: "Err",
                docs: "",
                content: Content::Newtype(E::SHAPE),
            },
        ],
        deny_unknown: false,
    };
}

const fn assert_item(item: &Descriptor) {
    assert!(
        !check::may_be_empty(item),
        "the items of a sequence, set or map must take at least one byte on the wire: a peer could \
         claim any number of empty ones"
    );
}

const fn assert_key(key: &Descriptor) {
    assert!(
        check::is_key(key),
        "the keys of a map are strings or integers: JSON has no others"
    );
}

macro_rules! sequences {
    ($([$($generics:tt)*] $type:ty),* $(,)?) => {$(
        impl<$($generics)*> Shape for $type {
            const SHAPE: &'static Descriptor = {
                assert_item(T::SHAPE);
                &Descriptor::Sequence(T::SHAPE)
            };
        }
    )*};
}

sequences! {
    [T: Shape] Vec<T>,
    [T: Shape] VecDeque<T>,
    [T: Shape] Box<[T]>,
    [T: Shape] BTreeSet<T>,
    [T: Shape, S] HashSet<T, S>,
}

macro_rules! maps {
    ($([$($generics:tt)*] $type:ty),* $(,)?) => {$(
        impl<$($generics)*> Shape for $type {
            const SHAPE: &'static Descriptor = {
                assert_key(K::SHAPE);
                &Descriptor::Map(K::SHAPE, V::SHAPE)
            };
        }
    )*};
}

maps! {
    [K: Shape, V: Shape] BTreeMap<K, V>,
    [K: Shape, V: Shape, S] HashMap<K, V, S>,
}

macro_rules! arrays {
    ($($length:literal)*) => {$(
        impl<T: Shape> Shape for [T; $length] {
            const SHAPE: &'static Descriptor = &Descriptor::Array(T::SHAPE, $length);
        }
    )*};
}

// As far as serde goes.
arrays! {
    0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32
}

macro_rules! tuples {
    ($($($name:ident)+;)*) => {$(
        impl<$($name: Shape),+> Shape for ($($name,)+) {
            const SHAPE: &'static Descriptor = &Descriptor::Tuple(&[$($name::SHAPE),+]);
        }
    )*};
}

tuples! {
    A;
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E F;
    A B C D E F G;
    A B C D E F G H;
    A B C D E F G H I;
    A B C D E F G H I J;
    A B C D E F G H I J K;
    A B C D E F G H I J K L;
}
