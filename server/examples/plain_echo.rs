//! Run with `cargo run --release --example plain_echo`, or with `-- --port N` behind it.
//!
//! A bare WebSocket server that logs what happens and answers each message. Try it from any page:
//! `new WebSocket("ws://localhost:9501")`.

use std::io::{self, ErrorKind::AddrInUse, IsTerminal};
use std::net::TcpListener;
use std::process::ExitCode;

use actix_web::{App, HttpServer};
use clap::Parser;
use tracing::info;
use twinwire_server::loopback;
use twinwire_server::plain::Plain;

#[derive(Parser)]
struct Args {
    /// The port on 127.0.0.1 and [::1]; 0 picks a free one.
    #[arg(long, default_value_t = 9501)]
    port: u16,
}

fn main() -> ExitCode {
    let terminal = io::stdout().is_terminal();
    tracing_subscriber::fmt().with_ansi(terminal).init();
    let Args { port } = Args::parse();
    match loopback(port).and_then(serve) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(error) if error.kind() == AddrInUse => eprintln!("port {port} is taken; see --port"),
        Err(error) => eprintln!("can't serve on port {port}: {error}"),
    }
    ExitCode::FAILURE
}

fn serve((port, listeners): (u16, Vec<TcpListener>)) -> io::Result<()> {
    let plain = Plain::builder()
        .on_open(|connection, request| {
            let (number, from) = (connection.number(), request.peer_addr());
            info!("#{number} shook hands, from {from:?}");
        })
        .on_message(|connection, frame| {
            // Escaped by Debug, so that a client cannot forge lines of the log.
            let data = String::from_utf8_lossy(&frame.data);
            let (number, opcode, fin) = (frame.number, frame.opcode.number(), frame.fin);
            info!("#{number} sent {data:?}, opcode {opcode}, fin {fin}");
            if let Err(error) = connection.push("this is server") {
                info!("no answer: {error}");
            }
        })
        .on_close(|connection| info!("#{} closed", connection.number()))
        .build();
    actix_web::rt::System::new().block_on(async {
        let server = HttpServer::new(move || App::new().configure(plain.at("/")));
        let mut server = twinwire_server::tune(server).shutdown_timeout(1);
        for listener in listeners {
            server = server.listen(listener)?;
        }
        info!("listening on ws://localhost:{port}");
        server.run().await
    })
}
