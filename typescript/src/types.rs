//! Types: what stands for a descriptor, and the declarations that this takes.

use std::collections::BTreeSet;

use twinwire::shape::{Content, Descriptor, Field, Tagging, TypeName, Variant};

use crate::text::{block, braces, comment, indent, is_free, literal, part_of_name, property};
use crate::{Error, Options};

/// The crates and modules of the foreign types that are text in JSON; the crate `twinwire` describes them.
const TEXT: [&str; 4] = ["chrono::", "std::net::", "time::", "uuid::"];

/// The types printed so far.
pub(crate) struct Types<'a> {
    options: &'a Options,
    declared: Vec<Declared>,
    /// The kinds' own types, whose names are those of values too.
    own: Vec<(String, &'static str)>,
    /// The names that the file imports for them.
    imports: BTreeSet<&'static str>,
    /// The types that contain themselves around the place that is printed, innermost last.
    recursive: Vec<String>,
    /// The kind that is printed, for errors.
    kind: &'static str,
}

struct Declared {
    name: String,
    module: String,
    text: String,
}

/// A type as it is written somewhere.
struct Written {
    text: String,
    /// True if it is a union, which an array's brackets would tear apart.
    is_union: bool,
}

impl From<&str> for Written {
    fn from(text: &str) -> Self {
        Self::one(text.to_owned())
    }
}

impl Written {
    fn one(text: String) -> Self {
        Self {
            text,
            is_union: false,
        }
    }

    fn union(members: &[String]) -> Self {
        match members {
            [] => Self::from("never"),
            members => Self {
                text: members.join(" | "),
                is_union: members.len() > 1,
            },
        }
    }
}

impl<'a> Types<'a> {
    pub(crate) fn new(options: &'a Options) -> Self {
        Self {
            options,
            declared: Vec::new(),
            own: Vec::new(),
            imports: BTreeSet::new(),
            recursive: Vec::new(),
            kind: "",
        }
    }

    /// Begins with the types of another kind.
    pub(crate) fn begin(&mut self, kind: &'static str) {
        self.kind = kind;
    }

    /// Declares a kind's own type and returns its name, which is the kind's unless the type has one.
    pub(crate) fn own(&mut self, shape: &Descriptor) -> Result<String, Error> {
        let nameless = TypeName {
            name: self.kind,
            module: "the table of kinds",
            docs: "",
            arguments: &[],
        };
        let (type_name, inner) = match shape {
            Descriptor::Named(name, inner) => (*name, *inner),
            shape => (&nameless, shape),
        };
        let name = self.named(type_name, inner)?;
        if let Some((_, first)) = self.own.iter().find(|(taken, _)| *taken == name) {
            return Err(Error::NameTaken {
                name,
                first: (*first).to_owned(),
                second: type_name.module.to_owned(),
            });
        }
        self.own.push((name.clone(), type_name.module));
        Ok(name)
    }

    /// Declares what a type is made of and returns what stands for it.
    pub(crate) fn of(&mut self, shape: &Descriptor) -> Result<String, Error> {
        Ok(self.written(shape)?.text)
    }

    pub(crate) fn import(&mut self, name: &'static str) {
        self.imports.insert(name);
    }

    /// Returns the imports in order, and the declarations, those first that are used first.
    pub(crate) fn finish(self) -> (BTreeSet<&'static str>, Vec<String>) {
        let texts = self.declared.into_iter().map(|declared| declared.text);
        (self.imports, texts.collect())
    }

    fn written(&mut self, shape: &Descriptor) -> Result<Written, Error> {
        Ok(match shape {
            Descriptor::Bool => "boolean".into(),
            Descriptor::U8
            | Descriptor::U16
            | Descriptor::U32
            | Descriptor::I8
            | Descriptor::I16
            | Descriptor::I32
            | Descriptor::F32
            | Descriptor::F64 => "number".into(),
            Descriptor::U64 => self.wide("U64"),
            Descriptor::U128 => self.wide("U128"),
            Descriptor::I64 => self.wide("I64"),
            Descriptor::I128 => self.wide("I128"),
            Descriptor::Char | Descriptor::String => "string".into(),
            Descriptor::Bytes => self.imported("Base64"),
            Descriptor::Unit => "null".into(),
            Descriptor::Option(item) => {
                let item = self.of(item)?;
                Written::union(&[item, "null".to_owned()])
            }
            Descriptor::Sequence(item) => match self.written(item)? {
                Written { text, is_union } if is_union => Written::one(format!("({text})[]")),
                Written { text, .. } => Written::one(format!("{text}[]")),
            },
            Descriptor::Array(item, length) => {
                let item = self.of(item)?;
                Written::one(format!("[{}]", vec![item; *length].join(", ")))
            }
            Descriptor::Map(_, value) => {
                let value = self.of(value)?;
                Written::one(format!("{{ [key: string]: {value} }}"))
            }
            Descriptor::Tuple(items) => Written::one(self.tuple(items)?),
            Descriptor::Struct { fields, .. } => Written::one(braces(&self.members(fields)?)),
            Descriptor::Enum {
                tagging, variants, ..
            } => {
                let variants = self.variants(*tagging, variants)?;
                let texts: Vec<String> = variants.into_iter().map(|(_, text)| text).collect();
                Written::union(&texts)
            }
            Descriptor::Recursive(_) => return Err(self.nameless()),
            Descriptor::Reference => match self.recursive.last() {
                Some(name) => Written::one(name.clone()),
                None => return Err(self.nameless()),
            },
            Descriptor::Named(name, inner) => Written::one(self.named(name, inner)?),
            Descriptor::Foreign { name, .. } => self.foreign(name),
        })
    }

    fn imported(&mut self, name: &'static str) -> Written {
        self.import(name);
        name.into()
    }

    /// An integer that a `number` can't hold.
    fn wide(&mut self, name: &'static str) -> Written {
        if self.options.bigint {
            "bigint".into()
        } else {
            self.imported(name)
        }
    }

    fn foreign(&self, name: &str) -> Written {
        let known = self.options.foreign.iter().find(|(known, _)| known == name);
        let is_text = TEXT.iter().any(|path| name.starts_with(path));
        let default = if is_text { "string" } else { "unknown" };
        let text = known.map_or(default, |(_, text)| text);
        Written {
            text: text.to_owned(),
            // Nobody looks into what the application says.
            is_union: text.contains(' '),
        }
    }

    fn nameless(&self) -> Error {
        Error::Nameless {
            kind: self.kind.to_owned(),
        }
    }

    fn tuple(&mut self, items: &[&Descriptor]) -> Result<String, Error> {
        let items: Vec<String> = items
            .iter()
            .map(|item| self.of(item))
            .collect::<Result<_, _>>()?;
        Ok(format!("[{}]", items.join(", ")))
    }

    /// The lines between the braces. What no field names is no object of another type's either.
    fn members(&mut self, fields: &[Field]) -> Result<Vec<String>, Error> {
        if fields.is_empty() {
            return Ok(vec!["[key: string]: never".to_owned()]);
        }
        let mut members = Vec::new();
        for field in fields {
            let shape = self.of(field.shape)?;
            let name = property(field.name);
            let optional = if field.optional { "?" } else { "" };
            members.push(format!("{}{name}{optional}: {shape};", comment(field.docs)));
        }
        Ok(members)
    }

    /// The variants, as their docs and what JSON has for them.
    fn variants(
        &mut self,
        tagging: Tagging,
        variants: &[Variant],
    ) -> Result<Vec<(&'static str, String)>, Error> {
        let mut written = Vec::new();
        for variant in variants {
            let content = match variant.content {
                Content::Unit => None,
                Content::Newtype(item) => Some(self.of(item)?),
                Content::Tuple(items) => Some(self.tuple(items)?),
                Content::Struct(fields) => Some(braces(&self.members(fields)?)),
            };
            let name = literal(variant.name);
            let text = match (tagging, content) {
                (Tagging::External, None) => name,
                (Tagging::External, Some(content)) => {
                    braces(&[format!("{}: {content};", property(variant.name))])
                }
                (Tagging::Adjacent { tag, .. }, None) => {
                    braces(&[format!("{}: {name};", property(tag))])
                }
                (Tagging::Adjacent { tag, content: key }, Some(content)) => braces(&[
                    format!("{}: {name};", property(tag)),
                    format!("{}: {content};", property(key)),
                ]),
            };
            written.push((variant.docs, text));
        }
        Ok(written)
    }

    /// Declares a type and returns its name.
    fn named(&mut self, type_name: &TypeName, inner: &Descriptor) -> Result<String, Error> {
        let name = full_name(type_name, &self.recursive);
        if !is_free(&name) {
            return Err(Error::NameUnusable {
                name,
                module: type_name.module.to_owned(),
            });
        }
        let place = self.declared.len();
        let text = comment(type_name.docs) + &self.declaration(&name, inner)?;
        let same = |declared: &&Declared| declared.name == name;
        match self.declared.iter().find(same) {
            None => self.declared.insert(
                place,
                Declared {
                    name: name.clone(),
                    module: type_name.module.to_owned(),
                    text,
                },
            ),
            Some(declared) if declared.text == text => {}
            Some(declared) => {
                return Err(Error::NameTaken {
                    name,
                    first: declared.module.clone(),
                    second: type_name.module.to_owned(),
                });
            }
        }
        Ok(name)
    }

    fn declaration(&mut self, name: &str, inner: &Descriptor) -> Result<String, Error> {
        if let Descriptor::Recursive(inner) = inner {
            self.recursive.push(name.to_owned());
            let text = self.declaration(name, inner);
            self.recursive.pop();
            return text;
        }
        Ok(match inner {
            Descriptor::Struct { fields, .. } if !fields.is_empty() => {
                format!("export interface {name} {}", block(&self.members(fields)?))
            }
            Descriptor::Enum {
                tagging, variants, ..
            } if !variants.is_empty() => {
                let mut text = format!("export type {name} =");
                for (docs, variant) in self.variants(*tagging, variants)? {
                    let member = format!("\n{}| {}", comment(docs), indent(&variant, 2));
                    text.push_str(&indent(&member, 2));
                }
                text + ";"
            }
            inner => format!("export type {name} = {};", self.of(inner)?),
        })
    }
}

/// Returns a type's name with its arguments' behind it.
pub(crate) fn full_name(name: &TypeName, recursive: &[String]) -> String {
    let mut full = name.name.to_owned();
    for argument in name.arguments {
        full.push('_');
        full.push_str(&as_argument(argument, recursive));
    }
    full
}

/// Returns the name of a type inside the name of one that it is given to.
fn as_argument(shape: &Descriptor, recursive: &[String]) -> String {
    let inside = |shape: &Descriptor| as_argument(shape, recursive);
    match shape {
        Descriptor::Named(name, _) => full_name(name, recursive),
        Descriptor::Reference => recursive.last().cloned().unwrap_or_default(),
        Descriptor::Recursive(inner) => inside(inner),
        Descriptor::Option(item) => format!("Option_{}", inside(item)),
        Descriptor::Sequence(item) => format!("Array_{}", inside(item)),
        Descriptor::Array(item, length) => format!("Array{length}_{}", inside(item)),
        Descriptor::Map(key, value) => format!("Map_{}_{}", inside(key), inside(value)),
        Descriptor::Tuple(items) => {
            let items = items.iter().map(|item| format!("_{}", inside(item)));
            format!("Tuple{}", items.collect::<String>())
        }
        Descriptor::Struct { .. } => "Struct".to_owned(),
        Descriptor::Enum { .. } => "Enum".to_owned(),
        Descriptor::Foreign { name, .. } => part_of_name(name),
        leaf => format!("{leaf:?}"),
    }
}
