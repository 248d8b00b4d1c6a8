use serde::{Deserialize, Serialize};
use twinwire::{Call, Shape};

#[derive(Serialize, Deserialize, Call)]
#[call(stream = Token, also = AskV1)]
struct Ask {
    prompt: String,
}

#[derive(Serialize, Deserialize, Shape)]
struct Token {
    text: String,
}

#[derive(Serialize, Deserialize, Call)]
#[call(name = "Ask", stream = TokenV1)]
struct AskV1 {}

#[derive(Serialize, Deserialize, Shape)]
struct TokenV1 {}

impl From<AskV1> for Ask {
    fn from(_: AskV1) -> Self {
        Self { prompt: String::new() }
    }
}

fn main() {}
