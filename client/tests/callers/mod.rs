//! What the callers at both ends see: whatever becomes of sessions, each has its own answer, and nothing waits in vain.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use twinwire::Limits;
use twinwire_client::ClientState;

use crate::world::{Answer, Ask, Parcel, Run, World};
use crate::{SECOND, answer, is_open, options};

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

#[test]
fn what_waits_for_room_when_the_last_handle_goes_is_sent() {
    for count in 1..8 {
        // Three of them.
        let limits = Limits::default().queued(64 * 1024);
        let mut run = Run::connected(World::new(1), options().limits(limits));
        run.world.sticks();
        for number in 0..count {
            let sent = run.client().try_send(Parcel(number, vec![0; 20_000]));
            assert!(sent.is_ok(), "{sent:?}");
            run.pass(Duration::ZERO);
        }
        run.drop_client();
        run.pass(SECOND);
        run.world.flows();
        run.pass(SECOND);
        assert_eq!(run.world.heard(), (0..count).collect::<Vec<_>>());
        assert!(run.world.said_goodbye());
    }
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
        assert_eq!(run.client().unheard(), 0);
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
