//! `#[derive(Topic)]`: the kind of a topic, whose value is its key.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Error, Result, Type};

use crate::kind::{self, once, options};

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let (mut item, mut name) = (None::<Type>, None);
    options(input, "topic", "`item` and `name`", |key, meta| match key {
        "item" => once(&mut item, meta),
        "name" => once(&mut name, meta),
        _ => Ok(false),
    })?;
    let ident = &input.ident;
    let item = item.ok_or_else(|| {
        let message = "a topic names what is published to it: `#[topic(item = Type)]`";
        Error::new(ident.span(), message)
    })?;
    let kind = kind::expand(input, "Topic", name.as_ref(), &[&item])?;
    Ok(quote! {
        #kind

        #[automatically_derived]
        impl ::twinwire::Topic for #ident {
            type Item = #item;
        }
    })
}
