//! Runs a server that keeps a tally: `cargo run -p testkit --bin tally`, for tests that stop, go on
//! with and kill its process.
//!
//! Prints `port N`, then each number as its handler gets it, a line each. Ends with stdin, so that it never
//! outlives the test that started it.
#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::thread;

use actix_web::{App, HttpServer};
use suite::Notice;
use twinwire_server::{HandlerContext, configure_http_server};

#[actix_web::main]
async fn main() -> io::Result<()> {
    let wire = testkit::builder(())
        .event(|_: HandlerContext, notice: Notice| async move {
            // A pipe holds what was written to it, also when this process is killed next.
            let line = format!("{}\n", notice.number);
            let written = io::stdout().lock().write_all(line.as_bytes());
            written.expect("whoever started this reads on");
        })
        .build()
        .map_err(io::Error::other)?;
    let app = move || App::new().configure(wire.at("/ws"));
    let server = configure_http_server(HttpServer::new(app))
        .workers(2)
        .disable_signals();
    let server = server.bind(("127.0.0.1", 0))?;
    println!("port {}", server.addrs()[0].port());
    let server = server.run();
    let handle = server.handle();
    thread::spawn(move || {
        // Any end of stdin is the end: closed, broken, or never there.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        drop(handle.stop(false));
    });
    server.await
}
