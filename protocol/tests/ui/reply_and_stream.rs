use serde::{Deserialize, Serialize};
use twinwire::Call;

#[derive(Serialize, Deserialize, Call)]
#[call(stream = String, reply = String)]
struct Ask {
    prompt: String,
}

fn main() {}
