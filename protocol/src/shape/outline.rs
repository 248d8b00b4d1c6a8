//! A kind's structure in words, so that people see what differs.

use std::fmt::{self, Write};

use super::{Content, Descriptor, Field, Tagging, Variant};
use crate::Class;
use crate::limits::MAX_OUTLINE;

/// A kind's structure, a line for each place in it: what it is called and what stands there. Two kinds
/// of one class and name are the same if their outlines are. What is beyond
/// [`MAX_OUTLINE`] is left out.
pub fn outline(class: Class, shapes: &[&Descriptor]) -> String {
    let roles: &[&str] = match class {
        Class::Call => &["request", "reply", "error"],
        Class::Stream => &["request", "item", "error"],
        Class::Event => &["event"],
        Class::Topic => &["key", "item"],
    };
    let mut outline = OutlineText {
        lines: String::new(),
        path: String::new(),
    };
    for (role, shape) in roles.iter().zip(shapes) {
        outline.path.clear();
        outline.path.push_str(role);
        outline.shape(shape);
    }
    outline.lines
}

/// The difference of two outlines of one kind: the lines that only one of them has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The lines that only this end has.
    pub here: Vec<String>,
    /// The lines that only the other end has.
    pub there: Vec<String>,
}

impl Difference {
    /// Compares this end's outline of a kind with the other end's.
    pub fn between(here: &str, there: &str) -> Self {
        Self {
            here: only(here, there),
            there: only(there, here),
        }
    }
}

fn only(of: &str, and: &str) -> Vec<String> {
    let lines = of
        .lines()
        .filter(|line| and.lines().all(|other| other != *line));
    lines.map(str::to_owned).collect()
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sides = [("only here: ", &self.here), ("only there: ", &self.there)];
        let mut is_told = false;
        for (side, lines) in sides {
            let mut before = if is_told { "; " } else { "" };
            let mut side = side;
            for line in lines {
                for text in [before, side, line] {
                    f.write_str(text)?;
                }
                (before, side, is_told) = (", ", "", true);
            }
        }
        if !is_told {
            f.write_str("too far in to be told")?;
        }
        Ok(())
    }
}

struct OutlineText {
    lines: String,
    path: String,
}

impl OutlineText {
    fn line(&mut self, what: impl fmt::Display) {
        let before = self.lines.len();
        // A string takes whatever is written.
        let _ = writeln!(self.lines, "{}: {what}", self.path);
        if self.lines.len() > MAX_OUTLINE {
            self.lines.truncate(before);
        }
    }

    fn inside(&mut self, step: impl fmt::Display, shape: &Descriptor) {
        let before = self.path.len();
        let _ = write!(self.path, "{step}");
        self.shape(shape);
        self.path.truncate(before);
    }

    fn shape(&mut self, shape: &Descriptor) {
        match shape {
            Descriptor::Option(item) => self.inside('?', item),
            Descriptor::Sequence(item) => self.inside("[]", item),
            Descriptor::Array(item, length) => self.inside(format_args!("[{length}]"), item),
            Descriptor::Map(key, value) => {
                self.inside("{key}", key);
                self.inside("{value}", value);
            }
            Descriptor::Tuple(items) => self.items(items),
            Descriptor::Struct {
                fields,
                deny_unknown,
            } => {
                self.strictness(*deny_unknown);
                self.fields(fields);
            }
            Descriptor::Enum {
                tagging,
                variants,
                deny_unknown,
            } => {
                self.strictness(*deny_unknown);
                if let Tagging::Adjacent { tag, content } = tagging {
                    self.line(format_args!("an enum with tag {tag} and content {content}"));
                }
                self.variants(variants);
            }
            Descriptor::Named(_, inner) => self.shape(inner),
            Descriptor::Recursive(inner) => {
                self.line("contains itself");
                self.shape(inner);
            }
            Descriptor::Foreign { name, version, .. } => {
                self.line(format_args!("{name}, version {version}"));
            }
            leaf => self.line(format_args!("{leaf:?}")),
        }
    }

    fn strictness(&mut self, deny_unknown: bool) {
        if deny_unknown {
            self.line("no unknown fields");
        }
    }

    fn items(&mut self, items: &[&Descriptor]) {
        if items.is_empty() {
            self.line("nothing");
        }
        for (place, item) in items.iter().enumerate() {
            self.inside(format_args!(".{place}"), item);
        }
    }

    /// Their order counts.
    fn fields(&mut self, fields: &[Field]) {
        if fields.is_empty() {
            self.line("no fields");
        }
        for (place, field) in fields.iter().enumerate() {
            let optional = if field.optional {
                " (may be missing)"
            } else {
                ""
            };
            let name = field.name;
            self.inside(format_args!(".{place} {name}{optional}"), field.shape);
        }
    }

    fn variants(&mut self, variants: &[Variant]) {
        if variants.is_empty() {
            self.line("no value");
        }
        for (place, variant) in variants.iter().enumerate() {
            let before = self.path.len();
            let _ = write!(self.path, "|{place} {}", variant.name);
            match variant.content {
                Content::Unit => self.line("alone"),
                Content::Newtype(item) => self.inside("()", item),
                Content::Tuple(items) => self.items(items),
                Content::Struct(fields) => self.fields(fields),
            }
            self.path.truncate(before);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::{Call, Kind, Shape};

    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[derive(Serialize, Deserialize, Call)]
    #[call(reply = Vec<Choice>, error = String)]
    struct Join {
        room: String,
        #[serde(default)]
        seats: Option<(u8, [u16; 2])>,
    }

    #[derive(Serialize, Deserialize, Shape)]
    enum Choice {
        Nothing,
        One(u8),
        Named { more: Vec<Choice> },
    }

    #[test]
    fn each_place_has_a_line() {
        let lines = outline(Join::CLASS, Join::SHAPES);
        let expected = "\
            request.0 room: String\n\
            request.1 seats (may be missing)?.0: U8\n\
            request.1 seats (may be missing)?.1[2]: U16\n\
            reply[]: contains itself\n\
            reply[]|0 Nothing: alone\n\
            reply[]|1 One(): U8\n\
            reply[]|2 Named.0 more[]: Reference\n\
            error: String\n";
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_difference_is_the_lines_of_one_side_only() {
        let check = |here: &str, there: &str, words: &str| {
            assert_eq!(Difference::between(here, there).to_string(), words);
        };
        let words = "only here: a: Bool, c: U8; only there: a: U8";
        check("a: Bool\nb: U8\nc: U8\n", "a: U8\nb: U8\n", words);
        check("", "a: U8\nb: U8\n", "only there: a: U8, b: U8");
        check("a: U8\nb: U8\n", "b: U8\n", "only here: a: U8");
        check("a: U8\n", "a: U8\n", "too far in to be told");
    }

    #[test]
    fn what_is_too_long_is_cut_between_lines() {
        static FIELDS: [Field; 3000] = [Field {
            name: "a field of a name that is long enough",
            docs: "",
            shape: u8::SHAPE,
            optional: false,
        }; 3000];
        let shape = Descriptor::Struct {
            fields: &FIELDS,
            deny_unknown: false,
        };
        let lines = outline(Class::Event, &[&shape]);
        assert!(lines.len() <= MAX_OUTLINE && lines.len() > MAX_OUTLINE - 100);
        assert!(lines.ends_with(": U8\n"));
    }
}
