//! The handlers at work for one session.

use std::collections::{HashMap, VecDeque};
use std::task::{Context, Poll};

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use twinwire::frame::Start;
use twinwire::session::{ItemRefused, Session};
use twinwire::{Answer, Class, Number, Refusal, Time};

use crate::feed::{Given, Item, Outlet};
use crate::handler::Handling;
use crate::topic::View;

/// The handlers of a session's requests: each a task of its own, so that none keeps another waiting.
pub(crate) struct Working {
    handlers: JoinSet<Answer<Vec<u8>>>,
    requests: HashMap<Id, Request>,
    aborts: HashMap<Number, AbortHandle>,
    given: mpsc::UnboundedReceiver<Given>,
    outlet: mpsc::UnboundedSender<Given>,
    /// Items that wait for room: at most one a stream.
    waiting: HashMap<Number, Item>,
    /// The topics that clients may join once the handlers of their wishes have ended well.
    topics: HashMap<Number, (View, Start)>,
    /// Those of which they have.
    joins: VecDeque<Join>,
    /// A handler has begun that wasn't polled yet.
    begun: bool,
}

/// A wish to join a topic that was granted.
pub(crate) struct Join {
    pub(crate) call: Number,
    pub(crate) view: View,
    pub(crate) start: Start,
}

struct Request {
    number: Number,
    class: Class,
    kind: &'static str,
}

impl Working {
    pub(crate) fn new() -> Self {
        let (outlet, given) = mpsc::unbounded_channel();
        Self {
            handlers: JoinSet::new(),
            requests: HashMap::new(),
            aborts: HashMap::new(),
            given,
            outlet,
            waiting: HashMap::new(),
            topics: HashMap::new(),
            joins: VecDeque::new(),
            begun: false,
        }
    }

    /// Where the handler of this call puts its items.
    pub(crate) fn outlet(&self, call: Number) -> Outlet {
        Outlet {
            call,
            given: self.outlet.clone(),
        }
    }

    pub(crate) fn start(
        &mut self,
        number: Number,
        class: Class,
        kind: &'static str,
        handling: Handling,
    ) {
        let handler = self.handlers.spawn_local(handling);
        let request = Request {
            number,
            class,
            kind,
        };
        self.requests.insert(handler.id(), request);
        self.aborts.insert(number, handler);
        self.begun = true;
    }

    /// Whether a handler has begun since this was asked last.
    pub(crate) fn take_begun(&mut self) -> bool {
        std::mem::take(&mut self.begun)
    }

    /// Drops a request's handler.
    pub(crate) fn stop(&mut self, request: Number) {
        if let Some(handler) = self.aborts.remove(&request) {
            handler.abort();
        }
        self.waiting.remove(&request);
        self.topics.remove(&request);
    }

    pub(crate) fn stop_all(&mut self) {
        self.handlers.abort_all();
        self.waiting.clear();
        self.topics.clear();
        self.joins.clear();
    }

    /// Gives the session what handlers have ready. Says whether there was anything.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, session: &mut Session, now: Time) -> bool {
        let mut any = false;
        while let Poll::Ready(Some(given)) = self.given.poll_recv(cx) {
            match given {
                Given::Item(item) => self.give(item, session, now),
                Given::Topic(call, view, start) => {
                    self.topics.insert(call, (view, start));
                }
            }
            any = true;
        }
        while let Poll::Ready(Some(ended)) = self.handlers.poll_join_next_with_id(cx) {
            self.ended(ended, session, now);
            any = true;
        }
        any
    }

    /// A wish to join a topic that was granted.
    pub(crate) fn next_join(&mut self) -> Option<Join> {
        self.joins.pop_front()
    }

    /// A stream has room for items again.
    pub(crate) fn room(&mut self, call: Number, session: &mut Session, now: Time) {
        if let Some(item) = self.waiting.remove(&call) {
            self.give(item, session, now);
        }
    }

    fn give(&mut self, given: Item, session: &mut Session, now: Time) {
        let Item { call, item, taken } = given;
        if taken.is_closed() {
            // The handler wants it no more.
            return;
        }
        let refusal = match item {
            Ok(item) => match session.item(now, call, item) {
                Ok(()) => {
                    // A handler that was dropped meanwhile doesn't care.
                    let _ = taken.send(());
                    return;
                }
                Err((ItemRefused::Full, item)) => {
                    let item = Ok(item);
                    self.waiting.insert(call, Item { call, item, taken });
                    return;
                }
                Err((ItemRefused::Over, _)) => return,
                Err((ItemRefused::TooLarge, item)) => {
                    let kind = self.kind(call);
                    tracing::error!(kind, bytes = item.len(), "an item is larger than allowed");
                    Refusal::TooLarge
                }
            },
            Err(refusal) => refusal,
        };
        session.answer(now, call, Answer::Refused(refusal.into()));
        self.stop(call);
    }

    /// The name of the kind of a request at work.
    pub(crate) fn kind(&self, request: Number) -> &'static str {
        let mut requests = self.requests.values();
        let found = requests.find(|of| of.number == request);
        found.map_or("", |request| request.kind)
    }

    fn ended(
        &mut self,
        ended: Result<(Id, Answer<Vec<u8>>), JoinError>,
        session: &mut Session,
        now: Time,
    ) {
        let (id, answer, panicked) = match ended {
            Ok((id, answer)) => (id, answer, false),
            Err(error) => {
                let refused = Answer::Refused(Refusal::Panicked.into());
                (error.id(), refused, error.is_panic())
            }
        };
        let Some(request) = self.requests.remove(&id) else {
            return;
        };
        let Request {
            number,
            class,
            kind,
        } = request;
        if panicked {
            tracing::error!(kind, request = %number, "a handler panicked");
        }
        self.aborts.remove(&number);
        if let Some((view, start)) = self.topics.remove(&number)
            && let Answer::Value(_) = answer
        {
            let call = number;
            self.joins.push_back(Join { call, view, start });
            return;
        }
        // A handler that was dropped has been answered for: the session ignores this.
        if class == Class::Event {
            session.done(now, number);
        } else {
            session.answer(now, number, answer);
        }
    }
}
