//! The handlers at work for one session.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::coop::unconstrained;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::timeout;
use twinwire::frame::Start;
use twinwire::session::{ItemRefused, SessionCore};
use twinwire::{Answer, Class, Refusal, SeqNo, Time};

use crate::app::handler::HandlerFuture;
use crate::app::middleware::Response;
use crate::app::stream_sender::{OutputSender, PendingItem};
use crate::topic::invited::Generation;
use crate::topic::{TopicName, TopicReader};

/// A handler's end.
type HandlerEnd = Result<(Id, Response), JoinError>;

/// The handlers of a session's requests: each a task of its own, so that none keeps another waiting.
pub(crate) struct HandlerTasks {
    handlers: JoinSet<Response>,
    requests: HashMap<Id, RunningRequest>,
    aborts: BTreeMap<SeqNo, AbortHandle>,
    items: mpsc::UnboundedReceiver<PendingItem>,
    output: mpsc::UnboundedSender<PendingItem>,
    /// Items that wait for room: at most one a stream. In order, as their handlers are woken when they are dropped.
    waiting: BTreeMap<SeqNo, PendingItem>,
    /// The joins that were granted, and aren't answered yet.
    joins: VecDeque<GrantedJoin>,
    /// A handler has begun that wasn't polled yet.
    begun: bool,
}

/// A join that was granted.
pub(crate) struct GrantedJoin {
    pub(crate) call: SeqNo,
    pub(crate) joining: Joining,
}

/// The topic that a client is let into, and where it begins.
pub(crate) struct Joining {
    pub(crate) reader: TopicReader,
    pub(crate) start: Start,
    pub(crate) topic: TopicName,
    /// The generation in which `access` was asked; none if the server has put the client in.
    pub(crate) generation: Option<Generation>,
}

struct RunningRequest {
    number: SeqNo,
    class: Class,
    kind: &'static str,
}

impl HandlerTasks {
    pub(crate) fn new() -> Self {
        // Unbounded, and yet one item for each stream: its handler waits until that is taken.
        let (output, items) = mpsc::unbounded_channel();
        Self {
            handlers: JoinSet::new(),
            requests: HashMap::new(),
            aborts: BTreeMap::new(),
            items,
            output,
            waiting: BTreeMap::new(),
            joins: VecDeque::new(),
            begun: false,
        }
    }

    /// Returns the place where the handler of this call puts its items.
    pub(crate) fn output(&self, call: SeqNo) -> OutputSender {
        OutputSender {
            call,
            items: self.output.clone(),
        }
    }

    /// Starts a handler. The session ends one that runs too long; an event's ends itself, after this `time` from when it
    /// begins.
    pub(crate) fn start(
        &mut self,
        number: SeqNo,
        class: Class,
        kind: &'static str,
        future: HandlerFuture,
        time: Duration,
    ) {
        // An event's time begins with its handler: the session, which would count from its
        // start, tells nobody of its end.
        let handler = match class {
            Class::Event => self
                .handlers
                .spawn_local(in_time(number, kind, future, time)),
            Class::Call | Class::Stream | Class::Topic => self.handlers.spawn_local(future),
        };
        let request = RunningRequest {
            number,
            class,
            kind,
        };
        self.requests.insert(handler.id(), request);
        self.aborts.insert(number, handler);
        self.begun = true;
    }

    /// Returns true if a handler has begun since this was asked last.
    pub(crate) fn take_begun(&mut self) -> bool {
        std::mem::take(&mut self.begun)
    }

    /// Drops a request's handler.
    pub(crate) fn stop(&mut self, request: SeqNo) {
        if let Some(handler) = self.aborts.remove(&request) {
            handler.abort();
        }
        // Its sender goes with it: a handler on another worker that isn't aborted yet waits, and gives no further item.
        self.waiting.remove(&request);
    }

    pub(crate) fn stop_all(&mut self) {
        // Aborted and not forgotten: each is taken out as it ends.
        self.handlers.abort_all();
        self.waiting.clear();
        self.joins.clear();
    }

    /// Gives the session what handlers have ready. Says whether there was anything.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        session: &mut SessionCore,
        now: Time,
    ) -> bool {
        let mut any = false;
        // Handlers run on another worker, too: what they give besides items comes with their end.
        while let Poll::Ready(Some(item)) = self.poll_items(cx) {
            self.give(item, session, now);
            any = true;
        }
        // An empty set is ready and keeps no waker: by `begun` the caller comes back for the first handler.
        while let Poll::Ready(Some(ended)) = self.poll_ended(cx) {
            self.ended(ended, session, now);
            any = true;
        }
        any
    }

    /// A peer that sends without pause uses tokio's budget up: what was granted before must not wait for that.
    fn poll_items(&mut self, cx: &mut Context<'_>) -> Poll<Option<PendingItem>> {
        pin!(unconstrained(poll_fn(|cx| self.items.poll_recv(cx)))).poll(cx)
    }

    fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<Option<HandlerEnd>> {
        let ended = poll_fn(|cx| self.handlers.poll_join_next_with_id(cx));
        pin!(unconstrained(ended)).poll(cx)
    }

    /// Takes the next join that was granted.
    pub(crate) fn next_join(&mut self) -> Option<GrantedJoin> {
        self.joins.pop_front()
    }

    /// A stream has room for items again.
    pub(crate) fn room(&mut self, call: SeqNo, session: &mut SessionCore, now: Time) {
        if let Some(item) = self.waiting.remove(&call) {
            self.give(item, session, now);
        }
    }

    fn give(&mut self, item: PendingItem, session: &mut SessionCore, now: Time) {
        let PendingItem { call, item, taken } = item;
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
                    // The one item that a stream may have waiting: its handler waits with it.
                    self.waiting.insert(call, PendingItem { call, item, taken });
                    return;
                }
                // Nobody is left to take it: dropped, it wakes the handler, which finds the stream
                // over.
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
        // Its stream has ended with that refusal: it would produce for nobody.
        self.stop(call);
    }

    /// Returns the number of handlers at work, of items that wait, and of joins that aren't answered.
    #[cfg(feature = "test")]
    pub(crate) fn count(&self) -> usize {
        let known = self.requests.len().max(self.aborts.len());
        known + self.waiting.len() + self.joins.len()
    }

    /// Returns the name of the kind of a request at work.
    pub(crate) fn kind(&self, request: SeqNo) -> &'static str {
        let mut requests = self.requests.values();
        let found = requests.find(|of| of.number == request);
        found.map_or("", |request| request.kind)
    }

    fn ended(&mut self, ended: HandlerEnd, session: &mut SessionCore, now: Time) {
        let (id, response, panicked) = match ended {
            Ok((id, response)) => (id, response, false),
            Err(error) => {
                let refused = Response::refused(Refusal::Panicked);
                (error.id(), refused, error.is_panic())
            }
        };
        let Some(request) = self.requests.remove(&id) else {
            return;
        };
        let RunningRequest {
            number,
            class,
            kind,
        } = request;
        if panicked {
            tracing::error!(kind, request = %number, "a handler panicked");
        }
        // The handle of a task that has ended aborts nothing, and would stay for as long as the session.
        self.aborts.remove(&number);
        let Response { answer, joining } = response;
        if let Some(joining) = joining {
            let call = number;
            self.joins.push_back(GrantedJoin { call, joining });
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

/// Runs the handler of an event, which is dropped when it takes longer. Nobody is told of that, so the time begins with
/// the handler, whose worker may have stood still until then.
async fn in_time(
    number: SeqNo,
    kind: &'static str,
    future: HandlerFuture,
    time: Duration,
) -> Response {
    let done = timeout(time, future).await;
    done.unwrap_or_else(|_| {
        tracing::warn!(kind, request = %number, "a handler ran too long");
        Response::refused(Refusal::Deadline)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::{Arc, mpsc};
    use std::task::Waker;
    use std::thread;

    use tokio::sync::oneshot;
    use tokio::task::LocalSet;
    use twinwire::Limits;
    use twinwire::frame::{Frame, Frames};
    use twinwire::log::{Encoding, Retention};

    use twinwire::session::Session;

    use super::*;
    use crate::random::Random;
    use crate::topic::{ActiveTopic, Topics};

    fn topic() -> Arc<ActiveTopic> {
        let topics = Topics::new(HashMap::new(), Retention::default(), 1, Random::system());
        let opened = topics.open(("room", Vec::new()));
        opened.expect("there is room for one")
    }

    /// A handler that lets a client into a topic, once it runs.
    fn join(live: Arc<ActiveTopic>) -> HandlerFuture {
        Box::pin(async move {
            let encoding = Encoding::Canonical;
            let joining = Joining {
                reader: TopicReader { live, encoding },
                start: Start::Now,
                topic: ("room", Vec::new()),
                generation: None,
            };
            Response {
                answer: Answer::Value(Vec::new()),
                joining: Some(joining),
            }
        })
    }

    /// Reads a number from a cancel, as the wire has it.
    fn number(value: u8) -> SeqNo {
        match Frames::new(&[3, 0x12, value, 1]).next() {
            Some(Ok(Frame::Cancel(cancel))) => cancel.number,
            other => panic!("{other:?}"),
        }
    }

    /// Starts handlers on a thread of their own, and gives them to the caller's before they run.
    fn start(handlers: u8) -> (HandlerTasks, oneshot::Sender<()>) {
        let (started, tasks) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let run = async move {
            let (live, mut tasks) = (topic(), HandlerTasks::new());
            for handler in 1..=handlers {
                let number = number(handler);
                let join = join(Arc::clone(&live));
                tasks.start(number, Class::Topic, "room", join, Duration::MAX);
            }
            started.send(tasks).expect("the test waits for it");
            let _ = stopped.await;
        };
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            let runtime = runtime.expect("a runtime needs nothing");
            LocalSet::new().block_on(&runtime, run);
        });
        let tasks = tasks.recv().expect("the handlers start");
        (tasks, stop)
    }

    #[actix_web::test]
    async fn the_kind_of_a_request_is_that_of_the_handler_at_work_for_it() {
        let mut tasks = HandlerTasks::new();
        for (value, kind) in [(1, "Add"), (2, "Wait")] {
            let handler = Box::pin(std::future::pending());
            tasks.start(number(value), Class::Call, kind, handler, Duration::MAX);
        }
        let kinds = [1, 2, 3].map(|value| tasks.kind(number(value)));
        assert_eq!(kinds, ["Add", "Wait", ""]);
    }

    #[test]
    fn each_join_is_given_whenever_its_handler_ends_beside_a_poll() {
        const HANDLERS: u8 = 64;
        let mut session = Session::server(Time::default(), Limits::default(), Vec::new());
        let cx = &mut Context::from_waker(Waker::noop());
        for round in 0..100 {
            let (mut tasks, stop) = start(HANDLERS);
            while !tasks.requests.is_empty() {
                tasks.poll(cx, &mut session, Time::default());
            }
            #[cfg(feature = "test")]
            assert_eq!(tasks.count(), usize::from(HANDLERS), "in round {round}");
            let joins = std::iter::from_fn(|| tasks.next_join()).count();
            assert_eq!(joins, usize::from(HANDLERS), "in round {round}");
            drop(stop);
        }
    }
}
