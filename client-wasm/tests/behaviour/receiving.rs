//! What the stream gives, and how it ends.

use futures_util::StreamExt;
use futures_util::stream::FusedStream;
use twinwire_client_wasm::{Message, QUEUE_FULL_CODE, ReceiveError, Socket, SocketOptions};
use wasm_bindgen_test::wasm_bindgen_test;

use super::{aborted, rest, text};
use crate::peer;

/// The index that the peer wrote at the front of a pushed message.
fn index(message: &Message) -> usize {
    let bytes = match message {
        Message::Text(text) => text.as_bytes(),
        Message::Binary(bytes) => bytes,
    };
    let digits = std::str::from_utf8(&bytes[..8]).unwrap();
    usize::from_str_radix(digits, 16).unwrap()
}

/// Takes all that `options` and `path` give, and checks that the messages are the first of those
/// pushed, in order. Gives their number, and what came after them.
async fn take_pushed(
    options: SocketOptions,
    path: &str,
    wait_for_close: bool,
) -> (usize, Vec<ReceiveError>) {
    let mut socket = options.connect(&peer::url(path)).await.unwrap();
    if wait_for_close {
        socket.closed().await;
    }
    let items = rest(&mut socket).await;
    assert!(socket.is_terminated() && socket.next().await.is_none());
    let messages = items.iter().take_while(|item| item.is_ok()).count();
    for (place, item) in items[..messages].iter().enumerate() {
        assert_eq!(index(item.as_ref().unwrap()), place);
    }
    let errors = items[messages..].iter().cloned();
    (messages, errors.map(Result::unwrap_err).collect())
}

#[wasm_bindgen_test]
async fn clean_close_ends_the_stream_without_an_error() {
    for kind in ["text", "binary"] {
        let path = format!("/push?count=1000&size=64&kind={kind}&close=4001");
        let taken = take_pushed(Socket::options(), &path, false).await;
        assert_eq!(taken, (1000, vec![]));
    }
}

#[wasm_bindgen_test]
async fn batches_give_the_same_messages() {
    for kind in ["text", "binary"] {
        let path = format!("/push?count=1000&size=64&kind={kind}&close=4001");
        let taken = take_pushed(Socket::options().batched(true), &path, false).await;
        assert_eq!(taken, (1000, vec![]));
    }
}

#[wasm_bindgen_test]
async fn batched_message_wakes_a_waiting_consumer() {
    let options = Socket::options().batched(true);
    let mut socket = options.connect(&peer::url("/echo")).await.unwrap();
    for _ in 0..3 {
        socket.send("alone").await.unwrap();
        assert_eq!(text(&mut socket).await, "alone");
    }
}

#[wasm_bindgen_test]
async fn messages_before_a_clean_close_are_kept_until_taken() {
    let path = "/push?count=500&size=64&close=1000";
    let taken = take_pushed(Socket::options(), path, true).await;
    assert_eq!(taken, (500, vec![]));
}

#[wasm_bindgen_test]
async fn one_message_too_many_overflows_after_what_is_held() {
    let path = "/push?count=5000&size=64&kind=text";
    let taken = take_pushed(Socket::options(), path, true).await;
    assert_eq!(taken, (1024, vec![ReceiveError::Overflow]));
}

#[wasm_bindgen_test]
async fn bytes_beyond_the_bound_overflow_after_what_is_held() {
    let path = "/push?count=6&size=1048576&kind=binary";
    for batched in [false, true] {
        let taken = take_pushed(Socket::options().batched(batched), path, true).await;
        assert_eq!(taken, (4, vec![ReceiveError::Overflow]));
    }
}

#[wasm_bindgen_test]
async fn message_larger_than_the_queue_overflows_at_once() {
    for kind in ["text", "binary"] {
        let path = format!("/push?count=1&size=1001&kind={kind}");
        let options = Socket::options().receive_bytes(1000);
        let taken = take_pushed(options, &path, false).await;
        assert_eq!(taken, (0, vec![ReceiveError::Overflow]));
    }
}

#[wasm_bindgen_test]
async fn text_is_bounded_by_its_utf8_bytes() {
    let options = Socket::options().receive_bytes(5);
    let mut socket = options.connect(&peer::url("/echo")).await.unwrap();
    // Two UTF-16 units, six bytes.
    socket.send("端端").await.unwrap();
    assert_eq!(rest(&mut socket).await, [Err(ReceiveError::Overflow)]);
}

#[wasm_bindgen_test]
async fn overflow_closes_with_its_own_code() {
    let options = Socket::options().receive_messages(4);
    let url = peer::url("/push?count=5&size=8");
    let socket = options.connect(&url).await.unwrap();
    let event = socket.closed().await;
    assert_eq!((event.code, event.clean), (QUEUE_FULL_CODE, true));
}

#[wasm_bindgen_test]
async fn lost_connection_is_an_error_after_the_last_message() {
    let mut socket = aborted().await;
    let event = socket.closed().await;
    assert_eq!((event.code, event.clean), (1006, false));
    assert_eq!(rest(&mut socket).await, [Err(ReceiveError::Lost(event))]);
}
