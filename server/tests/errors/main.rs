//! Every error that a user can meet, in a file to be read at one go: `server/tests/errors.txt`. A text has to tell the
//! cause, the name of the thing, and the next step. `ERRORS=overwrite cargo test -p twinwire-server --features test
//! --test errors` writes it anew; `cargo xtask tidy` looks whether a variant is missing.

mod calls;
mod clients;
mod handshakes;
mod listed;
mod protocol;
mod server;

use std::{env, fs};

use listed::List;

/// Begins the part of the file that the tests of the programs hold, `xtask` and `twinwire-server`.
const PROGRAMS: &str = "\n# command line of ";

#[actix_web::test]
async fn every_error_tells_cause_name_and_next_step() {
    let mut list = List::default();
    protocol::list(&mut list);
    calls::list(&mut list).await;
    clients::list(&mut list).await;
    server::list(&mut list).await;
    handshakes::list(&mut list).await;
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/errors.txt");
    let old = fs::read_to_string(file).unwrap_or_default();
    let (known, programs) = old.split_once(PROGRAMS).unwrap_or((&old, ""));
    let new = list.into_text();
    if env::var("ERRORS").is_ok_and(|wish| wish == "overwrite") {
        let written = fs::write(file, [&new, PROGRAMS, programs].concat());
        return written.expect("the file can be written");
    }
    let (mut was, mut is) = (known.lines(), new.lines());
    let differing = (1..).zip(std::iter::from_fn(|| match (was.next(), is.next()) {
        (None, None) => None,
        pair => Some(pair),
    }));
    for (line, (was, is)) in differing {
        assert_eq!(is, was, "line {line} of server/tests/errors.txt");
    }
}
