//! Finds where a type names itself, and puts `twinwire::shape::Reference` there.

use std::mem;

use proc_macro2::Span;
use syn::visit_mut::{self, VisitMut};
use syn::{
    Error, GenericArgument, GenericParam, Generics, Ident, Path, PathArguments, Result, Type,
};
use syn::{TypePath, parse_quote_spanned, spanned::Spanned};

/// The type under derivation, and what its fields have shown so far.
pub(crate) struct Recursion<'a> {
    name: &'a Ident,
    generics: &'a Generics,
    found: bool,
    other_arguments: Option<Span>,
}

impl<'a> Recursion<'a> {
    pub(crate) fn new(name: &'a Ident, generics: &'a Generics) -> Self {
        Self {
            name,
            generics,
            found: false,
            other_arguments: None,
        }
    }

    /// Returns true if any field so far named the type itself.
    pub(crate) fn found(&self) -> bool {
        self.found
    }

    /// Returns the field's type with the type itself replaced.
    pub(crate) fn cut(&mut self, field: &Type) -> Result<Type> {
        let mut field = field.clone();
        self.visit_type_mut(&mut field);
        match mem::take(&mut self.other_arguments) {
            None => Ok(field),
            Some(span) => Err(Error::new(
                span,
                "a type that contains itself with other parameters has no end on the wire: give the inner one the same",
            )),
        }
    }

    fn is_self(&mut self, path: &Path) -> bool {
        if path.is_ident("Self") {
            return true;
        }
        // A longer path may lead to another type of that name.
        let [segment] = Vec::from_iter(&path.segments)[..] else {
            return false;
        };
        if path.leading_colon.is_some() || segment.ident != *self.name {
            return false;
        }
        // Noted and not returned: a visitor can't fail.
        if !self.has_own_arguments(&segment.arguments) {
            self.other_arguments = Some(path.span());
        }
        true
    }

    fn has_own_arguments(&self, arguments: &PathArguments) -> bool {
        let own = self
            .generics
            .params
            .iter()
            .filter(|own| !matches!(own, GenericParam::Lifetime(_)));
        let PathArguments::AngleBracketed(given) = arguments else {
            return own.count() == 0;
        };
        let given = given
            .args
            .iter()
            .filter(|given| !matches!(given, GenericArgument::Lifetime(_)));
        given.map(name_of_argument).eq(own.map(name_of_parameter))
    }
}

impl VisitMut for Recursion<'_> {
    fn visit_type_mut(&mut self, place: &mut Type) {
        if let Type::Path(TypePath { qself: None, path }) = place
            && self.is_self(path)
        {
            self.found = true;
            *place = parse_quote_spanned!(path.span()=> ::twinwire::shape::Reference);
            // Not into its arguments: they are the type's own.
            return;
        }
        visit_mut::visit_type_mut(self, place);
    }
}

fn name_of_argument(argument: &GenericArgument) -> Option<&Ident> {
    match argument {
        GenericArgument::Type(Type::Path(path)) => path.path.get_ident(),
        _ => None,
    }
}

fn name_of_parameter(parameter: &GenericParam) -> Option<&Ident> {
    match parameter {
        GenericParam::Type(parameter) => Some(&parameter.ident),
        GenericParam::Const(parameter) => Some(&parameter.ident),
        GenericParam::Lifetime(_) => None,
    }
}
