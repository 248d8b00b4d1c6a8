use serde::{Deserialize, Serialize};
use twinwire::Call;

#[derive(Serialize, Deserialize, Call)]
struct Join {
    #[serde(flatten)]
    room: Vec<String>,
}

fn main() {}
