//! What the derives refuse by themselves, to be read at one go.

use serde::{Deserialize, Serialize};
use twinwire::{Call, Event, Shape, Topic};

#[derive(Serialize, Deserialize, Shape)]
#[serde(default)]
struct Struct0 {
    a: u8,
}

#[derive(Serialize, Deserialize, Shape)]
#[serde(crate = "serde")]
struct Struct1 {
    a: u8,
}

#[derive(Serialize, Deserialize, Shape)]
#[serde(rename(serialize = "T"))]
struct Struct2 {
    a: u8,
}

#[derive(Serialize, Deserialize, Shape)]
#[serde(from = "u8")]
struct Struct3 {
    a: u8,
}

#[derive(Serialize, Deserialize, Shape)]
#[serde(expecting = "a T")]
struct Struct5 {
    a: u8,
}

#[derive(Serialize, Deserialize, Shape)]
#[serde(untagged)]
enum Untagged {
    One(u8),
}

#[derive(Serialize, Deserialize, Shape)]
#[serde(tag = "t")]
enum Tagged {
    One { a: u8 },
}

#[derive(Serialize, Deserialize, Shape)]
enum Enum0 {
    #[serde(skip)]
    A,
    B,
}

#[derive(Serialize, Deserialize, Shape)]
enum Enum1 {
    #[serde(other)]
    A,
    B,
}

#[derive(Serialize, Deserialize, Shape)]
enum Enum2 {
    #[serde(alias = "Z")]
    A,
    B,
}

#[derive(Serialize, Deserialize, Shape)]
struct Field0 {
    #[serde(skip_serializing_if = "Option::is_none")]
    a: Option<u8>,
}

#[derive(Serialize, Deserialize, Shape)]
struct Field1 {
    #[serde(skip_serializing)]
    a: u8,
}

#[derive(Serialize, Deserialize, Shape)]
struct Field2 {
    #[serde(alias = "z")]
    a: u8,
}

#[derive(Serialize, Deserialize, Shape)]
struct Field3 {
    #[serde(borrow)]
    a: &'static str,
}

#[derive(Serialize, Deserialize, Shape)]
struct Field5 {
    #[serde(transparent)]
    a: u8,
}

#[derive(Serialize, Deserialize, Shape)]
struct Unnamed(#[serde(default)] u8, u8);

#[derive(Serialize, Deserialize, Shape)]
struct Same {
    a: u8,
    #[serde(rename = "a")]
    b: u8,
}

#[derive(Shape)]
union Union {
    a: u8,
}

#[derive(Call)]
struct Generic<T> {
    a: T,
}

#[derive(Call)]
#[call(reply = u8, reply = u8)]
struct Twice {}

#[derive(Topic)]
struct NoItem {}

#[derive(Event)]
#[event(name = "")]
struct NoName {}

fn main() {}
