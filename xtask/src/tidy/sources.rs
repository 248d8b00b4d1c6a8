//! What Rust sources, and all other files, may not say.

use super::{Finding, TextFile, Tree};

/// Folders that exist on somebody's machine only. Written in parts: this file is looked at too.
const MACHINE_FOLDERS: [&str; 3] = [
    concat!("/ro", "ot/"),
    concat!("/tm", "p/"),
    concat!("/ho", "me/"),
];

/// An `expect` says when it is no longer needed; an `allow` stays for good.
pub(super) fn allowed_lints(tree: &Tree) -> Vec<Finding> {
    let allows = |line: &str| {
        let line = line.trim_start();
        let attribute = line.starts_with("#[") || line.starts_with("#![");
        let inner = line.trim_start_matches(['#', '!', '[']);
        attribute
            && (inner.starts_with("allow(")
                || inner.starts_with("cfg_attr(") && inner.contains(" allow("))
    };
    let advice = "use #[expect(…, reason = \"…\")] instead of allow";
    tree.rust()
        .flat_map(|file| find_lines(file, allows, advice))
        .collect()
}

pub(super) fn machine_paths(tree: &Tree) -> Vec<Finding> {
    let names_folder = |line: &str| {
        MACHINE_FOLDERS.iter().any(|folder| {
            // In an address or after another folder it is no path from the root of a machine.
            line.match_indices(folder).any(|(at, _)| {
                !line[..at]
                    .ends_with(|before: char| before.is_alphanumeric() || "._-~}".contains(before))
            })
        })
    };
    let advice = "name no path of one machine: write it relative, or by a variable";
    tree.files
        .iter()
        .flat_map(|file| find_lines(file, names_folder, advice))
        .collect()
}

/// Limits by default have timers that come while a test waits, and wake an end that has forgotten an earlier one.
pub(super) fn impatient_tests(tree: &Tree) -> Vec<Finding> {
    const FOLDERS: [&str; 4] = [
        "client-native/tests",
        "server/tests",
        "testkit/src/wire.rs",
        "testkit/tests",
    ];
    const DEFAULTS: [&str; 5] = [
        "Limits::default()",
        "Options::new(",
        "Plain::builder().build",
        "Twinwire::builder(",
        " connect(server.url(",
    ];
    let begins = |line: &str| {
        // What a peer announces has no timers.
        let line = line.replace("PeerLimits::", "");
        DEFAULTS.iter().any(|default| line.contains(default))
    };
    let advice = "begin with the testkit's builder, options or patient limits";
    let of_tests = |file: &&TextFile| FOLDERS.iter().any(|place| file.path.starts_with(place));
    let tests = tree.rust().filter(of_tests);
    tests
        .flat_map(|file| find_lines(file, begins, advice))
        .collect()
}

fn find_lines(file: &TextFile, wrong: impl Fn(&str) -> bool, advice: &str) -> Vec<Finding> {
    let lines = file
        .text
        .lines()
        .enumerate()
        .filter(|(_, line)| wrong(line));
    lines
        .map(|(index, _)| Finding::new(&file.path, index + 1, advice))
        .collect()
}

/// The lint table forbids it as well; the attribute also holds where the table isn't read.
pub(super) fn crates_without_forbid(tree: &Tree) -> Vec<Finding> {
    let roots = ["src/lib.rs", "src/main.rs"];
    let files = tree
        .crates
        .iter()
        .flat_map(|part| roots.map(|root| part.folder.join(root)));
    let files = files.filter_map(|path| tree.files.iter().find(|file| file.path == path));
    let without = files.filter(|file| {
        let attribute = "#![forbid(unsafe_code)]";
        !file.text.lines().any(|line| line.trim() == attribute)
    });
    without
        .map(|file| Finding::new(&file.path, 1, "add #![forbid(unsafe_code)]"))
        .collect()
}

/// Clippy finds functions of more than 60 lines and silenced lints without a reason, provided that
/// it is asked to.
pub(super) fn function_lints(tree: &Tree) -> Vec<Finding> {
    let wanted = [
        ("Cargo.toml", "too_many_lines = \"warn\""),
        ("Cargo.toml", "allow_attributes_without_reason = \"warn\""),
        ("clippy.toml", "too-many-lines-threshold = 60"),
    ];
    let holds = |path: &str, line: &str| {
        tree.file(path)
            .is_some_and(|file| file.text.lines().any(|found| found.trim() == line))
    };
    let missing = wanted.into_iter().filter(|(path, line)| !holds(path, line));
    missing
        .map(|(path, line)| Finding::new(path.as_ref(), 1, format!("add `{line}`")))
        .collect()
}

/// The sources of the crates that applications use.
const LIBRARIES: [&str; 8] = [
    "protocol/src",
    "protocol/derive/src",
    "remote/src",
    "client/src",
    "client-wasm/src",
    "client-native/src",
    "server/src",
    "typescript/src",
];

const QUESTION_WORDS: [&str; 10] = [
    "What", "Who", "Whose", "Whom", "Where", "Whether", "How", "Why", "When", "Which",
];

/// A doc says what a function does, and names what a thing is. One that begins like a question makes its reader wait
/// for that.
pub(super) fn asking_docs(tree: &Tree) -> Vec<Finding> {
    let asks = |line: &str| {
        let doc = line.trim_start().strip_prefix("/// ");
        let first = doc.and_then(|doc| doc.split(|char: char| !char.is_alphabetic()).next());
        first.is_some_and(|first| QUESTION_WORDS.contains(&first))
    };
    let is_library =
        |file: &&TextFile| LIBRARIES.iter().any(|folder| file.path.starts_with(folder));
    let advice = "begin with what the function does, or the name of the thing";
    let mut findings = Vec::new();
    for file in tree.rust().filter(is_library) {
        let mut is_doc = false;
        for (index, line) in file.text.lines().enumerate() {
            if !is_doc && asks(line) {
                findings.push(Finding::new(&file.path, index + 1, advice));
            }
            is_doc = line.trim_start().starts_with("///");
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::{places, tree};
    use crate::workspace::Crate;

    #[test]
    fn an_allow_is_found_in_every_form() {
        let text = [
            "#![allow(dead_code)]",
            "#[expect(dead_code, reason = \"kept\")]",
            "    #[allow(unused)]",
            "#[cfg_attr(test, allow(unused))]",
            "// allow(unused)",
            "allow(unused);",
        ];
        let text = text.join("\n");
        let found = allowed_lints(&tree(&[("a.rs", &text), ("a.md", &text)]));
        assert_eq!(places(&found), ["a.rs:1", "a.rs:3", "a.rs:4"]);
    }

    #[test]
    fn a_machines_folder_is_found_and_its_name_inside_a_path_is_not() {
        let [first, second, _] = MACHINE_FOLDERS;
        let text = format!("see {first}x\nhttp://host{second}x\n$TOP{first}\n\"{second}file\"\n");
        let found = machine_paths(&tree(&[("notes.md", &text)]));
        assert_eq!(places(&found), ["notes.md:1", "notes.md:4"]);
    }

    #[test]
    fn a_crate_root_without_the_attribute_is_found() {
        let with = "//! A.\n#![forbid(unsafe_code)]\n";
        let mut tree = tree(&[("a/src/lib.rs", with), ("b/src/lib.rs", "//! B.\n")]);
        for name in ["a", "b"] {
            tree.crates.push(Crate {
                name: name.to_owned(),
                folder: name.into(),
            });
        }
        assert_eq!(places(&crates_without_forbid(&tree)), ["b/src/lib.rs:1"]);
    }

    #[test]
    fn a_doc_that_begins_like_a_question_is_found_in_libraries() {
        let text = "/// What a side takes.\nstruct A;\n\n    /// Returns\n    /// What it has.\n    fn b() {}\n/// However.\n";
        let found = asking_docs(&tree(&[("remote/src/a.rs", text), ("sim/src/a.rs", text)]));
        assert_eq!(places(&found), ["remote/src/a.rs:1"]);
    }

    #[test]
    fn lints_that_are_off_are_found() {
        let on = "too_many_lines = \"warn\"\nallow_attributes_without_reason = \"warn\"\n";
        let threshold = "too-many-lines-threshold = 60\n";
        let all = [("Cargo.toml", on), ("clippy.toml", threshold)];
        assert_eq!(function_lints(&tree(&all)), []);
        let found = function_lints(&tree(&[
            all[0],
            ("clippy.toml", "too-many-lines-threshold = 600\n"),
        ]));
        assert_eq!(places(&found), ["clippy.toml:1"]);
    }
}
