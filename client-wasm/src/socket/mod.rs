//! The browser's WebSocket as futures and streams. Nothing outside this module touches
//! `web_sys::WebSocket`.

mod close;
mod connect;
mod connection;
mod error;
mod futures;
mod incoming;
mod listeners;
mod message;
mod options;
mod queue;
mod shared;
#[cfg(test)]
mod tests;
mod url;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use futures_core::stream::{FusedStream, Stream};
use futures_sink::Sink;

pub use self::close::{CloseEvent, QUEUE_FULL_CODE};
pub use self::error::{CloseError, OpenError, ReceiveError, SendError, TrySendError, UrlError};
pub use self::futures::{Closed, Flushing, Sending};
pub use self::message::Message;
pub use self::options::SocketOptions;

pub(crate) use self::connection::Connection;
pub(crate) use self::futures::UntilAsked;
pub(crate) use self::shared::SharedSocket;
pub(crate) use self::url::absolute;

use self::close::NORMAL_CODE;
use self::futures::SinkGate;
use self::shared::Line;

/// An open WebSocket.
///
/// **Receiving.** It is a [`Stream`] of messages. When the connection ends, the stream gives what it
/// holds; then, if messages were lost or may be, one [`ReceiveError`]; then `None`. A connection that
/// ended cleanly ends the stream without an error, whatever its close code:
/// [`closed`](Self::closed) tells that.
///
/// **Sending.** [`send`](Self::send) waits while the browser holds too much,
/// [`try_send`](Self::try_send) doesn't, and it is a [`Sink`], whose flush is done at once because the
/// browser has the messages already; [`flush`](Self::flush) waits until they have left it.
/// Those that wait with `send` pass in the order in which they began to; the sink goes when none of them waits.
///
/// **Ending.** Dropping it detaches every listener, then closes with code 1000. Whoever waits on
/// [`closed`](Self::closed) then gets code 1006, unclean: nobody stayed to see how it ended.
#[must_use = "dropping a socket closes it"]
pub struct Socket {
    connection: Connection,
    sink: SinkGate,
    end: Closed,
}

impl Socket {
    /// Connects to `url` with the default [`SocketOptions`] and resolves once the connection is open.
    ///
    /// Relative URLs stand on the address of the page or worker; `http` and `https` become `ws` and
    /// `wss`. Nothing happens before the first poll. Dropping the future gives the connection up.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn connect(url: &str) -> Result<Self, OpenError> {
        Self::options().connect(url).await
    }

    /// Returns options to connect with: subprotocols, time limit, bounds.
    pub fn options() -> SocketOptions {
        SocketOptions::default()
    }

    /// The subprotocol that the server chose, or an empty string if it chose none.
    pub fn protocol(&self) -> String {
        self.shared().web_socket().protocol()
    }

    /// Sends a message once the browser holds less than the high-water mark.
    ///
    /// Resolves when the browser took the message; that is no proof that it arrived. In a hidden page
    /// waiting is slow (a second, or a minute), because its timers are.
    ///
    /// # Errors
    /// [`SendError::Closed`] from the moment the socket starts to close, from either side.
    pub fn send(&self, message: impl Into<Message>) -> Sending {
        Sending::new(Rc::clone(self.shared()), message.into())
    }

    /// Sends a message now or not at all.
    ///
    /// # Errors
    /// [`TrySendError`] gives the message back: when the browser holds as much as the high-water mark, or did and
    /// still holds three quarters of it,
    /// when others wait already, or when the socket closes.
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), TrySendError> {
        let (shared, message) = (self.shared(), message.into());
        if !shared.is_open() {
            return Err(TrySendError::Closed(message));
        }
        if !shared.is_turn(Line::Senders, None) || !shared.has_room() {
            return Err(TrySendError::Full(message));
        }
        let sent = shared.send(&message);
        sent.map_err(|_| TrySendError::Refused(message))
    }

    /// Resolves when the browser holds nothing unsent. In a hidden page this is slow, as for
    /// [`send`](Self::send).
    ///
    /// # Errors
    /// [`SendError::Closed`] when the socket closed with bytes unsent.
    pub fn flush(&self) -> Flushing {
        Flushing::new(Rc::clone(self.shared()))
    }

    /// Bytes that the browser holds unsent, without what the protocol adds to them.
    ///
    /// WebKit counts what has not reached its network process, so a slow peer doesn't show there.
    pub fn buffered_amount(&self) -> usize {
        self.shared().held()
    }

    /// Starts the closing handshake; [`closed`](Self::closed) resolves at its end.
    ///
    /// What was sent before still goes out. What the peer sends from now on the browsers discard: to
    /// lose nothing, agree on the end with the peer first. On a socket that closes already this does
    /// nothing.
    ///
    /// # Errors
    /// `code` must be 1000 or in 3000 to 4999, and `reason` at most 123 bytes long.
    pub fn close(&self, code: u16, reason: &str) -> Result<(), CloseError> {
        close::check(code, reason)?;
        self.shared().close(code, reason);
        Ok(())
    }

    /// Resolves when the connection has ended, with how; at once if it has already. Any number of
    /// tasks may wait.
    pub fn closed(&self) -> Closed {
        Closed::new(Rc::clone(self.shared()))
    }

    fn shared(&self) -> &Rc<SharedSocket> {
        self.connection.shared()
    }

    fn new(connection: Connection) -> Self {
        let shared = connection.shared();
        Self {
            sink: SinkGate::new(Rc::clone(shared)),
            end: Closed::new(Rc::clone(shared)),
            connection,
        }
    }
}

impl Stream for Socket {
    type Item = Result<Message, ReceiveError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.shared().poll_message(cx)
    }
}

impl FusedStream for Socket {
    fn is_terminated(&self) -> bool {
        self.shared().is_stream_done()
    }
}

impl Sink<Message> for Socket {
    type Error = SendError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.sink.poll(cx)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), SendError> {
        if !self.shared().is_open() {
            return Err(SendError::Closed);
        }
        self.shared().send(&message)
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        Poll::Ready(Ok(()))
    }

    /// Closes with code 1000; ready at the end of the closing handshake, an error if that was cut.
    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        // 1000 is a valid code; a socket that closes already lets this pass.
        let _ = self.close(NORMAL_CODE, "");
        let event = ready!(Pin::new(&mut self.end).poll(cx));
        Poll::Ready(if event.clean {
            Ok(())
        } else {
            Err(SendError::Closed)
        })
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").finish_non_exhaustive()
    }
}
