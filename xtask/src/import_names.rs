//! The names between a module and its script.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// The length of the hash with which wasm-bindgen ends the names of a module's imports, in hexadecimal digits.
const HASH: usize = 16;

/// Puts numbers in the place of the hashes in the names between a module and its script. A hash can't be compressed:
/// one is eight bytes in either file, and a page has some sixty.
pub(crate) fn number_imports(script: &Path, module: &Path) -> Result<()> {
    let read =
        |file: &Path| fs::read(file).with_context(|| format!("can't read {}", file.display()));
    let (mut script_bytes, mut module_bytes) = (read(script)?, read(module)?);
    for (number, hash) in hashes(&script_bytes).iter().enumerate() {
        // As long as a hash, so that the module's lengths stay right.
        let number = format!("{number:0HASH$}");
        for bytes in [&mut script_bytes, &mut module_bytes] {
            replace(bytes, hash, number.as_bytes());
        }
    }
    for (file, bytes) in [(script, script_bytes), (module, module_bytes)] {
        fs::write(file, bytes).with_context(|| format!("can't write {}", file.display()))?;
    }
    Ok(())
}

/// Returns the hashes at the ends of names, each once, in order.
fn hashes(script: &[u8]) -> Vec<Vec<u8>> {
    let mut hashes: Vec<Vec<u8>> = Vec::new();
    let words = script.split(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
    for name in words.filter(|word| word.starts_with(b"__wbg_")) {
        let hash = name.rsplit(|byte| *byte == b'_').next().unwrap_or_default();
        let is_hash = hash.len() == HASH && hash.iter().all(u8::is_ascii_hexdigit);
        if is_hash && !hashes.iter().any(|known| known == hash) {
            hashes.push(hash.to_owned());
        }
    }
    hashes
}

/// Replaces all places of a text by another of the same length.
fn replace(bytes: &mut [u8], old: &[u8], new: &[u8]) {
    let mut at = 0;
    while let Some(found) = bytes.get_mut(at..at + old.len()) {
        if found == old {
            found.copy_from_slice(new);
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_between_a_module_and_its_script_stay_the_same_and_lose_their_hashes() {
        let folder = std::env::temp_dir().join(format!("twinwire-bundle-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (script, module) = (folder.join("page.js"), folder.join("page.wasm"));
        let text = "{__wbg_now_463ac581d2fc7ea3:()=>1,__wbg_new_37eb45aaf5eeb820:f,now_0123456789abcdef:2}";
        fs::write(&script, text).unwrap();
        fs::write(
            &module,
            b"\0__wbg_new_37eb45aaf5eeb820\xff__wbg_now_463ac581d2fc7ea3",
        )
        .unwrap();
        number_imports(&script, &module).unwrap();
        let (script, module) = (fs::read(script).unwrap(), fs::read(module).unwrap());
        fs::remove_dir_all(folder).unwrap();
        let text = "{__wbg_now_0000000000000000:()=>1,__wbg_new_0000000000000001:f,now_0123456789abcdef:2}";
        assert_eq!(String::from_utf8(script).unwrap(), text);
        assert_eq!(
            module,
            b"\0__wbg_new_0000000000000001\xff__wbg_now_0000000000000000"
        );
    }
}
