//! What Node does for a page: hashes for its integrity attributes, and its files in brotli and gzip.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::run::run;

const LIMIT: Duration = Duration::from_secs(120);

const SHA384: &str = "const { createHash } = require('crypto'); \
    const { readFileSync } = require('fs'); \
    const hash = createHash('sha384').update(readFileSync(process.argv[1])); \
    console.log(hash.digest('base64'))";

/// Compresses at the best quality: that is paid once a build, and gained at each visit.
const COMPRESS: &str = "const { readFileSync, writeFileSync } = require('fs'); \
    const { brotliCompressSync, gzipSync } = require('zlib'); \
    for (const file of process.argv.slice(1)) { \
        const bytes = readFileSync(file); \
        const forms = { br: brotliCompressSync(bytes), gz: gzipSync(bytes, { level: 9 }) }; \
        for (const [name, form] of Object.entries(forms)) \
            if (form.length < bytes.length) writeFileSync(`${file}.${name}`, form); \
    }";

/// Returns the SHA-384 of a file in Base64, as an integrity attribute has it (Subresource Integrity §3.1).
pub(super) fn sha384(file: &Path) -> Result<String> {
    let printed = node(SHA384, &[file.to_owned()])?;
    let hash = printed.lines().last().context("node printed no hash")?;
    Ok(hash.trim().to_owned())
}

/// Writes each file a second and a third time beside it, `.br` and `.gz`, where that is shorter.
pub(super) fn compress(files: &[PathBuf]) -> Result<()> {
    node(COMPRESS, files).map(drop)
}

/// Runs a script with files as its arguments; gives what it printed.
pub(crate) fn node(script: &str, files: &[PathBuf]) -> Result<String> {
    let mut node = Command::new("node");
    let finished = run(node.args(["-e", script]).args(files), LIMIT)?;
    finished.require("node")?;
    Ok(finished.output)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let name = format!("twinwire-node-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_hash_is_that_of_the_standard() {
        let folder = folder("sha384");
        let file = folder.join("abc");
        fs::write(&file, "abc").unwrap();
        let hash = sha384(&file).unwrap();
        fs::remove_dir_all(folder).unwrap();
        // FIPS 180-4's example.
        let expect = "ywB1P0WjXou1oD1pmsZQBycsMqsO3tFjGotgWkP/W+2AhgcroefMI1i67KE0yCWn";
        assert_eq!(hash, expect);
    }

    #[test]
    fn only_a_form_that_is_shorter_is_written() {
        let folder = folder("compress");
        let (long, short) = (folder.join("long"), folder.join("short"));
        fs::write(&long, "again and ".repeat(100)).unwrap();
        fs::write(&short, "x").unwrap();
        compress(&[long, short]).unwrap();
        let mut names: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        fs::remove_dir_all(folder).unwrap();
        assert_eq!(names, ["long", "long.br", "long.gz", "short"]);
    }
}
