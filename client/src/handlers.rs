//! The application's handlers of the server's calls.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use twinwire::{Answer, Call, Format, Number, Refusal};

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
trait Work: Future<Output = Answer<Vec<u8>>> + MaybeSend {}
impl<T: Future<Output = Answer<Vec<u8>>> + MaybeSend> Work for T {}

type Working = Pin<Box<dyn Work>>;

trait Handle: FnMut(Vec<u8>) -> Working + MaybeSend {}
impl<T: FnMut(Vec<u8>) -> Working + MaybeSend> Handle for T {}

/// A handler with its types folded away.
pub(crate) struct Handler(Box<dyn Handle>);

pub(crate) fn erase<C, F, R>(mut handler: F, format: Format) -> Handler
where
    C: Call,
    F: FnMut(C) -> R + MaybeSend + 'static,
    R: Future<Output = Result<C::Reply, C::Error>> + MaybeSend + 'static,
{
    let refuse =
        |why: Refusal| -> Working { Box::pin(std::future::ready(Answer::Refused(why.into()))) };
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

/// A handler of what is in the envelope, which answers at once.
pub(crate) fn at_once<F>(mut handler: F) -> Handler
where
    F: FnMut(Vec<u8>) -> Answer<Vec<u8>> + MaybeSend + 'static,
{
    Handler(Box::new(move |payload| {
        Box::pin(std::future::ready(handler(payload)))
    }))
}

/// All handlers, and the calls that they are answering. The session bounds how many those are.
#[derive(Default)]
pub(crate) struct Handlers {
    by_kind: Vec<(u32, Handler)>,
    working: Vec<(Number, Working)>,
    /// A call has begun that wasn't polled yet.
    begun: bool,
}

impl Handlers {
    pub(crate) fn insert(&mut self, kind: u32, handler: Handler) {
        self.by_kind.retain(|(of, _)| *of != kind);
        self.by_kind.push((kind, handler));
    }

    /// Begins to answer a call; one of no kind that could have a handler is refused.
    pub(crate) fn start(&mut self, call: Number, kind: Option<u32>, payload: Vec<u8>) {
        let handler = self.by_kind.iter_mut().find(|(of, _)| Some(*of) == kind);
        let working = match handler {
            Some((_, Handler(handle))) => {
                catch_unwind(AssertUnwindSafe(|| handle(payload))).map_err(|_| Refusal::Panicked)
            }
            None => Err(Refusal::NoHandler),
        };
        let working =
            working.unwrap_or_else(|why| Box::pin(std::future::ready(Answer::Refused(why.into()))));
        self.working.push((call, working));
        self.begun = true;
    }

    /// Whether a call has begun since this was asked last.
    pub(crate) fn take_begun(&mut self) -> bool {
        std::mem::take(&mut self.begun)
    }

    /// Drops a call's handler.
    pub(crate) fn drop_one(&mut self, call: Number) {
        self.working.retain(|(number, _)| *number != call);
    }

    pub(crate) fn drop_all(&mut self) {
        self.working.clear();
    }

    /// An answer that is ready.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<(Number, Answer<Vec<u8>>)> {
        for (place, (call, working)) in self.working.iter_mut().enumerate() {
            let polled = catch_unwind(AssertUnwindSafe(|| working.as_mut().poll(cx)));
            let answer = match polled {
                Ok(Poll::Pending) => continue,
                Ok(Poll::Ready(answer)) => answer,
                Err(_) => Answer::Refused(Refusal::Panicked.into()),
            };
            let call = *call;
            drop(self.working.swap_remove(place));
            return Poll::Ready((call, answer));
        }
        Poll::Pending
    }
}
