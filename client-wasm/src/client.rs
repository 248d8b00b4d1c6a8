//! The typed client in a browser.

use twinwire::Kinds;
use twinwire_client::{Client, Connecting, Options};

use crate::transport::Browser;
use crate::{OpenError, SocketOptions};

/// The failure of [`connect`].
pub type ConnectError = twinwire_client::ConnectError<OpenError>;

/// Connects to a Twinwire server, with the default options. The URL may be relative to the page:
/// `"/ws"`. Ready when the server has welcomed the client; dropping the future closes what has
/// been opened.
///
/// # Errors
/// See [`ConnectError`](twinwire_client::ConnectError).
pub async fn connect(url: impl Into<String>, kinds: Kinds) -> Result<Client, ConnectError> {
    connect_with(Options::new(url, kinds)).await
}

/// [`connect`] with options: token, format, limits. It begins to connect at once, before the future is polled.
///
/// # Errors
/// See [`ConnectError`](twinwire_client::ConnectError).
pub fn connect_with(options: Options) -> impl Future<Output = Result<Client, ConnectError>> {
    connect_through(SocketOptions::default(), options)
}

/// [`connect_with`] sockets that have options of their own: another [`constructor`](SocketOptions::constructor).
///
/// # Errors
/// See [`ConnectError`](twinwire_client::ConnectError).
pub fn connect_through(socket: SocketOptions, options: Options) -> Connecting<OpenError> {
    let (connecting, driver) = twinwire_client::start(Browser::new(socket), options);
    wasm_bindgen_futures::spawn_local(driver.run());
    connecting
}
