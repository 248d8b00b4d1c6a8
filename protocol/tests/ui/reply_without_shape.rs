use serde::{Deserialize, Serialize};
use twinwire::Call;

#[derive(Serialize, Deserialize, Call)]
#[call(reply = Joined)]
struct Join;

#[derive(Serialize, Deserialize)]
struct Joined;

fn main() {}
