//! `cargo run -p twinwire-typescript --example types` prints the types of the tests' kinds, with `bigint`
//! those with `bigint`, with `samples` samples of them, with `greet` those of the README, with `vectors` those of the
//! golden vectors.

#[path = "../tests/greet/mod.rs"]
mod greet;
#[path = "../tests/kinds/mod.rs"]
mod kinds;
#[path = "../../protocol/tests/vectors/kinds.rs"]
mod vectors;

use std::env;

use twinwire_typescript::{Error, Options, generate};

fn main() -> Result<(), Error> {
    let options = Options::default().foreign("celsius", "string");
    let text = match env::args().nth(1).as_deref() {
        Some("bigint") => generate(&kinds::KINDS, &options.bigint(true).outlines(true))?,
        Some("greet") => generate(&greet::KINDS, &Options::default())?,
        Some("vectors") => generate(&vectors::KINDS, &Options::default().bigint(true))?,
        Some("samples") => kinds::samples_file(),
        _ => generate(&kinds::KINDS, &options)?,
    };
    print!("{text}");
    Ok(())
}
