//! The page, and beside it the smallest one and the lobby in TypeScript: built for release, and only when something they are made of
//! has changed. For development, `trunk serve` builds the same index.html.

mod bundle;
mod html;
pub(crate) mod node;
mod script;
pub(crate) mod size;

use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::cache::Lock;
use crate::npm;
use crate::setup::{Did, Setup, step};
use crate::workspace::{Workspace, stdout_of};
use bundle::Bundle;
use html::{Asset, Part};

/// The pages, and where each is in the folder that is served.
const PAGES: [Page; 3] = [
    Page {
        name: "www",
        package: "www",
        source: "www",
        folder: "",
        url: "/",
        most_kb: 180,
    },
    Page {
        name: "minimal",
        package: "minimal",
        source: "www/minimal",
        folder: "minimal",
        url: "/minimal/",
        most_kb: 60,
    },
    Page {
        name: "lobby",
        package: npm::FOLDER,
        source: "www/lobby",
        folder: "lobby",
        url: "/lobby/",
        most_kb: 87,
    },
];

struct Page {
    name: &'static str,
    /// The crate of its module. Its program has the page's name.
    package: &'static str,
    source: &'static str,
    folder: &'static str,
    url: &'static str,
    /// The most KB that the page should take in brotli.
    most_kb: usize,
}

impl Page {
    fn bundle<'a>(
        &self,
        workspace: &'a Workspace,
        tools: &'a [PathBuf],
        dist: &Path,
    ) -> Bundle<'a> {
        Bundle {
            workspace,
            tools,
            name: self.name,
            source: workspace.root().join(self.source),
            dist: dist.join(self.folder),
            url: self.url,
        }
    }
}

/// Files and folders of which the pages are made, beside their crates: the way they are built too.
const FILES: [&str; 16] = [
    "Cargo.toml",
    "Cargo.lock",
    ".cargo/config.toml",
    "xtask/src/function_order.rs",
    "xtask/src/page/bundle.rs",
    "xtask/src/page/html.rs",
    "xtask/src/page/node.rs",
    "xtask/src/page/script.rs",
    "xtask/src/short_names.rs",
    "xtask/src/wasm_bytes.rs",
    "xtask/src/wasm_module.rs",
    "xtask/src/npm",
    "npm/package.json",
    "npm/package-lock.json",
    "npm/tsconfig.json",
    "npm/src",
];

/// Builds the page of the starter in `folder`, into its `dist`.
pub(crate) fn starter(workspace: &Workspace, tools: &[PathBuf], folder: &Path) -> Result<()> {
    let bundle = Bundle {
        workspace,
        tools,
        name: "page",
        source: folder.join("page"),
        dist: folder.join("dist"),
        url: "/",
    };
    bundle.build()
}

/// Compiles the pages' programs, ahead of [`build`], which needs tools that may have to be compiled meanwhile.
pub(crate) fn compile(workspace: &Workspace) {
    for page in PAGES {
        let bundle = page.bundle(workspace, &[], Path::new(""));
        // `build` compiles it again, and tells the error.
        drop(bundle.compile());
    }
}

/// Reads how the smallest page's program is built: its profile, and the options of wasm-opt.
pub(crate) fn smallest(workspace: &Workspace) -> Result<(String, Vec<String>)> {
    let index = workspace.root().join("www/minimal/index.html");
    let html =
        fs::read_to_string(&index).with_context(|| format!("can't read {}", index.display()))?;
    let program = html::parts(&html)?.into_iter().find_map(|part| match part {
        Part::Asset(Asset::Program(program)) => Some(program),
        Part::Asset(Asset::Style(_) | Asset::Script(_)) | Part::Text(_) => None,
    });
    let program = program.with_context(|| format!("{} links no program", index.display()))?;
    Ok((program.profile.to_owned(), program.wasm_opt))
}

/// Builds the page unless it is there as its sources would make it; gives its folder.
pub(crate) fn build(workspace: &Workspace, setup: &Setup) -> Result<PathBuf> {
    let tools = setup.page_tools()?;
    // The compiler of TypeScript, and esbuild.
    setup.npm_packages(&workspace.root().join(npm::FOLDER))?;
    // Not trunk's usual folder: `trunk serve` fills that with a page of its own, on each change,
    // while a server started here still serves this one.
    // Of no page's name: what each is bundled from lies in a folder of its name beside it.
    let dist = workspace.target_dir().join("xtask/showcase");
    step("page", || build_if_changed(workspace, &tools, &dist))?;
    for page in PAGES {
        let bytes = size::in_brotli(&dist.join(page.folder))?;
        eprintln!("{}", size::line(page.name, bytes, page.most_kb));
    }
    Ok(dist)
}

fn build_if_changed(workspace: &Workspace, tools: &[PathBuf], dist: &Path) -> Result<Did> {
    let notes = workspace.target_dir().join("xtask");
    fs::create_dir_all(&notes).with_context(|| format!("can't make {}", notes.display()))?;
    let _lock = Lock::take(&notes.join("page.lock"))?;
    let stamp = notes.join("page.stamp");
    let sources = hash_sources(workspace, tools)?;
    // The built files count too: clones may share one target folder, and each has its own page.
    let stamp_now = || Some(format!("{sources:016x} {:016x}\n", hash_folder(dist).ok()?));
    if stamp_now().is_some_and(|now| fs::read_to_string(&stamp).is_ok_and(|then| then == now)) {
        return Ok(Did::Nothing);
    }
    // A server that runs goes on with the old page until the new one is whole.
    let new = notes.join("page.new");
    clear(&new)?;
    for page in PAGES {
        page.bundle(workspace, tools, &new).build()?;
    }
    clear(dist)?;
    fs::rename(&new, dist).with_context(|| format!("can't name {}", dist.display()))?;
    let stamp_now = stamp_now().with_context(|| format!("there is no {}", dist.display()))?;
    fs::write(&stamp, stamp_now).with_context(|| format!("can't write {}", stamp.display()))?;
    Ok(Did::Work)
}

pub(crate) fn clear(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("can't clear {}", folder.display()))?;
    }
    Ok(())
}

/// The sources, the lockfiles, the compiler and the tools, in one number.
fn hash_sources(workspace: &Workspace, tools: &[PathBuf]) -> Result<u64> {
    let edges = [
        "--target",
        "wasm32-unknown-unknown",
        "--edges",
        "normal,build",
    ];
    let names = PAGES.map(|page| ["-p", page.package]).concat();
    let parts = workspace.tree(&[&names, &edges[..]].concat())?;
    let crates = workspace.crates()?;
    let is_part = |file: &Path| {
        // The server's crate lies in the page's folder.
        let home = crates.iter().filter(|home| file.starts_with(&home.folder));
        let home = home.max_by_key(|home| home.folder.components().count());
        home.is_some_and(|home| parts.contains(home))
    };
    let mut hasher = DefaultHasher::new();
    for file in workspace.files()? {
        let named = FILES.iter().any(|known| file.starts_with(known));
        if named || is_part(&file) {
            hash_file(&mut hasher, workspace.root(), &file)?;
        }
    }
    hasher.write(stdout_of(Command::new("rustc").arg("-vV"))?.as_bytes());
    for tool in tools {
        // A tool's folder is named by its version.
        hasher.write(tool.as_os_str().as_encoded_bytes());
    }
    Ok(hasher.finish())
}

fn hash_file(hasher: &mut DefaultHasher, root: &Path, file: &Path) -> Result<()> {
    let content =
        fs::read(root.join(file)).with_context(|| format!("can't read {}", file.display()))?;
    // Lengths keep a byte that moves from one file to the next from going unseen.
    for part in [file.as_os_str().as_encoded_bytes(), &content] {
        hasher.write_usize(part.len());
        hasher.write(part);
    }
    Ok(())
}

fn hash_folder(folder: &Path) -> Result<u64> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let list = if entry.file_type()?.is_dir() {
                &mut folders
            } else {
                &mut files
            };
            list.push(entry.path());
        }
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        hash_file(&mut hasher, folder, file.strip_prefix(folder)?)?;
    }
    Ok(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash_of(files: &[(&str, &str)]) -> u64 {
        static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = format!("twinwire-page-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        for (name, content) in files {
            let file = folder.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content).unwrap();
        }
        let hash = hash_folder(&folder).unwrap();
        fs::remove_dir_all(folder).unwrap();
        hash
    }

    #[test]
    fn equal_folders_have_equal_hashes() {
        let files = [("index.html", "<p>"), ("assets/a.css", "p {}")];
        assert_eq!(hash_of(&files), hash_of(&files));
    }

    #[test]
    fn a_changed_a_renamed_and_a_missing_file_change_the_hash() {
        let before = hash_of(&[("a", "1"), ("b", "2")]);
        for after in [
            &[("a", "1"), ("b", "3")][..],
            &[("a", "1"), ("c", "2")],
            &[("a", "1")],
            &[("a", "2"), ("b", "1")],
        ] {
            assert_ne!(hash_of(after), before, "{after:?}");
        }
    }

    #[test]
    fn a_byte_that_moves_to_the_next_file_changes_the_hash() {
        assert_ne!(
            hash_of(&[("a", "12"), ("b", "3")]),
            hash_of(&[("a", "1"), ("b", "23")])
        );
    }

    #[test]
    fn a_folder_that_is_not_there_has_no_hash() {
        assert!(hash_folder(Path::new("no/such/folder")).is_err());
    }
}
