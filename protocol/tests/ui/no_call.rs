use serde::{Deserialize, Serialize};
use twinwire::{Call, Shape};

#[derive(Serialize, Deserialize, Shape)]
struct Greeting {
    text: String,
}

fn call<C: Call>(_: C) {}

fn main() {
    call(Greeting { text: String::new() });
}
