//! `#[derive(Topic)]`: the kind of a topic, whose value is its key.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Error, Result, Type};

use crate::kind::{self, list, once, options, several, travels};

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let (mut item, mut name, mut also) = (None::<Type>, None, Vec::new());
    let known = "`item`, `name` and `also`";
    options(input, "topic", known, |key, meta| match key {
        "item" => once(&mut item, meta),
        "name" => once(&mut name, meta),
        "also" => several(&mut also, meta),
        _ => Ok(false),
    })?;
    let (ident, also) = (&input.ident, list(&also));
    let item = item.ok_or_else(|| {
        let message = "a topic names what is published to it: `#[topic(item = Type)]`";
        Error::new(ident.span(), message)
    })?;
    let kind = kind::expand(input, "Topic", name.as_ref(), &[&item])?;
    let travels = travels(ident, &[&item]);
    Ok(quote! {
        #kind

        #[automatically_derived]
        impl ::twinwire::Topic for #ident #travels {
            type Item = #item;
            type Also = #also;
        }
    })
}
