//! How connections end, and who learns of it.

use futures_util::future::join3;
use futures_util::{SinkExt, StreamExt};
use twinwire_client_wasm::{CloseError, CloseEvent};
use wasm_bindgen_test::wasm_bindgen_test;

use super::{connect, key, none_live, rest};

fn event(code: u16, reason: &str, clean: bool) -> CloseEvent {
    CloseEvent {
        code,
        reason: reason.to_owned(),
        clean,
    }
}

#[wasm_bindgen_test]
async fn server_s_code_and_reason_reach_every_waiter() {
    let mut socket = connect("/close?code=4001&reason=bye").await;
    let waiters = join3(socket.closed(), socket.closed(), socket.closed()).await;
    let expect = event(4001, "bye", true);
    assert_eq!(waiters, (expect.clone(), expect.clone(), expect.clone()));
    assert_eq!(rest(&mut socket).await, []);
    assert_eq!(socket.closed().await, expect);
}

#[wasm_bindgen_test]
async fn close_frame_without_a_code_is_1005() {
    let socket = connect("/close?code=0").await;
    assert_eq!(socket.closed().await, event(1005, "", true));
}

#[wasm_bindgen_test]
async fn own_code_and_reason_come_back() {
    let mut socket = connect("/echo").await;
    socket.close(3001, "端".repeat(41).as_str()).unwrap();
    let told = socket.closed().await;
    assert_eq!((told.code, told.clean), (3001, true));
    assert_eq!(rest(&mut socket).await, []);
    socket.close(1000, "").unwrap();
    assert_eq!(socket.closed().await.code, 3001, "the second close is late");
}

#[wasm_bindgen_test]
async fn impossible_close_leaves_the_socket_open() {
    let mut socket = connect("/echo").await;
    assert_eq!(socket.close(1001, ""), Err(CloseError::Code(1001)));
    let long = "x".repeat(124);
    assert_eq!(
        socket.close(1000, &long),
        Err(CloseError::ReasonTooLong(124))
    );
    socket.send("still here").await.unwrap();
    assert!(matches!(socket.next().await, Some(Ok(_))));
}

#[wasm_bindgen_test]
async fn dropping_closes_and_tells_who_waits() {
    let key = key();
    let socket = connect(&format!("/echo?key={key}")).await;
    let waiting = socket.closed();
    drop(socket);
    assert_eq!(waiting.await, event(1006, "", false));
    none_live(&key).await;
}

#[wasm_bindgen_test]
async fn closing_the_sink_ends_the_connection() {
    let key = key();
    let mut socket = connect(&format!("/sink?key={key}")).await;
    SinkExt::close(&mut socket).await.unwrap();
    assert_eq!(socket.closed().await.code, 1000);
    none_live(&key).await;
}
