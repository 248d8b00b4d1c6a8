//! The browser behind one door: time, timers, tasks and the page's address, alike in a page and a worker.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use js_sys::Function;
use wasm_bindgen::prelude::*;
use web_sys::{MessageChannel, MessagePort};

/// The browsers keep a timer's delay in an `i32`; anything longer would fire at once.
const LONGEST_TIMER: i32 = i32::MAX;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;

    /// Its handle is a number in a browser; node has objects.
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Function, millis: i32) -> JsValue;

    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(timer: &JsValue);

    type Location;

    #[wasm_bindgen(method, getter)]
    fn href(this: &Location) -> String;

    #[wasm_bindgen(thread_local_v2, js_name = location)]
    static LOCATION: Option<Location>;

    #[wasm_bindgen(thread_local_v2, js_name = origin)]
    static ORIGIN: JsValue;
}

/// Milliseconds since the page or worker started, with a fraction; never steps back.
pub(crate) fn now() -> f64 {
    performance_now()
}

/// What relative URLs stand on, the best first: the address of the page or worker, and its origin
/// for a worker that was started from a `blob:` URL, which nothing can be relative to.
pub(crate) fn base_urls() -> impl Iterator<Item = String> {
    let address = LOCATION.with(|location| location.as_ref().map(Location::href));
    let origin = ORIGIN.with(JsValue::as_string);
    address.into_iter().chain(origin)
}

/// Resolves after `duration`, or later: hidden pages get their timers about once a second or minute.
/// Durations of more than 24 days end early, after 24 days. Dropping it cancels the timer.
pub(crate) fn sleep(duration: Duration) -> Sleep {
    // Rounded up, so that a wait is never shorter than was asked for.
    let rest = duration.subsec_nanos().div_ceil(1_000_000).into();
    let millis = duration.as_secs().saturating_mul(1000).saturating_add(rest);
    let phase = Rc::new(RefCell::new(Phase::Sleeping(None)));
    let fired = Rc::clone(&phase);
    let callback = Closure::<dyn Fn()>::new(move || {
        if let Phase::Sleeping(Some(waker)) = fired.replace(Phase::Over) {
            waker.wake();
        }
    });
    let millis = i32::try_from(millis).unwrap_or(LONGEST_TIMER);
    Sleep {
        timer: set_timeout(callback.as_ref().unchecked_ref(), millis),
        phase,
        _callback: callback,
    }
}

/// The future of [`sleep`].
#[must_use = "dropping it cancels the timer"]
pub(crate) struct Sleep {
    timer: JsValue,
    phase: Rc<RefCell<Phase>>,
    _callback: Closure<dyn Fn()>,
}

enum Phase {
    /// With whoever waits.
    Sleeping(Option<Waker>),
    Over,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // Dropping the waker that it displaces may run anything: nothing is borrowed by then.
        let _displaced = match &mut *self.phase.borrow_mut() {
            Phase::Over => return Poll::Ready(()),
            Phase::Sleeping(waker) => waker.replace(cx.waker().clone()),
        };
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        // It does nothing to a timer that has fired.
        clear_timeout(&self.timer);
    }
}

/// A callback that runs as a task of its own, after the events the browser has at hand: what a
/// microtask can't give, because each event ends with a microtask checkpoint.
pub(crate) struct Macrotask {
    receiver: MessagePort,
    sender: MessagePort,
    _callback: Closure<dyn Fn()>,
}

impl Macrotask {
    /// Prepares `callback`, or gives nothing where the browser has no message channels to give.
    pub(crate) fn new(callback: impl Fn() + 'static) -> Option<Self> {
        let channel = MessageChannel::new().ok()?;
        let callback = Closure::<dyn Fn()>::new(callback);
        let receiver = channel.port1();
        receiver.set_onmessage(Some(callback.as_ref().unchecked_ref()));
        Some(Self {
            receiver,
            sender: channel.port2(),
            _callback: callback,
        })
    }

    /// What starts the task; it does nothing any more once the macrotask is dropped.
    pub(crate) fn trigger(&self) -> Trigger {
        Trigger(self.sender.clone())
    }
}

impl Drop for Macrotask {
    fn drop(&mut self) {
        self.receiver.set_onmessage(None);
        self.receiver.close();
    }
}

/// Starts a [`Macrotask`].
pub(crate) struct Trigger(MessagePort);

impl Trigger {
    /// Has the callback run once more, soon.
    pub(crate) fn fire(&self) {
        // `null` can be cloned, so the browser has nothing to throw at.
        let _ = self.0.post_message(&JsValue::NULL);
    }
}
