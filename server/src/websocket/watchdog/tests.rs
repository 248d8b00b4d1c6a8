//! The watchdog's judgement by hand-made times, and whole connections under a paused clock.

use std::time::Duration;

use actix_web::web::Bytes;
use futures_util::stream;
use testkit::raw;
use tokio::time::{Instant, pause, sleep};

use super::{Activity, TimedOut, Timeouts, WatchVerdict, Watchdog};
use crate::websocket::tests::{connection_of, handed_over};
use crate::websocket::{CloseEvent, ReadEnd};

const TIMEOUTS: Timeouts = Timeouts {
    heartbeat: seconds(25),
    message: seconds(10),
    write: seconds(30),
};

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn given_up(timed_out: TimedOut) -> CloseEvent {
    CloseEvent {
        code: 1006,
        reason: timed_out.to_string(),
        clean: false,
    }
}

/// The watchdog's steps for a connection with this activity, each at the time that it asked for, up
/// to so many; seconds from the beginning.
fn steps(activity: impl Fn(Instant) -> Activity, count: usize) -> Vec<(u64, WatchVerdict)> {
    let begin = Instant::now();
    let mut watchdog = Watchdog::new(TIMEOUTS, begin);
    let (mut now, mut steps) = (begin, Vec::new());
    while steps.len() < count {
        let verdict = watchdog.judge(now, &activity(begin));
        match verdict {
            WatchVerdict::Wait(until) => now = until.expect("there is a deadline"),
            WatchVerdict::Ping | WatchVerdict::GiveUp(_) => {
                steps.push(((now - begin).as_secs(), verdict))
            }
        }
        if matches!(verdict, WatchVerdict::GiveUp(_)) {
            break;
        }
    }
    steps
}

#[test]
fn silence_is_asked_once_and_then_given_up() {
    let given_up = WatchVerdict::GiveUp(TimedOut::Heartbeat);
    assert_eq!(
        steps(Activity::begin, 9),
        [(25, WatchVerdict::Ping), (50, given_up)]
    );
}

#[test]
fn who_woke_more_than_a_second_late_stood_still() {
    let begin = Instant::now();
    let judged = |late| {
        let mut watchdog = Watchdog::new(TIMEOUTS, begin);
        watchdog.woke(begin, begin + late);
        watchdog.judge(begin + seconds(25), &Activity::begin(begin))
    };
    assert_eq!(judged(seconds(1)), WatchVerdict::Ping);
    let late = seconds(1) + Duration::from_millis(1);
    let anew = Some(begin + late + seconds(25));
    assert_eq!(judged(late), WatchVerdict::Wait(anew));
}

#[test]
fn an_unfinished_message_and_a_write_count_from_their_beginning() {
    let unfinished = |begin| Activity {
        unfinished: Some(begin + seconds(3)),
        ..Activity::begin(begin)
    };
    let given_up = WatchVerdict::GiveUp(TimedOut::Message);
    assert_eq!(steps(unfinished, 9), [(13, given_up)]);
    let waiting = |begin| Activity {
        waiting: Some(begin + seconds(3)),
        received: begin + seconds(30),
        ..Activity::begin(begin)
    };
    let given_up = WatchVerdict::GiveUp(TimedOut::Write);
    assert_eq!(
        steps(waiting, 9),
        [(25, WatchVerdict::Ping), (33, given_up)]
    );
}

#[test]
fn a_process_that_stood_still_blames_nobody() {
    let begin = Instant::now();
    let mut watchdog = Watchdog::new(TIMEOUTS, begin);
    let activity = Activity {
        unfinished: Some(begin),
        ..Activity::begin(begin)
    };
    let WatchVerdict::Wait(Some(planned)) = watchdog.judge(begin, &activity) else {
        panic!("nothing is late yet");
    };
    let late = planned + seconds(60);
    watchdog.woke(planned, late);
    let again = WatchVerdict::Wait(Some(late + TIMEOUTS.message));
    assert_eq!(watchdog.judge(late, &activity), again);
    let given_up = WatchVerdict::GiveUp(TimedOut::Message);
    assert_eq!(watchdog.judge(late + TIMEOUTS.message, &activity), given_up);
}

#[test]
fn no_time_at_all_does_not_spin_and_endless_time_never_ends() {
    let begin = Instant::now();
    let judge = |time| {
        let timeouts = Timeouts {
            heartbeat: time,
            message: time,
            write: time,
        };
        Watchdog::new(timeouts, begin).judge(begin, &Activity::begin(begin))
    };
    assert_eq!(judge(Duration::MAX), WatchVerdict::Wait(None));
    let WatchVerdict::Wait(Some(until)) = judge(Duration::ZERO) else {
        panic!("there is a deadline");
    };
    assert!(until > begin);
}

/// Bytes of a peer, each piece so long after the one before, in an endless row.
fn every(pause: Duration, piece: Vec<u8>) -> impl stream::Stream<Item = Bytes> + 'static {
    stream::unfold(piece, move |piece| async move {
        sleep(pause).await;
        Some((Bytes::from(piece.clone()), piece))
    })
}

#[actix_web::test]
async fn a_peer_that_says_nothing_is_pinged_and_given_up() {
    pause();
    let begin = Instant::now();
    let (mut accepted, mut body) = connection_of(stream::pending(), Some(TIMEOUTS));
    let next = accepted.inbound.next();
    let mut next = std::pin::pin!(next);
    tokio::select! {
        biased;
        end = &mut next => panic!("{end:?} before the ping"),
        () = sleep(seconds(26)) => {}
    }
    assert_eq!(handed_over(&mut body).as_deref(), Some(&b"\x89\x00"[..]));
    assert_eq!(next.await, Err(ReadEnd::Lost));
    assert_eq!(begin.elapsed().as_secs(), 50);
    let event = accepted.outbound.close_event(Some(&ReadEnd::Lost));
    assert_eq!(event, given_up(TimedOut::Heartbeat));
}

#[actix_web::test]
async fn any_byte_is_a_sign_of_life() {
    pause();
    let pongs = every(seconds(24), raw::frame(0x8a, b""));
    let (mut accepted, mut body) = connection_of(pongs, Some(TIMEOUTS));
    tokio::select! {
        biased;
        end = accepted.inbound.next() => panic!("{end:?}"),
        () = async {
            for _ in 0..600 {
                sleep(seconds(1)).await;
                while handed_over(&mut body).is_some() {}
            }
        } => {}
    }
    assert!(accepted.outbound.is_open());
}

#[actix_web::test]
async fn a_message_of_single_bytes_has_its_time_from_the_first() {
    pause();
    let begin = Instant::now();
    let header = raw::frame(0x82, &[0; 100])[..6].to_vec();
    let drops = stream::iter([Bytes::from(header)]);
    let drops = stream::StreamExt::chain(drops, every(seconds(1), vec![0]));
    let (mut accepted, mut body) = connection_of(drops, Some(TIMEOUTS));
    let ended = async {
        while accepted.outbound.is_open() {
            sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        biased;
        end = accepted.inbound.next() => panic!("{end:?}"),
        () = ended => {}
    }
    assert_eq!(begin.elapsed().as_secs(), 10);
    let close = handed_over(&mut body).expect("a close frame");
    assert_eq!(&close[2..4], &1008_u16.to_be_bytes());
    assert_eq!(accepted.outbound.close_event(None).code, 1008);
}

#[actix_web::test]
async fn a_row_of_messages_that_are_whole_in_time_goes_on_for_ever() {
    pause();
    // Each piece ends one message and begins the next: at no time is none unfinished.
    let frame = raw::frame(0x81, b"four");
    let (head, tail) = frame.split_at(5);
    let pieces = every(seconds(6), [tail, head].concat());
    let pieces = stream::StreamExt::chain(stream::iter([Bytes::from(head.to_vec())]), pieces);
    let (mut accepted, mut body) = connection_of(pieces, Some(TIMEOUTS));
    for _ in 0..100 {
        let frame = accepted.inbound.next().await.expect("a message");
        assert_eq!(&frame.data[..], b"four");
        while handed_over(&mut body).is_some() {}
    }
}

#[actix_web::test]
async fn who_takes_something_now_and_then_is_kept_and_who_takes_nothing_is_given_up() {
    pause();
    let (mut accepted, mut body) =
        connection_of(every(seconds(5), raw::frame(0x8a, b"")), Some(TIMEOUTS));
    accepted.outbound.try_send(vec![7; 900_000]).expect("room");
    let slowly = async {
        for _ in 0..10 {
            sleep(seconds(29)).await;
            handed_over(&mut body).expect("a slice");
        }
    };
    tokio::select! {
        biased;
        end = accepted.inbound.next() => panic!("{end:?}"),
        () = slowly => {}
    }
    let stalled = Instant::now();
    assert_eq!(accepted.inbound.next().await, Err(ReadEnd::Lost));
    assert_eq!(stalled.elapsed().as_secs(), 30);
    let event = accepted.outbound.close_event(Some(&ReadEnd::Lost));
    assert_eq!(event, given_up(TimedOut::Write));
}
