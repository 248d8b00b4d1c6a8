//! The numbers of what a client holds. Feature `test`.

use twinwire::session::ClientSide;
use twinwire_remote::WeakRemote;
use twinwire_remote::channels::oneshot;
pub use twinwire_remote::test::Counters as RemoteCounters;

use crate::Client;

/// The numbers of what a client holds. At rest they are those of what its application holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// The counts of the application's own requests.
    pub remote: RemoteCounters,
    /// The server's calls that are at work, or wait for a handler.
    pub handlers: usize,
    /// Streams of the server's events.
    pub listeners: usize,
    /// Events that these haven't taken.
    pub untaken: usize,
    /// Events that nobody listens to.
    pub backlog: usize,
}

/// Counts what a client holds; none once its driver is gone.
pub async fn counters(client: &Client) -> Option<Counters> {
    let remote = client.remote.counters().await?;
    let (tell, told) = oneshot::channel();
    client.register(move |application| {
        let (listeners, untaken, backlog) = application.listeners.count();
        // Who asked waits for it, or is gone.
        let _ = tell.send(Counters {
            remote,
            handlers: application.handlers.count(),
            listeners,
            untaken,
            backlog,
        });
    });
    told.await.ok()
}

/// Tells if anybody holds a client, without holding it.
pub struct WeakHandle(WeakRemote<ClientSide>);

impl WeakHandle {
    /// Watches this client and its clones.
    pub fn of(client: &Client) -> Self {
        Self(client.remote.downgrade())
    }

    /// Returns true while the application holds the client, or the library does.
    pub fn is_held(&self) -> bool {
        self.0.upgrade_priority().is_some()
    }
}
