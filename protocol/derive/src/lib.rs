//! The derive macros of `twinwire`, which re-exports them; use them from there.
//!
//! They read a type's definition and its serde attributes, and write its descriptor as a constant.
//! They don't replace serde's own derives: those stand beside them.

#![forbid(unsafe_code)]

mod attributes;
mod call;
mod event;
mod kind;
mod recursion;
mod rename;
mod shape;
#[cfg(test)]
mod tests;
mod topic;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Derives `twinwire::Shape`, for types that travel inside others.
///
/// Reads serde's attributes and accepts those that postcard and JSON treat alike: `rename`,
/// `rename_all`, `rename_all_fields`, `transparent`, `deny_unknown_fields`, `tag` with `content`
/// (unless a variant has named fields), and on fields `skip` and `default`. Any other is refused
/// with its reason. A type's own name, or what `rename` makes of it, and doc comments travel in neither
/// format: they are for files of the types in other languages.
///
/// A type that contains itself names itself by its bare name or `Self`. Two types that contain each
/// other are refused by the compiler, which reports a cycle: merge them into one enum.
#[proc_macro_derive(Shape)]
pub fn derive_shape(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    shape::expand(&input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Derives `twinwire::Call`, and with it `Kind` and `Shape`; or, with `stream`, `twinwire::StreamCall`
/// in its place.
///
/// `#[call(reply = Type, error = Type, name = "Name")]`, each at most once: the reply is `()` unless
/// named, the error `twinwire::Never`, the name the type's own. `stream = Type` names the items and
/// excludes `reply`. `also = Type`, as often as there are older types, makes a server take requests of
/// those too. A name has 1 to 64 bytes and no control characters. Of serde's attributes the
/// same are accepted as by `Shape`.
#[proc_macro_derive(Call, attributes(call))]
pub fn derive_call(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    call::expand(&input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Derives `twinwire::Event`, and with it `Kind` and `Shape`.
///
/// `#[event(name = "Name")]` gives another name than the type's own, `also = Type` names an older type.
/// Names and serde's attributes are those that `Call` accepts.
#[proc_macro_derive(Event, attributes(event))]
pub fn derive_event(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    event::expand(&input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Derives `twinwire::Topic`, and with it `Kind` and `Shape`.
///
/// `#[topic(item = Type, name = "Name")]`, each at most once: the item must be named, the name is the
/// type's own unless given. `also = Type`, as often as there are older types, makes a server take those
/// for this one. The type's value is the topic's key: it holds no floats, maps or sets, and
/// a foreign type only if its `Descriptor::Foreign` says `key`.
#[proc_macro_derive(Topic, attributes(topic))]
pub fn derive_topic(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    topic::expand(&input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
