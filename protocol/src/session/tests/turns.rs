//! Who may send next.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::pair::{ASK, Pair};
use crate::frame::{Frame, Frames};
use crate::limits::MAX_PART;
use crate::session::Input;
use crate::{Answer, Limits, SeqNo};

/// Gives one of the server's streams an item that fills a message.
fn feed(pair: &mut Pair, stream: SeqNo) {
    let item = vec![0; MAX_PART];
    let given = pair.server.session.item(pair.now, stream, item);
    given.expect("it has room");
}

/// Sends one message of the server's and hears it. Returns the stream of its item.
fn send_one_item(pair: &mut Pair) -> Option<SeqNo> {
    let (now, mut message) = (pair.now, Vec::new());
    pair.server.session.poll(now, &mut message, usize::MAX);
    pair.client.session.handle(now, Input::Message(&message));
    pair.client.poll(now);
    Frames::new(&message).find_map(|frame| match frame {
        Ok(Frame::Item(item)) => Some(item.call),
        _ => None,
    })
}

#[test]
fn a_stream_waits_for_one_item_of_each_other_though_new_ones_begin() {
    let limits = Limits::default().streams(3).stream_window(1 << 20);
    let mut pair = Pair::open(&limits);
    for _ in 0..3 {
        pair.client.request(pair.now, ASK, b"");
    }
    pair.drive();
    // The server says nothing but by the messages below.
    pair.server.room = 0;
    let now = pair.now;
    feed(&mut pair, SeqNo::FIRST);
    let (mut fed, mut order) = (1, vec![]);
    for _ in 0..6 {
        // Each of the others has one item, and another stream follows it.
        for (number, _) in pair.server.requests().into_iter().skip(fed) {
            feed(&mut pair, number);
            let done = Answer::Value(vec![]);
            pair.server.session.answer(now, number, done);
            fed += 1;
        }
        let sent = send_one_item(&mut pair).expect("a stream has an item");
        order.push(sent.get());
        if sent == SeqNo::FIRST {
            feed(&mut pair, sent);
        } else {
            pair.client.request(now, ASK, b"");
        }
        pair.client.poll(now);
        for message in std::mem::take(&mut pair.client.sent) {
            pair.server.session.handle(now, Input::Message(&message));
        }
        pair.server.poll(now);
    }
    assert_eq!(order[..4], [1, 2, 3, 1], "{order:?}");
}
