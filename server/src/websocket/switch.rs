//! The kill switch: an application's hand on the TCP socket under a connection.
//!
//! actix polls a response's body only while the peer takes bytes, so nothing said through the body
//! reaches a peer that stopped reading. `on_connect` is the one place where actix shows the socket;
//! a duplicate of it is kept there, with the connection's own data, and goes when that goes.

use std::any::Any;
use std::fmt;
use std::io;
use std::net::Shutdown;
use std::sync::{Arc, Once, Weak};
use std::time::Duration;

use actix_http::{Request, Response};
use actix_service::IntoServiceFactory;
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, Extensions, Service, ServiceFactory};
use actix_web::error::ErrorServiceUnavailable;
use actix_web::rt::net::TcpStream;
#[cfg(unix)]
use actix_web::rt::net::UnixStream;
use actix_web::{Error, HttpRequest, HttpServer};
use socket2::{SockRef, Socket, TcpKeepalive};
use tokio::sync::watch;

use crate::warnings::Warnings;

/// After so long without a byte TCP itself asks whether the peer is there (RFC 9293 §3.8.4).
const KEEPALIVE: Duration = Duration::from_secs(60);

/// Shuts a connection's socket down, in both directions at once or only what is read.
type ShutDownFn = dyn Fn(Shutdown) + Send + Sync;

/// A duplicate of a connection's socket, kept in the connection's data.
///
/// It lives as long as actix's own, so that closing isn't delayed by the duplicate.
struct SocketHandle {
    socket: Arc<ShutDownFn>,
    /// Dropped with the connection, which is how its end is noticed.
    alive: watch::Sender<()>,
}

/// In its place where there could be none.
struct NoSocketHandle;

/// A hold on the socket of one connection.
#[derive(Clone)]
pub(super) struct KillSwitch {
    socket: Weak<ShutDownFn>,
    alive: watch::Receiver<()>,
}

impl KillSwitch {
    /// Returns the switch of the connection that a request came on.
    ///
    /// # Errors
    /// 503 where it should have one and the process had no file descriptor left: one without a switch could
    /// hold what it has for ever.
    pub(super) fn of(request: &HttpRequest) -> Result<Option<Self>, Error> {
        if request.conn_data::<NoSocketHandle>().is_some() {
            return Err(ErrorServiceUnavailable(
                "The server has too many connections.\n",
            ));
        }
        let Some(handle) = request.conn_data::<SocketHandle>() else {
            warn_once();
            return Ok(None);
        };
        Ok(Some(Self {
            socket: Arc::downgrade(&handle.socket),
            alive: handle.alive.subscribe(),
        }))
    }

    /// Waits until actix has dropped the connection.
    pub(super) async fn ended(&self) {
        let mut alive = self.alive.clone();
        // Nothing is ever sent there: only the end of the sender ends this.
        while alive.changed().await.is_ok() {}
    }

    /// Makes actix's next read find the end, so that it flushes and closes without lingering.
    pub(super) fn stop_reading(&self) {
        self.shutdown(Shutdown::Read);
    }

    /// Ends TCP at once; what the kernel still holds for the peer is dropped.
    pub(super) fn kill(&self) {
        self.shutdown(Shutdown::Both);
    }

    fn shutdown(&self, how: Shutdown) {
        // None once actix has dropped the connection, with which TCP ends by itself.
        if let Some(shut_down) = self.socket.upgrade() {
            shut_down(how);
        }
    }
}

fn warn_once() {
    static WARNED: Once = Once::new();
    WARNED.call_once(|| {
        tracing::warn!(
            "no kill switch: the HttpServer isn't configured, or this is TLS; a peer that stops reading \
             can't be disconnected, and closing takes longer; see twinwire_server::configure_http_server"
        );
    });
}

/// For [`HttpServer::on_connect`]: keeps what disconnecting a peer that stopped reading needs.
///
/// An `HttpServer` holds one such closure; call this from yours where [`configure_http_server`]'s would replace it.
///
/// Over TLS, call this with the TCP stream inside. Its type is that of the crate `actix-tls` and of the features which
/// the application has chosen, so only the application can name it. With rustls:
///
/// ```
/// use actix_tls::accept::rustls_0_23::TlsStream;
/// use actix_web::rt::net::TcpStream;
/// use actix_web::{App, HttpServer};
///
/// # let app = || App::new();
/// HttpServer::new(app)
///     .tcp_nodelay(true)
///     .on_connect(|connection, data| {
///         if let Some(tls) = connection.downcast_ref::<TlsStream<TcpStream>>() {
///             twinwire_server::on_connect(tls.get_ref().0, data);
///         }
///     })
/// # ;
/// ```
pub fn on_connect(connection: &dyn Any, data: &mut Extensions) {
    #[cfg(unix)]
    if let Some(stream) = connection.downcast_ref::<UnixStream>() {
        return keep_socket(SockRef::from(stream).try_clone(), data);
    }
    let Some(stream) = connection.downcast_ref::<TcpStream>() else {
        return;
    };
    // A peer that vanished ends its connection some time, also where nothing is said by either side.
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE);
    if let Err(error) = SockRef::from(stream).set_tcp_keepalive(&keepalive) {
        tracing::debug!(%error, "no keep-alive for a connection");
    }
    keep_socket(SockRef::from(stream).try_clone(), data);
}

fn keep_socket(duplicate: io::Result<Socket>, data: &mut Extensions) {
    /// Of the process, as its descriptors are.
    static WARNINGS: Warnings = Warnings::new();
    match duplicate {
        Ok(socket) => insert_handle(data, move |how| shut_down(&socket, how)),
        Err(error) => {
            if let Some(suppressed) = WARNINGS.admit() {
                tracing::warn!(
                    %error,
                    suppressed,
                    "no kill switch for a connection, which may carry no WebSocket: raise the limit of open files"
                );
            }
            data.insert(NoSocketHandle);
        }
    }
}

fn shut_down(socket: &Socket, how: Shutdown) {
    if how == Shutdown::Both {
        // Without this the kernel would go on offering the bytes to a peer that doesn't read.
        let _ = socket.set_linger(Some(Duration::ZERO));
    }
    // A socket that is gone already needs no end.
    let _ = socket.shutdown(how);
}

/// Keeps what shuts the socket down in the connection's data.
pub(crate) fn insert_handle(
    data: &mut Extensions,
    shut_down: impl Fn(Shutdown) + Send + Sync + 'static,
) {
    data.insert(SocketHandle {
        socket: Arc::new(shut_down),
        alive: watch::Sender::new(()),
    });
}

/// Sets what only the `HttpServer` can: [`on_connect`], which also has TCP find out in minutes that a peer has
/// vanished, and no delay for small segments.
///
/// Costs one more file descriptor a connection. Without it everything works but this: a peer that
/// has stopped reading can't be disconnected, and the end of a connection takes up to actix's
/// `client_disconnect_timeout` longer; one warning is logged. Replaces an earlier
/// [`HttpServer::on_connect`]. Connections over TLS need one more line: see [`on_connect`].
pub fn configure_http_server<F, I, S, B>(server: HttpServer<F, I, S, B>) -> HttpServer<F, I, S, B>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<Error> + 'static,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    <S::Service as Service<Request>>::Future: 'static,
    S::Service: 'static,
    B: MessageBody + 'static,
{
    server.tcp_nodelay(true).on_connect(on_connect)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use testkit::Log;

    use super::*;

    #[test]
    fn connections_without_a_descriptor_cost_few_lines() {
        let lines = Log::<String>::default();
        let log = tracing_subscriber::fmt().with_writer(Mutex::new(lines.clone()));
        tracing::subscriber::with_default(log.finish(), || {
            for _ in 0..1000 {
                let full = Err(io::Error::other("too many open files"));
                let mut data = Extensions::new();
                keep_socket(full, &mut data);
                assert!(data.contains::<NoSocketHandle>());
            }
        });
        let lines = lines.events().len();
        assert!((1..100).contains(&lines), "{lines} lines");
    }
}
