//! The application's functions: they may panic, be slow, and be called while they run.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use twinwire_client::{ClientState, Options, ReconnectCause, Transport, start};

use super::world::{Answer, Parcel, Run, World};
use super::{SECOND, is_open, options};

/// Events, by what is said of them.
const FIRST: u32 = 1;
const NEVER_SENT: u32 = 2;
const LATER: u32 = 3;

/// Counts the calls of a function, and how many of them run at once.
#[derive(Clone, Default)]
struct Calls(Arc<Counters>);

#[derive(Default)]
struct Counters {
    all: AtomicU32,
    running: AtomicU32,
    most: AtomicU32,
}

/// One of them, until it is dropped.
struct Running(Calls);

impl Calls {
    /// Returns the number of earlier calls, and what ends this one.
    fn begin(&self) -> (u32, Running) {
        let now = self.0.running.fetch_add(1, Ordering::Relaxed) + 1;
        self.0.most.fetch_max(now, Ordering::Relaxed);
        let earlier = self.0.all.fetch_add(1, Ordering::Relaxed);
        (earlier, Running(self.clone()))
    }

    fn all(&self) -> u32 {
        self.0.all.load(Ordering::Relaxed)
    }

    fn most_at_once(&self) -> u32 {
        self.0.most.load(Ordering::Relaxed)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Has a client say something, which it takes at once.
fn tell(run: &Run, number: u32) {
    let mut sending = pin!(run.client().send(Parcel(number, Vec::new())));
    let sent = sending
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(sent, Poll::Ready(Ok(_))), "there is room");
}

/// A client whose server has forgotten its session, and that has something to say in the next.
fn renewed(world: World, options: Options) -> Run {
    let mut run = Run::plain(world, options);
    run.pass(Duration::ZERO);
    run.world.answers(Answer::Refused);
    run.world.forgets();
    run.world.cut();
    run.pass(SECOND);
    tell(&run, NEVER_SENT);
    run.world.answers(Answer::Welcome);
    run.until("it is back", is_open);
    run
}

#[test]
fn a_token_from_that_panics_is_an_attempt_in_vain() {
    let calls = Calls::default();
    let asked = calls.clone();
    let options = options().token_from(move || {
        let (nth, _) = asked.begin();
        assert!(nth % 3 != 0, "as the test asked");
        async move {
            assert!(nth % 3 != 1, "as the test asked");
            Some(Vec::new())
        }
    });
    let mut run = Run::start(World::new(0), options);
    run.pass(10 * SECOND);
    assert!(matches!(run.outcome(), Some(Ok(()))));
    assert_eq!((calls.all(), run.world.attempts().len()), (3, 1));
    run.world.cut();
    let in_vain = |state: &ClientState| match state {
        ClientState::Resuming { cause, .. } => *cause == ReconnectCause::NoToken,
        _ => false,
    };
    run.until("a token is asked for in vain", in_vain);
    run.until("it is back", is_open);
    assert_eq!((calls.all(), run.world.attempts().len()), (6, 2));
    assert_eq!(run.losses(), [], "the session goes on");
}

#[test]
fn a_slow_token_is_given_up_and_never_asked_for_twice_at_once() {
    struct Asking(Arc<AtomicU32>);
    impl Drop for Asking {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::Relaxed);
        }
    }
    let (asking, most, asked) = <(Arc<AtomicU32>, Arc<AtomicU32>, Arc<AtomicU32>)>::default();
    let (most_asking, times) = (Arc::clone(&most), Arc::clone(&asked));
    let options = options().token_from(move || {
        let now = asking.fetch_add(1, Ordering::Relaxed) + 1;
        most_asking.fetch_max(now, Ordering::Relaxed);
        let is_slow = times.fetch_add(1, Ordering::Relaxed) < 2;
        let asking = Asking(Arc::clone(&asking));
        async move {
            let _asking = asking;
            if is_slow {
                pending::<()>().await;
            }
            Some(Vec::new())
        }
    });
    let mut run = Run::start(World::new(0), options);
    run.pass(9 * SECOND);
    // A hint ends the wait for an attempt, and with it the question.
    run.world.hint();
    run.pass(30 * SECOND);
    assert!(matches!(run.outcome(), Some(Ok(()))));
    assert_eq!(asked.load(Ordering::Relaxed), 3);
    assert_eq!(most.load(Ordering::Relaxed), 1);
}

#[test]
fn an_on_fresh_that_panics_is_over() {
    for in_its_future in [false, true] {
        let calls = Calls::default();
        let called = calls.clone();
        let mut run = renewed(
            World::new(1),
            options().on_session_replaced(move |_, _| {
                called.begin();
                assert!(in_its_future, "as the test asked");
                async { panic!("as the test asked") }
            }),
        );
        run.pass(Duration::ZERO);
        assert_eq!(run.world.heard(), [NEVER_SENT], "it is held back no more");
        assert_eq!(calls.all(), 1);
        assert!(is_open(&run.state()));
    }
}

#[test]
fn a_slow_on_fresh_is_waited_for_without_a_limit() {
    let world = World::new(1);
    let clock = world.clone();
    let options = options().on_session_replaced(move |client, _| {
        let clock = clock.clone();
        async move {
            clock.sleep(600 * SECOND).await;
            client
                .send(Parcel(FIRST, Vec::new()))
                .await
                .expect("there is room");
        }
    });
    let mut run = renewed(world, options);
    run.pass(599 * SECOND);
    tell(&run, LATER);
    assert_eq!(run.world.heard(), [0; 0]);
    run.pass(2 * SECOND);
    assert_eq!(run.world.heard(), [FIRST, NEVER_SENT, LATER]);
}

#[test]
fn an_on_fresh_is_dropped_when_its_session_is_lost_and_runs_for_the_next() {
    let calls = Calls::default();
    let called = calls.clone();
    let mut run = renewed(
        World::new(1),
        options().on_session_replaced(move |_, _| {
            let (nth, running) = called.begin();
            async move {
                let _running = running;
                if nth < 2 {
                    pending::<()>().await;
                }
            }
        }),
    );
    for lost in 1..=2 {
        assert_eq!((calls.all(), calls.most_at_once()), (lost, 1));
        run.world.cut();
        run.until("it is back", is_open);
        run.pass(Duration::ZERO);
        assert_eq!(
            calls.all(),
            lost,
            "the session goes on, and so does its work"
        );
        run.world.forgets();
        run.world.cut();
        run.pass(10 * SECOND);
    }
    assert_eq!((calls.all(), calls.most_at_once()), (3, 1));
    assert_eq!(run.world.heard(), [NEVER_SENT]);
}

#[test]
fn a_register_that_panics_is_its_callers_and_nothing_is_opened() {
    let options = options().register(|_| panic!("as the test asked"));
    let world = World::new(0);
    let started = catch_unwind(AssertUnwindSafe(|| start(world.clone(), options).0));
    assert!(started.is_err());
    assert!(world.attempts().is_empty());
}

#[test]
fn a_register_runs_once_for_each_connect_and_holds_its_caller_alone() {
    let calls = Calls::default();
    let called = calls.clone();
    let again = Arc::<Mutex<Option<Options>>>::default();
    let options_again = Arc::clone(&again);
    let (world, there) = (World::new(0), World::new(1));
    let (seen, other) = (world.clone(), there.clone());
    let options = options().register(move |_| {
        let (_, _running) = called.begin();
        assert!(seen.attempts().is_empty(), "nothing begins before it ends");
        // It may run while it runs: for another client.
        let options = options_again.lock().expect("no panic").take();
        if let Some(options) = options {
            let mut run = Run::connected(other.clone(), options);
            run.close();
            run.until("the end", |state| matches!(state, ClientState::Closed(_)));
        }
        Ok(())
    });
    *again.lock().expect("no panic") = Some(options.clone());
    let mut run = Run::connected(world, options);
    assert_eq!((calls.all(), calls.most_at_once()), (2, 2));
    run.world.cut();
    run.until("it is back", is_open);
    run.world.forgets();
    run.world.cut();
    run.pass(10 * SECOND);
    assert!(is_open(&run.state()));
    assert_eq!(run.losses().len(), 1);
    assert_eq!(
        calls.all(),
        2,
        "neither a connection nor a session is a reason"
    );
}
