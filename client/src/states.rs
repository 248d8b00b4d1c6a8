//! The client's state, to be watched.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use twinwire_remote::channels::watch;

use crate::ClientState;

/// The states of a client: first the present one, then the one after each change. A state that lasted
/// only until the next may be left out.
#[derive(Debug)]
pub struct States(watch::Receiver<ClientState>);

impl States {
    /// `state` has seen nothing yet.
    pub(crate) fn new(state: watch::Receiver<ClientState>) -> Self {
        Self(state)
    }

    /// Returns the next state; none once the client is closed and that was told.
    pub async fn next(&mut self) -> Option<ClientState> {
        poll_fn(|cx| self.0.poll_changed(cx)).await
    }
}

impl Stream for States {
    type Item = ClientState;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ClientState>> {
        self.0.poll_changed(cx)
    }
}
