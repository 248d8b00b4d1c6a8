//! Runs the conformance peer: `cargo run -p testkit --bin peer`.
//!
//! Prints `port N` and serves 127.0.0.1:N until stdin closes, so that it never outlives the test
//! runner that started it. The paths are listed at [`testkit::peer`]. Beside it runs a typed
//! endpoint, [`testkit::wire`], whose port it prints as `wire N`, and a link to that whose connections
//! break, as `breaking N`.
#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::thread;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

fn main() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (ended, end) = oneshot::channel::<()>();
    thread::spawn(move || {
        // Any end of stdin is the end: closed, broken, or never there.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        drop(ended);
    });
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let wire = testkit::wire::serve();
        let breaking = testkit::wire::breaking(&wire).await;
        let (wire_port, breaking_port) = (wire.addr().port(), breaking.addr().port());
        writeln!(
            io::stdout(),
            "port {port}\nwire {wire_port}\nbreaking {breaking_port}"
        )?;
        io::stdout().flush()?;
        tokio::select! {
            served = testkit::peer::serve(listener) => served,
            _ = end => Ok(()),
        }
    })
}
