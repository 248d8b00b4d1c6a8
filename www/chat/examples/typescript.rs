//! `cargo run -p chat --example typescript` prints the TypeScript types of the showcase's kinds.

use chat::KINDS;
use twinwire_typescript::{Error, Options, generate};

fn main() -> Result<(), Error> {
    print!("{}", generate(&KINDS, &Options::default())?);
    Ok(())
}
