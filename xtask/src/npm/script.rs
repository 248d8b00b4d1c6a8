//! What wasm-bindgen's script and its types are for the package: `module.ts` alone loads the module, for all sources.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// The functions that load the module, as wasm-bindgen exports them at the end.
const LOADERS: &str = "export { initSync, __wbg_init as default };";

/// Where the types of these begin.
const LOADERS_TYPES: &str = "export type InitInput =";

/// What the package takes instead. The loaders are no part of what is shortened then.
const EXPORTS: &str = "export { __wbg_get_imports as imports, __wbg_finalize_init as finish };";

const TYPES: &str = "/** Returns what the module imports. */
export declare function imports(): WebAssembly.Imports;
/** Makes an instance the one that the classes use; returns its exports. */
export declare function finish(instance: WebAssembly.Instance, module: WebAssembly.Module): WebAssembly.Exports;
/** The version of the package, and of its build. */
export declare const version: string;
";

/// Changes the exports of the script, before it is shortened, and of its types.
pub(super) fn adapt(script: &Path, version: &str) -> Result<()> {
    change(script, |text| exports(text, version))?;
    change(&script.with_extension("d.ts"), types)
}

fn exports(script: &str, version: &str) -> Option<String> {
    let code = script.trim_end().strip_suffix(LOADERS)?;
    Some(format!(
        "{code}{EXPORTS}\nexport const version = \"{version}\";\n"
    ))
}

fn types(types: &str) -> Option<String> {
    let (classes, _) = types.split_once(LOADERS_TYPES)?;
    // An application that compiles with the libraries of es2022, which don't know it, checks these types too.
    let lines = classes
        .lines()
        .filter(|line| !line.contains("[Symbol.dispose]"));
    let kept: String = lines.flat_map(|line| [line, "\n"]).collect();
    Some(kept + TYPES)
}

fn change(file: &Path, change: impl Fn(&str) -> Option<String>) -> Result<()> {
    let text =
        fs::read_to_string(file).with_context(|| format!("can't read {}", file.display()))?;
    let changed = change(&text).with_context(|| {
        format!(
            "{} doesn't end as this wasm-bindgen's did: change xtask/src/npm/script.rs",
            file.display()
        )
    })?;
    fs::write(file, changed).with_context(|| format!("can't write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loaders_go_and_what_they_use_is_exported() {
        let script = format!("function a() {{}}\n\n{LOADERS}\n");
        let expect = format!("function a() {{}}\n\n{EXPORTS}\nexport const version = \"1.2.3\";\n");
        assert_eq!(exports(&script, "1.2.3"), Some(expect));
        assert_eq!(exports("export { other };\n", "1.2.3"), None);
    }

    #[test]
    fn classes_keep_their_types_without_dispose() {
        let before =
            format!("class A {{\n  [Symbol.dispose](): void;\n}}\n\n{LOADERS_TYPES} URL;\n");
        assert_eq!(types(&before), Some(format!("class A {{\n}}\n\n{TYPES}")));
        assert_eq!(types("class A {}\n"), None);
    }
}
