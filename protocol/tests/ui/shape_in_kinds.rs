use serde::{Deserialize, Serialize};
use twinwire::{Kinds, Shape, kinds};

#[derive(Serialize, Deserialize, Shape)]
struct Greeting {
    text: String,
}

const KINDS: Kinds = kinds![Greeting];

fn main() {}
