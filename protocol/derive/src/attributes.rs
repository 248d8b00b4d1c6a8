//! Reads `#[serde(…)]`: what both formats treat alike is kept, the rest refused with its reason.

use proc_macro2::Span;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Error, Expr, Lit, LitStr, Meta, Result, token};

use crate::rename::RenameRule;

/// The serde attributes of a struct or an enum.
#[derive(Default)]
pub(crate) struct ContainerAttributes {
    pub(crate) rename: Option<String>,
    pub(crate) rename_all: Option<RenameRule>,
    pub(crate) rename_all_fields: Option<RenameRule>,
    pub(crate) transparent: bool,
    pub(crate) deny_unknown_fields: bool,
    pub(crate) tag: Option<LitStr>,
    pub(crate) content: Option<LitStr>,
}

/// The serde attributes of a variant.
#[derive(Default)]
pub(crate) struct VariantAttributes {
    pub(crate) rename: Option<String>,
    pub(crate) rename_all: Option<RenameRule>,
}

/// The serde attributes of a field.
#[derive(Default)]
pub(crate) struct FieldAttributes {
    pub(crate) rename: Option<String>,
    pub(crate) skip: Option<Span>,
    pub(crate) default: Option<Span>,
}

impl ContainerAttributes {
    pub(crate) fn read(attributes: &[Attribute]) -> Result<Self> {
        let mut read = Self::default();
        each(attributes, |name, meta| {
            match name {
                // The type's own name travels in neither format: it names the type in other languages.
                "rename" => read.rename = Some(text(meta)?.value()),
                "rename_all" => read.rename_all = Some(RenameRule::parse(&text(meta)?)?),
                "rename_all_fields" => {
                    read.rename_all_fields = Some(RenameRule::parse(&text(meta)?)?)
                }
                "transparent" => read.transparent = true,
                "deny_unknown_fields" => read.deny_unknown_fields = true,
                "tag" => read.tag = Some(text(meta)?),
                "content" => read.content = Some(text(meta)?),
                "default" => return Err(refuse(meta, "put it on the fields that it is meant for")),
                _ => return Err(refuse(meta, reason(name))),
            }
            Ok(())
        })?;
        if let (Some(tag), None) = (&read.tag, &read.content) {
            return Err(Error::new(
                tag.span(),
                "serde's internal `tag` can't be read back from postcard, which doesn't describe \
                 itself: add `content`, or leave `tag` out",
            ));
        }
        Ok(read)
    }
}

impl VariantAttributes {
    pub(crate) fn read(attributes: &[Attribute]) -> Result<Self> {
        let mut read = Self::default();
        each(attributes, |name, meta| {
            match name {
                "rename" => read.rename = Some(text(meta)?.value()),
                "rename_all" => read.rename_all = Some(RenameRule::parse(&text(meta)?)?),
                "skip" => {
                    return Err(refuse(
                        meta,
                        "a variant that can't travel is found out only when it is sent: take it out of the enum",
                    ));
                }
                _ => return Err(refuse(meta, reason(name))),
            }
            Ok(())
        })?;
        Ok(read)
    }
}

impl FieldAttributes {
    pub(crate) fn read(attributes: &[Attribute]) -> Result<Self> {
        let mut read = Self::default();
        each(attributes, |name, meta| {
            match name {
                "rename" => read.rename = Some(text(meta)?.value()),
                "skip" => read.skip = Some(name_span(meta)),
                "default" => {
                    read.default = Some(name_span(meta));
                    if meta.input.peek(token::Eq) {
                        text(meta)?;
                    }
                }
                _ => return Err(refuse(meta, reason(name))),
            }
            Ok(())
        })?;
        Ok(read)
    }
}

/// Returns the doc comment, each line without the space that begins it.
pub(crate) fn docs(attributes: &[Attribute]) -> String {
    let mut lines = Vec::new();
    for attribute in attributes
        .iter()
        .filter(|found| found.path().is_ident("doc"))
    {
        // Others are `#[doc(hidden)]` and the like.
        if let Meta::NameValue(pair) = &attribute.meta
            && let Expr::Lit(expression) = &pair.value
            && let Lit::Str(text) = &expression.lit
        {
            let text = text.value();
            lines.push(
                text.strip_prefix(' ')
                    .unwrap_or(&text)
                    .trim_end()
                    .to_owned(),
            );
        }
    }
    lines.join("\n")
}

/// Calls `read` for each entry of each `#[serde(…)]`, with its name.
fn each(
    attributes: &[Attribute],
    mut read: impl FnMut(&str, &ParseNestedMeta<'_>) -> Result<()>,
) -> Result<()> {
    for attribute in attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("serde"))
    {
        attribute.parse_nested_meta(|meta| {
            let name = meta
                .path
                .get_ident()
                .map(ToString::to_string)
                .unwrap_or_default();
            read(&name, &meta)
        })?;
    }
    Ok(())
}

/// Returns the text in `name = "text"`.
fn text(meta: &ParseNestedMeta<'_>) -> Result<LitStr> {
    if meta.input.peek(token::Paren) {
        return Err(refuse(
            meta,
            "what one direction writes, the other must read: give one name for both",
        ));
    }
    meta.value()?.parse()
}

fn name_span(meta: &ParseNestedMeta<'_>) -> Span {
    meta.path
        .get_ident()
        .map_or_else(Span::call_site, proc_macro2::Ident::span)
}

fn refuse(meta: &ParseNestedMeta<'_>, reason: &str) -> Error {
    let path = &meta.path;
    let name = quote::quote!(#path).to_string();
    meta.error(format!(
        "serde's `{name}` can't be used in types that travel: {reason}"
    ))
}

/// Returns the reason for which an attribute of serde's is refused wherever it stands.
fn reason(name: &str) -> &'static str {
    match name {
        "untagged" => {
            "postcard doesn't describe itself, so the variant could not be told: give `tag` and `content`"
        }
        "flatten" => {
            "postcard writes fields by position, without the names that this needs: make it a field"
        }
        "skip_serializing_if" => {
            "postcard reads fields by position and would miss one: leave it out"
        }
        "skip_serializing" | "skip_deserializing" => {
            "what one direction writes, the other must read: use `skip` for both"
        }
        "alias" => {
            "the name is part of the kind's fingerprint: two names would be two kinds; leave it out"
        }
        "with" | "serialize_with" | "deserialize_with" => {
            "the derive can't see what the function writes: use a type of its own with `Shape` by hand"
        }
        "from" | "try_from" | "into" | "remote" | "getter" => {
            "the derive can't see the other type: let that one travel"
        }
        "other" => {
            "postcard knows a variant by its position and JSON by its name, never by neither: leave it out"
        }
        "borrow" => "a payload is decoded into a value that owns what it holds: use such a type",
        "crate" | "bound" | "expecting" => "the derive doesn't know what it changes: leave it out",
        "variant_identifier" | "field_identifier" => "postcard writes no identifiers: leave it out",
        "tag" | "content" => "it belongs on the enum",
        "rename_all" | "rename_all_fields" | "transparent" | "deny_unknown_fields" => {
            "it belongs on the struct or enum"
        }
        "skip" | "default" => "it belongs on a field",
        _ => "it isn't known to mean the same in postcard and in JSON",
    }
}
