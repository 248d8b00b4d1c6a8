//! Requests that a session has no room for, and the goodbye that waits for them.

use twinwire::GoodbyeCode;
use twinwire::limits::MAX_MESSAGE;

use super::*;
use crate::{EventError, Receipt, UntypedRemote};

/// The place of a call's kind; an event's is the first.
const CALL: u32 = 1;

/// The shell of a client whose session has room for one of the requests that these tests make.
fn crowded() -> (Remote<ClientSide>, Requests, Session<ClientSide>) {
    let kind = |name: &str, class| KindEntry {
        name: name.to_owned(),
        class,
        fingerprint: Fingerprint::from_bytes([1; 8]),
    };
    let kinds = vec![kind("Typing", Class::Event), kind("Join", Class::Call)];
    let table = Arc::new(KindTable::new(kinds));
    let (remote, requests) = crate::channel(Arc::clone(&table), Format::Postcard);
    let session = Session::client(Limits::default().queued(0), table, Vec::new());
    (remote, requests, session)
}

/// Sends so many events.
fn send<const COUNT: usize>(remote: &Remote<ClientSide>) -> [Receipt; COUNT] {
    let remote = UntypedRemote::from(remote.clone());
    [(); COUNT].map(|()| remote.start_send(0, vec![0; MAX_MESSAGE]).unwrap())
}

/// Requests as those do that an application makes while its session opens.
fn with_priority(remote: &Remote<ClientSide>) -> Remote<ClientSide> {
    remote.downgrade().upgrade_priority().unwrap()
}

fn poll(requests: &mut Requests, session: &mut Session<ClientSide>, now: Time) {
    requests.poll(&mut Context::from_waker(Waker::noop()), session, now);
}

/// Returns the events' outcomes, as far as there are any.
fn outcomes<const COUNT: usize>(sent: &mut [Receipt; COUNT]) -> [Option<EventError>; COUNT] {
    let mut nobody = Context::from_waker(Waker::noop());
    sent.each_mut()
        .map(|receipt| match Pin::new(receipt).poll(&mut nobody) {
            Poll::Ready(outcome) => Some(outcome.unwrap_err()),
            Poll::Pending => None,
        })
}

fn done() -> Goodbye {
    Goodbye::new(GoodbyeCode::Done, "")
}

#[test]
fn what_is_parked_can_go_on_once_there_is_room_while_the_session_takes_requests() {
    let (remote, mut requests, mut session) = crowded();
    let now = Time::default();
    let untyped = UntypedRemote::from(remote.clone());
    let _reply = untyped.start_call(CALL, vec![0; MAX_MESSAGE]).unwrap();
    let _sent = send::<1>(&remote);
    let mut nobody = Context::from_waker(Waker::noop());
    let Poll::Ready(Some(first)) = requests.commands.poll_next(&mut nobody) else {
        panic!("a call was made");
    };
    let id = first.asked.id;
    (first.act)(&mut requests, first.asked, &mut session, now);
    assert!(!requests.can_go_on(&session), "nothing is parked");
    poll(&mut requests, &mut session, now);
    assert!(requests.parked.is_some());
    assert!(!requests.can_go_on(&session), "there is no room");
    requests.cancel(id, &mut session, now);
    assert!(requests.can_go_on(&session));
    session.close(now, done());
    assert!(!requests.can_go_on(&session), "the session takes none");
}

#[test]
fn a_request_that_is_given_up_leaves_another_that_has_no_room() {
    let (remote, mut requests, mut session) = crowded();
    let now = Time::default();
    let _sent = send::<2>(&remote);
    poll(&mut requests, &mut session, now);
    let id = requests.parked.as_ref().unwrap().asked.id;
    requests.cancel(id + 1, &mut session, now);
    assert!(requests.parked.is_some());
    requests.cancel(id, &mut session, now);
    assert!(requests.parked.is_none());
}

#[test]
fn a_goodbye_waits_for_what_is_parked_and_no_longer_than_its_time() {
    let (remote, mut requests, mut session) = crowded();
    let now = Time::default();
    let _sent = send::<2>(&remote);
    requests.close(done(), &session, now);
    poll(&mut requests, &mut session, now);
    assert_eq!(session.closed_with(), None);
    let until = now + session.drain_time();
    assert_eq!(requests.deadline(), Some(until));
    // A further close puts it off no longer.
    let before = now + session.drain_time() / 2;
    requests.close(done(), &session, before);
    poll(&mut requests, &mut session, before);
    assert_eq!(session.closed_with(), None);
    poll(&mut requests, &mut session, until);
    assert_eq!(session.closed_with(), Some(&done()));
    assert_eq!(requests.deadline(), None);
}

#[test]
fn a_goodbye_waits_for_a_session_that_opens_and_otherwise_for_nothing() {
    let (_remote, mut requests, mut session) = crowded();
    let now = Time::default();
    requests.replace_session(&mut session, now);
    requests.close(done(), &session, now);
    poll(&mut requests, &mut session, now);
    assert_eq!(session.closed_with(), None);
    requests.open_gate();
    poll(&mut requests, &mut session, now);
    assert_eq!(session.closed_with(), Some(&done()));
}

#[test]
fn a_goodbye_waits_for_nothing_that_the_session_does_not_take() {
    let (remote, mut requests, mut session) = crowded();
    let now = Time::default();
    let _sent = send::<2>(&remote);
    requests.close(done(), &session, now);
    session.close(now, done());
    poll(&mut requests, &mut session, now);
    assert_eq!(requests.deadline(), None);
}

#[test]
fn what_is_parked_outlives_its_session_and_ends_with_the_last() {
    let (remote, mut requests, mut session) = crowded();
    let now = Time::default();
    let mut sent = send::<3>(&remote);
    poll(&mut requests, &mut session, now);
    requests.replace_session(&mut session, now);
    assert!(requests.parked.is_none() && requests.parked_at_gate.is_some());
    let mut opening = send::<2>(&with_priority(&remote));
    poll(&mut requests, &mut session, now);
    requests.replace_session(&mut session, now);
    let lost = || Some(EventError::NotReceived);
    assert_eq!(outcomes(&mut opening), [lost(), lost()]);
    assert_eq!(outcomes(&mut sent), [None, None, None]);
    requests.end();
    let closed = || Some(EventError::Closed);
    // The session has the first.
    assert_eq!(outcomes(&mut sent), [None, closed(), closed()]);
}

#[test]
fn what_is_asked_for_while_a_session_opens_ends_with_it() {
    let (remote, mut requests, mut session) = crowded();
    let now = Time::default();
    let _first = send::<1>(&remote);
    poll(&mut requests, &mut session, now);
    requests.replace_session(&mut session, now);
    let mut opening = send::<1>(&with_priority(&remote));
    poll(&mut requests, &mut session, now);
    assert!(requests.parked.is_some());
    requests.replace_session(&mut session, now);
    assert_eq!(outcomes(&mut opening), [Some(EventError::NotReceived)]);
}

#[test]
fn what_the_application_asks_for_while_a_session_opens_waits_at_the_gate() {
    let (remote, mut requests, mut session) = crowded();
    let now = Time::default();
    requests.replace_session(&mut session, now);
    let _opening = send::<1>(&with_priority(&remote));
    let _sent = send::<2>(&remote);
    poll(&mut requests, &mut session, now);
    // One has room in the session, and one behind what earlier sessions never sent.
    assert!(requests.parked.is_none() && requests.parked_at_gate.is_some());
    assert!(!requests.can_go_on(&session));
}
