//! Writes the golden vectors anew: `cargo run -p twinwire --example vectors`.
#![forbid(unsafe_code)]

#[path = "../tests/vectors/samples.rs"]
mod samples;

use std::fs;
use std::io;
use std::path::Path;

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    for (name, vectors) in samples::files() {
        let path = folder.join(name);
        fs::write(&path, format!("{vectors:#}\n"))?;
        println!("{}", path.display());
    }
    Ok(())
}
