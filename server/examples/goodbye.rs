//! A server that stops with a goodbye: `cargo run --example goodbye`, then Ctrl-C.
//!
//! Both endpoints are on one port: typed clients at /ws, bare WebSockets at /socket. Both are told, and both
//! `on_close` run before the program ends.
#![forbid(unsafe_code)]

use clap::Parser;
use serde::{Deserialize, Serialize};
use twinwire::{Call, Shape};
use twinwire_server::plain::Plain;
use twinwire_server::{HandlerContext, Server, Twinwire};

#[derive(Parser)]
struct Args {
    /// The port on 127.0.0.1; 0 picks a free one.
    #[arg(long, default_value_t = 9501)]
    port: u16,
}

#[derive(Debug, Serialize, Deserialize, Call)]
#[call(reply = Greeting, error = NameError)]
struct Greet {
    name: String,
}

#[derive(Debug, Serialize, Deserialize, Shape)]
struct Greeting {
    text: String,
}

#[derive(Debug, Serialize, Deserialize, Shape)]
enum NameError {
    Empty,
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Args { port } = Args::parse();
    let wire = Twinwire::builder(())
        .call(|_: HandlerContext, greet: Greet| async move {
            if greet.name.is_empty() {
                return Err(NameError::Empty);
            }
            let text = format!("Hello, {}!", greet.name);
            Ok(Greeting { text })
        })
        .on_close(
            |_: HandlerContext, end| async move { println!("a typed client is gone: {end:?}") },
        )
        .build()?;
    let plain = Plain::builder()
        .on_close(|connection, _| println!("bare client {} is gone", connection.id()))
        .build();
    let server = Server::bind(("127.0.0.1", port))?
        .mount("/ws", &wire)
        .mount("/socket", &plain);
    for addr in server.addrs() {
        println!("listening on http://{addr}");
    }
    server.run().await?;
    Ok(())
}
