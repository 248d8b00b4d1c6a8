//! One page from its sources: what trunk makes of the same index.html, in fewer minutes of set-up.

use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::html::{self, Asset, Part, Program};
use super::{node, script};
use crate::npm;
use crate::wasm_module::Recipe;
use crate::workspace::Workspace;

/// A page's source, and its place in what is served.
pub(super) struct Bundle<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) tools: &'a [PathBuf],
    /// The package, whose program is the page's.
    pub(super) name: &'static str,
    /// The folder of its index.html.
    pub(super) source: PathBuf,
    /// The folder that it is built into.
    pub(super) dist: PathBuf,
    /// The path of that folder on a server, with slashes at both ends.
    pub(super) url: &'static str,
}

impl Bundle<'_> {
    /// Builds the page, each file under a name that holds its hash, and each a second time in brotli and gzip.
    pub(super) fn build(&self) -> Result<()> {
        let html = self.index()?;
        let parts = self.parts(&html)?;
        fs::create_dir_all(&self.dist)
            .with_context(|| format!("can't make {}", self.dist.display()))?;
        let (mut page, mut files) = (String::new(), Vec::new());
        for part in parts {
            match part {
                Part::Text(text) => page += text,
                Part::Asset(Asset::Style(file)) => {
                    // It may be another page's.
                    let name = Path::new(file).file_stem().unwrap_or_default();
                    let name = name.to_string_lossy();
                    let style = self.publish(&self.source.join(file), &name, ".css")?;
                    page += &html::style(&self.url_of(&style)?, &node::sha384(&style)?);
                    files.push(style);
                }
                Part::Asset(Asset::Program(program)) => {
                    let (script, wasm) = self.program(&program)?;
                    page += &html::program(&self.url_of(&script)?, &self.url_of(&wasm)?);
                    files.extend([script, wasm]);
                }
                Part::Asset(Asset::Script(file)) => {
                    let (script, wasm) = self.script(file)?;
                    page += &html::script(&self.url_of(&script)?, &self.url_of(&wasm)?);
                    files.extend([script, wasm]);
                }
            }
        }
        let index = self.dist.join("index.html");
        fs::write(&index, page).with_context(|| format!("can't write {}", index.display()))?;
        files.push(index);
        node::compress(&files)
    }

    /// Compiles the page's program and does nothing else.
    pub(super) fn compile(&self) -> Result<()> {
        for part in self.parts(&self.index()?)? {
            match part {
                Part::Asset(Asset::Program(program)) => {
                    self.recipe(&program, &["--bin", self.name]).compile()?;
                }
                Part::Asset(Asset::Script(_)) => npm::compile(self.workspace)?,
                Part::Asset(Asset::Style(_)) | Part::Text(_) => {}
            }
        }
        Ok(())
    }

    fn index(&self) -> Result<String> {
        let index = self.source.join("index.html");
        fs::read_to_string(&index).with_context(|| format!("can't read {}", index.display()))
    }

    fn parts<'h>(&self, html: &'h str) -> Result<Vec<Part<'h>>> {
        html::parts(html).with_context(|| format!("index.html of {}", self.name))
    }

    /// Compiles the program and makes it as small as it can be; gives its script and its module.
    fn program(&self, program: &Program) -> Result<(PathBuf, PathBuf)> {
        let scratch = self.workspace.target_dir().join("xtask").join(self.name);
        let target = ["--bin", self.name];
        let recipe = self.recipe(program, &target);
        let files = recipe.bind(&scratch, self.name, &["--no-typescript"])?;
        recipe.shorten(&files)?;
        let script = self.publish(&files.script, self.name, ".js")?;
        let module = self.publish(&files.wasm, self.name, "_bg.wasm")?;
        Ok((script, module))
    }

    /// Builds the npm package, and bundles a script with it; gives the script and the package's module.
    fn script(&self, file: &str) -> Result<(PathBuf, PathBuf)> {
        let package = npm::assemble(self.workspace, self.tools)?;
        let module = self.publish(&package.join(npm::MODULE), "core", "_bg.wasm")?;
        let bundled = self.workspace.target_dir().join("xtask").join(self.name);
        let bundled = bundled.with_extension("js");
        script::bundle(self.workspace, &self.source.join(file), &bundled)?;
        script::rename_module(&bundled, &module)?;
        let script = self.publish(&bundled, self.name, ".js")?;
        Ok((script, module))
    }

    fn recipe<'r>(&'r self, program: &'r Program, target: &'r [&str]) -> Recipe<'r> {
        Recipe {
            workspace: self.workspace,
            tools: self.tools,
            manifest: self.source.join(program.manifest),
            target,
            name: self.name,
            profile: program.profile,
            wasm_opt: &program.wasm_opt,
        }
    }

    /// Copies a file into the page under a name that holds its hash, so that it may be kept for ever.
    fn publish(&self, file: &Path, name: &str, ending: &str) -> Result<PathBuf> {
        let content = fs::read(file).with_context(|| format!("can't read {}", file.display()))?;
        let mut hasher = DefaultHasher::new();
        hasher.write(&content);
        let name = format!("{name}-{:016x}{ending}", hasher.finish());
        let published = self.dist.join(name);
        fs::write(&published, content)
            .with_context(|| format!("can't write {}", published.display()))?;
        Ok(published)
    }

    fn url_of(&self, file: &Path) -> Result<String> {
        let name = file.file_name().context("a published file has a name")?;
        Ok(format!("{}{}", self.url, name.to_string_lossy()))
    }
}
