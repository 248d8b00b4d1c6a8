//! What a page loads, compressed as a server for the world would send it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::node;

/// Node has brotli; its best quality is its default.
const SCRIPT: &str = "const { readFileSync } = require('fs'); \
    const { brotliCompressSync } = require('zlib'); \
    for (const file of process.argv.slice(1)) \
    console.log(brotliCompressSync(readFileSync(file)).length)";

/// The bytes that the files of one folder take in brotli; folders in it are pages of their own.
pub(super) fn in_brotli(folder: &Path) -> Result<usize> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("can't read {}", folder.display()))? {
        let entry = entry?;
        let file = entry.path();
        let is_copy = file
            .extension()
            .is_some_and(|form| form == "br" || form == "gz");
        if entry.file_type()?.is_file() && !is_copy {
            files.push(file);
        }
    }
    compressed(&files)
}

fn compressed(files: &[PathBuf]) -> Result<usize> {
    let printed = node::node(SCRIPT, files)?;
    let sizes: Vec<usize> = printed
        .lines()
        .filter_map(|line| line.parse().ok())
        .collect();
    ensure!(
        sizes.len() == files.len(),
        "brotli in node printed:\n{printed}"
    );
    Ok(sizes.into_iter().sum())
}

/// One line about a page: its size, and the most that it should have, in KB of 1,000 bytes.
pub(crate) fn line(name: &str, bytes: usize, most_kb: usize) -> String {
    let kb = bytes as f64 / 1000.0;
    let verdict = if bytes <= most_kb * 1000 {
        ""
    } else {
        ", which it misses"
    };
    let what = format!("{name}, in brotli");
    format!("{what:<40} {kb:7.1} KB of {most_kb}{verdict}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_over_its_bar_says_so() {
        let fits = line("page", 60 * 1000, 60);
        assert!(fits.ends_with(" 60.0 KB of 60"), "{fits}");
        let misses = line("page", 60 * 1000 + 1, 60);
        assert!(
            misses.ends_with(" 60.0 KB of 60, which it misses"),
            "{misses}"
        );
    }

    #[test]
    fn the_files_of_a_folder_count_and_those_of_its_folders_do_not() {
        let folder = std::env::temp_dir().join(format!("twinwire-size-{}", std::process::id()));
        fs::create_dir_all(folder.join("inner")).unwrap();
        let text = "the same again and again ".repeat(1000);
        for file in ["a.js", "a.js.br", "b.css", "inner/c.js"] {
            fs::write(folder.join(file), &text).unwrap();
        }
        let bytes = in_brotli(&folder).unwrap();
        fs::remove_dir_all(folder).unwrap();
        assert!((20..400).contains(&bytes), "{bytes} bytes");
    }
}
