//! The application's handlers of the server's calls.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use twinwire::{Answer, Call, Format, Refusal, SeqNo};

/// `Send` where tasks move between threads; everything in a browser, where they don't.
#[cfg(not(target_arch = "wasm32"))]
pub trait MaybeSend: Send {}
#[cfg(not(target_arch = "wasm32"))]
impl<T: Send> MaybeSend for T {}

/// `Send` where tasks move between threads; everything in a browser, where they don't.
#[cfg(target_arch = "wasm32")]
pub trait MaybeSend {}
#[cfg(target_arch = "wasm32")]
impl<T> MaybeSend for T {}

/// `Sync` where tasks move between threads; everything in a browser, where they don't.
#[cfg(not(target_arch = "wasm32"))]
pub trait MaybeSync: Sync {}
#[cfg(not(target_arch = "wasm32"))]
impl<T: Sync> MaybeSync for T {}

/// `Sync` where tasks move between threads; everything in a browser, where they don't.
#[cfg(target_arch = "wasm32")]
pub trait MaybeSync {}
#[cfg(target_arch = "wasm32")]
impl<T> MaybeSync for T {}

/// A call under way.
trait AnswerWork: Future<Output = Answer<Vec<u8>>> + MaybeSend {}
impl<T: Future<Output = Answer<Vec<u8>>> + MaybeSend> AnswerWork for T {}

type AnswerFuture = Pin<Box<dyn AnswerWork>>;

trait HandleFn: FnMut(Vec<u8>) -> AnswerFuture + MaybeSend {}
impl<T: FnMut(Vec<u8>) -> AnswerFuture + MaybeSend> HandleFn for T {}

/// A handler with its types folded away.
pub(crate) struct Handler(Box<dyn HandleFn>);

pub(crate) fn erase<C, F, R>(mut handler: F, format: Format) -> Handler
where
    C: Call,
    F: FnMut(C) -> R + MaybeSend + 'static,
    R: Future<Output = Result<C::Reply, C::Error>> + MaybeSend + 'static,
{
    let refuse = |why: Refusal| -> AnswerFuture {
        Box::pin(std::future::ready(Answer::Refused(why.into())))
    };
    Handler(Box::new(move |payload| {
        let Ok(request) = format.decode(&payload) else {
            return refuse(Refusal::Undecodable);
        };
        let answer = handler(request);
        Box::pin(async move {
            let answer = Answer::encode(format, &answer.await);
            answer.unwrap_or_else(|error| Answer::Refused(Refusal::from(&error).into()))
        })
    }))
}

/// Makes a handler of payloads.
pub(crate) fn untyped<F, R>(mut handler: F) -> Handler
where
    F: FnMut(Vec<u8>) -> R + MaybeSend + 'static,
    R: Future<Output = Answer<Vec<u8>>> + MaybeSend + 'static,
{
    Handler(Box::new(move |payload| Box::pin(handler(payload))))
}

/// Makes a handler of what is in the envelope, which answers at once.
pub(crate) fn at_once<F>(mut handler: F) -> Handler
where
    F: FnMut(Vec<u8>) -> Answer<Vec<u8>> + MaybeSend + 'static,
{
    untyped(move |payload| std::future::ready(handler(payload)))
}

/// A call of the server's.
pub(crate) struct ServerCall {
    pub(crate) number: SeqNo,
    pub(crate) kind: u32,
    pub(crate) payload: Vec<u8>,
}

/// The handlers that answer the server's calls.
#[derive(Default)]
pub(crate) struct Handlers {
    /// None before the first handler.
    active: Option<Box<dyn Answering>>,
    /// A call has begun that wasn't polled yet.
    begun: bool,
    /// Calls of kinds that have no handler yet. The session bounds them as it bounds those at work.
    early: Vec<ServerCall>,
    /// True once the application has had time to register its handlers.
    are_complete: bool,
}

impl Handlers {
    /// Registers a handler, and starts the calls that came before it.
    pub(crate) fn insert(&mut self, kind: u32, handler: Handler) {
        let create = || -> Box<dyn Answering> { Box::new(ActiveHandlers::default()) };
        self.active.get_or_insert_with(create).insert(kind, handler);
        // In the order in which they came; those of other kinds wait on.
        for call in std::mem::take(&mut self.early) {
            if let Err(call) = self.start(call) {
                self.early.push(call);
            }
        }
    }

    /// Starts the call's handler.
    ///
    /// # Errors
    /// The call, if its kind has none.
    fn start(&mut self, call: ServerCall) -> Result<(), ServerCall> {
        match &mut self.active {
            Some(active) => active.start(call)?,
            None => return Err(call),
        }
        // A new future was never polled, so nothing would wake the task for it.
        self.begun = true;
        Ok(())
    }

    /// Starts the call's handler, or keeps the call while one may yet be registered; says whether it did either.
    pub(crate) fn start_or_keep(&mut self, call: ServerCall) -> bool {
        match self.start(call) {
            Err(call) if !self.are_complete => self.early.push(call),
            Err(_) => return false,
            Ok(()) => {}
        }
        true
    }

    /// Keeps no further calls for handlers to come; gives one of those that were kept, until none is left.
    pub(crate) fn complete(&mut self) -> Option<SeqNo> {
        self.are_complete = true;
        self.early.pop().map(|call| call.number)
    }

    /// Returns true if a call has begun since this was asked last.
    pub(crate) fn take_begun(&mut self) -> bool {
        std::mem::take(&mut self.begun)
    }

    /// Drops a call's handler.
    pub(crate) fn drop_one(&mut self, call: SeqNo) {
        // Cancelled before it had a handler: started later, it would run for a caller who has left.
        self.early.retain(|early| early.number != call);
        if let Some(active) = &mut self.active {
            active.drop_one(call);
        }
    }

    /// Returns the number of calls at work, and of those that wait for a handler.
    #[cfg(feature = "test")]
    pub(crate) fn count(&self) -> usize {
        let active = self.active.as_ref().map_or(0, |active| active.count());
        active + self.early.len()
    }

    pub(crate) fn drop_all(&mut self) {
        twinwire::plant!("handlers_outlive_session", return);
        self.early.clear();
        if let Some(active) = &mut self.active {
            active.drop_all();
        }
    }

    /// Returns an answer that is ready.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<(SeqNo, Answer<Vec<u8>>)> {
        match &mut self.active {
            Some(active) => active.poll(cx),
            None => Poll::Pending,
        }
    }
}

/// [`Handlers`], once there are some.
trait Answering: MaybeSend {
    fn insert(&mut self, kind: u32, handler: Handler);
    fn start(&mut self, call: ServerCall) -> Result<(), ServerCall>;
    fn drop_one(&mut self, call: SeqNo);
    fn drop_all(&mut self);
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<(SeqNo, Answer<Vec<u8>>)>;
    #[cfg(feature = "test")]
    fn count(&self) -> usize;
}

/// All handlers, and the calls that they are answering. The session bounds how many those are.
#[derive(Default)]
struct ActiveHandlers {
    by_kind: Vec<(u32, Handler)>,
    active: Vec<(SeqNo, AnswerFuture)>,
}

impl Answering for ActiveHandlers {
    fn insert(&mut self, kind: u32, handler: Handler) {
        twinwire::plant!(
            "second_handler_unused",
            if self.by_kind.iter().any(|(of, _)| *of == kind) {
                return;
            }
        );
        // Calls that run keep the handler that they began with: their futures are their own.
        self.by_kind.retain(|(of, _)| *of != kind);
        self.by_kind.push((kind, handler));
    }

    fn start(&mut self, call: ServerCall) -> Result<(), ServerCall> {
        let handler = self.by_kind.iter_mut().find(|(of, _)| *of == call.kind);
        let Some((_, Handler(handle))) = handler else {
            return Err(call);
        };
        // A panic ends its own call: the loop that drives the connection would end with it.
        let active = catch_unwind(AssertUnwindSafe(|| handle(call.payload)));
        let panicked = Answer::Refused(Refusal::Panicked.into());
        let active = active.unwrap_or_else(|_| Box::pin(std::future::ready(panicked)));
        self.active.push((call.number, active));
        Ok(())
    }

    fn drop_one(&mut self, call: SeqNo) {
        self.active.retain(|(number, _)| *number != call);
    }

    fn drop_all(&mut self) {
        self.active.clear();
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<(SeqNo, Answer<Vec<u8>>)> {
        for (place, (call, active)) in self.active.iter_mut().enumerate() {
            // Here, too: the future is the application's code.
            let polled = catch_unwind(AssertUnwindSafe(|| active.as_mut().poll(cx)));
            let answer = match polled {
                Ok(Poll::Pending) => continue,
                Ok(Poll::Ready(answer)) => answer,
                Err(_) => Answer::Refused(Refusal::Panicked.into()),
            };
            let call = *call;
            // Dropped before the answer is given: what the future holds, a clone of the client perhaps, mustn't outlive its call.
            drop(self.active.swap_remove(place));
            return Poll::Ready((call, answer));
        }
        Poll::Pending
    }

    #[cfg(feature = "test")]
    fn count(&self) -> usize {
        self.active.len()
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// Answers each call with this byte.
    fn says(byte: u8) -> Handler {
        Handler(Box::new(move |_| {
            Box::pin(std::future::ready(Answer::Value(vec![byte])))
        }))
    }

    fn call() -> ServerCall {
        ServerCall {
            number: SeqNo::FIRST,
            kind: 0,
            payload: Vec::new(),
        }
    }

    /// Returns the answer that is ready.
    fn answered(handlers: &mut Handlers) -> Option<u8> {
        match handlers.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready((SeqNo::FIRST, Answer::Value(value))) => value.first().copied(),
            Poll::Ready(other) => panic!("an answer, not {other:?}"),
            Poll::Pending => None,
        }
    }

    #[test]
    fn a_call_waits_for_its_handler_until_all_had_time_to_register() {
        let mut handlers = Handlers::default();
        assert!(handlers.start_or_keep(call()));
        assert!(!handlers.take_begun());
        handlers.insert(1, says(1));
        assert_eq!(answered(&mut handlers), None, "it is of another kind");
        handlers.insert(0, says(2));
        assert!(handlers.take_begun(), "somebody has to poll it");
        assert!(!handlers.take_begun());
        assert_eq!(answered(&mut handlers), Some(2));
        assert_eq!(handlers.complete(), None);
    }

    #[test]
    fn a_call_without_a_handler_is_given_back_once_all_had_time_to_register() {
        let mut handlers = Handlers::default();
        assert!(handlers.start_or_keep(call()));
        assert_eq!(handlers.complete(), Some(SeqNo::FIRST));
        assert_eq!(handlers.complete(), None);
        assert!(!handlers.start_or_keep(call()));
    }

    #[test]
    fn a_cancelled_call_is_dropped_whether_it_waits_or_runs() {
        let mut handlers = Handlers::default();
        assert!(handlers.start_or_keep(call()));
        handlers.drop_one(SeqNo::FIRST);
        handlers.insert(0, says(1));
        assert_eq!(answered(&mut handlers), None);
        assert!(handlers.start_or_keep(call()));
        handlers.drop_one(SeqNo::FIRST);
        assert_eq!(answered(&mut handlers), None);
    }

    #[test]
    fn calls_of_a_lost_session_are_dropped_whether_they_wait_or_run() {
        let mut handlers = Handlers::default();
        assert!(handlers.start_or_keep(call()));
        handlers.drop_all();
        handlers.insert(0, says(1));
        assert_eq!(answered(&mut handlers), None);
        assert!(handlers.start_or_keep(call()));
        handlers.drop_all();
        assert_eq!(answered(&mut handlers), None);
    }

    #[test]
    fn a_second_handler_of_a_kind_replaces_the_first() {
        let mut handlers = Handlers::default();
        handlers.insert(0, says(1));
        handlers.insert(0, says(2));
        assert!(handlers.start_or_keep(call()));
        assert_eq!(answered(&mut handlers), Some(2));
    }
}
