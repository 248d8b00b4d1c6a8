//! What the browser calls for a socket, and its end.

use std::rc::Rc;

use wasm_bindgen::prelude::*;
use web_sys::MessageEvent;

use super::close::CloseEvent;
use super::shared::SharedSocket;
use crate::env::{EventListener, Macrotask, Trigger};

/// Everything of ours that the browser can call for one socket. Dropping it takes all of it off, and
/// then nothing of ours runs any more, or is kept alive by the browser.
///
/// There is no listener for `error`: it tells nothing, and `close` always follows it. They are event listeners,
/// because Chromium takes 0.2 µs longer to call an event handler, `onmessage`.
pub(super) struct SocketListeners {
    _all: [EventListener; 3],
    _batch: Option<Macrotask>,
}

impl SocketListeners {
    pub(super) fn attach(shared: &Rc<SharedSocket>, batched: bool) -> Self {
        let batch = batched.then(|| {
            let shared = Rc::clone(shared);
            Macrotask::new(move || shared.wake_reader())
        });
        // Where the browser has no channel, each message wakes the reader by itself.
        let batch = batch.flatten();
        let trigger = batch.as_ref().map(Macrotask::trigger);
        let all = [
            listen_open(Rc::clone(shared)),
            listen_message(Rc::clone(shared), trigger),
            listen_close(Rc::clone(shared)),
        ];
        Self {
            _all: all,
            _batch: batch,
        }
    }
}

fn listen_open(shared: Rc<SharedSocket>) -> EventListener {
    let target = shared.web_socket().clone();
    EventListener::new(target.into(), "open", move |_| shared.opened())
}

fn listen_message(shared: Rc<SharedSocket>, batch: Option<Trigger>) -> EventListener {
    let target = shared.web_socket().clone();
    EventListener::new(target.into(), "message", move |event| {
        let event = event.unchecked_ref::<MessageEvent>();
        let reader_waits = shared.received(event.data().unchecked_ref());
        match &batch {
            // It is at work, and takes this message too before it waits again.
            _ if !reader_waits => {}
            None => shared.wake_reader(),
            Some(trigger) => {
                // One task wakes the reader for all messages that come until it runs.
                if shared.begin_batch() {
                    trigger.fire();
                }
            }
        }
    })
}

fn listen_close(shared: Rc<SharedSocket>) -> EventListener {
    let target = shared.web_socket().clone();
    EventListener::new(target.into(), "close", move |event| {
        let event = event.unchecked_ref::<web_sys::CloseEvent>();
        shared.finish(CloseEvent {
            code: event.code(),
            reason: event.reason(),
            clean: event.was_clean(),
        });
    })
}
