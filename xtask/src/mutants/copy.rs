//! A copy of the clone, in which mutants are planted.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::mutant::rank;
use crate::workspace::Workspace;

/// The copy; it and what is built of it stay for the next run.
pub(super) struct Copy {
    pub(super) workspace: Workspace,
    /// Of all files but documents and this program: verdicts are of one tree.
    pub(super) digest: u64,
}

impl Copy {
    /// Brings the copy up to date. What hasn't changed keeps its time, and needn't be compiled again.
    /// The files for which `is_schema` is true are left to [`write`](Self::write).
    pub(super) fn of(
        workspace: &Workspace,
        folder: &Path,
        is_schema: impl Fn(&str) -> bool,
    ) -> Result<Self> {
        let files = workspace.files()?;
        let mut digest = 0;
        for file in &files {
            let bytes = read(&workspace.root().join(file))?;
            let is_document = file.extension().is_some_and(|extension| extension == "md");
            if !is_document && !file.starts_with("xtask") {
                digest = rank(digest, &file.to_string_lossy());
                digest = rank(digest, &String::from_utf8_lossy(&bytes));
            }
            let place = folder.join(file);
            let is_there = place.exists() && is_schema(&file.to_string_lossy());
            if is_there || fs::read(&place).is_ok_and(|there| there == bytes) {
                continue;
            }
            let parent = place.parent().unwrap_or(folder);
            fs::create_dir_all(parent)
                .with_context(|| format!("can't make {}", parent.display()))?;
            // With its permissions: some files are programs.
            fs::copy(workspace.root().join(file), &place)
                .with_context(|| format!("can't write {}", place.display()))?;
        }
        let copy = workspace.copied(folder);
        for left in left_over(folder, &files)? {
            fs::remove_file(&left).with_context(|| format!("can't remove {}", left.display()))?;
        }
        Ok(Self {
            workspace: copy,
            digest,
        })
    }

    /// Writes a file of the copy, unless it has this text already: cargo would compile it again.
    pub(super) fn write(&self, file: &str, text: &str) -> Result<()> {
        let file = self.workspace.root().join(file);
        if fs::read(&file).is_ok_and(|there| there == text.as_bytes()) {
            return Ok(());
        }
        fs::write(&file, text).with_context(|| format!("can't write {}", file.display()))
    }

    /// Does `work` while a file of the copy has another text.
    pub(super) fn with<T>(
        &self,
        file: &str,
        text: &str,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let before = String::from_utf8(read(&self.workspace.root().join(file))?)?;
        self.write(file, text)?;
        let done = work();
        self.write(file, &before)?;
        done
    }
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("can't read {}", file.display()))
}

/// Finds files of the copy that the clone has no longer: cargo takes a test's file for a test.
fn left_over(folder: &Path, files: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut left = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next)? {
            let entry = entry?;
            let path = entry.path();
            let inside = path.strip_prefix(folder)?;
            if entry.file_type()?.is_dir() {
                if inside != Path::new("target") && entry.file_name() != "node_modules" {
                    folders.push(path);
                }
            } else if files
                .binary_search_by(|file| file.as_path().cmp(inside))
                .is_err()
            {
                left.push(path);
            }
        }
    }
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_clone_has_no_longer_is_found() {
        let folder = std::env::temp_dir().join(format!("twinwire-copy-{}", std::process::id()));
        for file in ["a/kept.rs", "a/gone.rs", "target/debug/built"] {
            let file = folder.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        let left = left_over(&folder, &[PathBuf::from("a/kept.rs")]).unwrap();
        assert_eq!(left, [folder.join("a/gone.rs")]);
        fs::remove_dir_all(folder).unwrap();
    }
}
