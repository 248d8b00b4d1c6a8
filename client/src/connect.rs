//! The two halves of a new client.

use std::pin::Pin;
use std::sync::atomic::AtomicU64;
use std::task::{Context, Poll, ready};

use tokio::sync::{mpsc, oneshot, watch};

use crate::client::Handle;
use crate::{Client, ClientState, ConnectError, Driver, Options, Transport};

/// Calls on their way from handles to the driver. What the session takes is bounded in bytes by
/// its limits; this only bridges the tasks.
const CALLS_UNDER_WAY: usize = 16;

/// The future of an open and welcomed client. It makes progress while the driver runs; dropping it
/// closes the connection.
#[must_use = "futures do nothing unless polled"]
pub struct Connecting<E: std::error::Error + 'static> {
    handle: Option<Handle>,
    outcome: oneshot::Receiver<Result<(), ConnectError<E>>>,
}

impl<E: std::error::Error + 'static> Future for Connecting<E> {
    type Output = Result<Client, ConnectError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = ready!(Pin::new(&mut self.outcome).poll(cx));
        let handle = self.handle.take();
        Poll::Ready(match (outcome, handle) {
            (Ok(Ok(())), Some(handle)) => Ok(Client::new(handle)),
            (Ok(Err(error)), _) => Err(error),
            (Ok(Ok(())), None) | (Err(_), _) => Err(ConnectError::Abandoned),
        })
    }
}

/// Makes a client: the future of its handle, and the driver whose [`run`](Driver::run) the platform
/// has to spawn.
pub fn start<T: Transport>(transport: T, options: Options) -> (Connecting<T::Error>, Driver<T>) {
    let (calls, incoming_calls) = mpsc::channel(CALLS_UNDER_WAY);
    let (control, incoming_control) = mpsc::unbounded_channel();
    let (told, state) = watch::channel(ClientState::Connecting);
    let (report, outcome) = oneshot::channel();
    let handle = Handle {
        calls,
        control,
        next_call: AtomicU64::new(0),
        state,
        kinds: options.kinds,
        format: options.format,
    };
    let driver = Driver {
        transport,
        options,
        calls: incoming_calls,
        control: incoming_control,
        state: told,
        report,
    };
    (
        Connecting {
            handle: Some(handle),
            outcome,
        },
        driver,
    )
}
