//! From options and a URL to an open socket.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use js_sys::Array;
use web_sys::{BinaryType, WebSocket};

use super::error::OpenError;
use super::url::check_protocols;
use super::{Socket, SocketOptions};
use crate::env;

pub(super) async fn connect(options: SocketOptions, url: &str) -> Result<Socket, OpenError> {
    check_protocols(&options.protocols)?;
    let url = Socket::resolve(url)?;
    let web_socket = construct(&url, &options.protocols)?;
    // From here on, leaving early drops the socket, which gives the connection up.
    let socket = Socket::attach(web_socket, &options);
    let time_limit = options.time_limit;
    let mut time_limit = pin!(async {
        match time_limit {
            Some(limit) => env::sleep(limit).await,
            None => std::future::pending().await,
        }
    });
    poll_fn(|cx| {
        if let Poll::Ready(opened) = socket.shared().poll_open(cx) {
            return Poll::Ready(opened.map_err(OpenError::Closed));
        }
        let passed = time_limit.as_mut().poll(cx);
        passed.map(|()| Err(OpenError::TimedOut))
    })
    .await?;
    Ok(socket)
}

pub(super) fn construct(url: &str, protocols: &[String]) -> Result<WebSocket, OpenError> {
    let offered: Array = protocols
        .iter()
        .map(String::as_str)
        .map(js_sys::JsString::from)
        .collect();
    let web_socket = WebSocket::new_with_str_sequence(url, &offered);
    // The URL and the subprotocols are checked, so what is left to throw at is policy.
    let web_socket = web_socket.map_err(|_| OpenError::Blocked)?;
    // A Blob's bytes come only through a promise, later than the message after it.
    web_socket.set_binary_type(BinaryType::Arraybuffer);
    Ok(web_socket)
}
