//! What a descriptor must fulfil to travel in both formats; evaluated by the compiler.

use super::{Content, Descriptor, Field, Variant};

/// Returns true if a value may take no byte at all in postcard.
///
/// A sequence of such values could claim any number of them in a few bytes.
pub(super) const fn may_be_empty(shape: &Descriptor) -> bool {
    match shape {
        Descriptor::Unit => true,
        Descriptor::Array(item, length) => *length == 0 || may_be_empty(item),
        Descriptor::Tuple(items) => {
            let mut index = 0;
            while index < items.len() {
                if !may_be_empty(items[index]) {
                    return false;
                }
                index += 1;
            }
            true
        }
        Descriptor::Struct { fields, .. } => {
            let mut index = 0;
            while index < fields.len() {
                if !may_be_empty(fields[index].shape) {
                    return false;
                }
                index += 1;
            }
            true
        }
        Descriptor::Recursive(inner) | Descriptor::Named(_, inner) => may_be_empty(inner),
        // A recursive type is finite only through an option, a sequence, a map or an enum, and
        // each of those takes a byte; so does the type.
        Descriptor::Reference => false,
        Descriptor::Bool
        | Descriptor::U8
        | Descriptor::U16
        | Descriptor::U32
        | Descriptor::U64
        | Descriptor::U128
        | Descriptor::I8
        | Descriptor::I16
        | Descriptor::I32
        | Descriptor::I64
        | Descriptor::I128
        | Descriptor::F32
        | Descriptor::F64
        | Descriptor::Char
        | Descriptor::String
        | Descriptor::Bytes
        | Descriptor::Option(_)
        | Descriptor::Sequence(_)
        | Descriptor::Map(_, _)
        | Descriptor::Enum { .. }
        | Descriptor::Foreign { .. } => false,
    }
}

/// Returns true if JSON writes some value of the type as `null`, so that an option of it is ambiguous.
pub(super) const fn may_be_null(shape: &Descriptor) -> bool {
    match shape {
        Descriptor::Unit | Descriptor::Option(_) => true,
        Descriptor::Recursive(inner) | Descriptor::Named(_, inner) => may_be_null(inner),
        // A foreign type promises that it never is: see `Descriptor::Foreign`.
        _ => false,
    }
}

/// Returns true if the type may be the key of a map in both formats.
pub(super) const fn is_key(shape: &Descriptor) -> bool {
    matches!(
        shape.unnamed(),
        Descriptor::String
            | Descriptor::U8
            | Descriptor::U16
            | Descriptor::U32
            | Descriptor::U64
            | Descriptor::U128
            | Descriptor::I8
            | Descriptor::I16
            | Descriptor::I32
            | Descriptor::I64
            | Descriptor::I128
            | Descriptor::Foreign { key: true, .. }
    )
}

/// Returns true if the type is an option of the recursive type around it.
pub(super) const fn is_optional_reference(shape: &Descriptor) -> bool {
    match shape.unnamed() {
        Descriptor::Option(item) => matches!(item.unnamed(), Descriptor::Reference),
        _ => false,
    }
}

/// Returns true if a reference in the type points to a recursive type outside it.
pub(super) const fn has_free_reference(shape: &Descriptor) -> bool {
    match shape {
        Descriptor::Reference => true,
        Descriptor::Option(item)
        | Descriptor::Sequence(item)
        | Descriptor::Array(item, _)
        | Descriptor::Named(_, item) => has_free_reference(item),
        Descriptor::Map(key, value) => has_free_reference(key) || has_free_reference(value),
        Descriptor::Tuple(items) => any_free(items),
        Descriptor::Struct { fields, .. } => any_field_free(fields),
        Descriptor::Enum { variants, .. } => any_variant_free(variants),
        // Whatever it holds refers to itself.
        Descriptor::Recursive(_) => false,
        _ => false,
    }
}

const fn any_free(items: &[&Descriptor]) -> bool {
    let mut index = 0;
    while index < items.len() {
        if has_free_reference(items[index]) {
            return true;
        }
        index += 1;
    }
    false
}

const fn any_field_free(fields: &[Field]) -> bool {
    let mut index = 0;
    while index < fields.len() {
        if has_free_reference(fields[index].shape) {
            return true;
        }
        index += 1;
    }
    false
}

const fn any_variant_free(variants: &[Variant]) -> bool {
    let mut index = 0;
    while index < variants.len() {
        let free = match variants[index].content {
            Content::Unit => false,
            Content::Newtype(item) => has_free_reference(item),
            Content::Tuple(items) => any_free(items),
            Content::Struct(fields) => any_field_free(fields),
        };
        if free {
            return true;
        }
        index += 1;
    }
    false
}

/// Returns true if equal values of the type are equal bytes in postcard: no floats, which have two zeros and
/// many NaNs, no maps and sets, which have no order, and nothing foreign that doesn't say so of itself.
pub(super) const fn is_canonical(shape: &Descriptor) -> bool {
    match shape {
        Descriptor::F32 | Descriptor::F64 | Descriptor::Map(_, _) => false,
        Descriptor::Foreign { key, .. } => *key,
        Descriptor::Option(item)
        | Descriptor::Sequence(item)
        | Descriptor::Array(item, _)
        | Descriptor::Recursive(item)
        | Descriptor::Named(_, item) => is_canonical(item),
        Descriptor::Tuple(items) => all_canonical(items),
        Descriptor::Struct { fields, .. } => fields_canonical(fields),
        Descriptor::Enum { variants, .. } => variants_canonical(variants),
        _ => true,
    }
}

const fn all_canonical(items: &[&Descriptor]) -> bool {
    let mut index = 0;
    while index < items.len() {
        if !is_canonical(items[index]) {
            return false;
        }
        index += 1;
    }
    true
}

const fn fields_canonical(fields: &[Field]) -> bool {
    let mut index = 0;
    while index < fields.len() {
        if !is_canonical(fields[index].shape) {
            return false;
        }
        index += 1;
    }
    true
}

const fn variants_canonical(variants: &[Variant]) -> bool {
    let mut index = 0;
    while index < variants.len() {
        let canonical = match variants[index].content {
            Content::Unit => true,
            Content::Newtype(item) => is_canonical(item),
            Content::Tuple(items) => all_canonical(items),
            Content::Struct(fields) => fields_canonical(fields),
        };
        if !canonical {
            return false;
        }
        index += 1;
    }
    true
}

/// Returns true if the text may name a kind: 1 to 64 bytes without ASCII control characters.
pub(super) const fn is_kind_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let mut index = 0;
    while index < bytes.len() {
        if bytes[index].is_ascii_control() {
            return false;
        }
        index += 1;
    }
    !bytes.is_empty() && bytes.len() <= 64
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashSet};

    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::{Bytes, Never, Shape};

    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[derive(Serialize, Deserialize, Shape)]
    struct Unit;

    #[derive(Serialize, Deserialize, Shape)]
    struct Hollow {
        unit: Unit,
        array: [u64; 0],
        pair: ((), [(); 3]),
    }

    #[derive(Serialize, Deserialize, Shape)]
    struct Bit {
        unit: Unit,
        bit: bool,
    }

    #[derive(Serialize, Deserialize, Shape)]
    struct Tree {
        children: Vec<Tree>,
    }

    #[derive(Serialize, Deserialize, Shape)]
    enum Choice {
        Only,
    }

    #[derive(Serialize, Deserialize, Shape)]
    struct Id(u64);

    #[test]
    fn only_what_writes_nothing_may_be_empty() {
        let empty = [
            <()>::SHAPE,
            Unit::SHAPE,
            Hollow::SHAPE,
            <[Unit; 9]>::SHAPE,
            <[u8; 0]>::SHAPE,
        ];
        for shape in empty {
            assert!(may_be_empty(shape), "{shape:?}");
        }
        let full = [
            Bit::SHAPE,
            Choice::SHAPE,
            Tree::SHAPE,
            Never::SHAPE,
            String::SHAPE,
            Bytes::SHAPE,
            <Option<u8>>::SHAPE,
            <HashSet<u8>>::SHAPE,
            <BTreeMap<u8, ()>>::SHAPE,
            <((), u8)>::SHAPE,
        ];
        for shape in full {
            assert!(!may_be_empty(shape), "{shape:?}");
        }
    }

    #[test]
    fn what_json_writes_as_null_is_known() {
        for shape in [<()>::SHAPE, Unit::SHAPE, <Option<u8>>::SHAPE] {
            assert!(may_be_null(shape), "{shape:?}");
        }
        for shape in [
            Hollow::SHAPE,
            Choice::SHAPE,
            Tree::SHAPE,
            <[(); 0]>::SHAPE,
            <((),)>::SHAPE,
        ] {
            assert!(!may_be_null(shape), "{shape:?}");
        }
    }

    #[test]
    fn keys_are_strings_and_integers_and_what_looks_like_them() {
        for shape in [
            String::SHAPE,
            u8::SHAPE,
            i128::SHAPE,
            Id::SHAPE,
            <Box<str>>::SHAPE,
        ] {
            assert!(is_key(shape), "{shape:?}");
        }
        for shape in [
            bool::SHAPE,
            char::SHAPE,
            f64::SHAPE,
            Choice::SHAPE,
            <(u8,)>::SHAPE,
        ] {
            assert!(!is_key(shape), "{shape:?}");
        }
    }

    const fn foreign(key: bool) -> Descriptor {
        Descriptor::Foreign {
            name: "id",
            version: 1,
            key,
        }
    }

    #[test]
    fn a_foreign_type_is_a_key_if_it_says_so() {
        assert!(is_key(&foreign(true)) && is_canonical(&foreign(true)));
        assert!(!is_key(&foreign(false)) && !is_canonical(&foreign(false)));
    }

    #[test]
    fn only_what_has_one_form_is_canonical() {
        for shape in [
            Unit::SHAPE,
            Hollow::SHAPE,
            Choice::SHAPE,
            Tree::SHAPE,
            Id::SHAPE,
        ] {
            assert!(is_canonical(shape), "{shape:?}");
        }
        let ambiguous = [
            f32::SHAPE,
            <Option<f64>>::SHAPE,
            <BTreeMap<u8, u8>>::SHAPE,
            <(u8, Vec<f32>)>::SHAPE,
        ];
        for shape in ambiguous {
            assert!(!is_canonical(shape), "{shape:?}");
        }
    }

    #[test]
    fn references_are_free_only_outside_the_type_they_mean() {
        let free = &Descriptor::Reference;
        assert!(has_free_reference(free));
        assert!(has_free_reference(&Descriptor::Sequence(free)));
        assert!(has_free_reference(&Descriptor::Tuple(&[
            u8::SHAPE,
            &Descriptor::Reference
        ])));
        let bound = Descriptor::Recursive(&Descriptor::Option(&Descriptor::Reference));
        assert!(!has_free_reference(&bound));
        assert!(!has_free_reference(Tree::SHAPE));
    }

    #[test]
    fn names_of_kinds_are_bounded() {
        let longest = "a".repeat(64);
        for name in ["a", "room.join", "聊天", &longest] {
            assert!(is_kind_name(name), "{name}");
        }
        let too_long = "a".repeat(65);
        for name in ["", "a\nb", "\u{7f}", &too_long] {
            assert!(!is_kind_name(name), "{name}");
        }
    }
}
