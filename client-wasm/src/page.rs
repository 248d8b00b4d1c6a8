//! What a page or worker hears of its own life: it is shown again, it is online again, it goes.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use wasm_bindgen::prelude::*;
use web_sys::EventTarget;

use crate::env::{Bell, Listener, scope};

#[wasm_bindgen]
extern "C" {
    type PageTransition;

    #[wasm_bindgen(method, getter)]
    fn persisted(this: &PageTransition) -> Option<bool>;
}

/// Ready when the network is back, or the page is looked at or shown again.
pub(crate) fn nudged() -> Heard {
    Heard::new(&["online", "pageshow", "visibilitychange"], |_| {
        scope().document().is_none_or(|page| !page.hidden())
    })
}

/// Ready when the page goes for good: not into the cache from which the back button shows it again.
pub(crate) fn leaving() -> Heard {
    Heard::new(&["pagehide"], |event| {
        let event = event.unchecked_ref::<PageTransition>();
        event.persisted() != Some(true)
    })
}

/// The first of some events. Dropping it takes the listeners off.
#[must_use = "futures do nothing unless polled"]
pub(crate) struct Heard {
    _listeners: Vec<Listener>,
    bell: Bell,
}

impl Heard {
    fn new(names: &[&'static str], counts: fn(&JsValue) -> bool) -> Self {
        let bell = Bell::default();
        let mut listeners = Vec::new();
        for name in names {
            let target: EventTarget = scope().unchecked_into();
            let rung = bell.clone();
            listeners.push(Listener::new(target, name, move |event| {
                if counts(&event) {
                    rung.ring();
                }
            }));
        }
        Self {
            _listeners: listeners,
            bell,
        }
    }
}

impl Future for Heard {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.bell.poll(cx)
    }
}
