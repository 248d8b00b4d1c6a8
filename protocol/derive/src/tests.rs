//! What the derives refuse, with which words, and where they point.

use syn::DeriveInput;

use crate::{call, event, shape, topic};

type Expand = fn(&DeriveInput) -> syn::Result<proc_macro2::TokenStream>;

fn refusal(expand: Expand, source: &str) -> syn::Error {
    let input = syn::parse_str(source).expect("Rust");
    match expand(&input) {
        Err(error) => error,
        Ok(expanded) => panic!("{source}\nwas accepted as\n{expanded}"),
    }
}

/// Refused with a message that holds `message`, pointing at `place`.
fn refuses(expand: Expand, source: &str, place: &str, message: &str) {
    let error = refusal(expand, source);
    assert!(error.to_string().contains(message), "{source}\n{error}");
    let pointed = error.span().source_text();
    assert_eq!(pointed.as_deref(), Some(place), "{source}\n{error}");
}

fn accepts(expand: Expand, source: &str) {
    let input = syn::parse_str(source).expect("Rust");
    if let Err(error) = expand(&input) {
        panic!("{source}\n{error}");
    }
}

/// An attribute, the name to be found in the message, and a word of the reason.
fn check(expand: impl Fn(&str) -> String, attributes: &[(&str, &str)]) {
    for (attribute, reason) in attributes {
        let name = attribute.split(['(', ' ']).next().unwrap_or(attribute);
        let source = expand(attribute);
        refuses(shape::expand, &source, name, &format!("serde's `{name}` "));
        refuses(shape::expand, &source, name, reason);
    }
}

#[test]
fn attributes_of_containers_that_formats_treat_differently_are_refused() {
    check(
        |attribute| format!("#[serde({attribute})] struct S {{ a: u8 }}"),
        &[
            ("untagged", "doesn't describe itself"),
            ("default", "put it on the fields"),
            ("from = \"u8\"", "can't see the other type"),
            ("try_from = \"u8\"", "can't see the other type"),
            ("into = \"u8\"", "can't see the other type"),
            ("remote = \"Other\"", "can't see the other type"),
            ("rename(serialize = \"a\")", "one name for both"),
            (
                "rename_all(deserialize = \"camelCase\")",
                "one name for both",
            ),
            (
                "rename_all_fields(serialize = \"camelCase\")",
                "one name for both",
            ),
            ("crate = \"serde\"", "doesn't know what it changes"),
            ("bound = \"T: Copy\"", "doesn't know what it changes"),
            ("expecting = \"an S\"", "doesn't know what it changes"),
            ("variant_identifier", "identifiers"),
            ("field_identifier", "identifiers"),
            ("news_of_serde", "isn't known"),
        ],
    );
}

#[test]
fn attributes_of_variants_that_formats_treat_differently_are_refused() {
    check(
        |attribute| format!("enum E {{ A, #[serde({attribute})] B(u8) }}"),
        &[
            ("skip", "only when it is sent"),
            ("skip_serializing", "use `skip`"),
            ("skip_deserializing", "use `skip`"),
            ("alias = \"C\"", "two kinds"),
            ("other", "by its position"),
            ("untagged", "doesn't describe itself"),
            ("with = \"module\"", "Shape` by hand"),
            ("serialize_with = \"path\"", "Shape` by hand"),
            ("deserialize_with = \"path\"", "Shape` by hand"),
            ("borrow", "owns what it holds"),
            ("bound = \"T: Copy\"", "doesn't know what it changes"),
            (
                "rename(serialize = \"C\", deserialize = \"C\")",
                "one name for both",
            ),
            ("tag = \"t\"", "belongs on the enum"),
        ],
    );
}

#[test]
fn attributes_of_fields_that_formats_treat_differently_are_refused() {
    let reasons = [
        ("flatten", "by position"),
        (
            "skip_serializing_if = \"Option::is_none\"",
            "would miss one",
        ),
        ("skip_serializing", "use `skip`"),
        ("skip_deserializing", "use `skip`"),
        ("alias = \"b\"", "two kinds"),
        ("with = \"module\"", "Shape` by hand"),
        ("serialize_with = \"path\"", "Shape` by hand"),
        ("deserialize_with = \"path\"", "Shape` by hand"),
        ("getter = \"path\"", "can't see the other type"),
        ("borrow", "owns what it holds"),
        ("bound = \"T: Copy\"", "doesn't know what it changes"),
        ("rename(deserialize = \"b\")", "one name for both"),
        ("transparent", "belongs on the struct"),
    ];
    check(
        |attribute| format!("struct S {{ #[serde({attribute})] a: u8, b: u8 }}"),
        &reasons,
    );
    check(
        |attribute| format!("struct S(#[serde({attribute})] u8, u8);"),
        &reasons,
    );
    check(
        |attribute| format!("struct S(#[serde({attribute})] u8);"),
        &reasons,
    );
    check(
        |attribute| format!("enum E {{ A {{ #[serde({attribute})] a: u8 }} }}"),
        &reasons,
    );
}

#[test]
fn the_one_refused_attribute_is_found_among_accepted_ones() {
    refuses(
        shape::expand,
        "#[serde(rename_all = \"camelCase\")] #[serde(deny_unknown_fields, untagged)] enum E { A }",
        "untagged",
        "doesn't describe itself",
    );
}

#[test]
fn an_internal_tag_is_refused() {
    let source = "#[serde(tag = \"type\")] enum E { A { a: u8 } }";
    refuses(shape::expand, source, "\"type\"", "internal `tag`");
}

#[test]
fn named_fields_beside_an_adjacent_tag_are_refused() {
    let source = "#[serde(tag = \"t\", content = \"c\")] enum E { A, Named { a: u8 } }";
    refuses(shape::expand, source, "Named", "a struct of its own");
}

#[test]
fn skip_and_default_are_refused_where_serde_disagrees_with_itself() {
    refuses(
        shape::expand,
        "struct S(#[serde(skip)] u8);",
        "skip",
        "leave the field out",
    );
    refuses(
        shape::expand,
        "enum E { A(#[serde(skip)] u8) }",
        "skip",
        "leave the field out",
    );
    refuses(
        shape::expand,
        "struct S(u8, #[serde(default)] u8);",
        "default",
        "unnamed field",
    );
    refuses(
        shape::expand,
        "enum E { A(#[serde(default)] u8) }",
        "default",
        "unnamed field",
    );
}

#[test]
fn names_that_json_could_not_tell_apart_are_refused() {
    let source = "struct S { a: u8, #[serde(rename = \"a\")] b: u8 }";
    refuses(shape::expand, source, "b", "`a` is taken");
    let source = "#[serde(rename_all = \"lowercase\")] enum E { Ab, AB }";
    refuses(shape::expand, source, "AB", "`ab` is taken");
    accepts(
        shape::expand,
        "struct S { a: u8, #[serde(skip, rename = \"a\")] b: u8 }",
    );
}

#[test]
fn a_rule_that_serde_does_not_have_is_refused() {
    let source = "#[serde(rename_all = \"Train-Case\")] struct S { a: u8 }";
    refuses(
        shape::expand,
        source,
        "\"Train-Case\"",
        "no rule `Train-Case`",
    );
}

#[test]
fn what_has_no_form_on_the_wire_is_refused() {
    refuses(shape::expand, "union U { a: u8 }", "union", "no form");
    let source = "#[serde(transparent)] struct S { a: u8, b: u8 }";
    assert!(
        refusal(shape::expand, source)
            .to_string()
            .contains("exactly one field")
    );
    refuses(
        shape::expand,
        "struct S<T> { s: Vec<S<u8>>, t: T }",
        "S<u8>",
        "other parameters",
    );
}

#[test]
fn what_both_formats_treat_alike_is_accepted() {
    accepts(
        shape::expand,
        "#[serde(rename = \"T\", rename_all = \"camelCase\", deny_unknown_fields)]
         struct S<T: Clone> where T: Copy {
             #[serde(rename = \"b\")] a: T,
             #[serde(skip)] c: u8,
             #[serde(default)] d: u8,
             #[serde(default = \"path\")] e: u8,
             #[serde(skip, default = \"path\")] f: u8,
         }",
    );
    accepts(
        shape::expand,
        "#[serde(tag = \"t\", content = \"c\", rename_all = \"camelCase\")]
         enum E { A, B(u8), #[serde(rename = \"D\")] C(u8, #[serde(skip)] u8) }",
    );
    accepts(
        shape::expand,
        "#[serde(rename_all_fields = \"camelCase\")]
         enum E { #[serde(rename_all = \"lowercase\")] A { a: u8 }, B {} }",
    );
    accepts(
        shape::expand,
        "#[serde(transparent)] struct S<T> { #[serde(skip)] a: u8, p: PhantomData<T>, b: u8 }",
    );
}

#[test]
fn keys_that_a_kind_does_not_know_are_refused_by_name() {
    for key in [
        "item = u8",
        "presence = u8",
        "answer = u8",
        "rename = \"a\"",
    ] {
        let name = key.split(' ').next().unwrap_or(key);
        let source = format!("#[call({key})] struct S;");
        refuses(
            call::expand,
            &source,
            name,
            &format!("doesn't know `{name}`"),
        );
    }
    let source = "#[call(reply = u8, reply = u16)] struct S;";
    refuses(call::expand, source, "reply", "given twice");
    let source = "#[call(stream = u8, reply = u16)] struct S;";
    refuses(call::expand, source, "reply", "or by a `stream`");
    accepts(
        call::expand,
        "#[call(stream = u8, also = A, also = B)] struct S;",
    );
    let source = "#[event(reply = u8)] struct S;";
    refuses(event::expand, source, "reply", "doesn't know `reply`");
    let source = "#[topic(item = u8, reply = u8)] struct S;";
    refuses(topic::expand, source, "reply", "doesn't know `reply`");
    accepts(
        topic::expand,
        "#[topic(item = u8, also = A, also = B)] struct S;",
    );
    refuses(topic::expand, "struct S;", "S", "names what is published");
}

#[test]
fn names_of_kinds_are_bounded_and_printable() {
    let named = |name: &str| format!("#[call(name = {name:?})] struct S;");
    for name in ["", &"a".repeat(65), "a\nb", "\u{85}", &"é".repeat(33)] {
        let error = refusal(call::expand, &named(name));
        assert!(
            error.to_string().contains("1 to 64 bytes"),
            "{name}: {error}"
        );
    }
    accepts(call::expand, &named(&"a".repeat(64)));
    accepts(call::expand, &named("聊天 / join"));
}

#[test]
fn generic_kinds_are_refused() {
    let source = "struct S<T> { t: T }";
    assert!(
        refusal(call::expand, source)
            .to_string()
            .contains("can't be generic")
    );
}
