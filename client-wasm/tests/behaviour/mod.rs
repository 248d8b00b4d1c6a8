//! What a socket promises, alike in a page and in a worker.

mod closing;
mod connecting;
mod receiving;
mod sending;

use futures_util::StreamExt;
use js_sys::Reflect;
use twinwire_client_wasm::{Message, ReceiveError, Socket};
use wasm_bindgen::JsValue;

use crate::peer;

/// Whose browser this is, for what only one of them does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Engine {
    Chromium,
    Firefox,
    WebKit,
}

fn engine() -> Engine {
    let get = |object: &JsValue, name: &str| Reflect::get(object, &name.into()).unwrap();
    let agent = get(&get(&js_sys::global(), "navigator"), "userAgent").as_string();
    let agent = agent.unwrap();
    match agent {
        _ if agent.contains("Firefox") => Engine::Firefox,
        _ if agent.contains("Chrome") => Engine::Chromium,
        _ => Engine::WebKit,
    }
}

/// Connects to one of the peer's paths.
async fn connect(path: &str) -> Socket {
    let connected = Socket::connect(&peer::url(path)).await;
    connected.expect("the peer takes connections")
}

/// A connection that was open, whose peer then sent "last" and ended TCP without a close frame.
///
/// The peer is told when to: Firefox may see the end of TCP before it tells of the opening, and then
/// tells of a connection that failed.
async fn aborted() -> Socket {
    let mut socket = connect("/abort?after=1").await;
    socket.send("now").await.expect("the socket is open");
    assert_eq!(text(&mut socket).await, "last");
    socket
}

/// A tag for connections that no other test uses, nor another browser at the same peer.
fn key() -> String {
    let random = || (js_sys::Math::random() * f64::from(u32::MAX)) as u32;
    format!("{:08x}{:08x}", random(), random())
}

/// The next message of the stream, which must be a text.
async fn text(socket: &mut Socket) -> String {
    match socket.next().await {
        Some(Ok(Message::Text(text))) => text,
        other => panic!("expected a text, got {other:?}"),
    }
}

/// Resolves when the peer has no connection tagged `key` any more.
async fn none_live(key: &str) {
    let mut live = connect(&format!("/live?key={key}&at_most=0")).await;
    assert_eq!(text(&mut live).await, "0");
}

/// Lets the peer read what its muted connections tagged `key` were sent.
async fn release(key: &str) {
    let mut release = connect(&format!("/release?key={key}")).await;
    assert_eq!(text(&mut release).await, "released");
}

/// What a `/sink` has counted, itself included in the order of messages.
async fn report(socket: &mut Socket) -> String {
    socket.send("report").await.expect("the sink is open");
    text(socket).await
}

/// The items that the stream still gives, to its end.
async fn rest(socket: &mut Socket) -> Vec<Result<Message, ReceiveError>> {
    socket.collect().await
}
