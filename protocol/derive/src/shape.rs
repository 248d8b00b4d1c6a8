//! `#[derive(Shape)]`: the descriptor of a struct or an enum.

use std::collections::HashSet;

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{
    Data, DataEnum, DeriveInput, Error, Fields, FieldsNamed, FieldsUnnamed, Generics, Result,
};
use syn::{Type, parse_quote};

use crate::attributes;
use crate::recursion::Recursion;
use crate::rename::RenameRule;

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let container = attributes::ContainerAttributes::read(&input.attrs)?;
    let mut recursion = Recursion::new(&input.ident, &input.generics);
    let mut shape = match &input.data {
        Data::Struct(data) => describe_struct(&data.fields, &container, &mut recursion)?,
        Data::Enum(data) => describe_enum(data, &container, &mut recursion)?,
        Data::Union(data) => {
            return Err(Error::new(
                data.union_token.span,
                "a union can't travel, as serde has no form for it: use an enum",
            ));
        }
    };
    // Only now: whether a type names itself is known when all of its fields were read.
    if recursion.found() {
        shape = recursive(&shape, &input.generics);
    }
    Ok(implement(input, &named(&shape, input, &container)))
}

fn implement(input: &DeriveInput, shape: &TokenStream) -> TokenStream {
    let name = &input.ident;
    let mut generics = input.generics.clone();
    for parameter in generics.type_params_mut() {
        parameter.bounds.push(parse_quote!(::twinwire::Shape));
    }
    let (for_impl, for_type, bounds) = generics.split_for_impl();
    // Without this, a type whose shape is refused would compile until something asks for it.
    let evaluate = input.generics.params.is_empty().then(|| {
        quote! {
            const _: &::twinwire::shape::Descriptor = <#name as ::twinwire::Shape>::SHAPE;
        }
    });
    quote! {
        #[automatically_derived]
        impl #for_impl ::twinwire::Shape for #name #for_type #bounds {
            const SHAPE: &'static ::twinwire::shape::Descriptor = { #shape };
        }
        #evaluate
    }
}

fn recursive(shape: &TokenStream, generics: &Generics) -> TokenStream {
    let parameters = generics.type_params().map(|parameter| &parameter.ident);
    quote! {
        ::twinwire::shape::assert_small(::core::mem::size_of::<Self>());
        #(::twinwire::shape::assert_closed_parameter(<#parameters as ::twinwire::Shape>::SHAPE);)*
        &::twinwire::shape::Descriptor::Recursive({ #shape })
    }
}

/// Puts the type's name and docs beside its form.
fn named(
    shape: &TokenStream,
    input: &DeriveInput,
    container: &attributes::ContainerAttributes,
) -> TokenStream {
    let own_name = || input.ident.unraw().to_string();
    let name = container.rename.clone().unwrap_or_else(own_name);
    let docs = attributes::docs(&input.attrs);
    let parameters = input.generics.type_params();
    let parameters = parameters.map(|parameter| &parameter.ident);
    quote! {
        &::twinwire::shape::Descriptor::Named(
            &::twinwire::shape::TypeName {
                name: #name,
                module: ::core::module_path!(),
                docs: #docs,
                arguments: &[#(<#parameters as ::twinwire::Shape>::SHAPE),*],
            },
            { #shape },
        )
    }
}

fn describe_struct(
    fields: &Fields,
    container: &attributes::ContainerAttributes,
    recursion: &mut Recursion<'_>,
) -> Result<TokenStream> {
    if container.transparent {
        return describe_transparent(fields, recursion);
    }
    match fields {
        Fields::Unit => Ok(quote!(&::twinwire::shape::Descriptor::Unit)),
        Fields::Unnamed(fields) => match only_field(fields, recursion)? {
            Some(inner) => Ok(like_its_field(&inner)),
            None => {
                let items = describe_items(fields, recursion)?;
                Ok(quote!(&::twinwire::shape::Descriptor::Tuple(#items)))
            }
        },
        Fields::Named(fields) => {
            let deny_unknown = container.deny_unknown_fields;
            let fields = describe_fields(fields, container.rename_all, recursion)?;
            Ok(quote! {
                &::twinwire::shape::Descriptor::Struct {
                    fields: #fields,
                    deny_unknown: #deny_unknown,
                }
            })
        }
    }
}

/// Returns the descriptor of a struct that both formats write as its only field.
fn like_its_field(inner: &TokenStream) -> TokenStream {
    quote! {
        ::twinwire::shape::assert_not_optional_self(#inner);
        #inner
    }
}

fn describe_transparent(fields: &Fields, recursion: &mut Recursion<'_>) -> Result<TokenStream> {
    let mut carrying = Vec::new();
    for field in fields {
        let skipped = attributes::FieldAttributes::read(&field.attrs)?
            .skip
            .is_some();
        if !skipped && !is_phantom(&field.ty) {
            carrying.push(field);
        }
    }
    match carrying[..] {
        [field] => Ok(like_its_field(&describe_type(&field.ty, recursion)?)),
        _ => Err(Error::new(
            fields.span(),
            "a transparent struct has exactly one field that isn't skipped: leave `transparent` out",
        )),
    }
}

/// serde leaves a phantom out of a transparent struct by its name.
fn is_phantom(field: &Type) -> bool {
    matches!(field, Type::Path(path)
        if path.path.segments.last().is_some_and(|last| last.ident == "PhantomData"))
}

fn describe_enum(
    data: &DataEnum,
    container: &attributes::ContainerAttributes,
    recursion: &mut Recursion<'_>,
) -> Result<TokenStream> {
    let mut names = Names::default();
    let mut variants = Vec::new();
    for variant in &data.variants {
        let own = attributes::VariantAttributes::read(&variant.attrs)?;
        let rust_name = variant.ident.unraw().to_string();
        let name = match (own.rename, container.rename_all) {
            (Some(name), _) => name,
            (None, Some(rule)) => rule.variant(&rust_name),
            (None, None) => rust_name,
        };
        names.add(&name, &variant.ident)?;
        if let (Fields::Named(_), Some(tag)) = (&variant.fields, &container.tag) {
            let problem = "serde reads named fields beside a `tag` by asking the format what comes, \
                           which postcard can't answer: give the variant one unnamed field, a \
                           struct of its own";
            let mut error = Error::new(variant.ident.span(), problem);
            error.combine(Error::new(tag.span(), "the `tag` is here"));
            return Err(error);
        }
        let rule = own.rename_all.or(container.rename_all_fields);
        let content = describe_content(&variant.fields, rule, recursion)?;
        let docs = attributes::docs(&variant.attrs);
        variants.push(quote! {
            ::twinwire::shape::Variant { name: #name, docs: #docs, content: #content }
        });
    }
    let tagging = match (&container.tag, &container.content) {
        (Some(tag), Some(content)) => {
            quote!(::twinwire::shape::Tagging::Adjacent { tag: #tag, content: #content })
        }
        _ => quote!(::twinwire::shape::Tagging::External),
    };
    let deny_unknown = container.deny_unknown_fields;
    Ok(quote! {
        &::twinwire::shape::Descriptor::Enum {
            tagging: #tagging,
            variants: &[#(#variants),*],
            deny_unknown: #deny_unknown,
        }
    })
}

fn describe_content(
    fields: &Fields,
    rule: Option<RenameRule>,
    recursion: &mut Recursion<'_>,
) -> Result<TokenStream> {
    Ok(match fields {
        Fields::Unit => quote!(::twinwire::shape::Content::Unit),
        Fields::Unnamed(fields) => match only_field(fields, recursion)? {
            Some(inner) => quote!(::twinwire::shape::Content::Newtype(#inner)),
            None => {
                let items = describe_items(fields, recursion)?;
                quote!(::twinwire::shape::Content::Tuple(#items))
            }
        },
        Fields::Named(fields) => {
            let fields = describe_fields(fields, rule, recursion)?;
            quote!(::twinwire::shape::Content::Struct(#fields))
        }
    })
}

/// Returns the descriptor of a single unnamed field; `None` when there are none or several.
fn only_field(
    fields: &FieldsUnnamed,
    recursion: &mut Recursion<'_>,
) -> Result<Option<TokenStream>> {
    let mut all = fields.unnamed.iter();
    let (Some(field), None) = (all.next(), all.next()) else {
        return Ok(None);
    };
    let own = attributes::FieldAttributes::read(&field.attrs)?;
    refuse_default(&own)?;
    match own.skip {
        None => describe_type(&field.ty, recursion).map(Some),
        Some(span) => Err(Error::new(
            span,
            "serde's two directions disagree about a skipped only field: leave the field out",
        )),
    }
}

fn describe_items(fields: &FieldsUnnamed, recursion: &mut Recursion<'_>) -> Result<TokenStream> {
    let mut items = Vec::new();
    for field in &fields.unnamed {
        let own = attributes::FieldAttributes::read(&field.attrs)?;
        refuse_default(&own)?;
        // Postcard knows fields by their place among those that are written.
        if own.skip.is_none() {
            items.push(describe_type(&field.ty, recursion)?);
        }
    }
    Ok(quote!(&[#(#items),*]))
}

/// Refuses a default, which lets JSON leave a field out: only a named field can be.
fn refuse_default(field: &attributes::FieldAttributes) -> Result<()> {
    match field.default {
        None => Ok(()),
        Some(span) => Err(Error::new(
            span,
            "serde's `default` can't be used on an unnamed field: postcard and JSON know it by its \
             position; `skip` needs no `default` beside it",
        )),
    }
}

fn describe_fields(
    fields: &FieldsNamed,
    rule: Option<RenameRule>,
    recursion: &mut Recursion<'_>,
) -> Result<TokenStream> {
    let mut names = Names::default();
    let mut described = Vec::new();
    for field in &fields.named {
        let Some(rust_name) = &field.ident else {
            continue;
        };
        let own = attributes::FieldAttributes::read(&field.attrs)?;
        if own.skip.is_some() {
            continue;
        }
        let name = match (own.rename, rule) {
            (Some(name), _) => name,
            (None, Some(rule)) => rule.field(&rust_name.unraw().to_string()),
            (None, None) => rust_name.unraw().to_string(),
        };
        names.add(&name, rust_name)?;
        let shape = describe_type(&field.ty, recursion)?;
        let docs = attributes::docs(&field.attrs);
        let optional = own.default.is_some();
        described.push(quote! {
            ::twinwire::shape::Field {
                name: #name,
                docs: #docs,
                shape: #shape,
                optional: #optional,
            }
        });
    }
    Ok(quote!(&[#(#described),*]))
}

fn describe_type(field: &Type, recursion: &mut Recursion<'_>) -> Result<TokenStream> {
    let cut = recursion.cut(field)?;
    // Spanned at the field's type, where the compiler then reports a type that has no shape.
    Ok(quote_spanned!(field.span()=> <#cut as ::twinwire::Shape>::SHAPE))
}

/// The names met so far in one struct or enum.
#[derive(Default)]
struct Names(HashSet<String>);

impl Names {
    fn add(&mut self, name: &str, spanned: &syn::Ident) -> Result<()> {
        if self.0.insert(name.to_owned()) {
            return Ok(());
        }
        Err(Error::new(
            spanned.span(),
            format!("the name `{name}` is taken, and JSON can't tell the two apart: rename one"),
        ))
    }
}
