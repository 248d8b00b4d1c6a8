//! Runs both endpoints for clients that aren't ours: `cargo run -p testkit --bin endpoints`.
//!
//! Prints `port N` and serves 127.0.0.1:N until stdin closes. `/ws` is the typed endpoint; `/plain` echoes texts and
//! speaks the subprotocol `chat`. Proxies on 127.0.0.1 are trusted, so pages have the origins that these say.
#![forbid(unsafe_code)]

use std::io::{self, Write};

use twinwire_server::plain::Plain;
use twinwire_server::{Origins, Twinwire};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let origins = Origins::default().trusted_proxies(["127.0.0.1"])?;
    let wire = Twinwire::builder(()).origins(origins.clone()).build()?;
    let plain = Plain::builder()
        .origins(origins)
        .protocols(["chat"])
        .on_message(|connection, frame| {
            let text = frame.text().unwrap_or("no text").to_owned();
            // A client that is gone needs no echo.
            let _ = connection.push(text);
        })
        .build();
    let server = testkit::serve_both(&wire, &plain);
    writeln!(io::stdout(), "port {}", server.addr().port())?;
    io::stdout().flush()?;
    // Any end of stdin is the end: closed, broken, or never there.
    let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
    Ok(())
}
