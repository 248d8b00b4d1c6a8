//! `cargo run -p suite --example typescript` prints the TypeScript types of the suite's kinds.

use suite::KINDS;
use twinwire_typescript::{Error, Options, generate};

fn main() -> Result<(), Error> {
    let options = Options::default().bigint(true).outlines(true);
    print!("{}", generate(&KINDS, &options)?);
    Ok(())
}
