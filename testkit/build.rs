//! Makes one module of the Rust blocks of each document for users, for `tests/documents.rs` to compile.

use std::path::Path;
use std::{env, fs, io};

const DOCUMENTS: [&str; 6] = [
    "calls_and_streams",
    "topics",
    "sessions_and_resume",
    "errors",
    "plain_websockets",
    "testing",
];

fn main() -> io::Result<()> {
    let out = env::var_os("OUT_DIR").expect("cargo sets it");
    for name in DOCUMENTS {
        let path = format!("../docs/{name}.md");
        println!("cargo::rerun-if-changed={path}");
        let text = fs::read_to_string(&path)?;
        fs::write(
            Path::new(&out).join(name).with_extension("rs"),
            blocks(&text),
        )?;
    }
    Ok(())
}

/// Returns what stands between the fences of Rust, one after the other.
fn blocks(text: &str) -> String {
    let mut blocks = String::new();
    let mut is_rust = false;
    for line in text.lines() {
        match line {
            "```rust" => is_rust = true,
            "```" => is_rust = false,
            _ if is_rust => blocks.extend([line, "\n"]),
            _ => {}
        }
    }
    blocks
}
