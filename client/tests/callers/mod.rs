//! What the callers at both ends see: whatever becomes of sessions, each has its own answer, and nothing waits in vain.

use std::cell::RefCell;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use twinwire::{End, Limits};
use twinwire_client::{ClientState, EventError, Options};

use crate::world::{Answer, Ask, Parcel, Run, World};
use crate::{SECOND, answer, is_open, options};

fn is_closed(state: &ClientState) -> bool {
    matches!(state, ClientState::Closed(_))
}

/// The client is away, and its session lost when it is back.
fn lose(run: &mut Run) {
    run.world.answers(Answer::Refused);
    run.world.cut();
    run.pass(SECOND);
    run.world.forgets();
    run.world.answers(Answer::Welcome);
    run.until("it is back", is_open);
    run.pass(SECOND);
}

#[test]
fn no_answer_is_given_to_a_question_of_another_session() {
    let mut run = Run::connected(World::new(1), options());
    let gate = Arc::<Mutex<bool>>::default();
    let opened = Arc::clone(&gate);
    let handled = run.client().handle(move |Ask(question)| {
        let opened = Arc::clone(&opened);
        std::future::poll_fn(move |_| match *opened.lock().expect("nobody panics") {
            true => std::task::Poll::Ready(Ok(question)),
            false => std::task::Poll::Pending,
        })
    });
    assert_eq!(handled, Ok(()));
    run.world.asks(1);
    run.pass(SECOND);
    lose(&mut run);
    run.world.asks(2);
    run.pass(SECOND);
    *gate.lock().expect("nobody panics") = true;
    run.pass(SECOND);
    assert_eq!(run.world.answered(), [(2, Some(2))]);
}

#[test]
fn the_newest_handler_answers() {
    let mut run = Run::connected(World::new(1), options());
    for added in [10, 20] {
        let handled = run
            .client()
            .handle(move |Ask(question)| std::future::ready(Ok(question + added)));
        assert_eq!(handled, Ok(()));
    }
    run.pass(Duration::ZERO);
    run.world.asks(1);
    run.pass(SECOND);
    assert_eq!(run.world.answered(), [(1, Some(21))]);
}

#[test]
fn a_question_that_nobody_handles_is_refused_once_there_was_time_to_register() {
    let mut run = Run::connected(World::new(1), options());
    run.world.asks(1);
    run.pass(3 * SECOND);
    assert_eq!(run.world.answered(), [(1, None)]);
}

#[test]
fn a_ping_of_a_client_that_is_closed_has_no_answer() {
    let mut run = Run::connected(World::new(1), options());
    let client = run.client().clone();
    run.close();
    run.until("it is closed", is_closed);
    run.pass(60 * SECOND);
    let mut nobody = Context::from_waker(Waker::noop());
    let ping = Box::pin(client.ping()).as_mut().poll(&mut nobody);
    assert_eq!(ping, std::task::Poll::Ready(None));
}

#[test]
fn a_pause_stops_an_attempt_that_is_under_way() {
    let mut run = Run::connected(World::new(1), options());
    run.world.answers(Answer::Later);
    run.world.cut();
    run.pass(SECOND);
    assert_eq!(run.world.attempts().len(), 2, "it is made and hangs");
    run.client().pause();
    run.pass(SECOND);
    run.world.answers(Answer::Welcome);
    run.pass(30 * SECOND);
    assert_eq!(run.state(), ClientState::Paused);
    assert!(!run.world.is_linked());
    run.client().reconnect_now();
    run.until("it is back", is_open);
}

#[test]
fn a_ping_of_an_absence_is_answered_in_the_session_that_follows() {
    let mut run = Run::connected(World::new(1), options());
    run.world.answers(Answer::Refused);
    run.world.cut();
    run.pass(SECOND);
    let client = run.client().clone();
    let ping = run.spawn(async move { client.ping().await });
    lose(&mut run);
    let pong = ping.lock().expect("nobody panics").take();
    assert!(matches!(pong, Some(Some(_))), "{pong:?}");
}

/// Has the client send so many parcels of 20 kB, of which the session takes three, while nothing flows.
fn fill(run: &mut Run, parcels: u32) -> Vec<Received> {
    let mut receipts = Vec::new();
    for number in 0..parcels {
        let sent = run.client().try_send(Parcel(number, vec![0; 20_000]));
        let receipt = sent.expect("there is room between handle and session");
        receipts.push(run.spawn(receipt));
        run.pass(Duration::ZERO);
    }
    receipts
}

/// The outcome of a parcel.
type Received = Arc<Mutex<Option<Result<(), EventError>>>>;

fn told(receipt: &Received) -> Option<Result<(), EventError>> {
    receipt.lock().expect("nobody panics").take()
}

fn three_parcels() -> Options {
    options().limits(Limits::default().queued(64 * 1024))
}

/// The ways in which an application is done with a client.
const DONE: [fn(&mut Run); 2] = [Run::close, Run::drop_client];

#[test]
fn what_waits_for_room_when_the_application_is_done_is_sent_before_the_goodbye() {
    for (done, parcels) in DONE
        .into_iter()
        .flat_map(|done| (1..8).map(move |count| (done, count)))
    {
        let mut run = Run::connected(World::new(1), three_parcels());
        run.world.sticks();
        let receipts = fill(&mut run, parcels);
        done(&mut run);
        run.pass(SECOND);
        run.world.flows();
        run.pass(SECOND);
        assert_eq!(run.world.heard(), (0..parcels).collect::<Vec<_>>());
        assert!(receipts.iter().all(|receipt| told(receipt) == Some(Ok(()))));
        assert!(run.world.said_goodbye());
    }
}

#[test]
fn what_waits_for_room_without_a_connection_is_sent_over_the_next() {
    for done in DONE {
        let mut run = Run::connected(World::new(1), three_parcels());
        run.world.answers(Answer::Refused);
        run.world.cut();
        run.pass(SECOND);
        fill(&mut run, 7);
        done(&mut run);
        run.world.answers(Answer::Welcome);
        run.world.hint();
        run.pass(SECOND);
        assert_eq!(run.world.heard(), (0..7).collect::<Vec<_>>());
        assert!(run.world.said_goodbye());
    }
}

#[test]
fn what_waits_for_room_is_given_up_when_the_time_for_last_words_is_over() {
    let mut run = Run::connected(World::new(1), three_parcels());
    run.world.sticks();
    let receipts = fill(&mut run, 7);
    run.close();
    let closed = run.now();
    let (ended, _) = run.until("the end", is_closed);
    // Once for what waits, and once for the server's answer; timers may be late by a millisecond.
    let longest = 2 * Limits::default().drain_time() + Duration::from_millis(10);
    assert!(ended - closed <= longest, "{:?}", ended - closed);
    assert!(
        receipts
            .iter()
            .all(|receipt| matches!(told(receipt), Some(Err(_))))
    );
}

#[test]
fn nothing_is_taken_after_a_goodbye_that_waits_for_room() {
    let mut run = Run::connected(World::new(1), three_parcels());
    run.world.sticks();
    fill(&mut run, 7);
    run.close();
    run.pass(Duration::ZERO);
    let late = run.client().try_send(Parcel(7, Vec::new()));
    assert_eq!(late.err(), Some(EventError::Closed));
    let asked = run.call(8);
    run.world.flows();
    run.pass(SECOND);
    assert!(matches!(answer(&asked), Some(Err(_))));
    assert_eq!(run.world.heard(), (0..7).collect::<Vec<_>>());
}

#[test]
fn a_server_that_goes_is_not_followed_by_another_session_when_a_goodbye_waits_for_room() {
    let mut run = Run::connected(World::new(1), three_parcels());
    run.world.sticks();
    let receipts = fill(&mut run, 7);
    run.close();
    run.pass(Duration::ZERO);
    run.world.says_goodbye();
    let (_, end) = run.until("the end", is_closed);
    assert!(
        matches!(end, ClientState::Closed(End::Closed(_))),
        "{end:?}"
    );
    assert_eq!(run.world.attempts().len(), 1);
    assert!(
        receipts
            .iter()
            .all(|receipt| matches!(told(receipt), Some(Err(_))))
    );
}

#[test]
fn what_was_kept_for_listeners_and_taken_makes_room_for_more() {
    let mut run = Run::connected(World::new(1), options());
    for round in 0..3 {
        for _ in 0..2 {
            run.world.sends(&Parcel(round, vec![0; 100 * 1024]));
        }
        run.pass(SECOND);
        let mut parcels = run.client().events::<Parcel>().expect("it is declared");
        let heard = run.spawn(async move {
            let mut heard = Vec::new();
            while heard.len() < 2 {
                heard.push(parcels.next().await);
            }
            heard.len()
        });
        run.pass(SECOND);
        assert_eq!(*heard.lock().expect("nobody panics"), Some(2), "{round}");
        assert_eq!(run.client().dropped_events(), 0);
    }
}

#[test]
fn an_answer_that_came_in_time_counts_though_the_program_stood_still() {
    let mut run = Run::connected(World::new(1), options());
    run.world.holds();
    let asked = run.call(1);
    run.pass(10 * SECOND);
    run.world.releases();
    run.stand_still(25 * SECOND);
    assert_eq!(answer(&asked), Some(Ok(1)));
}

#[test]
fn what_is_asked_between_a_goodbye_and_the_next_session_ends_at_its_deadline() {
    let mut run = Run::connected(World::new(1), options());
    run.world.answers(Answer::Refused);
    run.world.says_goodbye();
    run.pass(10 * SECOND);
    let ask = |question| {
        let asked = run.call(question);
        run.pass(Duration::ZERO);
        asked
    };
    let many: Vec<_> = (0..40).map(ask).collect();
    run.pass(29 * SECOND);
    assert!(many.iter().all(|asked| answer(asked).is_none()));
    run.pass(2 * SECOND);
    for asked in &many {
        let answer = answer(asked).expect("its time is over");
        assert!(answer.is_err_and(|error| error.contains("call_deadline")));
    }
}

#[test]
fn what_is_asked_between_a_goodbye_and_the_next_session_is_answered_there_in_order() {
    let mut run = Run::connected(World::new(1), options());
    run.world.answers(Answer::Refused);
    run.world.says_goodbye();
    run.pass(10 * SECOND);
    for number in 0..40 {
        let client = run.client().clone();
        run.spawn(async move { client.send(Parcel(number, Vec::new())).await.is_ok() });
    }
    let asked = run.call(40);
    run.pass(10 * SECOND);
    run.world.answers(Answer::Welcome);
    run.until("it is back", is_open);
    run.pass(SECOND);
    assert_eq!(run.world.heard(), (0..=40).collect::<Vec<_>>());
    assert_eq!(answer(&asked), Some(Ok(40)));
}

#[test]
fn what_a_goodbye_leaves_unsent_has_its_outcomes_in_the_session_that_follows() {
    let mut run = Run::connected(World::new(1), options());
    run.world.sticks();
    let client = run.client().clone();
    let sent = run.spawn(async move {
        let receipt = client.send(Parcel(1, Vec::new())).await?;
        receipt.await
    });
    let asked = run.call(2);
    run.pass(Duration::ZERO);
    run.world.says_goodbye();
    run.pass(60 * SECOND);
    assert!(is_open(&run.state()));
    assert_eq!(run.world.heard(), [1, 2]);
    assert_eq!(answer(&asked), Some(Ok(2)));
    assert!(matches!(*sent.lock().expect("nobody panics"), Some(Ok(()))));
}

#[test]
fn a_deadline_behind_later_ones_is_kept() {
    type Call = Pin<Box<dyn Future<Output = ()>>>;
    // In pages a client isn't `Send`, and neither is its call.
    thread_local!(static CALLS: RefCell<Vec<Call>> = const { RefCell::new(Vec::new()) });
    // One call is under way, the other waits before what was asked for earlier.
    let options = options()
        .limits(Limits::default().calls(1))
        .on_session_replaced(|client, _| {
            for question in [1, 2] {
                let client = client.clone();
                let mut call: Call = Box::pin(async move {
                    // Nobody answers it.
                    let _ = client.call(Ask(question)).await;
                });
                let polled = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                assert!(polled.is_pending());
                CALLS.with_borrow_mut(|calls| calls.push(call));
            }
            async {}
        });
    let mut run = Run::plain(World::new(1), options);
    run.until("it is there", is_open);
    run.world.answers(Answer::Refused);
    run.world.says_goodbye();
    run.pass(10 * SECOND);
    let asked = run.call(3);
    run.pass(10 * SECOND);
    run.world.holds();
    run.world.answers(Answer::Welcome);
    run.until("it is back", is_open);
    run.pass(21 * SECOND);
    let answer = answer(&asked).expect("its time is over");
    assert!(answer.is_err_and(|error| error.contains("call_deadline")));
}
