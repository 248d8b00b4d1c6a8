use serde::{Deserialize, Serialize};
use twinwire::Event;

#[derive(Serialize, Deserialize, Event)]
#[event(reply = String)]
struct Typing {
    room: String,
}

fn main() {}
