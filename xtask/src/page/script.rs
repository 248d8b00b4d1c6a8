//! A page's script in TypeScript, bundled with the npm package by esbuild.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::npm;
use crate::run::run;
use crate::workspace::Workspace;

const LIMIT: Duration = Duration::from_secs(120);

/// Bundles a script and all that it imports into one file, as short as it can be.
pub(super) fn bundle(workspace: &Workspace, script: &Path, to: &Path) -> Result<()> {
    let esbuild = workspace.root().join(npm::FOLDER);
    let mut esbuild = Command::new(esbuild.join("node_modules/.bin/esbuild"));
    esbuild.args(["--bundle", "--format=esm", "--minify", "--target=es2022"]);
    esbuild.args(["--log-level=warning", "--legal-comments=none"]);
    esbuild
        .arg(format!("--outfile={}", to.display()))
        .arg(script);
    run(&mut esbuild, LIMIT)?.require("esbuild")
}

/// Has a bundle fetch the package's module under the name of the file that is beside it.
pub(super) fn rename_module(bundle: &Path, module: &Path) -> Result<()> {
    let text =
        fs::read_to_string(bundle).with_context(|| format!("can't read {}", bundle.display()))?;
    let name = module.file_name().context("a published file has a name")?;
    let renamed = renamed(&text, &name.to_string_lossy());
    let renamed = renamed.with_context(|| {
        format!(
            "{} doesn't name {}: look at npm/src/address.ts",
            bundle.display(),
            npm::MODULE
        )
    })?;
    fs::write(bundle, renamed).with_context(|| format!("can't write {}", bundle.display()))
}

/// esbuild leaves the addresses as the package has them: relative to the script.
fn renamed(text: &str, name: &str) -> Option<String> {
    let module = format!("\"./{}\"", npm::MODULE);
    let is_named = text.contains(&module);
    is_named.then(|| text.replace(&module, &format!("\"./{name}\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_is_fetched_by_its_own_name() {
        let bundle = "load(new URL(\"./core_bg.wasm\",import.meta.url))";
        let expect = "load(new URL(\"./core-01.wasm\",import.meta.url))";
        assert_eq!(renamed(bundle, "core-01.wasm").as_deref(), Some(expect));
        assert_eq!(renamed("load(url)", "core-01.wasm"), None);
        assert_eq!(
            renamed(&bundle.repeat(2), "core-01.wasm"),
            Some(expect.repeat(2))
        );
    }
}
