//! A connection, and what the browser calls for it.

use std::future::poll_fn;
use std::rc::Rc;

use js_sys::Array;
use wasm_bindgen::JsValue;
use web_sys::{BinaryType, WebSocket};

use super::SocketOptions;
use super::error::OpenError;
use super::listeners::SocketListeners;
use super::shared::SharedSocket;

/// A [`Socket`](super::Socket) without its lines of those who wait: for one task, which alone sends and receives.
/// Dropping it closes the connection.
pub(crate) struct Connection {
    // Fields drop in this order: the listeners go first, then the connection closes.
    _listeners: SocketListeners,
    owner: Owner,
}

/// The connection's own share; closes it when dropped.
struct Owner(Rc<SharedSocket>);

impl Connection {
    /// Opens one to an absolute URL. The caller has checked the subprotocols, and watches the time.
    pub(crate) async fn open(
        options: &SocketOptions,
        url: &str,
        protocols: &[&str],
    ) -> Result<Self, OpenError> {
        let web_socket = construct(options, url, protocols)?;
        // From here on, leaving early drops the connection, which gives it up.
        let connection = Self::attach(web_socket, options);
        let opened = poll_fn(|cx| connection.shared().poll_open(cx)).await;
        opened.map_err(OpenError::Closed)?;
        Ok(connection)
    }

    pub(super) fn attach(web_socket: WebSocket, options: &SocketOptions) -> Self {
        let shared = Rc::new(SharedSocket::new(web_socket, options));
        Self {
            _listeners: SocketListeners::attach(&shared, options.batched),
            owner: Owner(shared),
        }
    }

    pub(crate) fn shared(&self) -> &Rc<SharedSocket> {
        &self.owner.0
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

pub(super) fn construct(
    options: &SocketOptions,
    url: &str,
    protocols: &[&str],
) -> Result<WebSocket, OpenError> {
    let offered = Array::new();
    for protocol in protocols {
        offered.push(&JsValue::from_str(protocol));
    }
    let web_socket = match &options.constructor {
        Some(constructor) => constructor.construct(url, &offered),
        None => WebSocket::new_with_str_sequence(url, &offered),
    };
    // The URL and the subprotocols are checked, so what is left to throw at is policy.
    let web_socket = web_socket.map_err(|_| OpenError::Blocked)?;
    // A Blob's bytes come only through a promise, later than the message after it.
    web_socket.set_binary_type(BinaryType::Arraybuffer);
    Ok(web_socket)
}
