use serde::{Deserialize, Serialize};
use twinwire::Call;

#[derive(Serialize, Deserialize, Call)]
#[call(also = JoinV1)]
struct Join {
    room: String,
}

#[derive(Serialize, Deserialize, Call)]
#[call(name = "Join")]
struct JoinV1 {}

fn main() {}
