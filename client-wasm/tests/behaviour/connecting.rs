//! From a URL to an open socket, or a typed error.

use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::{StreamExt, poll};
use js_sys::Function;
use twinwire_client_wasm::{CloseEvent, OpenError, Socket, UrlError};
use wasm_bindgen_test::wasm_bindgen_test;

use super::{Engine, connect, engine, key, none_live, text};
use crate::peer;

/// What browsers tell of a connection that never opened: nothing.
fn untold() -> CloseEvent {
    CloseEvent {
        code: 1006,
        reason: String::new(),
        clean: false,
    }
}

#[wasm_bindgen_test]
async fn refused_handshake_gives_the_close_event() {
    let refused = Socket::connect(&peer::url("/refuse")).await.unwrap_err();
    assert_eq!(refused, OpenError::Closed(untold()));
}

#[wasm_bindgen_test]
async fn a_constructor_of_the_application_s_makes_the_sockets() {
    let elsewhere = format!("return new WebSocket('{}')", peer::url("/echo"));
    let constructor = Function::new_no_args(&elsewhere);
    let options = Socket::options().constructor(constructor);
    let mut socket = options.connect(&peer::url("/refuse")).await.unwrap();
    socket.send("there").await.unwrap();
    assert_eq!(text(&mut socket).await, "there");
    let throws = Function::new_no_args("throw new TypeError('no')");
    let refused = Socket::options().constructor(throws).connect("/ws").await;
    assert_eq!(refused.unwrap_err(), OpenError::Blocked);
}

#[wasm_bindgen_test]
async fn relative_url_reaches_the_page_s_own_server() {
    // The runner that serves this page speaks no WebSocket; what counts is that it was asked.
    let refused = Socket::connect("/ws").await.unwrap_err();
    assert_eq!(refused, OpenError::Closed(untold()));
}

#[wasm_bindgen_test]
async fn impossible_urls_are_typed_errors() {
    let check = async |url: &str, expect| {
        assert_eq!(Socket::connect(url).await.unwrap_err(), expect, "{url}");
    };
    check("ws://a:99999/", OpenError::Url(UrlError::Malformed)).await;
    check("ftp://127.0.0.1/", OpenError::Url(UrlError::Scheme)).await;
    check("/ws#part", OpenError::Url(UrlError::Fragment)).await;
}

#[wasm_bindgen_test]
async fn http_url_connects_as_websocket() {
    let url = peer::url("/protocols").replace("ws://", "http://");
    let mut socket = Socket::connect(&url).await.unwrap();
    assert_eq!(text(&mut socket).await, "");
    assert_eq!(socket.protocol(), "");
}

#[wasm_bindgen_test]
async fn server_s_choice_of_subprotocol_is_told() {
    let options = Socket::options().protocols(["first", "second"]);
    let mut socket = options.connect(&peer::url("/protocols")).await.unwrap();
    assert_eq!(text(&mut socket).await, "second");
    assert_eq!(socket.protocol(), "second");
}

#[wasm_bindgen_test]
async fn impossible_subprotocol_is_a_typed_error() {
    let options = Socket::options().protocols(["fine", "not fine"]);
    let refused = options.connect(&peer::url("/echo")).await.unwrap_err();
    assert_eq!(refused, OpenError::Protocol { index: 1 });
}

#[wasm_bindgen_test]
async fn silent_server_ends_at_the_time_limit_and_is_left() {
    let key = key();
    let stalled = Socket::options()
        .time_limit(Duration::from_millis(300))
        .connect(&peer::url(&format!("/stall?key={key}")))
        .await;
    assert_eq!(stalled.unwrap_err(), OpenError::TimedOut);
    check_left(&key).await;
}

#[wasm_bindgen_test]
async fn dropped_connect_future_closes_the_connection() {
    let key = key();
    let url = peer::url(&format!("/echo?key={key}"));
    let mut opening = Box::pin(Socket::connect(&url));
    assert!(poll!(&mut opening).is_pending());
    drop(opening);
    none_live(&key).await;
}

/// Checks that the peer, which never answered the handshake, has lost the connection tagged `key`.
///
/// Firefox closes such a WebSocket, but keeps its TCP connection until the server answers or minutes
/// have passed. Nothing in a page can change that; should it change, this fails and can go.
async fn check_left(key: &str) {
    if engine() != Engine::Firefox {
        return none_live(key).await;
    }
    let mut live = connect(&format!("/live?key={key}&at_most=0")).await;
    let mut echo = connect("/echo").await;
    echo.send("later").await.unwrap();
    let first = select(live.next(), echo.next()).await;
    assert!(matches!(first, Either::Right(_)), "Firefox left the server");
}

#[wasm_bindgen_test]
async fn time_limit_far_away_does_not_fire_at_once() {
    let stall = peer::url("/stall");
    let limited = |limit| Box::pin(Socket::options().time_limit(limit).connect(&stall));
    let first = select(limited(Duration::MAX), limited(Duration::from_millis(100)));
    match first.await {
        Either::Left((far, _)) => panic!("the far limit came first: {far:?}"),
        Either::Right((near, _)) => assert_eq!(near.unwrap_err(), OpenError::TimedOut),
    }
}
