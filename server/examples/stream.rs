//! One question, many answers, and a stop half-way: `cargo run --example stream`.
#![forbid(unsafe_code)]

use std::error::Error;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use twinwire::{Call, Kinds, kinds};
use twinwire_client_native::connect;
use twinwire_server::{HandlerContext, Server, StreamSender, Twinwire};

#[derive(Debug, Serialize, Deserialize, Call)]
#[call(stream = u64)]
struct Fibonacci {}

const KINDS: Kinds = kinds![Fibonacci];

async fn fibonacci(
    _: HandlerContext,
    _: Fibonacci,
    mut sender: StreamSender<Fibonacci>,
) -> Result<(), twinwire::Never> {
    let (mut this, mut next) = (0_u64, 1_u64);
    loop {
        // Waits while the client is behind by more than a window, and doesn't return once it has left.
        sender.send(this).await;
        actix_web::rt::time::sleep(Duration::from_millis(50)).await;
        let Some(sum) = this.checked_add(next) else {
            return Ok(());
        };
        (this, next) = (next, sum);
    }
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let wire = Twinwire::builder(()).stream(fibonacci).build()?;
    let server = Server::bind(("127.0.0.1", 0))?.mount("/ws", &wire);
    let url = format!("ws://{}/ws", server.addrs()[0]);
    actix_web::rt::spawn(server.run());

    let client = connect(url, KINDS).await?;
    let mut numbers = client.stream(Fibonacci {}).await?;
    while let Some(number) = numbers.next().await {
        let number = number?;
        println!("{number}");
        if number > 100 {
            break;
        }
    }
    // The handler is dropped at its next await.
    drop(numbers);
    client.close().await;
    Ok(())
}
