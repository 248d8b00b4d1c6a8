//! `#[derive(Call)]`: the kind of a request, its reply and its error.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{DeriveInput, Error, LitStr, Result, Type, parse_quote};

use crate::shape;

/// What `#[call(…)]` says.
#[derive(Default)]
struct Options {
    reply: Option<Type>,
    error: Option<Type>,
    name: Option<LitStr>,
}

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    if !input.generics.params.is_empty() {
        return Err(Error::new(
            input.generics.span(),
            "a kind can't be generic: its name stands for one type on the wire",
        ));
    }
    let options = Options::read(input)?;
    let ident = &input.ident;
    let name = match &options.name {
        Some(name) => checked_name(&name.value(), name.span())?,
        None => checked_name(&ident.unraw().to_string(), ident.span())?,
    };
    let reply = options.reply.unwrap_or_else(|| parse_quote!(()));
    let error = options
        .error
        .unwrap_or_else(|| parse_quote!(::twinwire::Never));
    let shape = shape::expand(input)?;
    // Spanned at the types, where the compiler then reports what they lack.
    let reply_shape = quote_spanned!(reply.span()=> <#reply as ::twinwire::Shape>::SHAPE);
    let error_shape = quote_spanned!(error.span()=> <#error as ::twinwire::Shape>::SHAPE);
    Ok(quote! {
        #shape

        #[automatically_derived]
        impl ::twinwire::Kind for #ident {
            const NAME: &'static str = #name;
            const CLASS: ::twinwire::Class = ::twinwire::Class::Call;
            const FINGERPRINT: ::twinwire::Fingerprint = ::twinwire::Fingerprint::of_call(
                #name,
                <#ident as ::twinwire::Shape>::SHAPE,
                #reply_shape,
                #error_shape,
            );
        }

        #[automatically_derived]
        impl ::twinwire::Call for #ident {
            type Reply = #reply;
            type Error = #error;
        }

        const _: ::twinwire::Fingerprint = <#ident as ::twinwire::Kind>::FINGERPRINT;
    })
}

impl Options {
    fn read(input: &DeriveInput) -> Result<Self> {
        let mut options = Self::default();
        for attribute in input
            .attrs
            .iter()
            .filter(|attribute| attribute.path().is_ident("call"))
        {
            attribute.parse_nested_meta(|meta| options.read_one(&meta))?;
        }
        Ok(options)
    }

    fn read_one(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let key = meta
            .path
            .get_ident()
            .map(ToString::to_string)
            .unwrap_or_default();
        match key.as_str() {
            "reply" => once(&mut self.reply, meta.value()?.parse()?, meta),
            "error" => once(&mut self.error, meta.value()?.parse()?, meta),
            "name" => once(&mut self.name, meta.value()?.parse()?, meta),
            _ => Err(Error::new_spanned(
                &meta.path,
                format!("`call` doesn't know `{key}`: it knows `reply`, `error` and `name`"),
            )),
        }
    }
}

fn once<T>(slot: &mut Option<T>, value: T, meta: &ParseNestedMeta<'_>) -> Result<()> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Error::new_spanned(&meta.path, "given twice")),
    }
}

fn checked_name(name: &str, span: Span) -> Result<String> {
    if name.is_empty() || name.len() > 64 || name.chars().any(char::is_control) {
        return Err(Error::new(
            span,
            "a kind's name has 1 to 64 bytes and no control characters; `#[call(name = \"…\")]` \
             gives another than the type's",
        ));
    }
    Ok(name.to_owned())
}
