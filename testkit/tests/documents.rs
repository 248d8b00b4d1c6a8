//! The Rust of the documents for users: each document's blocks, one after the other, are a program.
#![forbid(unsafe_code)]
#![expect(dead_code, reason = "most of it is compiled only")]

macro_rules! document {
    ($name:ident) => {
        mod $name {
            include!(concat!(env!("OUT_DIR"), "/", stringify!($name), ".rs"));
        }
    };
}

document!(calls_and_streams);
document!(errors);
document!(plain_websockets);
document!(sessions_and_resume);
document!(testing);
document!(topics);
