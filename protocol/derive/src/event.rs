//! `#[derive(Event)]`: the kind of a message that isn't answered.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Result};

use crate::kind::{self, list, once, options, several, travels};

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let (mut name, mut also) = (None, Vec::new());
    options(input, "event", "`name` and `also`", |key, meta| match key {
        "name" => once(&mut name, meta),
        "also" => several(&mut also, meta),
        _ => Ok(false),
    })?;
    let kind = kind::expand(input, "Event", name.as_ref(), &[])?;
    let (ident, also) = (&input.ident, list(&also));
    let travels = travels(ident, &[]);
    Ok(quote! {
        #kind

        #[automatically_derived]
        impl ::twinwire::Event for #ident #travels {
            type Also = #also;
        }
    })
}
