//! The handle's half.

mod topics;

use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use twinwire::frame::KindTable;
use twinwire::limits::MAX_PAYLOAD;
use twinwire::session::{Outcome, SessionCore};
use twinwire::shape::Difference;
use twinwire::{Answer, Call, Event, Format, Goodbye, Kind, Refusal, StreamCall};

use crate::cancel::CancelOnDrop;
use crate::channels::mpsc::{self, TrySendError};
use crate::channels::{lock, oneshot};
use crate::command::{COMMAND_QUEUE, Command, Completion, ControlFn, OutboundRequest, Waiter};
use crate::error::RequestError;
use crate::{CallError, EventError, Items, Receipt, Refused, Requests, Undeclared};

pub(crate) use topics::{joined, publish};

/// Makes requests of the other end. `S` is this end:
/// [`ClientSide`](twinwire::session::ClientSide) or [`ServerSide`](twinwire::session::ServerSide). A cheap clone.
pub struct Remote<S> {
    handle: Arc<Handle>,
    /// Its requests go before those that are held back while a session is replaced.
    has_priority: bool,
    side: PhantomData<fn() -> S>,
}

impl<S> Clone for Remote<S> {
    fn clone(&self) -> Self {
        Self {
            handle: Arc::clone(&self.handle),
            has_priority: self.has_priority,
            side: PhantomData,
        }
    }
}

/// The way to a [`Remote`] for as long as the application has one.
pub struct WeakRemote<S>(Weak<Handle>, PhantomData<fn() -> S>);

impl<S> Clone for WeakRemote<S> {
    fn clone(&self) -> Self {
        Self(Weak::clone(&self.0), PhantomData)
    }
}

impl<S> WeakRemote<S> {
    /// Returns one whose requests go out also while those of the application are
    /// [held back](crate::Requests::replace_session); none if the application has let go of all.
    pub fn upgrade_priority(&self) -> Option<Remote<S>> {
        let handle = self.0.upgrade()?;
        Some(Remote {
            handle,
            has_priority: true,
            side: PhantomData,
        })
    }
}

pub(crate) struct Handle {
    commands: mpsc::Sender<Command>,
    /// For requests with priority.
    priority: mpsc::Sender<Command>,
    control: mpsc::Sender<ControlFn>,
    next_id: AtomicU64,
    capabilities: Arc<Mutex<Option<PeerCapabilities>>>,
    table: Arc<KindTable>,
    format: Format,
}

/// The bounds and kinds that the other end takes, as it told with its hello or welcome.
#[derive(Clone, Debug)]
pub struct PeerCapabilities {
    /// The largest payload.
    pub payload: u64,
    /// The kinds that it doesn't take.
    pub refused: Vec<(u32, Refusal)>,
    /// Its own form of some of these, as far as it explains that.
    pub differences: Vec<(u32, Arc<Difference>)>,
}

impl PeerCapabilities {
    fn refusal(&self, name: &'static str, kind: u32, payload: usize) -> Option<Refused> {
        if payload as u64 > self.payload {
            return Some(Refused::new(name, Refusal::TooLarge.into()));
        }
        let mut refused = self.refused.iter();
        let (_, why) = refused.find(|(of, _)| *of == kind)?;
        let mut differences = self.differences.iter();
        let difference = differences.find(|(of, _)| *of == kind);
        Some(Refused {
            difference: difference.map(|(_, difference)| Arc::clone(difference)),
            ..Refused::new(name, (*why).into())
        })
    }
}

impl Handle {
    pub(crate) fn new(
        commands: mpsc::Sender<Command>,
        priority: mpsc::Sender<Command>,
        control: mpsc::Sender<ControlFn>,
        capabilities: Arc<Mutex<Option<PeerCapabilities>>>,
        table: Arc<KindTable>,
        format: Format,
    ) -> Self {
        Self {
            commands,
            priority,
            control,
            next_id: AtomicU64::new(0),
            capabilities,
            table,
            format,
        }
    }
}

impl<S> Remote<S> {
    pub(crate) fn new(handle: Handle) -> Self {
        Self {
            handle: Arc::new(handle),
            has_priority: false,
            side: PhantomData,
        }
    }

    /// Returns the way back to this one, which doesn't keep it.
    pub fn downgrade(&self) -> WeakRemote<S> {
        WeakRemote(Arc::downgrade(&self.handle), PhantomData)
    }

    /// Returns the format of payloads.
    pub fn format(&self) -> Format {
        self.handle.format
    }

    /// Returns the client's table of kinds.
    pub fn table(&self) -> &Arc<KindTable> {
        &self.handle.table
    }

    /// Makes a call and waits for its answer; dropping the future cancels it.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn call<C: Call>(&self, request: C) -> Result<C::Reply, CallError<C::Error>> {
        let (waiter, answer) = outcome();
        let asked = self.asked(request, Some(waiter))?;
        let act = Box::new(Requests::make_if_wanted);
        let outcome = self.answer(Command { asked, act }, answer).await?;
        let format = self.handle.format;
        match outcome {
            Outcome::Answered(Answer::Value(payload)) => {
                format.decode(&payload).map_err(CallError::Decode)
            }
            other => Err(not_answered(C::NAME, other, format)),
        }
    }

    /// Asks for a stream. Ready when the request is on its way: its errors come as the stream's.
    ///
    /// # Errors
    /// If the request can't be made; see [`CallError`].
    pub async fn stream<C: StreamCall>(&self, request: C) -> Result<Items<C>, CallError<C::Error>> {
        let (sender, messages) = mpsc::channel();
        let asked = self.asked(request, Some(Waiter(sender.share())))?;
        // Only the waiter sends: when it goes, the stream has ended.
        drop(sender);
        let act = Box::new(Requests::make_if_wanted);
        let id = self.enqueue(Command { asked, act }).await?;
        let cancel = CancelOnDrop::new(self.control(), id);
        Ok(Items::new(messages, cancel, self.handle.format))
    }

    /// Sends an event. Ready when it is on its way, at once unless as much waits as may; the receipt
    /// tells whether it has arrived.
    ///
    /// # Errors
    /// If it can't be sent; see [`EventError`].
    pub async fn send<E: Event>(&self, event: E) -> Result<Receipt, EventError> {
        let (waiter, outcome) = outcome();
        let asked = self.asked(event, Some(waiter))?;
        let act = Box::new(Requests::make);
        self.enqueue(Command { asked, act }).await?;
        Ok(Receipt::new(E::NAME, outcome, self.control().clone()))
    }

    /// As [`send`](Self::send), but errs where that would wait.
    ///
    /// # Errors
    /// [`EventError::Full`] when as much waits as may; else as of `send`.
    pub fn try_send<E: Event>(&self, event: E) -> Result<Receipt, EventError> {
        let (waiter, outcome) = outcome();
        let asked = self.asked(event, Some(waiter))?;
        let act = Box::new(Requests::make);
        match self
            .commands()
            .try_send(COMMAND_QUEUE, Command { asked, act })
        {
            Ok(()) => Ok(Receipt::new(E::NAME, outcome, self.control().clone())),
            Err(TrySendError::Full) => Err(EventError::Full),
            Err(TrySendError::Closed) => Err(EventError::Closed),
        }
    }

    /// Sends an event of which only the newest matters: if an earlier one of the same kind and `key`
    /// hasn't gone out yet, this takes its place.
    ///
    /// # Errors
    /// If it can't be sent; see [`EventError`].
    pub async fn send_latest<E: Event>(
        &self,
        key: impl Into<String>,
        event: E,
    ) -> Result<(), EventError> {
        let mut asked = self.asked(event, None)?;
        asked.latest = Some(key.into());
        let act = Box::new(Requests::make_latest);
        self.enqueue(Command { asked, act }).await?;
        Ok(())
    }

    /// Asks the other end for a sign of life, and returns the time that it took. A ping that is open when the
    /// connection is lost is asked again over the next.
    ///
    /// None if the session ends first, if no answer comes within
    /// [`Limits::call_deadline`](twinwire::Limits::call_deadline), or at once if 64 pings wait already.
    pub async fn ping(&self) -> Option<Duration> {
        self.start_ping().await.ok()
    }

    pub(crate) fn start_ping(&self) -> oneshot::Receiver<Duration> {
        let (waiter, pong) = oneshot::channel();
        let ping = Box::new(|requests: &mut Requests, session: &mut SessionCore, now| {
            requests.ping(waiter, session, now);
        });
        // A shell that is gone drops the waiter.
        let _ = self.control().send(ping);
        pong
    }

    /// Says goodbye.
    pub fn close(&self, goodbye: Goodbye) {
        // A shell that is gone has closed already.
        let close = |requests: &mut Requests, session: &mut SessionCore, now| {
            requests.close(goodbye, session, now);
        };
        let _ = self.control().send(Box::new(close));
    }

    pub(crate) fn control(&self) -> &mpsc::Sender<ControlFn> {
        &self.handle.control
    }

    /// Makes a request of its kind.
    fn asked<K: Kind>(
        &self,
        request: K,
        waiter: Option<Waiter>,
    ) -> Result<OutboundRequest, RequestError> {
        let payload = self.handle.format.encode(&request, MAX_PAYLOAD);
        let payload = payload.map_err(RequestError::Encode)?;
        drop(request);
        let kind = self.kind::<K>(payload.len())?;
        Ok(self.asked_of(kind, payload, waiter))
    }

    pub(crate) fn asked_of(
        &self,
        kind: u32,
        payload: Vec<u8>,
        waiter: Option<Waiter>,
    ) -> OutboundRequest {
        OutboundRequest {
            // Ids only have to differ: nothing is ordered by them.
            id: self.handle.next_id.fetch_add(1, Ordering::Relaxed),
            kind,
            payload,
            overhead: 0,
            latest: None,
            waiter,
        }
    }

    /// The kind's place in the table, unless the other end is known not to take such a payload of it.
    fn kind<K: Kind>(&self, payload: usize) -> Result<u32, RequestError> {
        let kind = self.handle.table.index_of::<K>().map_err(|why| match why {
            Refusal::UnknownKind => RequestError::Undeclared(Undeclared::of::<K>()),
            why => RequestError::Refused(Refused::new(K::NAME, why.into())),
        })?;
        self.check(K::NAME, kind, payload)
    }

    /// Checks that the other end takes such a payload of the kind, as far as it has told. Returns the place in the table.
    pub(crate) fn check(
        &self,
        name: &'static str,
        kind: u32,
        payload: usize,
    ) -> Result<u32, RequestError> {
        let capabilities = lock(&self.handle.capabilities);
        // Untold before the first welcome, by which the session then judges what waits.
        let capabilities = capabilities.as_ref();
        match capabilities.and_then(|capabilities| capabilities.refusal(name, kind, payload)) {
            Some(refused) => Err(RequestError::Refused(refused)),
            None => Ok(kind),
        }
    }

    /// Makes a request and waits for what becomes of it. Dropping the future cancels it.
    pub(crate) async fn answer(
        &self,
        command: Command,
        answer: oneshot::Receiver<Outcome>,
    ) -> Result<Outcome, RequestError> {
        let id = self.enqueue(command).await?;
        let mut cancel = CancelOnDrop::new(self.control(), id);
        // A shell ends every request before it ends itself, unless its runtime drops it.
        let outcome = answer.await.unwrap_or(Outcome::Unknown);
        cancel.disarm();
        Ok(outcome)
    }

    /// Puts a request on its way, and gives the id under which the shell knows it.
    pub(crate) async fn enqueue(&self, command: Command) -> Result<u64, RequestError> {
        let id = command.asked.id;
        let sent = self.commands().send_in_turn(COMMAND_QUEUE, command).await;
        sent.map_err(|_| RequestError::Closed)?;
        Ok(id)
    }

    pub(crate) fn commands(&self) -> &mpsc::Sender<Command> {
        if self.has_priority {
            &self.handle.priority
        } else {
            &self.handle.commands
        }
    }
}

/// Makes the two ends by which a request's maker learns what becomes of it.
pub(crate) fn outcome() -> (Waiter, oneshot::Receiver<Outcome>) {
    let (shared, receiver) = oneshot::shared();
    (Waiter(shared), receiver)
}

impl Completion for oneshot::OnceShared<Outcome> {
    fn is_gone(&self) -> bool {
        self.is_closed()
    }

    fn settle(&self, outcome: Outcome) {
        let _ = self.send(outcome);
    }

    fn end(&self) {
        self.end();
    }
}

/// Makes the error of a call that brought no value.
pub(crate) fn not_answered<E: twinwire::Payload>(
    kind: &'static str,
    outcome: Outcome,
    format: Format,
) -> CallError<E> {
    not_answered_by(kind, outcome, |payload| {
        let error = format.decode(&payload);
        error.map_or_else(CallError::Decode, CallError::App)
    })
}

/// Makes the error of a call that brought no value; `read` makes the application's own of its payload.
pub(crate) fn not_answered_by<E>(
    kind: &'static str,
    outcome: Outcome,
    read: impl FnOnce(Vec<u8>) -> CallError<E>,
) -> CallError<E> {
    match outcome {
        Outcome::Answered(Answer::Error(payload)) => read(payload),
        Outcome::Answered(Answer::Refused(refused)) => {
            CallError::Refused(Refused::new(kind, refused))
        }
        Outcome::Deadline => CallError::Deadline,
        Outcome::NotReceived => CallError::NotReceived,
        Outcome::Closed => CallError::Closed,
        // Events are accepted, and a value is an answer: neither comes here.
        Outcome::Unknown | Outcome::Accepted | Outcome::Answered(Answer::Value(_)) => {
            CallError::Unknown
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::task::{Context, Wake, Waker};

    use twinwire::frame::Start;
    use twinwire::session::{ClientSide, Session};
    use twinwire::{Limits, Time};

    use super::*;

    /// A shell that looks as soon as it is woken, unless it is busy.
    struct Shell {
        parts: Mutex<(Requests, Session<ClientSide>)>,
        is_busy: AtomicBool,
    }

    impl Wake for Shell {
        fn wake(self: Arc<Self>) {
            if !self.is_busy.load(Ordering::Relaxed) {
                let waker = Waker::from(Arc::clone(&self));
                let (requests, session) = &mut *lock(&self.parts);
                requests.poll(&mut Context::from_waker(&waker), session, Time::default());
            }
        }
    }

    #[test]
    fn a_join_that_is_given_up_before_it_is_made_is_never_made() {
        let table = Arc::new(KindTable::new(Vec::new()));
        let (remote, requests) = crate::channel(Arc::clone(&table), Format::Postcard);
        let session = Session::client(Limits::default(), table, Vec::new());
        let shell = Arc::new(Shell {
            parts: Mutex::new((requests, session)),
            is_busy: AtomicBool::new(false),
        });
        Arc::clone(&shell).wake();
        shell.is_busy.store(true, Ordering::Relaxed);
        let mut join = Box::pin(remote.join(0, Vec::new(), Start::Now));
        let mut nobody = Context::from_waker(Waker::noop());
        assert!(join.as_mut().poll(&mut nobody).is_pending());
        shell.is_busy.store(false, Ordering::Relaxed);
        drop(join);
        Arc::clone(&shell).wake();
        assert!(lock(&shell.parts).0.topics.is_empty());
    }
}
