//! What a page or worker hears of its own life: it is shown again, it is online again, it goes.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use wasm_bindgen::prelude::*;
use web_sys::{Event, EventTarget};

#[wasm_bindgen]
extern "C" {
    type Document;

    #[wasm_bindgen(method, getter)]
    fn hidden(this: &Document) -> bool;

    #[wasm_bindgen(thread_local_v2, js_name = document)]
    static DOCUMENT: Option<Document>;

    type PageTransition;

    #[wasm_bindgen(method, getter)]
    fn persisted(this: &PageTransition) -> Option<bool>;
}

/// Ready when the network is back, or the page is looked at or shown again.
pub(crate) fn nudged() -> Heard {
    Heard::new(&["online", "pageshow", "visibilitychange"], |_| {
        DOCUMENT.with(|document| document.as_ref().is_none_or(|page| !page.hidden()))
    })
}

/// Ready when the page goes for good: not into the cache from which the back button shows it again.
pub(crate) fn leaving() -> Heard {
    Heard::new(&["pagehide"], |event| {
        let event = event.unchecked_ref::<PageTransition>();
        event.persisted() != Some(true)
    })
}

#[derive(Default)]
struct State {
    heard: bool,
    waker: Option<Waker>,
}

/// The first of some events. Dropping it takes the listeners off.
#[must_use = "futures do nothing unless polled"]
pub(crate) struct Heard {
    target: EventTarget,
    names: &'static [&'static str],
    listener: Closure<dyn Fn(Event)>,
    state: Rc<RefCell<State>>,
}

impl Heard {
    fn new(names: &'static [&'static str], counts: impl Fn(&Event) -> bool + 'static) -> Self {
        let state = Rc::new(RefCell::new(State::default()));
        let told = Rc::clone(&state);
        let listener = Closure::<dyn Fn(Event)>::new(move |event| {
            if counts(&event) {
                let waker = {
                    let mut state = told.borrow_mut();
                    state.heard = true;
                    state.waker.take()
                };
                if let Some(waker) = waker {
                    waker.wake();
                }
            }
        });
        let target: EventTarget = js_sys::global().unchecked_into();
        for name in names {
            // The name is one, and the listener a function: there is nothing to refuse.
            let _ =
                target.add_event_listener_with_callback(name, listener.as_ref().unchecked_ref());
        }
        Self {
            target,
            names,
            listener,
            state,
        }
    }
}

impl Future for Heard {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.borrow_mut();
        if state.heard {
            return Poll::Ready(());
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        let listener = self.listener.as_ref().unchecked_ref();
        for name in self.names {
            let _ = self
                .target
                .remove_event_listener_with_callback(name, listener);
        }
    }
}
