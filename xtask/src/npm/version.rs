//! The package's version, in both files of its module: a page may be served one of them out of an older package.

use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::FOLDER;
use crate::lockfile;
use crate::workspace::Workspace;

/// The custom section's name. `module.ts` has the same.
const SECTION: &str = "twinwire";

/// Returns the version in package.json, which must be the crate's.
pub(super) fn of(workspace: &Workspace, folder: &Path) -> Result<String> {
    let manifest = folder.join("package.json");
    let text = fs::read_to_string(&manifest)
        .with_context(|| format!("can't read {}", manifest.display()))?;
    let version = find(&text).context("npm/package.json has no version")?;
    let of_crate = lockfile::version(workspace, FOLDER)?;
    ensure!(
        version == of_crate,
        "npm/package.json has version {version}, and the crate {of_crate}: make them equal"
    );
    Ok(version.to_owned())
}

fn find(manifest: &str) -> Option<&str> {
    let mut lines = manifest.lines();
    lines.find_map(|line| {
        line.trim()
            .strip_prefix("\"version\": \"")?
            .strip_suffix("\",")
    })
}

/// Adds the module's hash to the version, as semver has it of builds: two builds of one version name different functions
/// by one number.
pub(super) fn of_build(module: &Path, version: &str) -> Result<String> {
    let bytes = fs::read(module).with_context(|| format!("can't read {}", module.display()))?;
    let mut hasher = DefaultHasher::new();
    hasher.write(&bytes);
    Ok(format!("{version}+{:08x}", hasher.finish() >> 32))
}

/// Adds a custom section (WebAssembly Core §5.5.3), which can be read before imports are given.
pub(super) fn write_in_wasm(module: &Path, version: &str) -> Result<()> {
    let mut bytes = fs::read(module).with_context(|| format!("can't read {}", module.display()))?;
    bytes.extend(section(SECTION, version.as_bytes())?);
    fs::write(module, bytes).with_context(|| format!("can't write {}", module.display()))
}

fn section(name: &str, content: &[u8]) -> Result<Vec<u8>> {
    let length = |bytes: usize| {
        // A longer one would take a second byte of LEB128.
        let byte = u8::try_from(bytes).ok().filter(|byte| *byte < 0x80);
        byte.context("a custom section has 127 bytes at most here")
    };
    let mut body = vec![length(name.len())?];
    body.extend(name.as_bytes());
    body.extend(content);
    let mut section = vec![0, length(body.len())?];
    section.extend(body);
    Ok(section)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_its_number_its_length_its_name_and_its_content() {
        assert_eq!(section("ab", b"1.0").unwrap(), b"\x00\x06\x02ab1.0");
        assert!(section("ab", &[0; 125]).is_err());
    }

    #[test]
    fn a_manifests_version_is_found() {
        let manifest = "{\n  \"name\": \"a\",\n  \"version\": \"1.2.3\",\n";
        assert_eq!(find(manifest), Some("1.2.3"));
        assert_eq!(find("{\n  \"name\": \"version\",\n"), None);
    }
}
