use serde::{Deserialize, Serialize};
use twinwire::Shape;

#[derive(Serialize, Deserialize, Shape)]
struct Page {
    offset: usize,
}

fn main() {}
