//! What a module carries of panics.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::wasm_bytes::{
    CODE, CUSTOM, FUNCTION_NAMES, Reader, change_sections, imported_functions, put_bytes,
    put_integer, sections,
};

/// A function's body that traps at once: no locals, `unreachable`, `end`.
const TRAP: &[u8] = b"\x00\x00\x0b";

/// The functions outside of `core::panicking` with which a panic begins. None of them returns.
const BEGINNINGS: [&str; 12] = [
    "core::cell::lazy::panic_poisoned",
    "core::cell::panic_already_borrowed",
    "core::cell::panic_already_mutably_borrowed",
    "core::option::expect_failed",
    "core::option::unwrap_failed",
    "core::result::unwrap_failed",
    "core::slice::index::slice_index_fail",
    "core::str::slice_error_fail",
    "alloc::alloc::handle_alloc_error",
    "alloc::raw_vec::capacity_overflow",
    "alloc::raw_vec::handle_error",
    "<alloc::vec::Vec<_, _>>::remove::assert_failed",
];

/// Has panics trap where they begin, as they do in the end. For a module that sets no panic hook: what std does until
/// then, nobody sees.
pub(crate) fn silence(module: &Path) -> Result<()> {
    let bytes = fs::read(module).with_context(|| format!("can't read {}", module.display()))?;
    let bytes = silenced(&bytes)?;
    fs::write(module, bytes).with_context(|| format!("can't write {}", module.display()))
}

fn silenced(module: &[u8]) -> Result<Vec<u8>> {
    let names = function_names(module)?;
    let imported = imported_functions(module)?;
    change_sections(module, |id, content| {
        if id != CODE {
            return Ok(None);
        }
        let mut rest = Reader(content);
        let mut new = Vec::new();
        let count = rest.integer()?;
        put_integer(&mut new, count);
        for function in imported..imported + count {
            let body = rest.bytes()?;
            let begins_panic = names.get(&function).is_some_and(|name| begins_panic(name));
            put_bytes(&mut new, if begins_panic { TRAP } else { body });
        }
        Ok(Some(new))
    })
}

/// Says whether a function of this name begins a panic. Of std's own build, names have hashes behind the crates'.
fn begins_panic(name: &str) -> bool {
    let mut plain = String::new();
    for part in name.split('[') {
        plain += part.split_once(']').map_or(part, |(_, behind)| behind);
    }
    plain.starts_with("core::panicking::") || BEGINNINGS.contains(&plain.as_str())
}

/// Returns the names of functions by their numbers, as far as they have names.
fn function_names(module: &[u8]) -> Result<HashMap<usize, &str>> {
    let mut names = HashMap::new();
    for (id, content) in sections(module)? {
        let mut rest = Reader(content);
        if id != CUSTOM || rest.bytes()? != b"name" {
            continue;
        }
        while !rest.0.is_empty() {
            let (part, content) = (rest.byte()?, rest.bytes()?);
            if part != FUNCTION_NAMES {
                continue;
            }
            let mut rest = Reader(content);
            for _ in 0..rest.integer()? {
                let function = rest.integer()?;
                let name = rest.bytes()?;
                names.insert(
                    function,
                    str::from_utf8(name).context("a name isn't UTF-8")?,
                );
            }
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasm_bytes::IMPORTS;

    fn section(id: u8, content: &[u8]) -> Vec<u8> {
        let mut section = vec![id];
        put_bytes(&mut section, content);
        section
    }

    #[test]
    fn what_begins_a_panic_traps_and_the_rest_stays() {
        let names = [
            "core[0a1b]::panicking::panic_fmt",
            "std[0a1b]::panicking::panicking",
        ];
        let mut functions = vec![2];
        for (place, name) in names.iter().enumerate() {
            // Function 0 is imported.
            functions.push(place as u8 + 1);
            put_bytes(&mut functions, name.as_bytes());
        }
        let mut content = b"\x04name\x00\x01m".to_vec();
        content.push(FUNCTION_NAMES);
        put_bytes(&mut content, &functions);
        let custom = section(CUSTOM, &content);
        let imports = section(IMPORTS, b"\x02\x01m\x01f\0\0\x01m\x01t\x01\x70\x01\x05\x09");
        let before = section(CODE, b"\x02\x05\x00\x10\x00\x00\x0b\x04\x00\x41\x00\x0b");
        let after = section(CODE, b"\x02\x03\x00\x00\x0b\x04\x00\x41\x00\x0b");
        let module = |code: &[u8]| [b"\0asm\x01\0\0\0", &imports[..], code, &custom].concat();
        assert_eq!(silenced(&module(&before)).unwrap(), module(&after));
    }

    #[test]
    fn a_panic_begins_in_functions_of_these_names() {
        for name in [
            "core::panicking::panic_bounds_check",
            "core[c5930c85a12de822]::option::expect_failed",
            "<alloc[3ca501edff3f0c7c]::vec::Vec<_, _>>::remove::assert_failed",
        ] {
            assert!(begins_panic(name), "{name}");
        }
        for name in [
            "std::panicking::panic_count::is_zero_slow_path",
            "<core[c593]::panicking::AssertKind as core[c593]::fmt::Debug>::fmt",
            "app::core::panicking::panic",
        ] {
            assert!(!begins_panic(name), "{name}");
        }
    }
}
