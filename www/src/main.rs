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

/// Where the wire is: beside the page. A page of `trunk serve`, which builds for development, comes
/// from another port and goes to the server that `cargo xtask start` runs; Trunk's own proxy would
/// lose the subprotocol that the server chooses.
const WIRE: &str = if cfg!(debug_assertions) {
    "ws://localhost:9501/ws"
} else {
    "/ws"
};

fn main() {
    console_error_panic_hook::set_once();
    mount_to_body(view::app);
}
