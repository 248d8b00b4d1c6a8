//! The binary format of modules (WebAssembly Core §5), as far as what is done here to one needs it.

use anyhow::{Context, Result, bail, ensure};

/// The bytes before the first section: magic number and version.
const PREAMBLE: usize = 8;

pub(crate) const CUSTOM: u8 = 0;
pub(crate) const IMPORTS: u8 = 2;
pub(crate) const EXPORTS: u8 = 7;
pub(crate) const CODE: u8 = 10;

/// The part of the section `name` that has the functions' names (WebAssembly Core, appendix "Custom Sections").
pub(crate) const FUNCTION_NAMES: u8 = 1;

/// Returns the module with some of its sections changed: `change` gives a section's new content, or none for the old.
pub(crate) fn change_sections<'m>(
    module: &'m [u8],
    mut change: impl FnMut(u8, &'m [u8]) -> Result<Option<Vec<u8>>>,
) -> Result<Vec<u8>> {
    let mut changed = module.get(..PREAMBLE).unwrap_or_default().to_vec();
    for (id, content) in sections(module)? {
        let new = change(id, content)?;
        changed.push(id);
        put_bytes(&mut changed, new.as_deref().unwrap_or(content));
    }
    Ok(changed)
}

/// Returns the numbers and the contents of the module's sections.
pub(crate) fn sections(module: &[u8]) -> Result<Vec<(u8, &[u8])>> {
    let mut rest = Reader(module);
    ensure!(
        rest.take(PREAMBLE)?.starts_with(b"\0asm"),
        "this is no module of WebAssembly"
    );
    let mut sections = Vec::new();
    while !rest.0.is_empty() {
        sections.push((rest.byte()?, rest.bytes()?));
    }
    Ok(sections)
}

/// Returns the number of functions that are imported: the module's own are numbered from there.
pub(crate) fn imported_functions(module: &[u8]) -> Result<usize> {
    let mut functions = 0;
    for (id, content) in sections(module)? {
        if id != IMPORTS {
            continue;
        }
        let mut rest = Reader(content);
        for _ in 0..rest.integer()? {
            rest.bytes()?;
            rest.bytes()?;
            functions += usize::from(rest.import()?);
        }
    }
    Ok(functions)
}

/// The bytes that are left to be read.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let split = self.0.split_at_checked(len);
        let (taken, rest) = split.context("a module ends before what it announces")?;
        self.0 = rest;
        Ok(taken)
    }

    /// Reads an unsigned integer in LEB128.
    pub(crate) fn integer(&mut self) -> Result<usize> {
        let mut value = 0;
        for shift in (0..35).step_by(7) {
            let byte = self.byte()?;
            value |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        bail!("an integer in a module is longer than 32 bits")
    }

    /// Reads bytes behind their number: a name, or a section's content.
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8]> {
        let len = self.integer()?;
        self.take(len)
    }

    /// Reads the description of an import, behind its two names. Returns true if it is a function.
    pub(crate) fn import(&mut self) -> Result<bool> {
        let kind = self.byte()?;
        match kind {
            0 => {
                self.integer()?;
            }
            // A table's type of elements; then limits, as a memory has.
            1 | 2 => {
                self.take(usize::from(kind == 1))?;
                if self.byte()? & 1 == 1 {
                    self.integer()?;
                }
                self.integer()?;
            }
            3 => {
                self.take(2)?;
            }
            _ => bail!("an import of kind {kind} isn't known: change xtask/src/wasm_bytes.rs"),
        }
        Ok(kind == 0)
    }
}

pub(crate) fn put_integer(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends bytes behind their number.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_integer(out, bytes.len());
    out.extend(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_stay_as_they_are_but_for_what_is_changed() {
        let module = b"\0asm\x01\0\0\0\x00\x03abc\x07\x01\x00";
        let same = change_sections(module, |_, _| Ok(None)).unwrap();
        assert_eq!(same, module);
        let longer = vec![1; 200];
        let changed = change_sections(module, |id, _| Ok((id == EXPORTS).then(|| longer.clone())));
        let changed = changed.unwrap();
        assert_eq!(
            sections(&changed).unwrap(),
            [(CUSTOM, &b"abc"[..]), (EXPORTS, &longer[..])]
        );
        assert!(sections(b"\0asm\x01\0\0\0\x00\x03ab").is_err());
        assert!(sections(b"function").is_err());
    }
}
