use serde::{Deserialize, Serialize};
use twinwire::Call;

#[derive(Serialize, Deserialize, Call)]
#[call(stream = Token)]
struct Ask;

#[derive(Serialize, Deserialize)]
struct Token;

fn main() {}
