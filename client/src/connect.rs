//! The two halves of a new client.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::task::{Context, Poll, ready};

use twinwire_remote::channels::{mpsc, oneshot, watch};

use crate::application::Application;
use crate::client::WeakClient;
use crate::driver::DriverEnds;
use crate::handlers::Handlers;
use crate::listeners::Listeners;
use crate::reconnect::Reconnect;
use crate::{Client, ClientDriver, ClientState, ConnectError, Options, Transport, Undeclared};

/// The future of an open and welcomed client. It makes progress while the driver runs; dropping it
/// closes the connection.
#[must_use = "futures do nothing unless polled"]
pub struct Connecting<E: std::error::Error + 'static> {
    /// None once it was given, and if what was to be registered can't be.
    client: Option<Client>,
    outcome: oneshot::Receiver<Result<(), ConnectError<E>>>,
    /// The kind that isn't in the application's table, if it has registered something of such a kind.
    undeclared: Option<Undeclared>,
}

impl<E: std::error::Error + 'static> Future for Connecting<E> {
    type Output = Result<Client, ConnectError<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(undeclared) = self.undeclared {
            return Poll::Ready(Err(ConnectError::Undeclared(undeclared)));
        }
        let outcome = ready!(Pin::new(&mut self.outcome).poll(cx));
        let client = self.client.take();
        Poll::Ready(match (outcome, client) {
            (Ok(Ok(())), Some(client)) => {
                client.begin();
                Ok(client)
            }
            (Ok(Err(error)), _) => Err(error),
            (Ok(Ok(())), None) | (Err(_), _) => Err(ConnectError::Abandoned),
        })
    }
}

/// Makes a client: the future of its handle, and the driver whose [`run`](ClientDriver::run) the platform
/// has to spawn.
pub fn start<T: Transport>(
    transport: T,
    options: Options,
) -> (Connecting<T::Error>, ClientDriver<T>) {
    let table = Arc::clone(&options.table);
    let (remote, requests) = twinwire_remote::channel(Arc::clone(&table), options.format);
    let (registrations, incoming) = mpsc::channel();
    let (told, state) = watch::channel(ClientState::Connecting);
    let (report, outcome) = oneshot::channel();
    let dropped_events = Arc::new(AtomicU64::new(0));
    let application = Application {
        listeners: Listeners::new(Arc::clone(&dropped_events)),
        handlers: Handlers::default(),
        reconnect: Reconnect::default(),
        has_link: false,
        has_begun: false,
    };
    let client = Client::new(remote, registrations, state, dropped_events);
    let register = options.register.as_ref();
    let registered = register.map_or(Ok(()), |register| register(&client));
    let shared = DriverEnds {
        client: WeakClient::of(&client),
        table,
        requests,
        registrations: incoming,
        application,
        state: told,
        report,
    };
    let driver = ClientDriver::new(transport, options, shared);
    let connecting = Connecting {
        // With an error the last handle goes here, by which the driver ends before it opens anything.
        client: registered.is_ok().then_some(client),
        outcome,
        undeclared: registered.err(),
    };
    (connecting, driver)
}
