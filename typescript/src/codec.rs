//! Codecs: what makes `bigint` of decimal strings, and strings of it.

use std::collections::BTreeMap;

use twinwire::shape::{Content, Descriptor, Field, Tagging, Variant};

use crate::text::{block, indent, literal};
use crate::types::full_name;

/// The functions that the file's codecs share. A value that is to be sent shows by itself where its integers are; JSON
/// doesn't, so each type has a decoder of its own, put together of these. A kind may be called `Object`.
const HELPERS: &str = r#"// In JSON, integers of 64 and 128 bits are decimal strings.
const encode = (value: any): unknown => {
  if (typeof value === "bigint") return value.toString();
  if (value === null || typeof value !== "object") return value;
  if (globalThis.Array.isArray(value)) return value.map((item) => encode(item));
  return globalThis.Object.fromEntries(globalThis.Object.entries(value).map(([key, item]) => [key, encode(item)]));
};

type Decode = (json: any) => any;

const decode = {
  integer: (json: any): any => {
    if (typeof json === "string" && /^(0|-?[1-9][0-9]*)$/.test(json)) return globalThis.BigInt(json);
    throw new globalThis.TypeError(`not an integer in a string: ${globalThis.JSON.stringify(json)}`);
  },
  option: (item: Decode): Decode => (json) => (json === null ? null : item(json)),
  array: (item: Decode): Decode => (json) => json.map((one: any) => item(one)),
  map: (item: Decode): Decode => (json) =>
    globalThis.Object.fromEntries(globalThis.Object.entries(json).map(([key, one]) => [key, item(one)])),
  tuple: (items: (Decode | null)[]): Decode => (json) =>
    json.map((one: any, place: number) => items[place]?.(one) ?? one),
  // A variant is an object with one field, or a string.
  fields: (items: [string, Decode][]): Decode => (json) => {
    if (json === null || typeof json !== "object") return json;
    const found = items.filter(([key]) => globalThis.Object.hasOwn(json, key));
    return { ...json, ...globalThis.Object.fromEntries(found.map(([key, item]) => [key, item(json[key])])) };
  },
  adjacent: (tag: string, content: string, items: [string, Decode][]): Decode => (json) => {
    const item = items.find(([name]) => name === json[tag])?.[1];
    return item ? { ...json, [content]: item(json[content]) } : json;
  },
};"#;

/// The decoders printed so far, by the names of their types.
#[derive(Default)]
pub(crate) struct Codecs {
    decoders: BTreeMap<String, String>,
    is_used: bool,
    /// The types that contain themselves around the place that is printed, and whether they have any wide integer.
    recursive: Vec<(String, bool)>,
}

impl Codecs {
    /// Returns a kind's member `codec`; none if it carries no wide integer.
    pub(crate) fn of(&mut self, roles: &[&str], shapes: &[&Descriptor]) -> Option<String> {
        let mut members = Vec::new();
        for (role, shape) in roles.iter().zip(shapes) {
            if let Some(decoder) = self.decoder(shape) {
                members.push(format!("{role}: {{ encode, decode: {decoder} }},"));
            }
        }
        if members.is_empty() {
            return None;
        }
        self.is_used = true;
        Some(format!("codec: {}", block(&members)))
    }

    /// Returns what the codecs are made of; none without any.
    pub(crate) fn finish(self) -> Option<String> {
        if !self.is_used {
            return None;
        }
        let decoders = self.decoders.iter();
        // Each is a function, so that it may name those that follow.
        let decoders = decoders
            .map(|(name, text)| format!("{name}: (json: any): any => {}(json),", indent(text, 2)));
        let decoders: Vec<String> = decoders.collect();
        let mut text = HELPERS.to_owned();
        if !decoders.is_empty() {
            text += &format!("\n\nconst decoders = {};", block(&decoders));
        }
        Some(text)
    }

    /// Returns an expression that decodes such a value; none if JSON has the value as it is.
    fn decoder(&mut self, shape: &Descriptor) -> Option<String> {
        match shape {
            Descriptor::U64 | Descriptor::U128 | Descriptor::I64 | Descriptor::I128 => {
                Some("decode.integer".to_owned())
            }
            Descriptor::Option(item) => self.wrapped("option", item),
            Descriptor::Sequence(item) | Descriptor::Array(item, _) => self.wrapped("array", item),
            Descriptor::Map(_, value) => self.wrapped("map", value),
            Descriptor::Tuple(items) => self.tuple(items),
            Descriptor::Struct { fields, .. } => self.fields(fields),
            Descriptor::Enum {
                tagging, variants, ..
            } => self.variants(*tagging, variants),
            Descriptor::Reference => {
                let (name, is_wide) = self.recursive.last()?;
                is_wide.then(|| format!("decoders.{name}"))
            }
            Descriptor::Named(name, inner) => {
                let around: Vec<String> = self
                    .recursive
                    .iter()
                    .map(|(name, _)| name.clone())
                    .collect();
                let name = full_name(name, &around);
                let text = match inner {
                    Descriptor::Recursive(inner) => self.recursive(&name, inner)?,
                    inner => self.decoder(inner)?,
                };
                self.decoders.insert(name.clone(), text);
                Some(format!("decoders.{name}"))
            }
            // Nameless ones are refused where they are declared.
            Descriptor::Recursive(_) => None,
            Descriptor::Bool
            | Descriptor::U8
            | Descriptor::U16
            | Descriptor::U32
            | Descriptor::I8
            | Descriptor::I16
            | Descriptor::I32
            | Descriptor::F32
            | Descriptor::F64
            | Descriptor::Char
            | Descriptor::String
            | Descriptor::Bytes
            | Descriptor::Unit
            | Descriptor::Foreign { .. } => None,
        }
    }

    /// Looks twice: whether there is anything to decode in what it contains itself, the rest of it tells.
    fn recursive(&mut self, name: &str, inner: &Descriptor) -> Option<String> {
        self.recursive.push((name.to_owned(), false));
        let is_wide = self.decoder(inner).is_some();
        self.recursive.pop();
        if !is_wide {
            return None;
        }
        self.recursive.push((name.to_owned(), true));
        let text = self.decoder(inner);
        self.recursive.pop();
        text
    }

    fn wrapped(&mut self, helper: &str, item: &Descriptor) -> Option<String> {
        let item = self.decoder(item)?;
        Some(format!("decode.{helper}({item})"))
    }

    fn tuple(&mut self, items: &[&Descriptor]) -> Option<String> {
        let items: Vec<Option<String>> = items.iter().map(|item| self.decoder(item)).collect();
        if items.iter().all(Option::is_none) {
            return None;
        }
        let texts = items.iter().map(|item| item.as_deref().unwrap_or("null"));
        let texts: Vec<&str> = texts.collect();
        Some(format!("decode.tuple([{}])", texts.join(", ")))
    }

    fn fields(&mut self, fields: &[Field]) -> Option<String> {
        let fields = fields.iter();
        let pairs = fields.filter_map(|field| Some((field.name, self.decoder(field.shape)?)));
        let pairs: Vec<_> = pairs.collect();
        Some(format!("decode.fields({})", list(&pairs)?))
    }

    fn variants(&mut self, tagging: Tagging, variants: &[Variant]) -> Option<String> {
        let pairs = variants.iter().filter_map(|variant| {
            let content = match variant.content {
                Content::Unit => None,
                Content::Newtype(item) => self.decoder(item),
                Content::Tuple(items) => self.tuple(items),
                Content::Struct(fields) => self.fields(fields),
            };
            Some((variant.name, content?))
        });
        let pairs = list(&pairs.collect::<Vec<_>>())?;
        Some(match tagging {
            Tagging::External => format!("decode.fields({pairs})"),
            Tagging::Adjacent { tag, content } => {
                let (tag, content) = (literal(tag), literal(content));
                format!("decode.adjacent({tag}, {content}, {pairs})")
            }
        })
    }
}

/// Writes names and decoders; none without any.
fn list(pairs: &[(&str, String)]) -> Option<String> {
    let pair = |(name, decoder): &(&str, String)| format!("[{}, {decoder}]", literal(name));
    let pairs: Vec<String> = pairs.iter().map(pair).collect();
    (!pairs.is_empty()).then(|| format!("[{}]", pairs.join(", ")))
}
