//! What goes out, what waits, and what is refused.

use std::cell::Cell;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{SinkExt, StreamExt, join, poll, stream};
use twinwire_client_wasm::{Message, SendError, Socket, TrySendError};
use wasm_bindgen_test::wasm_bindgen_test;

use super::{Engine, aborted, connect, engine, key, release, report, rest, text};
use crate::peer;

const PIECE: usize = 64 * 1024;

/// A connection whose peer doesn't read, with a high-water mark of 64 KiB.
async fn muted(key: &str) -> Socket {
    let options = Socket::options().high_water_mark(PIECE);
    let url = peer::url(&format!("/mute?key={key}"));
    options.connect(&url).await.unwrap()
}

/// Sends until the browser holds as much as it may. Gives the number of pieces.
fn fill(socket: &Socket) -> usize {
    // Within one task no browser lets go of bytes, so this ends.
    (0..)
        .find(|_| match socket.try_send(vec![7; PIECE]) {
            Ok(()) => false,
            Err(TrySendError::Full(message)) => {
                assert_eq!(message.len(), PIECE, "the message comes back");
                true
            }
            Err(other) => panic!("{other:?}"),
        })
        .unwrap_or_default()
}

#[wasm_bindgen_test]
async fn try_send_is_full_at_the_high_water_mark() {
    let socket = connect("/sink").await;
    assert_eq!(fill(&socket), 256, "256 pieces of 64 KiB are 16 MiB");
    assert_eq!(socket.buffered_amount(), 256 * PIECE);
    socket.flush().await.unwrap();
    assert_eq!(socket.buffered_amount(), 0);
    assert_eq!(fill(&socket), 256);
}

#[wasm_bindgen_test]
async fn senders_wait_for_a_peer_that_does_not_read_and_lose_nothing() {
    const PIECES: usize = 1024;
    let key = key();
    let mut socket = muted(&key).await;
    let sent = Cell::new(0);
    let send = async {
        for _ in 0..PIECES {
            socket.send(vec![7; PIECE]).await.unwrap();
            let held = socket.buffered_amount();
            assert!(held <= 2 * PIECE, "{held}");
            sent.set(sent.get() + 1);
        }
    };
    let release = async {
        // The sender stands still once every buffer on the way is full.
        let (mut seen, mut still) = (0, 0);
        while still < 10 {
            gloo_timers::future::sleep(Duration::from_millis(20)).await;
            still = if sent.get() == seen { still + 1 } else { 0 };
            seen = sent.get();
        }
        // WebKit's network process has no bound and tells of none.
        assert_eq!(seen == PIECES, engine() == Engine::WebKit, "{seen} sent");
        release(&key).await;
    };
    join!(send, release);
    let expect = format!(r#"{{"messages":{PIECES},"bytes":{}}}"#, PIECES * PIECE);
    assert_eq!(report(&mut socket).await, expect);
}

#[wasm_bindgen_test]
async fn waiting_senders_pass_in_the_order_of_coming() {
    let options = Socket::options().high_water_mark(1);
    let mut socket = options.connect(&peer::url("/echo")).await.unwrap();
    let sends = (0..50).map(|number| socket.send(number.to_string()));
    for sent in join_all(sends).await {
        sent.unwrap();
    }
    for number in 0..50 {
        assert_eq!(text(&mut socket).await, number.to_string());
    }
}

#[wasm_bindgen_test]
async fn newcomers_do_not_overtake_who_waits() {
    let socket = connect("/sink").await;
    fill(&socket);
    let mut waiting = socket.send("first");
    assert!(poll!(&mut waiting).is_pending());
    socket.flush().await.unwrap();
    let full = socket.try_send("second").unwrap_err();
    assert_eq!(full.into_message(), Message::from("second"));
    waiting.await.unwrap();
    socket.try_send("second").unwrap();
}

#[wasm_bindgen_test]
async fn a_sink_that_is_left_while_it_waits_holds_nobody_up() {
    let mut socket = connect("/sink").await;
    fill(&socket);
    assert!(poll!(SinkExt::send(&mut socket, Message::from("left"))).is_pending());
    socket.flush().await.unwrap();
    assert!(poll!(Socket::send(&socket, "next")).is_ready());
    socket.try_send("and next").unwrap();
}

#[wasm_bindgen_test]
async fn a_waiting_sink_goes_on() {
    let mut socket = connect("/sink").await;
    let filled = fill(&socket);
    SinkExt::send(&mut socket, Message::from("waited"))
        .await
        .unwrap();
    let bytes = filled * PIECE + "waited".len();
    let expect = format!(r#"{{"messages":{},"bytes":{bytes}}}"#, filled + 1);
    assert_eq!(report(&mut socket).await, expect);
}

#[wasm_bindgen_test]
async fn dropping_a_waiting_send_takes_its_message_back() {
    let mut socket = connect("/sink").await;
    let filled = fill(&socket);
    let (mut dropped, mut kept) = (socket.send("dropped"), socket.send("kept"));
    assert!(poll!(&mut dropped).is_pending());
    assert!(poll!(&mut kept).is_pending());
    drop(dropped);
    kept.await.unwrap();
    let bytes = filled * PIECE + "kept".len();
    let expect = format!(r#"{{"messages":{},"bytes":{bytes}}}"#, filled + 1);
    assert_eq!(report(&mut socket).await, expect);
}

#[wasm_bindgen_test]
async fn sink_half_sends_while_the_stream_half_receives() {
    let (mut sink, stream) = connect("/echo").await.split();
    let numbers = || (0..500).map(|number| Message::from(number.to_string()));
    let mut outgoing = stream::iter(numbers().map(Ok));
    let (sent, received) = join!(
        sink.send_all(&mut outgoing),
        stream.take(500).collect::<Vec<_>>()
    );
    sent.unwrap();
    assert_eq!(received, numbers().map(Ok).collect::<Vec<_>>());
}

/// Every way to send must say that the socket is closing or closed.
async fn check_no_way_to_send(socket: &mut Socket) {
    assert_eq!(Socket::send(socket, "late").await, Err(SendError::Closed));
    let closed = TrySendError::Closed(Message::from("late"));
    assert_eq!(socket.try_send("late"), Err(closed));
    let fed = SinkExt::send(socket, Message::from("late")).await;
    assert_eq!(fed, Err(SendError::Closed));
}

#[wasm_bindgen_test]
async fn sending_after_the_own_close_is_an_error() {
    let mut socket = connect("/echo").await;
    socket.close(1000, "").unwrap();
    check_no_way_to_send(&mut socket).await;
    socket.closed().await;
    check_no_way_to_send(&mut socket).await;
    assert_eq!(rest(&mut socket).await, []);
}

#[wasm_bindgen_test]
async fn sending_after_the_server_s_close_is_an_error() {
    let mut socket = connect("/close?code=4001").await;
    socket.closed().await;
    check_no_way_to_send(&mut socket).await;
}

#[wasm_bindgen_test]
async fn sending_after_a_lost_connection_is_an_error() {
    let mut socket = aborted().await;
    socket.closed().await;
    check_no_way_to_send(&mut socket).await;
}

#[wasm_bindgen_test]
async fn close_and_drop_end_the_wait_of_senders() {
    for by_drop in [false, true] {
        let socket = connect("/sink").await;
        fill(&socket);
        let (mut first, mut second) = (socket.send("first"), socket.send("second"));
        assert!(poll!(&mut first).is_pending());
        assert!(poll!(&mut second).is_pending());
        if by_drop {
            drop(socket);
        } else {
            socket.close(1000, "").unwrap();
        }
        assert_eq!(first.await, Err(SendError::Closed));
        assert_eq!(second.await, Err(SendError::Closed));
    }
}
