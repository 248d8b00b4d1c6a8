//! `#[derive(Call)]`: the kind of a request that is answered by a reply, or by a stream of items.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Error, LitStr, Result, Type, parse_quote};

use crate::kind::{self, list, once, options, several, travels};

/// The contents of `#[call(…)]`.
#[derive(Default)]
struct CallOptions {
    reply: Option<Type>,
    stream: Option<Type>,
    error: Option<Type>,
    also: Vec<Type>,
    name: Option<LitStr>,
}

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let options = CallOptions::read(input)?;
    let name = options.name.as_ref();
    let never = || parse_quote!(::twinwire::Never);
    let error = options.error.unwrap_or_else(never);
    let (ident, also) = (&input.ident, list(&options.also));
    if let Some(item) = options.stream {
        let kind = kind::expand(input, "Stream", name, &[&item, &error])?;
        let travels = travels(ident, &[&item, &error]);
        return Ok(quote! {
            #kind

            #[automatically_derived]
            impl ::twinwire::StreamCall for #ident #travels {
                type Item = #item;
                type Error = #error;
                type Also = #also;
            }
        });
    }
    let reply = options.reply.unwrap_or_else(|| parse_quote!(()));
    let kind = kind::expand(input, "Call", name, &[&reply, &error])?;
    let travels = travels(ident, &[&reply, &error]);
    Ok(quote! {
        #kind

        #[automatically_derived]
        impl ::twinwire::Call for #ident #travels {
            type Reply = #reply;
            type Error = #error;
            type Also = #also;
        }
    })
}

impl CallOptions {
    fn read(input: &DeriveInput) -> Result<Self> {
        let mut read = Self::default();
        let known = "`reply`, `stream`, `error`, `also` and `name`";
        options(input, "call", known, |key, meta| {
            let taken = match key {
                "reply" => once(&mut read.reply, meta),
                "stream" => once(&mut read.stream, meta),
                "error" => once(&mut read.error, meta),
                "name" => once(&mut read.name, meta),
                "also" => several(&mut read.also, meta),
                _ => Ok(false),
            };
            if read.reply.is_some() && read.stream.is_some() {
                let message = "a call is answered by a `reply` or by a `stream` of items";
                return Err(Error::new_spanned(&meta.path, message));
            }
            taken
        })?;
        Ok(read)
    }
}
