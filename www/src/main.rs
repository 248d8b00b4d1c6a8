//! The showcase's page: a chat with rooms, private messages and a bot, over one WebSocket.

#![forbid(unsafe_code)]

mod clock;
mod model;
mod session;
mod speech;
mod talk;
mod view;
mod words;

use leptos::mount::mount_to_body;

/// Returns the address of the wire: beside the page. A page of `trunk serve`, which builds for development, comes
/// from another port of the same host and goes to the server that `cargo xtask start` runs there; Trunk's own proxy
/// would lose the subprotocol that the server chooses.
fn wire() -> String {
    if !cfg!(debug_assertions) {
        return "/ws".to_owned();
    }
    // Of `localhost`, `127.0.0.1` and `[::1]`, the server takes the one by which the page was opened.
    let host = leptos::prelude::location().hostname();
    let host = host.unwrap_or_else(|_| "localhost".to_owned());
    format!("ws://{host}:9501/ws")
}

fn main() {
    console_error_panic_hook::set_once();
    let early_name = view::take_early();
    mount_to_body(move || view::app(early_name));
}
