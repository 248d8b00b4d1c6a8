//! A client that comes back, over a platform and a server whose time is the test's.

mod callers;
mod functions;
mod world;

use std::time::Duration;

use twinwire::session::SessionLost;
use twinwire::{End, Goodbye, GoodbyeCode};
use twinwire_client::{ClientState, ConnectError, Departure, OpenFailure, Options, ReconnectCause};
use world::{Answer, Asked, Dice, KINDS, Run, World};

const SECOND: Duration = Duration::from_secs(1);

fn options() -> Options {
    Options::new("ws://there", KINDS)
}

fn is_open(state: &ClientState) -> bool {
    matches!(state, ClientState::Open { .. })
}

/// Returns the cause of an absence.
fn cause(run: &Run) -> ReconnectCause {
    match run.state() {
        ClientState::Resuming { cause, .. } => cause,
        other => panic!("away, not {other:?}"),
    }
}

#[test]
fn who_was_away_is_back_half_a_second_and_one_and_a_half_absences_after_the_loss() {
    for seed in 0..300 {
        let mut dice = Dice(seed);
        let mut run = Run::connected(World::new(seed), options());
        for _ in 0..3 {
            run.pass(dice.below(Duration::from_secs(10)));
            let (lost, absence) = (run.now(), dice.below(Duration::from_secs(90)));
            run.world.answers(Answer::Refused);
            run.world.cut();
            run.pass(absence);
            run.world.answers(Answer::Welcome);
            let (back, _) = run.until("it is back", is_open);
            let away = back - lost;
            let bound = SECOND / 2 + absence * 3 / 2;
            assert!(
                away <= bound,
                "seed {seed}: {absence:?}, back after {away:?}"
            );
            let pause = away.saturating_sub(absence);
            assert!(
                pause <= 5 * SECOND,
                "seed {seed}: {pause:?} after the server"
            );
        }
    }
}

#[test]
fn the_longest_pause_is_the_applications_to_say() {
    let mut run = Run::connected(World::new(1), options().max_backoff(SECOND));
    run.world.answers(Answer::Refused);
    run.world.cut();
    for _ in 0..200 {
        run.pass(SECOND / 2);
        match run.state() {
            ClientState::Resuming { wait, .. } => assert!(wait <= SECOND, "{wait:?}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_server_that_welcomes_and_breaks_off_is_left_in_peace() {
    for seed in 0..50 {
        let mut run = Run::connected(World::new(seed), options());
        run.world.answers(Answer::WelcomeAndBreak);
        run.world.cut();
        run.pass(100 * SECOND);
        let attempts = run.world.attempts().len();
        assert!(attempts < 80, "seed {seed}: {attempts} in 100 s");
        assert!(attempts > 20, "seed {seed}: {attempts} in 100 s");
    }
}

#[test]
fn a_hint_a_second_before_the_server_is_enough_also_after_a_long_absence() {
    for seed in 0..100 {
        let mut run = Run::connected(World::new(seed), options().max_backoff(30 * SECOND));
        run.world.answers(Answer::Refused);
        run.world.cut();
        run.pass(90 * SECOND);
        let (before, hinted) = (run.world.attempts().len(), run.now());
        run.world.hint();
        run.pass(Duration::ZERO);
        assert_eq!(run.world.attempts().len(), before + 1, "at once");
        run.pass(SECOND);
        run.world.answers(Answer::Welcome);
        let (back, _) = run.until("it is back", is_open);
        assert!(back - hinted <= 3 * SECOND, "{:?}", back - hinted);
    }
}

#[test]
fn a_hint_ends_an_attempt_that_hangs() {
    let mut run = Run::connected(World::new(7), options());
    run.world.answers(Answer::Nothing);
    run.world.cut();
    run.pass(3 * SECOND);
    let hinted = run.now();
    run.world.hint();
    run.pass(SECOND / 2);
    run.world.answers(Answer::Welcome);
    let (back, _) = run.until("it is back", is_open);
    assert!(back - hinted <= 3 * SECOND, "{:?}", back - hinted);
}

#[test]
fn a_hint_leaves_a_living_connection_alone_and_finds_a_dead_one() {
    type Hint = fn(&Run);
    let hints: [(Hint, Duration); 3] = [
        (|run| run.world.hint(), Duration::ZERO),
        (|run| run.client().reconnect_now(), Duration::ZERO),
        // That is seen when a timer fires, at the latest a heartbeat's.
        (|run| run.world.sleeps(), 15 * SECOND),
    ];
    for (hint, seen) in hints {
        let mut run = Run::connected(World::new(3), options());
        hint(&run);
        run.pass(20 * SECOND);
        assert!(is_open(&run.state()), "{:?}", run.state());
        assert_eq!(run.world.attempts().len(), 1);

        run.world.swallows();
        run.pass(SECOND);
        hint(&run);
        let hinted = run.now();
        let away = |state: &ClientState| matches!(state, ClientState::Resuming { .. });
        run.until("the loss", away);
        let (back, _) = run.until("it is back", is_open);
        let bound = seen + Duration::from_millis(5_600);
        assert!(back - hinted <= bound, "{:?}", back - hinted);
        assert_eq!(run.losses(), [], "the session goes on");
    }
}

#[test]
fn who_is_away_is_told_the_cause() {
    let mut run = Run::connected(World::new(5), options());
    let away = |state: &ClientState| matches!(state, ClientState::Resuming { .. });
    run.world.cut();
    run.until("the loss", away);
    assert_eq!(cause(&run), ReconnectCause::Ended(End::Lost));
    let mut check = |answer: Answer, expected: ReconnectCause| {
        run.world.answers(answer);
        run.world.cut();
        run.pass(30 * SECOND);
        assert_eq!(cause(&run), expected);
    };
    let refused = ReconnectCause::NotOpened("connection refused".to_owned());
    check(Answer::Refused, refused);
    for status in [302, 401, 403, 404, 503] {
        check(Answer::Status(status), ReconnectCause::Status(status));
        // A browser hides it.
        check(Answer::Hidden(status), ReconnectCause::Status(status));
    }
    check(Answer::Nothing, ReconnectCause::TimedOut);
    let later = Goodbye::new(GoodbyeCode::GoingAway, "later");
    check(Answer::Goodbye, ReconnectCause::Ended(End::Goodbye(later)));
    run.world.answers(Answer::Welcome);
    run.until("it is back", is_open);
    assert_eq!(run.losses(), [], "the session goes on");
}

#[test]
fn the_application_ends_an_absence() {
    let mut run = Run::connected(World::new(5), options());
    run.world.answers(Answer::Status(401));
    run.world.cut();
    run.pass(3 * SECOND);
    assert_eq!(cause(&run), ReconnectCause::Status(401));
    run.close();
    run.until("the end", |state| matches!(state, ClientState::Closed(_)));
}

#[test]
fn who_waits_is_told_for_how_long() {
    let mut run = Run::connected(World::new(1), options());
    run.world.answers(Answer::Refused);
    run.world.cut();
    run.pass(20 * SECOND);
    let (world, before) = (run.world.clone(), run.world.attempts().len());
    let (_, state) = run.until("an attempt", |_| world.attempts().len() > before);
    let ClientState::Resuming { wait, .. } = state else {
        panic!("{state:?}");
    };
    run.pass(wait - wait / 100);
    assert_eq!(world.attempts().len(), before + 1, "{wait:?}");
    run.pass(wait / 50);
    assert_eq!(world.attempts().len(), before + 2, "{wait:?}");
}

#[test]
fn a_client_that_is_paused_says_so_and_stays_away_until_it_is_told() {
    for is_away in [false, true] {
        let mut run = Run::connected(World::new(1), options());
        run.world.answers(Answer::Refused);
        if is_away {
            run.world.cut();
            run.pass(20 * SECOND);
        }
        run.client().pause();
        run.pass(Duration::ZERO);
        assert_eq!(run.state(), ClientState::Paused, "away: {is_away}");
        let before = run.world.attempts().len();
        run.pass(100 * SECOND);
        assert_eq!(run.world.attempts().len(), before, "away: {is_away}");
        run.world.answers(Answer::Welcome);
        run.client().reconnect_now();
        run.until("it is back", is_open);
    }
}

#[test]
fn a_client_that_is_not_to_come_back_ends_with_its_session() {
    for says_goodbye in [true, false] {
        let mut run = Run::connected(World::new(1), options().reconnect(false));
        let before = run.world.attempts().len();
        if says_goodbye {
            run.world.says_goodbye();
        } else {
            run.world.cut();
        }
        run.until("the end", |state| matches!(state, ClientState::Closed(_)));
        run.pass(100 * SECOND);
        assert_eq!(run.world.attempts().len(), before);
    }
}

#[test]
fn a_status_that_passes_is_no_end_of_connect() {
    for answer in [
        Answer::Status(404),
        Answer::Hidden(404),
        Answer::Status(403),
    ] {
        let mut run = Run::start(World::new(2), options());
        run.world.answers(answer);
        run.pass(5 * SECOND);
        assert!(run.outcome().is_none());
        run.world.answers(Answer::Welcome);
        run.pass(5 * SECOND);
        assert!(matches!(run.outcome(), Some(Ok(()))), "{answer:?}");
    }
}

#[test]
fn a_status_that_stays_ends_connect_before_its_time() {
    for answer in [Answer::Status(404), Answer::Hidden(404)] {
        for seed in 0..50 {
            let mut run = Run::start(World::new(seed), options());
            run.world.answers(answer);
            run.pass(Duration::from_millis(9_900));
            assert!(run.outcome().is_none());
            run.pass(20 * SECOND);
            match run.outcome() {
                Some(Err(ConnectError::Open(error))) => assert_eq!(error.status(), Some(404)),
                other => panic!("{other:?}"),
            }
        }
    }
    // Seconds are all that an application may give it.
    let mut run = Run::start(World::new(0), options().connect_timeout(2 * SECOND));
    run.world.answers(Answer::Status(404));
    run.pass(2 * SECOND);
    match run.outcome() {
        Some(Err(ConnectError::Open(error))) => assert_eq!(error.status(), Some(404)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_can_not_help_ends_connect_at_once() {
    let mut run = Run::start(World::new(0), options());
    run.world.answers(Answer::Never);
    run.pass(Duration::ZERO);
    assert!(matches!(run.outcome(), Some(Err(ConnectError::Open(_)))));
}

#[test]
fn a_page_in_the_cache_is_gone_for_others_and_begins_anew_when_it_is_shown() {
    let mut run = Run::connected(World::new(4), options());
    run.world.leaves(Departure::Cached);
    run.pass(SECOND);
    assert!(run.world.said_goodbye());
    run.pass(600 * SECOND);
    assert_eq!(run.world.attempts().len(), 1, "it is to stay gone");
    run.world.hint();
    run.until("it is back", is_open);
    assert_eq!(run.losses(), [SessionLost::Ended]);
    // Again, and it is closed meanwhile.
    run.world.leaves(Departure::Cached);
    run.pass(Duration::ZERO);
    run.close();
    run.until("the end", |state| matches!(state, ClientState::Closed(_)));
}

#[test]
fn a_page_that_may_be_cached_leaves_no_socket_open() {
    let mut run = Run::connected(World::new(4), options());
    // Browsers cache no page that has one, and don't wait for an answer to its goodbye.
    run.world.swallows();
    run.world.leaves(Departure::Cached);
    run.pass(Duration::ZERO);
    assert!(!run.world.is_linked());
    run.world.hint();
    run.until("it is back", is_open);
}

#[test]
fn a_page_that_goes_for_good_is_over() {
    let mut run = Run::connected(World::new(4), options());
    run.world.leaves(Departure::Final);
    run.until("the end", |state| matches!(state, ClientState::Closed(_)));
    assert!(run.world.said_goodbye());
}

/// Returns the answer that a call has by now.
fn answer(asked: &Asked) -> Option<Result<u32, String>> {
    asked.lock().expect("nobody panics").clone()
}

#[test]
fn what_a_page_had_not_sent_when_it_went_into_the_cache_goes_out_when_it_is_shown() {
    let mut run = Run::connected(World::new(4), options());
    run.world.sticks();
    let before: Vec<_> = (0..3).map(|question| run.call(question)).collect();
    run.pass(SECOND);
    run.world.leaves(Departure::Cached);
    let as_it_goes = run.call(3);
    run.pass(SECOND);
    let in_the_cache = run.call(4);
    run.pass(SECOND);
    assert_eq!(run.world.heard(), [0; 0]);
    run.world.hint();
    run.until("it is back", is_open);
    run.pass(SECOND);
    assert_eq!(run.world.heard(), [0, 1, 2, 3, 4]);
    let all = before.iter().chain([&as_it_goes, &in_the_cache]);
    let answers: Vec<_> = all.map(answer).collect();
    let expected: Vec<_> = (0..5).map(|question| Some(Ok(question))).collect();
    assert_eq!(answers, expected);
}

#[test]
fn a_page_that_goes_into_the_cache_while_it_comes_back_goes_on_when_it_is_shown() {
    for hangs in [Answer::Nothing, Answer::Swallow] {
        let mut run = Run::connected(World::new(4), options());
        run.world.answers(hangs);
        run.world.cut();
        run.pass(SECOND);
        assert_eq!(run.world.attempts().len(), 2, "it is made and hangs");
        let asked = run.call(7);
        run.world.leaves(Departure::Cached);
        run.pass(Duration::ZERO);
        assert!(!run.world.is_linked());
        run.world.answers(Answer::Welcome);
        run.pass(SECOND);
        assert_eq!(run.world.attempts().len(), 2, "it is to stay gone");
        run.world.hint();
        run.until("it is back", is_open);
        run.pass(30 * SECOND);
        assert!(is_open(&run.state()), "{:?}", run.state());
        assert_eq!(run.world.attempts().len(), 3, "its connection lives");
        assert_eq!(run.losses(), [], "the session goes on");
        assert_eq!(answer(&asked), Some(Ok(7)));
    }
}
