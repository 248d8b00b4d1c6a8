//! How much a side keeps of what it sent, as that changes.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::time::Duration;

use super::pair::{Pair, TYPING};
use crate::Limits;
use crate::frame::{Frame, Frames};
use crate::limits::{MAX_MESSAGE, MAX_PAYLOAD, MIN_RETAINED, MIN_RETAINED_LOW_MEMORY};
use crate::session::Outcome;

const LARGE: u64 = 16 << 20;

/// A server that sends to a client which acknowledges nothing, and how much went out.
fn unheard(limits: &Limits) -> Pair {
    let mut pair = Pair::open(limits);
    pair.client.unheard = true;
    pair
}

fn limits() -> Limits {
    Limits::default().requests(LARGE).queued(LARGE as usize)
}

fn send(pair: &mut Pair) -> usize {
    for _ in 0..40 {
        pair.server.request(pair.now, TYPING, &[7; 20_000]);
    }
    pair.server.poll(pair.now);
    pair.server.sent.iter().map(Vec::len).sum()
}

/// Returns true if so much went out until as much is kept, with the message that reaches it.
fn reaches(sent: usize, most: usize) -> bool {
    (most..most + MAX_MESSAGE).contains(&sent)
}

#[test]
fn a_frugal_side_keeps_half_and_later_as_much_as_before() {
    let mut pair = unheard(&limits());
    pair.server.session.set_low_memory(true);
    let sent = send(&mut pair);
    assert!(reaches(sent, MIN_RETAINED / 2), "{sent} bytes went out");
    pair.server.session.set_low_memory(false);
    let sent = send(&mut pair);
    assert!(reaches(sent, MIN_RETAINED), "{sent} bytes went out");
}

#[test]
fn what_is_kept_stays_and_nothing_new_goes_out_before_less_is_left() {
    let mut pair = unheard(&limits());
    let sent = send(&mut pair);
    assert!(reaches(sent, MIN_RETAINED), "{sent} bytes went out");
    pair.server.session.set_low_memory(true);
    assert_eq!(send(&mut pair), sent, "nothing new");
    // The connection is lost, and all of it goes out again.
    pair.client.unheard = false;
    pair.cut();
    pair.resume();
    pair.server.poll(pair.now);
    let again: usize = pair
        .server
        .sent
        .iter()
        .map(|message| numbered(message))
        .sum();
    assert!(reaches(again, MIN_RETAINED), "{again} bytes go out again");
    for client in 0..80 {
        pair.pass(Duration::from_secs(1));
        assert_eq!(pair.client.requests().len(), client + 1);
        let (number, _) = pair.client.requests()[client].clone();
        pair.client.session.done(pair.now, number);
    }
}

/// The bytes of a message's numbered frames.
fn numbered(message: &[u8]) -> usize {
    let frames = Frames::new(message).map(|frame| frame.expect("readable"));
    let numbered = frames.filter(|frame| frame.number().is_some());
    numbered.map(|frame: Frame<'_>| frame.encoded_len()).sum()
}

#[test]
fn half_of_much_is_much_and_half_of_little_is_enough_to_go_on() {
    for (retained, half) in [(1 << 20, 512 * 1024), (0, MIN_RETAINED_LOW_MEMORY)] {
        let mut pair = unheard(&limits().retained(retained));
        pair.server.session.set_low_memory(true);
        let sent = send(&mut pair);
        assert!(reaches(sent, half), "{sent} bytes went out");
    }
}

#[test]
fn the_largest_message_arrives_from_a_frugal_side_without_a_pause() {
    let limits = Limits::default().payload(MAX_PAYLOAD);
    let mut pair = Pair::open(&limits);
    pair.server.session.set_low_memory(true);
    let event = pair.server.request(pair.now, TYPING, &vec![7; MAX_PAYLOAD]);
    // No timer has to run.
    pair.drive();
    assert_eq!(pair.client.requests()[0].1.len(), MAX_PAYLOAD);
    pair.pass(Duration::from_secs(1));
    assert_eq!(pair.server.outcome(event), Some(&Outcome::Accepted));
}
