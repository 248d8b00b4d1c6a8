//! A session that contradicts itself says so.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::pair::Pair;
use crate::session::SessionCore;
use crate::session::conn::Conn;
use crate::session::phase::Phase;
use crate::session::timers::Timer;
use crate::{Goodbye, GoodbyeCode, Limits};

/// An open client's session that is changed like this contradicts itself.
#[track_caller]
fn check(contradict: impl Fn(&mut SessionCore)) {
    let mut session = Pair::open(&Limits::default()).client.session;
    session.check_invariants();
    contradict(&mut session);
    let checked = catch_unwind(AssertUnwindSafe(|| session.check_invariants()));
    assert!(
        checked.is_err(),
        "nothing is found in {:?}",
        session.state()
    );
}

#[test]
fn a_timer_runs_in_the_states_that_it_is_for() {
    for timer in [Timer::Handshake, Timer::Finish, Timer::Drain, Timer::Resume] {
        check(|session| session.timers.set(timer, session.now));
    }
    for timer in [Timer::Silence, Timer::Stall, Timer::Ack] {
        check(|session| {
            session.phase = Phase::Detached(None);
            session.conn = None;
            session.timers.stop(Timer::Silence);
            session.timers.set(timer, session.now);
        });
    }
}

#[test]
fn a_session_that_finishes_has_a_time_for_it() {
    check(|session| session.closed_with = Some(Goodbye::new(GoodbyeCode::Done, "")));
}

#[test]
fn a_connection_stands_or_falls_with_its_state() {
    check(|session| session.conn = None);
    check(|session| {
        session.phase = Phase::Detached(None);
        session.timers.stop(Timer::Silence);
    });
    check(|session| {
        let conn = session.conn.get_or_insert_with(Conn::default);
        conn.goodbye = Some(Goodbye::new(GoodbyeCode::Done, ""));
    });
}

#[test]
fn a_state_is_of_its_role() {
    check(|session| session.phase = Phase::Authenticating);
}
