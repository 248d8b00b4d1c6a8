use std::task::{Context, Poll, Waker};

use futures_util::FutureExt;

use super::{Data, Link, MESSAGE_COST, Next, Refused, Silence};
use crate::websocket::Close;

/// What the body would do next: a message's text, `close`, `pong` or `end`; `wait` when pending.
fn next(link: &Link) -> String {
    match link.poll_next(&Context::from_waker(Waker::noop())) {
        Poll::Pending => "wait".to_owned(),
        Poll::Ready(Next::End { .. }) => "end".to_owned(),
        Poll::Ready(Next::Pong(_)) => "pong".to_owned(),
        Poll::Ready(Next::Close(_)) => "close".to_owned(),
        Poll::Ready(Next::Message(data)) => {
            link.release(data.cost());
            match data {
                Data::Text(text) => text.to_string(),
                Data::Binary(bytes) => format!("{bytes:?}"),
            }
        }
    }
}

fn close() -> Option<Close> {
    Some(Close::known(1000))
}

#[test]
fn the_queue_is_bounded_by_bytes_and_by_messages() {
    let link = Link::new(10 * MESSAGE_COST);
    for _ in 0..10 {
        assert_eq!(link.try_send("".into()), Ok(()));
    }
    assert_eq!(link.try_send("".into()), Err(Refused::Full));
    assert_eq!(next(&link), "");
    assert_eq!(link.try_send("x".into()), Err(Refused::Full));
    assert_eq!(link.try_send("".into()), Ok(()));
    let large = Data::from(vec![0; 9 * MESSAGE_COST + 1]);
    assert_eq!(link.try_send(large), Err(Refused::TooLarge));
}

#[test]
fn senders_wait_for_room_in_their_order() {
    let link = Link::new(MESSAGE_COST + 3);
    assert_eq!(link.try_send("one".into()), Ok(()));
    let mut two = Box::pin(link.send("two".into()));
    let mut three = Box::pin(link.send("3".into()));
    assert_eq!(two.as_mut().now_or_never(), None);
    assert_eq!(three.as_mut().now_or_never(), None);
    assert_eq!(next(&link), "one");
    assert_eq!(three.as_mut().now_or_never(), None);
    assert_eq!(two.now_or_never(), Some(Ok(())));
    assert_eq!(next(&link), "two");
    assert_eq!(three.now_or_never(), Some(Ok(())));
}

#[test]
fn closing_sends_what_is_queued_then_waits_for_the_peer() {
    let link = Link::new(1000);
    assert_eq!(link.try_send("last".into()), Ok(()));
    assert!(link.close(close()));
    assert!(!link.close(close()));
    assert_eq!(link.try_send("late".into()), Err(Refused::Closed));
    link.ping("are you there".into());
    let seen = [next(&link), next(&link), next(&link), next(&link)];
    assert_eq!(seen, ["pong", "last", "close", "wait"]);
    link.silence(Silence::Closed);
    assert_eq!(next(&link), "end");
}

#[test]
fn only_the_newest_ping_is_answered() {
    let link = Link::new(1000);
    for _ in 0..1000 {
        link.ping("ping".into());
    }
    assert_eq!([next(&link), next(&link)], ["pong", "wait"]);
}

#[test]
fn whoever_waits_for_room_learns_of_the_end() {
    let link = Link::new(MESSAGE_COST);
    assert_eq!(link.try_send("".into()), Ok(()));
    let mut waiting = Box::pin(link.send("".into()));
    assert_eq!(waiting.as_mut().now_or_never(), None);
    link.gone();
    assert_eq!(waiting.now_or_never(), Some(Err(Refused::Closed)));
    assert_eq!(next(&link), "end");
    assert_eq!(link.left_open().now_or_never(), Some(()));
}
