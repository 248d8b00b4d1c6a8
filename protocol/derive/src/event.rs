//! `#[derive(Event)]`: the kind of a message that isn't answered.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Result};

use crate::kind::{self, once, options};

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let mut name = None;
    options(input, "event", "`name`", |key, meta| match key {
        "name" => once(&mut name, meta),
        _ => Ok(false),
    })?;
    let kind = kind::expand(input, "Event", name.as_ref(), &[])?;
    let ident = &input.ident;
    Ok(quote! {
        #kind

        #[automatically_derived]
        impl ::twinwire::Event for #ident {}
    })
}
