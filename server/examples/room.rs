//! A room, who may speak there, and somebody who comes late: `cargo run --example room`.
#![forbid(unsafe_code)]

use std::error::Error;

use serde::{Deserialize, Serialize};
use twinwire::{Kinds, Shape, Topic, kinds};
use twinwire_client_native::{Start, Update, connect};
use twinwire_server::{Access, HandlerContext, Server, Twinwire};

/// The struct's value is the topic's key: there are as many rooms as names.
#[derive(Clone, Debug, Serialize, Deserialize, Topic)]
#[topic(item = Line)]
struct Room {
    name: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, Shape)]
struct Line {
    /// As the client says: whoever may publish can write any name here. A server that knows names takes
    /// what is said by a call, and publishes it itself.
    from: String,
    text: String,
}

const KINDS: Kinds = kinds![Room];

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let wire = Twinwire::builder(())
        .topic(|_: HandlerContext, room: Room| async move {
            match room.name.as_str() {
                "lobby" => Access::publish_and_subscribe(),
                _ => Access::none(),
            }
        })
        .build()?;
    let server = Server::bind(("127.0.0.1", 0))?.mount("/ws", &wire);
    let url = format!("ws://{}/ws", server.addrs()[0]);
    actix_web::rt::spawn(server.run());

    let lobby = Room {
        name: "lobby".to_owned(),
    };
    let ada = connect(url.clone(), KINDS).await?;
    for text in ["Hello?", "Anybody here?"] {
        let (from, text) = ("Ada".to_owned(), text.to_owned());
        let published = ada.publish(&lobby, Line { from, text }).await?;
        println!("{} is Ada's", published.await?);
    }
    let grace = connect(url, KINDS).await?;
    let mut lines = grace.subscribe_from(lobby, Start::Last(10)).await?;
    for _ in 0..2 {
        match lines.next().await.transpose()? {
            Some(Update::Item(line)) => println!("Grace hears {}: {}", line.offset, line.item.text),
            Some(Update::Gap { from, to }) => println!("Grace missed {from} to {to}"),
            Some(Update::NewEpoch { .. }) => println!("the server has begun anew"),
            Some(Update::Refused(why)) => println!("Grace may read no more: {why}"),
            None => break,
        }
    }
    Ok(())
}
