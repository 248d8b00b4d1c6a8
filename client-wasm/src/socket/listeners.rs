//! The closures that the browser calls, and their end.

use std::rc::Rc;

use wasm_bindgen::prelude::*;
use web_sys::{Event, MessageEvent, WebSocket};

use super::close::CloseEvent;
use super::shared::Shared;
use crate::env::{Macrotask, Trigger};

const MESSAGE: &str = "message";

/// Everything of ours that the browser can call for one socket. Dropping it takes all of it off, and
/// then nothing of ours runs any more, or is kept alive by the browser.
///
/// There is no listener for `error`: it tells nothing, and `close` always follows it. Messages come to
/// an event listener, because Chromium takes 0.2 µs longer to call an event handler, `onmessage`.
pub(super) struct Listeners {
    web_socket: WebSocket,
    _open: Closure<dyn Fn(Event)>,
    message: Closure<dyn Fn(MessageEvent)>,
    _close: Closure<dyn Fn(web_sys::CloseEvent)>,
    _batch: Option<Macrotask>,
}

impl Listeners {
    pub(super) fn attach(shared: &Rc<Shared>, batched: bool) -> Self {
        let web_socket = shared.web_socket().clone();
        let batch = batched.then(|| {
            let shared = Rc::clone(shared);
            Macrotask::new(move || shared.wake_reader())
        });
        let batch = batch.flatten();

        let open = listen_open(Rc::clone(shared));
        let message = listen_message(Rc::clone(shared), batch.as_ref().map(Macrotask::trigger));
        let close = listen_close(Rc::clone(shared));
        web_socket.set_onopen(Some(open.as_ref().unchecked_ref()));
        // Only an option that is not given here could make the browser throw.
        let _ =
            web_socket.add_event_listener_with_callback(MESSAGE, message.as_ref().unchecked_ref());
        web_socket.set_onclose(Some(close.as_ref().unchecked_ref()));
        Self {
            web_socket,
            _open: open,
            message,
            _close: close,
            _batch: batch,
        }
    }
}

impl Drop for Listeners {
    fn drop(&mut self) {
        self.web_socket.set_onopen(None);
        let message = self.message.as_ref().unchecked_ref();
        let _ = self
            .web_socket
            .remove_event_listener_with_callback(MESSAGE, message);
        self.web_socket.set_onclose(None);
    }
}

fn listen_open(shared: Rc<Shared>) -> Closure<dyn Fn(Event)> {
    Closure::new(move |_| shared.opened())
}

fn listen_message(shared: Rc<Shared>, batch: Option<Trigger>) -> Closure<dyn Fn(MessageEvent)> {
    Closure::new(move |event: MessageEvent| {
        let reader_waits = shared.received(event.data().unchecked_ref());
        match &batch {
            _ if !reader_waits => {}
            None => shared.wake_reader(),
            Some(trigger) => {
                if shared.begin_batch() {
                    trigger.fire();
                }
            }
        }
    })
}

fn listen_close(shared: Rc<Shared>) -> Closure<dyn Fn(web_sys::CloseEvent)> {
    Closure::new(move |event: web_sys::CloseEvent| {
        shared.finish(CloseEvent {
            code: event.code(),
            reason: event.reason(),
            clean: event.was_clean(),
        });
    })
}
