//! What only the inside can see: that nothing of a dropped socket stays.

use std::cell::Cell;
use std::rc::Weak;

use futures_util::{StreamExt, stream};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::{Event, EventTarget, WebSocket};

use super::connection::construct;
use super::*;
use crate::peer;

/// The phase in which a socket is dropped.
#[derive(Clone, Copy)]
enum Until {
    Connecting,
    Unread,
    Answered,
    Closing,
}

async fn open(until: Until, batched: bool, key: &str) -> Socket {
    let url = |path| peer::url(&format!("{path}key={key}"));
    let options = Socket::options().batched(batched);
    match until {
        Until::Connecting => {
            let web_socket = construct(&SocketOptions::default(), &url("/echo?"), &[]).unwrap();
            Socket::new(Connection::attach(web_socket, &options))
        }
        Until::Unread => {
            let pushing = url("/push?count=3&size=8&");
            options.connect(&pushing).await.unwrap()
        }
        Until::Answered => {
            let mut socket = options.connect(&url("/echo?")).await.unwrap();
            socket.send("hello").await.unwrap();
            assert_eq!(socket.next().await, Some(Ok(Message::from("hello"))));
            socket
        }
        Until::Closing => {
            let socket = options.connect(&url("/echo?")).await.unwrap();
            socket.close(1000, "").unwrap();
            socket
        }
    }
}

/// Counts the events that meet a listener that is attached though its closure is gone, which throws.
/// Browsers don't tell of listeners otherwise.
fn errors_of_events(handles: &[WebSocket]) -> usize {
    let global: EventTarget = js_sys::global().unchecked_into();
    let errors = Rc::new(Cell::new(0));
    let count = Rc::clone(&errors);
    let count = Closure::<dyn Fn()>::new(move || count.set(count.get() + 1));
    let count = count.as_ref().unchecked_ref();
    global
        .add_event_listener_with_callback("error", count)
        .unwrap();
    for handle in handles {
        for name in ["open", "message", "error", "close"] {
            handle.dispatch_event(&Event::new(name).unwrap()).unwrap();
        }
    }
    global
        .remove_event_listener_with_callback("error", count)
        .unwrap();
    errors.get()
}

#[wasm_bindgen_test]
async fn thousand_dropped_sockets_leave_no_closure_and_no_connection() {
    use Until::{Answered, Closing, Connecting, Unread};
    let key = &format!("{}", js_sys::Math::random());
    let kinds = [Connecting, Unread, Answered, Closing];
    let (mut shares, mut handles) = (Vec::<Weak<SharedSocket>>::new(), Vec::<WebSocket>::new());
    for _ in 0..20 {
        // Chromium delays those who connect many at once, so a few at a time until 50 are there.
        let sockets: Vec<Socket> = stream::iter(0..50)
            .map(|number| open(kinds[number % 4], number % 8 < 4, key))
            .buffer_unordered(8)
            .collect()
            .await;
        shares.extend(sockets.iter().map(|socket| Rc::downgrade(socket.shared())));
        handles.extend(sockets.iter().map(|s| s.shared().web_socket().clone()));
    }
    assert_eq!(shares.len(), 1000);
    // Each closure holds a share of its own, so none is left where no share is.
    assert!(shares.iter().all(|share| share.strong_count() == 0));
    assert_eq!(errors_of_events(&handles), 0);

    let live = peer::url(&format!("/live?key={key}&at_most=0"));
    let mut live = Socket::connect(&live).await.unwrap();
    assert_eq!(live.next().await, Some(Ok(Message::from("0"))));
}

#[wasm_bindgen_test]
fn a_socket_of_another_constructor_outlives_the_options() {
    let web_socket = js_sys::Reflect::get(&js_sys::global(), &"WebSocket".into()).unwrap();
    let options = Socket::options().constructor(web_socket.unchecked_into());
    let web_socket = construct(&options, &peer::url("/echo"), &[]).unwrap();
    drop(Socket::new(Connection::attach(
        web_socket.clone(),
        &options,
    )));
    drop(options);
    assert_eq!(errors_of_events(&[web_socket]), 0);
}

#[wasm_bindgen_test]
async fn waiting_futures_keep_no_listener() {
    let socket = Socket::connect(&peer::url("/echo")).await.unwrap();
    let (closed, flushing) = (socket.closed(), socket.flush());
    let share = Rc::downgrade(socket.shared());
    drop(socket);
    // The two futures and nothing else.
    assert_eq!(share.strong_count(), 2);
    drop((closed, flushing));
    assert_eq!(share.strong_count(), 0);
}
