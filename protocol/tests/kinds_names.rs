//! The names in descriptors are the names that serde writes.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use twinwire::Shape;
use twinwire::shape::{Content, Descriptor, Field, Tagging};

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn described(fields: &[Field]) -> BTreeSet<String> {
    fields.iter().map(|field| field.name.to_owned()).collect()
}

fn printed(value: &serde_json::Value) -> BTreeSet<String> {
    value
        .as_object()
        .expect("an object")
        .keys()
        .cloned()
        .collect()
}

/// The descriptor's field names are the keys of the JSON.
fn check_struct<T: Shape + Serialize>(value: &T) {
    let Descriptor::Struct { fields, .. } = T::SHAPE.unnamed() else {
        panic!("{:?}", T::SHAPE)
    };
    let json = serde_json::to_value(value).expect("serialisable");
    assert_eq!(described(fields), printed(&json));
}

/// The descriptor's variant at `index` has the name and the field names of the JSON.
fn check_variant<T: Shape + Serialize>(index: usize, value: &T) {
    let Descriptor::Enum { variants, .. } = T::SHAPE.unnamed() else {
        panic!("{:?}", T::SHAPE)
    };
    let json = serde_json::to_value(value).expect("serialisable");
    let variant = &variants[index];
    match variant.content {
        Content::Unit => assert_eq!(json, variant.name),
        Content::Newtype(_) | Content::Tuple(_) => {
            assert_eq!(printed(&json), BTreeSet::from([variant.name.to_owned()]));
        }
        Content::Struct(fields) => assert_eq!(printed(&json[variant.name]), described(fields)),
    }
}

macro_rules! rules {
    ($($test:ident $rule:literal;)*) => {$(
        #[test]
        fn $test() {
            #[derive(Default, Serialize, Deserialize, Shape)]
            #[serde(rename_all = $rule)]
            struct Fields {
                a: u8,
                two_words: u8,
                three_more_words: u8,
                with_2_digits: u8,
                digit2: u8,
                trailing_: u8,
                _leading: u8,
                double_word_x2y: u8,
                größe_in_mm: u8,
                r#type: u8,
                #[serde(rename = "as it is")]
                renamed_field: u8,
                #[serde(skip)]
                _left_out: u8,
            }

            #[derive(Serialize, Deserialize, Shape)]
            #[serde(rename_all = $rule, rename_all_fields = $rule)]
            enum Variants {
                Plain,
                TwoWords(u8),
                HTTPServer(u8, u8),
                V2 { inner_field: u8 },
                #[serde(rename_all = "SCREAMING-KEBAB-CASE")]
                OwnRule { inner_field: u8, r#fn: u8 },
                #[serde(rename = "as it is")]
                Renamed { #[serde(rename = "also")] inner_field: u8 },
            }

            check_struct(&Fields::default());
            check_variant(0, &Variants::Plain);
            check_variant(1, &Variants::TwoWords(0));
            check_variant(2, &Variants::HTTPServer(0, 0));
            check_variant(3, &Variants::V2 { inner_field: 0 });
            check_variant(4, &Variants::OwnRule { inner_field: 0, r#fn: 0 });
            check_variant(5, &Variants::Renamed { inner_field: 0 });
        }
    )*};
}

rules! {
    lowercase_names_are_serdes "lowercase";
    uppercase_names_are_serdes "UPPERCASE";
    pascal_case_names_are_serdes "PascalCase";
    camel_case_names_are_serdes "camelCase";
    snake_case_names_are_serdes "snake_case";
    screaming_snake_case_names_are_serdes "SCREAMING_SNAKE_CASE";
    kebab_case_names_are_serdes "kebab-case";
    screaming_kebab_case_names_are_serdes "SCREAMING-KEBAB-CASE";
}

#[test]
fn names_without_a_rule_are_rusts() {
    #[derive(Default, Serialize, Deserialize, Shape)]
    struct Fields {
        two_words: u8,
        r#type: u8,
    }

    #[derive(Serialize, Deserialize, Shape)]
    enum Variants {
        TwoWords { inner_field: u8 },
    }

    check_struct(&Fields::default());
    check_variant(0, &Variants::TwoWords { inner_field: 0 });
}

#[test]
fn adjacent_tag_and_content_are_in_the_descriptor() {
    #[derive(Serialize, Deserialize, Shape)]
    #[serde(tag = "type", content = "data")]
    enum Adjacent {
        One(u8),
    }

    let Descriptor::Enum { tagging, .. } = Adjacent::SHAPE.unnamed() else {
        panic!("{:?}", Adjacent::SHAPE)
    };
    assert_eq!(
        *tagging,
        Tagging::Adjacent {
            tag: "type",
            content: "data"
        }
    );
    let json = serde_json::to_value(Adjacent::One(1)).expect("serialisable");
    assert_eq!(json, serde_json::json!({ "type": "One", "data": 1 }));
}

#[test]
fn a_type_brings_its_name_and_its_docs() {
    /// One page
    ///  of many.
    #[derive(Serialize, Deserialize, Shape)]
    struct Page<T> {
        /// What is on it.
        items: Vec<T>,
    }

    #[derive(Serialize, Deserialize, Shape)]
    #[serde(rename = "Order")]
    enum Sorting {
        /// The newest first.
        Newest,
    }

    let Descriptor::Named(page, Descriptor::Struct { fields, .. }) = <Page<Sorting>>::SHAPE else {
        panic!("{:?}", <Page<Sorting>>::SHAPE)
    };
    assert_eq!((page.name, page.module), ("Page", module_path!()));
    assert_eq!(page.docs, "One page\n of many.");
    assert_eq!(page.arguments, [Sorting::SHAPE]);
    assert_eq!(fields[0].docs, "What is on it.");
    let Descriptor::Named(order, Descriptor::Enum { variants, .. }) = Sorting::SHAPE else {
        panic!("{:?}", Sorting::SHAPE)
    };
    assert_eq!((order.name, order.docs), ("Order", ""));
    assert_eq!(variants[0].docs, "The newest first.");
}
