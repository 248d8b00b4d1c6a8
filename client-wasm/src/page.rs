//! What a page or worker hears of its own life: it is shown again, it is online again, it goes.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use twinwire_client::Departure;
use wasm_bindgen::prelude::*;
use web_sys::EventTarget;

use crate::env::{EventListener, Notify, scope};

#[wasm_bindgen]
extern "C" {
    type PageTransition;

    #[wasm_bindgen(method, getter)]
    fn persisted(this: &PageTransition) -> Option<bool>;
}

/// A name of an event, and the condition under which it counts.
type Wanted = (&'static str, fn(&JsValue) -> bool);

/// Resolves when the network is back, or the page is shown again. A hidden page goes back to its network too.
pub(crate) fn wake_hint() -> FirstEvent {
    FirstEvent::new(&[
        ("online", |_| true),
        ("pageshow", |_| true),
        ("visibilitychange", |_| {
            scope().document().is_none_or(|page| !page.hidden())
        }),
    ])
}

/// Resolves when the page goes: for good, or perhaps into the cache from which the back button shows it again.
pub(crate) fn leaving() -> Leaving {
    Leaving {
        cached: FirstEvent::new(&[("pagehide", is_persisted)]),
        is_final: FirstEvent::new(&[("pagehide", |event| !is_persisted(event))]),
    }
}

fn is_persisted(event: &JsValue) -> bool {
    let event = event.unchecked_ref::<PageTransition>();
    event.persisted() == Some(true)
}

/// The future of [`leaving`].
#[must_use = "futures do nothing unless polled"]
pub(crate) struct Leaving {
    cached: FirstEvent,
    is_final: FirstEvent,
}

impl Future for Leaving {
    type Output = Departure;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Departure> {
        if Pin::new(&mut self.cached).poll(cx).is_ready() {
            return Poll::Ready(Departure::Cached);
        }
        let is_final = Pin::new(&mut self.is_final).poll(cx);
        is_final.map(|()| Departure::Final)
    }
}

/// The first of some events. Dropping it takes the listeners off.
#[must_use = "futures do nothing unless polled"]
pub(crate) struct FirstEvent {
    _listeners: Vec<EventListener>,
    notify: Notify,
}

impl FirstEvent {
    fn new(events: &[Wanted]) -> Self {
        let notify = Notify::default();
        let mut listeners = Vec::new();
        for &(name, counts) in events {
            let target: EventTarget = scope().unchecked_into();
            let notifier = notify.clone();
            listeners.push(EventListener::new(target, name, move |event| {
                if counts(&event) {
                    notifier.notify();
                }
            }));
        }
        Self {
            _listeners: listeners,
            notify,
        }
    }
}

impl Future for FirstEvent {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.notify.poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use js_sys::Function;
    use wasm_bindgen_test::wasm_bindgen_test;
    use web_sys::Event;

    use super::*;

    /// Gives the page an event that a script makes.
    fn dispatch(script: &str) {
        let event = Function::new_no_args(&format!("return {script}")).call0(&JsValue::NULL);
        let target: EventTarget = scope().unchecked_into();
        let event: Event = event.expect("it makes an event").unchecked_into();
        target.dispatch_event(&event).expect("it is new");
    }

    /// Makes the document say that it is hidden, or shown.
    fn hide(hidden: bool) {
        let script = format!(
            "Object.defineProperty(document, 'hidden', {{ configurable: true, value: {hidden} }})"
        );
        let set = Function::new_no_args(&script).call0(&JsValue::NULL);
        set.expect("it can be set");
    }

    fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        Pin::new(future).poll(&mut cx)
    }

    #[wasm_bindgen_test]
    fn a_hidden_page_hears_that_the_network_is_back_and_not_that_it_is_hidden() {
        hide(true);
        let mut hint = wake_hint();
        dispatch("new Event('visibilitychange')");
        assert!(poll(&mut hint).is_pending());
        dispatch("new Event('online')");
        assert!(poll(&mut hint).is_ready());
        for (hidden, event) in [(true, "pageshow"), (false, "visibilitychange")] {
            hide(hidden);
            let mut hint = wake_hint();
            dispatch(&format!("new Event('{event}')"));
            assert!(poll(&mut hint).is_ready(), "{event}");
        }
    }

    #[wasm_bindgen_test]
    fn a_page_that_may_come_back_is_told_from_one_that_goes_for_good() {
        for (persisted, departure) in [(true, Departure::Cached), (false, Departure::Final)] {
            let mut leaving = leaving();
            assert!(poll(&mut leaving).is_pending());
            dispatch(&format!(
                "new PageTransitionEvent('pagehide', {{ persisted: {persisted} }})"
            ));
            assert_eq!(poll(&mut leaving), Poll::Ready(departure));
        }
    }
}
