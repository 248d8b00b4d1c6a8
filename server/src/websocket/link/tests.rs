use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_util::FutureExt;

use super::{BodyStep, Link, MESSAGE_COST, Message, NotQueued, PONGS, ReadStop};
use crate::websocket::Close;
use crate::websocket::tests::Woken;

/// Returns the body's next step: a message's text, `close`, `pong` or `end`; `wait` when pending.
fn next(link: &Link) -> String {
    match link.poll_next(&Context::from_waker(Waker::noop())) {
        Poll::Pending => "wait".to_owned(),
        Poll::Ready(BodyStep::Finish { .. }) => "end".to_owned(),
        Poll::Ready(BodyStep::Ping) => "ping".to_owned(),
        Poll::Ready(BodyStep::Pong(_)) => "pong".to_owned(),
        Poll::Ready(BodyStep::Close(_)) => "close".to_owned(),
        Poll::Ready(BodyStep::Message(message)) => {
            link.handed_over(message.cost());
            match message {
                Message::Text(text) => text.to_string(),
                Message::Binary(bytes) => format!("{bytes:?}"),
            }
        }
    }
}

fn close() -> Close {
    Close::known(1000, "")
}

#[test]
fn the_queue_is_bounded_by_bytes_and_by_messages() {
    let link = Link::new(10 * MESSAGE_COST);
    for _ in 0..10 {
        assert_eq!(link.try_send("".into()), Ok(()));
    }
    assert_eq!(link.try_send("".into()), Err(NotQueued::Full));
    assert_eq!(next(&link), "");
    assert_eq!(link.try_send("x".into()), Err(NotQueued::Full));
    assert_eq!(link.try_send("".into()), Ok(()));
    let large = Message::from(vec![0; 9 * MESSAGE_COST + 1]);
    assert_eq!(link.try_send(large), Err(NotQueued::TooLarge));
}

#[test]
fn there_is_room_once_what_was_taken_is_released() {
    let link = Link::new(2 * MESSAGE_COST + 3);
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let room = |len| link.poll_room(len, &Context::from_waker(&waker));
    assert_eq!(
        room(MESSAGE_COST + 4),
        Poll::Ready(Err(NotQueued::TooLarge))
    );
    assert_eq!(link.try_send("one".into()), Ok(()));
    assert_eq!(room(1), Poll::Pending);
    assert_eq!(room(0), Poll::Ready(Ok(())));
    let Poll::Ready(BodyStep::Message(taken)) = link.poll_next(&Context::from_waker(&waker)) else {
        panic!("a message is queued");
    };
    assert_eq!(room(1), Poll::Pending);
    assert_eq!(woken.times(), 0);
    link.handed_over(taken.cost());
    assert_eq!(woken.times(), 1);
    assert_eq!(room(MESSAGE_COST + 3), Poll::Ready(Ok(())));
}

#[test]
fn what_is_queued_wakes_the_body_alone() {
    let link = Link::new(1000);
    let [body, reader] = [(); 2].map(|()| Arc::new(Woken::default()));
    let wakers = [&body, &reader].map(|woken| Waker::from(Arc::clone(woken)));
    assert!(
        link.poll_next(&Context::from_waker(&wakers[0]))
            .is_pending()
    );
    assert!(
        link.poll_read_stop(&Context::from_waker(&wakers[1]))
            .is_pending()
    );
    assert_eq!(link.try_send("news".into()), Ok(()));
    assert_eq!([body.times(), reader.times()], [1, 0]);
    link.stop_reading(ReadStop::Closed);
    assert_eq!(reader.times(), 1);
}

#[test]
fn closing_sends_what_is_queued_then_waits_for_the_peer() {
    let link = Link::new(1000);
    assert_eq!(link.try_send("last".into()), Ok(()));
    assert!(link.close(close()));
    assert!(!link.close(close()));
    assert_eq!(link.try_send("late".into()), Err(NotQueued::Closed));
    link.ping("are you there".into());
    let seen = [next(&link), next(&link), next(&link), next(&link)];
    assert_eq!(seen, ["pong", "last", "close", "wait"]);
    link.stop_reading(ReadStop::Closed);
    assert_eq!(next(&link), "end");
}

#[test]
fn of_a_flood_of_pings_only_the_newest_are_answered() {
    let link = Link::new(1000);
    for index in 0..1000 {
        link.ping(format!("{index}").into());
    }
    for index in 1000 - PONGS..1000 {
        let next = link.poll_next(&Context::from_waker(Waker::noop()));
        let Poll::Ready(BodyStep::Pong(payload)) = next else {
            panic!("pong {index} is missing");
        };
        assert_eq!(payload, format!("{index}"));
    }
    assert_eq!(next(&link), "wait");
}

#[test]
fn whoever_waits_for_room_learns_of_the_end() {
    let link = Link::new(MESSAGE_COST);
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let room = || link.poll_room(0, &Context::from_waker(&waker));
    assert_eq!(link.try_send("".into()), Ok(()));
    assert_eq!(room(), Poll::Pending);
    link.gone();
    assert_eq!(woken.times(), 1);
    assert_eq!(room(), Poll::Ready(Err(NotQueued::Closed)));
    assert_eq!(next(&link), "end");
    assert_eq!(link.left_open().now_or_never(), Some(()));
}
