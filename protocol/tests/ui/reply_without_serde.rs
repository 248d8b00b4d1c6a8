use serde::{Deserialize, Serialize};
use twinwire::{Call, Shape};

#[derive(Serialize, Deserialize, Call)]
#[call(reply = Greeting)]
struct Greet {
    name: String,
}

#[derive(Shape)]
struct Greeting {
    text: String,
}

fn main() {}
