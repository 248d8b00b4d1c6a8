//! Serves the page in `dist` and its wire: `cargo run -p server`, or with a port behind it.
#![forbid(unsafe_code)]

use actix_files::Files;
use twinwire_server::Server;

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = std::env::args()
        .nth(1)
        .map_or(Ok(9501), |port| port.parse())?;
    let server = Server::loopback(port)?
        .mount("/ws", &server::wire()?)
        .configure(|app| {
            app.service(
                Files::new("/", "dist")
                    .index_file("index.html")
                    .try_compressed(),
            );
        });
    println!("listening on http://localhost:{}", server.addrs()[0].port());
    Ok(server.run().await?)
}
