//! From options and a URL to an open socket.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use super::connection::Connection;
use super::error::OpenError;
use super::url::{absolute, check_protocols};
use super::{Socket, SocketOptions};
use crate::env;

pub(super) async fn connect(options: SocketOptions, url: &str) -> Result<Socket, OpenError> {
    check_protocols(&options.protocols)?;
    let url = absolute(url)?;
    let protocols: Vec<&str> = options.protocols.iter().map(String::as_str).collect();
    let mut opening = pin!(Connection::open(&options, &url, &protocols));
    let mut time_limit = pin!(async {
        match options.time_limit {
            Some(limit) => env::sleep(limit).await,
            None => std::future::pending().await,
        }
    });
    // Looked at before the time: a page that slept may find both over, and the connection is there.
    let opened = poll_fn(|cx| match opening.as_mut().poll(cx) {
        Poll::Ready(opened) => Poll::Ready(opened),
        Poll::Pending => {
            let passed = time_limit.as_mut().poll(cx);
            passed.map(|()| Err(OpenError::TimedOut))
        }
    });
    Ok(Socket::new(opened.await?))
}
