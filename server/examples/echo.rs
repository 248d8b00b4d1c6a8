//! An event there, an event back: `cargo run --example echo`.
//!
//! Both ends live in one program here; usually they share the kinds through a crate.
#![forbid(unsafe_code)]

use std::error::Error;

use serde::{Deserialize, Serialize};
use twinwire::{Event, Kinds, kinds};
use twinwire_client_native::connect;
use twinwire_server::{HandlerContext, Server, Twinwire};

#[derive(Debug, Serialize, Deserialize, Event)]
struct Echo {
    text: String,
}

const KINDS: Kinds = kinds![Echo];

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let wire = Twinwire::builder(())
        .event(|cx: HandlerContext, echo: Echo| async move {
            // A client that is gone by now needs no echo.
            let _ = cx.peer().send(echo).await;
        })
        .build()?;
    let server = Server::bind(("127.0.0.1", 0))?.mount("/ws", &wire);
    let url = format!("ws://{}/ws", server.addrs()[0]);
    actix_web::rt::spawn(server.run());

    let client = connect(url, KINDS).await?;
    let mut echoes = client.events::<Echo>()?;
    for text in ["one", "two", "three"] {
        let text = text.to_owned();
        let receipt = client.send(Echo { text }).await?;
        // The receipt says that the event has arrived; nobody has to wait for it.
        receipt.await?;
        if let Some(echo) = echoes.next().await {
            println!("{}", echo?.text);
        }
    }
    client.close().await;
    Ok(())
}
