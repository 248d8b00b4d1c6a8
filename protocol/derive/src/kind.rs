//! What all kinds have in common: a name, a class and a fingerprint over shapes.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::parse::Parse;
use syn::spanned::Spanned;
use syn::{DeriveInput, Error, Ident, LitStr, Result, Type, parse_quote};

use crate::shape;

/// Returns `impl Shape` and `impl Kind` for the type. The fingerprint is over its own shape and those of
/// `others`, where the compiler then reports what they lack.
pub(crate) fn expand(
    input: &DeriveInput,
    class: &str,
    name: Option<&LitStr>,
    others: &[&Type],
) -> Result<TokenStream> {
    if !input.generics.params.is_empty() {
        return Err(Error::new(
            input.generics.span(),
            "a kind can't be generic: its name stands for one type on the wire; declare one kind a type",
        ));
    }
    let ident = &input.ident;
    let name = match name {
        Some(name) => checked_name(&name.value(), name.span())?,
        None => checked_name(&ident.unraw().to_string(), ident.span())?,
    };
    let class = Ident::new(class, Span::call_site());
    let shape = shape::expand(input)?;
    let own: Type = parse_quote!(#ident);
    let shapes = [&own].into_iter().chain(others.iter().copied());
    let shapes =
        shapes.map(|of| quote_spanned!(of.span()=> ::twinwire::shape::of_payload::<#of>()));
    let travels = travels(ident, &[]);
    Ok(quote! {
        #shape

        const _: () = {
            const SHAPES: &'static [&'static ::twinwire::shape::Descriptor] =
                &[#(#shapes),*];
            const FINGERPRINT: ::twinwire::Fingerprint =
                ::twinwire::Fingerprint::of_kind(::twinwire::Class::#class, #name, SHAPES);

            #[automatically_derived]
            impl ::twinwire::Kind for #ident #travels {
                const NAME: &'static str = #name;
                const CLASS: ::twinwire::Class = ::twinwire::Class::#class;
                const SHAPES: &'static [&'static ::twinwire::shape::Descriptor] = SHAPES;
                const FINGERPRINT: ::twinwire::Fingerprint = FINGERPRINT;
            }
        };
    })
}

/// Returns a `where` that takes for granted that the type and `others` are payloads.
///
/// [`expand`] has the compiler say of each that it is none, once. Without this it would say so again at each trait,
/// and of each bound of `Payload`. Only a bound that is `for<'a>` may be false of a type that isn't generic.
pub(crate) fn travels(ident: &Ident, others: &[&Type]) -> TokenStream {
    quote! {
        where
            for<'travels> #ident: ::twinwire::Payload,
            #(for<'travels> #others: ::twinwire::Payload,)*
    }
}

/// Reads the options in `#[attribute(…)]`: `read` takes the one named so, or says that it knows none.
pub(crate) fn options(
    input: &DeriveInput,
    attribute: &str,
    known: &str,
    mut read: impl FnMut(&str, &ParseNestedMeta<'_>) -> Result<bool>,
) -> Result<()> {
    let attributes = input.attrs.iter();
    for found in attributes.filter(|found| found.path().is_ident(attribute)) {
        found.parse_nested_meta(|meta| {
            let key = meta.path.get_ident().map(ToString::to_string);
            let key = key.unwrap_or_default();
            if read(&key, &meta)? {
                return Ok(());
            }
            let message = format!("`{attribute}` doesn't know `{key}`: it knows {known}");
            Err(Error::new_spanned(&meta.path, message))
        })?;
    }
    Ok(())
}

/// Reads an option's value, which is given once.
pub(crate) fn once<T: Parse>(slot: &mut Option<T>, meta: &ParseNestedMeta<'_>) -> Result<bool> {
    match slot.replace(meta.value()?.parse()?) {
        None => Ok(true),
        Some(_) => Err(Error::new_spanned(&meta.path, "given twice: leave one out")),
    }
}

/// Takes one of several types that an option names.
pub(crate) fn several(types: &mut Vec<Type>, meta: &ParseNestedMeta<'_>) -> Result<bool> {
    types.push(meta.value()?.parse()?);
    Ok(true)
}

/// Returns the list of older types, as the traits want it: `(A, (B, ()))`.
pub(crate) fn list(types: &[Type]) -> TokenStream {
    let nested = |rest, older: &Type| quote!((#older, #rest));
    types.iter().rev().fold(quote!(()), nested)
}

fn checked_name(name: &str, span: Span) -> Result<String> {
    if name.is_empty() || name.len() > 64 || name.chars().any(char::is_control) {
        return Err(Error::new(
            span,
            "a kind's name has 1 to 64 bytes and no control characters; `name = \"…\"` gives \
             another than the type's",
        ));
    }
    Ok(name.to_owned())
}
