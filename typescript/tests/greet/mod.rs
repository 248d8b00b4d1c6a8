//! The kinds of the README.

use serde::{Deserialize, Serialize};
use twinwire::{Call, Kinds, Shape, kinds};

pub(crate) const KINDS: Kinds = kinds![Greet];

#[derive(Debug, Serialize, Deserialize, Call)]
#[call(reply = Greeting, error = NameError)]
pub(crate) struct Greet {
    pub(crate) name: String,
}

#[derive(Debug, Serialize, Deserialize, Shape)]
pub(crate) struct Greeting {
    pub(crate) text: String,
}

#[derive(Debug, Serialize, Deserialize, Shape)]
pub(crate) enum NameError {
    Empty,
}
