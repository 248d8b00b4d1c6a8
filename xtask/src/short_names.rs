//! The names between a module and its script.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::wasm_bytes::{EXPORTS, IMPORTS, Reader, change_sections, put_bytes, put_integer};

/// Shortens the names by which a module and its script know each other: wasm-bindgen makes them long, many with a hash at
/// the end, which nothing can compress, and each stands in both files.
pub(crate) fn shorten_names(script: &Path, module: &Path) -> Result<()> {
    let text =
        fs::read_to_string(script).with_context(|| format!("can't read {}", script.display()))?;
    let bytes = fs::read(module).with_context(|| format!("can't read {}", module.display()))?;
    let (text, bytes) = shortened(&text, &bytes)?;
    fs::write(script, text).with_context(|| format!("can't write {}", script.display()))?;
    fs::write(module, bytes).with_context(|| format!("can't write {}", module.display()))
}

fn shortened(script: &str, module: &[u8]) -> Result<(String, Vec<u8>)> {
    let words = words(script);
    let mut short_names = HashMap::new();
    let module = change_sections(module, |id, content| {
        // What is imported are an object's properties, and what is exported is taken of another.
        let place = match id {
            IMPORTS => Place::BeforeColon,
            EXPORTS => Place::BehindDot,
            _ => return Ok(None),
        };
        let entries = entries(id, content)?;
        let mut next = 0;
        let mut new = Vec::new();
        put_integer(&mut new, entries.len());
        for Entry {
            before,
            name,
            after,
        } in entries
        {
            new.extend(before);
            if is_free(name, place, &words) {
                let short = short_name(next);
                next += 1;
                put_bytes(&mut new, short.as_bytes());
                short_names.insert(name, short);
            } else {
                put_bytes(&mut new, name.as_bytes());
            }
            new.extend(after);
        }
        Ok(Some(new))
    })?;
    let mut text = String::new();
    let mut written = 0;
    for word in words {
        if let Some(short) = short_names.get(word.text) {
            text += &script[written..word.start];
            text += short;
            written = word.start + word.text.len();
        }
    }
    Ok((text + &script[written..], module))
}

/// One import or export.
struct Entry<'a> {
    before: &'a [u8],
    name: &'a str,
    after: &'a [u8],
}

fn entries(id: u8, content: &[u8]) -> Result<Vec<Entry<'_>>> {
    let mut rest = Reader(content);
    let count = rest.integer()?;
    let entry = |_| {
        let start = rest.0;
        if id == IMPORTS {
            rest.bytes()?;
        }
        let before = &start[..start.len() - rest.0.len()];
        let name = str::from_utf8(rest.bytes()?).context("a name in a module isn't UTF-8")?;
        let start = rest.0;
        if id == IMPORTS {
            rest.import()?;
        } else {
            rest.byte()?;
            rest.integer()?;
        }
        let after = &start[..start.len() - rest.0.len()];
        Ok(Entry {
            before,
            name,
            after,
        })
    };
    (0..count).map(entry).collect()
}

/// A word's place in a script.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    BeforeColon,
    BehindDot,
    Elsewhere,
}

struct Word<'a> {
    text: &'a str,
    start: usize,
    place: Place,
}

fn words(script: &str) -> Vec<Word<'_>> {
    let is_part = |char: char| char.is_alphanumeric() || matches!(char, '_' | '$');
    let mut words = Vec::new();
    let mut end = 0;
    while let Some(found) = script[end..].find(is_part) {
        let start = end + found;
        let text = &script[start..];
        let text = &text[..text.find(|char| !is_part(char)).unwrap_or(text.len())];
        end = start + text.len();
        let place = if script[..start].ends_with('.') {
            Place::BehindDot
        } else if script[end..].starts_with(':') {
            Place::BeforeColon
        } else {
            Place::Elsewhere
        };
        words.push(Word { text, start, place });
    }
    words
}

/// Returns true if a name may be another: wasm-bindgen has made it, and the script has it in this place alone.
fn is_free(name: &str, place: Place, words: &[Word<'_>]) -> bool {
    let mut uses = words.iter().filter(|word| word.text == name).peekable();
    name.contains('_') && uses.peek().is_some() && uses.all(|word| word.place == place)
}

/// Returns `a` to `z`, then `aa`, `ba` and so on.
fn short_name(mut number: usize) -> String {
    let mut name = String::new();
    loop {
        name.push(char::from(b'a' + (number % 26) as u8));
        number /= 26;
        if number == 0 {
            return name;
        }
        number -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasm_bytes::sections;

    const PREAMBLE: &[u8] = b"\0asm\x01\0\0\0";

    fn module(parts: &[(u8, &[&[u8]])]) -> Vec<u8> {
        let mut module = PREAMBLE.to_vec();
        for (id, content) in parts {
            module.push(*id);
            put_bytes(&mut module, &content.concat());
        }
        module
    }

    #[test]
    fn a_module_and_its_script_know_each_other_by_short_names() {
        let script = "{__wbg_now_463a:()=>1,__wbg_new_37eb:f};class A{b_c(){e.a_b_c(e.memory)}}";
        let before = module(&[
            (
                IMPORTS,
                &[
                    b"\x02",
                    b"\x01m\x0e__wbg_new_37eb\0\x05",
                    b"\x01m\x0e__wbg_now_463a\0\x80\x01",
                ],
            ),
            (
                EXPORTS,
                &[b"\x02", b"\x06memory\x02\0", b"\x05a_b_c\0\x81\x01"],
            ),
            (10, &[b"a_b_c"]),
        ]);
        let (script, module_after) = shortened(script, &before).unwrap();
        assert_eq!(script, "{b:()=>1,a:f};class A{b_c(){e.a(e.memory)}}");
        let expect = module(&[
            (
                IMPORTS,
                &[b"\x02", b"\x01m\x01a\0\x05", b"\x01m\x01b\0\x80\x01"],
            ),
            (EXPORTS, &[b"\x02", b"\x06memory\x02\0", b"\x01a\0\x81\x01"]),
            (10, &[b"a_b_c"]),
        ]);
        assert_eq!(sections(&module_after).unwrap(), sections(&expect).unwrap());
    }

    #[test]
    fn a_name_that_the_script_uses_otherwise_too_stays() {
        let before = module(&[
            (IMPORTS, &[b"\x01", b"\x01m\x03a_b\0\0"]),
            (EXPORTS, &[b"\x02", b"\x03a_b\0\0", b"\x03c_d\0\0"]),
        ]);
        let script = "{a_b:e.a_b};function c_d(){e.c_d()}";
        let (after, module_after) = shortened(script, &before).unwrap();
        assert_eq!((after.as_str(), module_after), (script, before));
    }

    #[test]
    fn short_names_are_all_different() {
        let names = [0, 25, 26, 27, 51, 52, 701, 702].map(short_name);
        assert_eq!(names, ["a", "z", "aa", "ba", "za", "ab", "zz", "aaa"]);
    }
}
