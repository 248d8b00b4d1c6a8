//! The browser behind one door: time, timers, tasks and the page's address, alike in a page and a worker.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use js_sys::Function;
use wasm_bindgen::prelude::*;
use web_sys::{EventTarget, MessageChannel, MessagePort};

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
    fn href(this: &Location) -> JsValue;

    /// The global object: a page's window, or a worker's scope.
    pub(crate) type Scope;

    #[wasm_bindgen(method, getter)]
    fn location(this: &Scope) -> Option<Location>;

    #[wasm_bindgen(method, getter)]
    fn origin(this: &Scope) -> JsValue;

    pub(crate) type Document;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn document(this: &Scope) -> Option<Document>;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn hidden(this: &Document) -> bool;
}

pub(crate) fn scope() -> Scope {
    js_sys::global().unchecked_into()
}

/// A function that the browser calls, with an event or with nothing: one type, of which a page carries one.
type Callback = Closure<dyn Fn(JsValue)>;

/// Milliseconds since the page or worker started, with a fraction; never steps back.
pub(crate) fn now() -> f64 {
    performance_now()
}

/// Returns the bases of relative URLs, the best first: the address of the page or worker, and its origin
/// for a worker that was started from a `blob:` URL, which nothing can be relative to.
pub(crate) fn base_urls() -> [JsValue; 2] {
    let scope = scope();
    let location = scope.location();
    let address = location.map_or(JsValue::UNDEFINED, |location| location.href());
    [address, scope.origin()]
}

/// Resolves after `duration`, or later: hidden pages get their timers about once a second or minute.
/// Durations of more than 24 days end early, after 24 days. Dropping it cancels the timer.
pub(crate) fn sleep(duration: Duration) -> Sleep {
    // Rounded up, so that a wait is never shorter than was asked for.
    let rest = duration.subsec_nanos().div_ceil(1_000_000).into();
    let millis = duration.as_secs().saturating_mul(1000).saturating_add(rest);
    let notify = Notify::default();
    let notifier = notify.clone();
    let callback = Callback::new(move |_| notifier.notify());
    let millis = i32::try_from(millis).unwrap_or(LONGEST_TIMER);
    Sleep {
        timer: set_timeout(callback.as_ref().unchecked_ref(), millis),
        notify,
        _callback: callback,
    }
}

/// The future of [`sleep`].
#[must_use = "dropping it cancels the timer"]
pub(crate) struct Sleep {
    timer: JsValue,
    notify: Notify,
    _callback: Callback,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.notify.poll(cx)
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        // It does nothing to a timer that has fired.
        clear_timeout(&self.timer);
    }
}

/// Resolves in a task of its own, after the events the browser has at hand; at once where the browser
/// has no message channels to give.
pub(crate) fn yield_now() -> YieldNow {
    let notify = Notify::default();
    let notifier = notify.clone();
    let task = Macrotask::new(move || notifier.notify());
    match &task {
        Some(task) => task.trigger().fire(),
        None => notify.notify(),
    }
    YieldNow {
        notify,
        _task: task,
    }
}

/// The future of [`yield_now`].
pub(crate) struct YieldNow {
    notify: Notify,
    _task: Option<Macrotask>,
}

impl Future for YieldNow {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.notify.poll(cx)
    }
}

/// An event listener. Dropping it takes it off.
pub(crate) struct EventListener {
    target: EventTarget,
    name: &'static str,
    callback: Callback,
}

impl EventListener {
    pub(crate) fn new(
        target: EventTarget,
        name: &'static str,
        listen: impl Fn(JsValue) + 'static,
    ) -> Self {
        let callback = Callback::new(listen);
        // Only an option that is not given here could make the browser throw.
        let _ = target.add_event_listener_with_callback(name, callback.as_ref().unchecked_ref());
        Self {
            target,
            name,
            callback,
        }
    }
}

impl Drop for EventListener {
    fn drop(&mut self) {
        let listener = self.callback.as_ref().unchecked_ref();
        let _ = self
            .target
            .remove_event_listener_with_callback(self.name, listener);
    }
}

/// A signal that a callback gives once, and a task waits for.
#[derive(Clone)]
pub(crate) struct Notify(Rc<RefCell<NotifyState>>);

enum NotifyState {
    /// With whoever waits.
    Waiting(Option<Waker>),
    Notified,
}

impl Default for Notify {
    fn default() -> Self {
        Self(Rc::new(RefCell::new(NotifyState::Waiting(None))))
    }
}

impl Notify {
    pub(crate) fn notify(&self) {
        if let NotifyState::Waiting(Some(waker)) = self.0.replace(NotifyState::Notified) {
            waker.wake();
        }
    }

    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        // Dropping the waker that it displaces may run anything: nothing is borrowed by then.
        let _displaced = match &mut *self.0.borrow_mut() {
            NotifyState::Notified => return Poll::Ready(()),
            NotifyState::Waiting(waker) => waker.replace(cx.waker().clone()),
        };
        Poll::Pending
    }
}

/// A callback that runs as a task of its own, after the events the browser has at hand: what a
/// microtask can't give, because each event ends with a microtask checkpoint.
pub(crate) struct Macrotask {
    receiver: MessagePort,
    sender: MessagePort,
    _callback: Callback,
}

impl Macrotask {
    /// Prepares `callback`, or gives nothing where the browser has no message channels to give.
    pub(crate) fn new(callback: impl Fn() + 'static) -> Option<Self> {
        let channel = MessageChannel::new().ok()?;
        let callback = Callback::new(move |_| callback());
        let receiver = channel.port1();
        receiver.set_onmessage(Some(callback.as_ref().unchecked_ref()));
        Some(Self {
            receiver,
            sender: channel.port2(),
            _callback: callback,
        })
    }

    /// Returns the handle that starts the task. It does nothing once the macrotask is dropped.
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
