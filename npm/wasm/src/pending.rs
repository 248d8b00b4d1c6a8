//! What a facade waits for.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker, ready};
use std::time::Duration;

use futures_core::Stream;
use twinwire::Position;
use twinwire_client::{
    CallError, Client, ClientState, Connecting, EventError, Published, Receipt, States,
    Subscribing, UntypedEvents, UntypedInvitations, UntypedItems, UntypedReply,
    UntypedSubscription, Update, Writable,
};
use twinwire_client_wasm::{ConnectError, OpenError};
use twinwire_remote::channels::oneshot;

use crate::codes;
use crate::facade::{Facade, Told, What};

/// Something that a facade waits for.
pub(crate) enum Pending {
    Connecting(Connecting<OpenError>),
    Writable(Writable),
    Reply(UntypedReply),
    Items(UntypedItems),
    Receipt(Receipt),
    Published(Published),
    Subscribing(Subscribing),
    Updates(UntypedSubscription),
    Events(UntypedEvents),
    Invitations(UntypedInvitations),
    States(States),
    Pong(oneshot::Receiver<Duration>),
}

/// Tells a facade that it may go on with what it waits for.
struct Rouse {
    facade: Facade,
    id: u32,
}

impl Wake for Rouse {
    fn wake(self: Arc<Self>) {
        self.facade.tell(What::Wake, self.id, Told::default());
    }
}

/// The state of something after it has told.
enum Next {
    More,
    Over,
}

impl Pending {
    /// Tells what there is, if there is anything. Gives itself back if more may come, and says whether it
    /// has told something.
    pub(crate) fn poll(mut self, facade: Facade, id: u32) -> (Option<Self>, bool) {
        let waker = Waker::from(Arc::new(Rouse { facade, id }));
        let cx = &mut Context::from_waker(&waker);
        // A subscription begins with its verdict.
        if let Self::Subscribing(subscribing) = &mut self {
            return match Pin::new(subscribing).poll(cx) {
                Poll::Ready(Ok(updates)) => {
                    tell_joined(facade, id, &updates);
                    (Some(Self::Updates(updates)), true)
                }
                Poll::Ready(Err(error)) => {
                    settle(facade, id, Err(&error), |never| match *never {});
                    (None, true)
                }
                Poll::Pending => (Some(self), false),
            };
        }
        match self.advance(facade, id, cx) {
            Poll::Ready(Next::More) => (Some(self), true),
            Poll::Ready(Next::Over) => (None, true),
            Poll::Pending => (Some(self), false),
        }
    }

    fn advance(&mut self, facade: Facade, id: u32, cx: &mut Context<'_>) -> Poll<Next> {
        match self {
            Self::Connecting(connecting) => {
                let outcome = ready!(Pin::new(connecting).poll(cx));
                tell_connected(facade, id, &outcome);
            }
            Self::Writable(writable) => {
                ready!(writable.poll_ready(cx));
                settle_with(facade, id, Told::default());
            }
            Self::Reply(reply) => {
                let reply = ready!(Pin::new(reply).poll(cx));
                settle(facade, id, reply.as_ref().map(value), own);
            }
            Self::Items(items) => match ready!(Pin::new(items).poll_next(cx)) {
                Some(Ok(item)) => {
                    facade.tell(What::Item, id, value(&item));
                    return Poll::Ready(Next::More);
                }
                // Of payloads all can be read: each error is the end.
                Some(Err(error)) => settle(facade, id, Err(&error), own),
                None => settle_with(facade, id, Told::default()),
            },
            Self::Receipt(receipt) => match ready!(Pin::new(receipt).poll(cx)) {
                Ok(()) => settle_with(facade, id, Told::default()),
                Err(error) => settle_event(facade, id, &error),
            },
            Self::Published(published) => {
                let offset = ready!(Pin::new(published).poll(cx));
                let told = offset.as_ref().map(|offset| number(offset.get() as f64));
                settle(facade, id, told, |never| match *never {});
            }
            Self::Updates(updates) => {
                let update = ready!(Pin::new(updates).poll_next(cx));
                return Poll::Ready(next(facade, id, update, |update| {
                    tell_update(facade, id, &update)
                }));
            }
            Self::Events(events) => {
                let event = ready!(Pin::new(events).poll_next(cx));
                let tell = |event: Arc<[u8]>| facade.tell(What::Event, id, value(&event));
                return Poll::Ready(next(facade, id, event, tell));
            }
            Self::Invitations(invitations) => {
                let join = ready!(invitations.poll_invitation(cx));
                let tell = |(key, at): (Vec<u8>, Position)| tell_invited(facade, id, &key, at);
                return Poll::Ready(next(facade, id, join, tell));
            }
            Self::States(states) => {
                if let Some(state) = ready!(Pin::new(states).poll_next(cx)) {
                    tell_state(facade, &state);
                    return Poll::Ready(Next::More);
                }
            }
            Self::Pong(pong) => {
                let time = ready!(Pin::new(pong).poll(cx));
                settle_with(facade, id, number(time.map_or(-1.0, millis)));
            }
            Self::Subscribing(_) => {}
        }
        Poll::Ready(Next::Over)
    }
}

/// Tells what has come, or that nothing comes any more.
fn next<T>(facade: Facade, id: u32, next: Option<T>, tell: impl FnOnce(T)) -> Next {
    let Some(next) = next else {
        facade.tell(What::Ended, id, Told::default());
        return Next::Over;
    };
    tell(next);
    Next::More
}

/// The payload of the application's own error.
fn own(payload: &Vec<u8>) -> &[u8] {
    payload
}

fn value<B: AsRef<[u8]> + ?Sized>(bytes: &B) -> Told<'_> {
    let bytes = bytes.as_ref();
    Told {
        bytes,
        ..Told::default()
    }
}

fn number(a: f64) -> Told<'static> {
    Told {
        a,
        ..Told::default()
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

pub(crate) fn settle_with(facade: Facade, id: u32, told: Told<'_>) {
    facade.tell(What::Settled, id, told);
}

pub(crate) fn settle<E>(
    facade: Facade,
    id: u32,
    outcome: Result<Told<'_>, &CallError<E>>,
    payload: fn(&E) -> &[u8],
) {
    match outcome {
        Ok(told) => settle_with(facade, id, told),
        Err(error) => {
            let words = &mut String::new();
            settle_with(facade, id, codes::call_error(error, payload, words));
        }
    }
}

pub(crate) fn settle_event(facade: Facade, id: u32, error: &EventError) {
    settle_with(facade, id, codes::event_error(error, &mut String::new()));
}

fn tell_connected(facade: Facade, id: u32, outcome: &Result<Client, ConnectError>) {
    match outcome {
        // The facade has a client.
        Ok(_) => facade.tell(What::Connected, id, Told::default()),
        Err(error) => facade.tell(What::NotConnected, id, codes::connect_error(error)),
    }
}

fn tell_joined(facade: Facade, id: u32, updates: &UntypedSubscription) {
    let position = updates.position();
    let told = Told {
        code: codes::verdict(updates.verdict()),
        a: position.offset.get() as f64,
        ..value(position.epoch.as_bytes())
    };
    facade.tell(What::Joined, id, told);
}

fn tell_invited(facade: Facade, id: u32, key: &[u8], at: Position) {
    let told = [&at.epoch.as_bytes()[..], key].concat();
    let a = at.offset.get() as f64;
    facade.tell(What::Invited, id, Told { a, ..value(&told) });
}

fn tell_update(facade: Facade, id: u32, update: &Update<Vec<u8>>) {
    let (what, told) = match update {
        Update::Item(publication) => {
            let a = publication.offset.get() as f64;
            (
                What::Publication,
                Told {
                    a,
                    ..value(&publication.item)
                },
            )
        }
        Update::Gap { from, to } => {
            let (a, b) = (from.get() as f64, to.get() as f64);
            (What::Gap, Told { b, ..number(a) })
        }
        Update::NewEpoch { position } => {
            let a = position.offset.get() as f64;
            (
                What::NewEpoch,
                Told {
                    a,
                    ..value(position.epoch.as_bytes())
                },
            )
        }
        Update::Refused(why) => {
            let code = codes::refusal(*why);
            (
                What::NotRejoined,
                Told {
                    code,
                    ..Told::default()
                },
            )
        }
    };
    facade.tell(what, id, told);
}

fn tell_state(facade: Facade, state: &ClientState) {
    let plain = Told::default();
    match state {
        ClientState::Connecting => facade.tell(What::State, 0, plain),
        ClientState::Open { session, peer } => {
            let ids = [&session.as_bytes()[..], peer.as_bytes()].concat();
            facade.tell(What::State, 1, value(&ids));
        }
        ClientState::Paused => facade.tell(What::State, 2, plain),
        ClientState::Closed(end) => facade.tell(What::State, 3, codes::end(end)),
        ClientState::Resuming {
            attempt,
            wait,
            cause,
        } => {
            let b = wait.as_millis() as f64;
            let told = codes::cause(cause);
            facade.tell(What::State, 3 + attempt, Told { b, ..told });
        }
        _ => {}
    }
}
