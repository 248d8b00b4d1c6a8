//! Slots that several connections want.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use shuttle::future::block_on;
use shuttle::thread;
use twinwire::frame::{Continuity, Resume};
use twinwire::session::ResumeRejected;
use twinwire::{Secret, SessionId};

use crate::check;
use crate::session::app_session::AppSession;
use crate::session::slot::{Rejected, Sessions, SlotLease};

type Lease = SlotLease<(), ()>;
type All = Arc<Sessions<(), ()>>;

/// The bytes after which a session without a connection has to go: more than the 16 KiB that one counts at least.
const POOL: usize = 20 * 1024;

fn id(number: u8) -> SessionId {
    SessionId::from_bytes([number; 16])
}

fn wanted(session: u8) -> Resume {
    Resume {
        session: id(session),
        secret: Secret::from_bytes([0; 32]),
        attempt: 1,
        received: None,
        window: 0,
        subscriptions: Vec::new(),
    }
}

fn welcome(sessions: &All, number: u8, holder: usize) -> Lease {
    let lease = Lease::new(AppSession::new(holder));
    sessions.insert(id(number), lease.slot());
    lease
}

/// The way a connection's hold on a session ended.
#[derive(Debug, PartialEq, Eq)]
enum Held {
    Fenced,
    Evicted,
}

/// Asks once for a session.
fn ask(sessions: &All, session: u8, holder: usize) -> Result<Lease, Rejected> {
    let next = Secret::from_bytes([1; 32]);
    let given = sessions.resume(&wanted(session), next, (), |app, (), _| {
        if app.is_over || app.is_evicted {
            return Err((ResumeRejected::Another(Continuity::Unknown).into(), ()));
        }
        app.holder = holder;
        Ok(())
    });
    given
        .map(|(lease, ())| lease)
        .map_err(|(not_given, ())| not_given)
}

/// Asks for a session until the connection that has it isn't at work with it.
fn resume(sessions: &All, session: u8, holder: usize) -> Option<Lease> {
    loop {
        match ask(sessions, session, holder) {
            Ok(lease) => return Some(lease),
            Err(Rejected::InTurn) => thread::yield_now(),
            Err(Rejected::Resume(ResumeRejected::Another(_))) => return None,
            Err(Rejected::Resume(ResumeRejected::Over(goodbye))) => panic!("{goodbye:?}"),
        }
    }
}

/// Takes turns with a session until it is another's, or given up.
fn hold(lease: &Lease, holder: usize) -> Held {
    let slot = lease.slot();
    block_on(poll_fn(|cx| {
        let Some(held) = lease.turn(&slot, cx) else {
            return Poll::Ready(Held::Fenced);
        };
        assert_eq!(held.app.holder, holder, "who has a turn holds the session");
        assert!(!held.app.is_over, "who has a turn finds the session open");
        match held.app.is_evicted {
            true => Poll::Ready(Held::Evicted),
            false => Poll::Pending,
        }
    }))
}

/// Two connections that take over the session of a third at once. Each but the last finds itself fenced off, and the
/// last learns that the session is given up.
pub fn of_two_that_take_a_session_over_one_holds_it() {
    check(|| {
        let sessions: All = Arc::new(Sessions::new(POOL));
        let first = welcome(&sessions, 1, 0);
        let resumed = Arc::new(AtomicUsize::new(0));
        let mut connections = vec![thread::spawn(move || hold(&first, 0))];
        for holder in [1, 2] {
            let (sessions, resumed) = (Arc::clone(&sessions), Arc::clone(&resumed));
            connections.push(thread::spawn(move || {
                let lease = resume(&sessions, 1, holder).expect("the session is open");
                if resumed.fetch_add(1, Ordering::SeqCst) == 1 {
                    sessions.set_usage(id(1), POOL + 1, true);
                }
                hold(&lease, holder)
            }));
        }
        let ends = connections.into_iter().map(|connection| {
            let end = connection.join();
            end.expect("it doesn't panic")
        });
        let ends: Vec<_> = ends.collect();
        let evicted = ends.iter().filter(|end| **end == Held::Evicted).count();
        assert!(ends[0] == Held::Fenced && evicted == 1, "{ends:?}");
    });
}

/// Two connections, each of which asks in its own session's turn for the other's session.
pub fn two_hellos_that_want_each_others_session_end() {
    check(|| {
        let sessions: All = Arc::new(Sessions::new(POOL));
        let own = [welcome(&sessions, 0, 0), welcome(&sessions, 1, 1)];
        let hellos = own.into_iter().enumerate().map(|(holder, own)| {
            let sessions = Arc::clone(&sessions);
            thread::spawn(move || {
                let other = 1 - holder as u8;
                let slot = own.slot();
                let given = block_on(poll_fn(|cx| {
                    let Some(held) = own.turn(&slot, cx) else {
                        return Poll::Ready(None);
                    };
                    let asked = ask(&sessions, other, holder);
                    drop(held);
                    match asked {
                        Ok(lease) => Poll::Ready(Some(lease)),
                        Err(Rejected::InTurn) => {
                            // As the pause before it asks again.
                            thread::yield_now();
                            cx.waker().wake_by_ref();
                            Poll::Pending
                        }
                        Err(_) => Poll::Ready(None),
                    }
                }));
                drop(own);
                given.is_some()
            })
        });
        let hellos: Vec<_> = hellos.collect();
        let given = hellos.into_iter().map(|hello| {
            let given = hello.join();
            given.expect("it doesn't panic")
        });
        let given = given.filter(|given| *given).count();
        assert!(given >= 1, "neither gets what it wants");
    });
}

/// A session that is to go for others, while its client comes back for it: it is over for the client, or it is the
/// client's and stays.
pub fn a_session_that_its_client_has_back_does_not_go_for_others() {
    check(|| {
        let sessions: All = Arc::new(Sessions::new(POOL));
        let first = welcome(&sessions, 1, 0);
        let _other = welcome(&sessions, 2, 2);
        sessions.set_usage(id(1), 0, true);
        let away = thread::spawn({
            let sessions = Arc::clone(&sessions);
            move || {
                let end = hold(&first, 0);
                if end == Held::Evicted {
                    sessions.remove(id(1), None);
                }
                end
            }
        });
        let crowd = thread::spawn({
            let sessions = Arc::clone(&sessions);
            move || sessions.set_usage(id(2), POOL / 2, false)
        });
        let lease = resume(&sessions, 1, 1);
        crowd.join().expect("it doesn't panic");
        if let Some(lease) = &lease {
            let slot = lease.slot();
            let held = lease.turn(&slot, &Context::from_waker(Waker::noop()));
            assert!(held.is_some_and(|held| !held.app.is_evicted), "it goes");
        }
        let end = away.join().expect("it doesn't panic");
        assert_eq!(end == Held::Fenced, lease.is_some());
    });
}
