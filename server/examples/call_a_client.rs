//! The server asks, the client answers: `cargo run --example call_a_client`.
#![forbid(unsafe_code)]

use std::error::Error;

use serde::{Deserialize, Serialize};
use twinwire::{Call, Kinds, kinds};
use twinwire_client_native::{Options, connect_with};
use twinwire_server::{Denied, Server, Twinwire};

#[derive(Debug, Serialize, Deserialize, Call)]
#[call(reply = String)]
struct Locate {}

const KINDS: Kinds = kinds![Locate];

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let wire = Twinwire::builder(())
        // Who a client is: a real application verifies a ticket here.
        .authenticate(|token, _| async move {
            String::from_utf8(token).map_err(|_| Denied::new("the token isn't a name"))
        })
        .user_key(String::clone)
        .build()?;
    let server = Server::bind(("127.0.0.1", 0))?.mount("/ws", &wire);
    let url = format!("ws://{}/ws", server.addrs()[0]);
    actix_web::rt::spawn(server.run());

    let mut clients = Vec::new();
    for place in ["the kitchen", "the garden"] {
        let options = Options::new(url.clone(), KINDS).token("Ada");
        let client = connect_with(options).await?;
        client.handle(move |_: Locate| async move { Ok(place.to_owned()) })?;
        clients.push(client);
    }
    // From anywhere in the application, to all that one user has open.
    for peer in wire.user("Ada") {
        println!("{} is in {}", peer.identity(), peer.call(Locate {}).await?);
    }
    Ok(())
}
