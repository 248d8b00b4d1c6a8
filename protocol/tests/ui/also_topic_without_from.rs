use serde::{Deserialize, Serialize};
use twinwire::{Shape, Topic};

#[derive(Serialize, Deserialize, Topic)]
#[topic(item = Line, also = RoomV1)]
struct Room {
    name: String,
}

#[derive(Serialize, Deserialize, Shape)]
struct Line {
    text: String,
}

#[derive(Serialize, Deserialize, Topic)]
#[topic(name = "Room", item = LineV1)]
struct RoomV1 {}

#[derive(Serialize, Deserialize, Shape)]
struct LineV1 {}

impl From<RoomV1> for Room {
    fn from(_: RoomV1) -> Self {
        Self { name: String::new() }
    }
}

impl From<LineV1> for Line {
    fn from(_: LineV1) -> Self {
        Self { text: String::new() }
    }
}

fn main() {}
