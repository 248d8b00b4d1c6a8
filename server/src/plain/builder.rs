//! An endpoint's handlers and bounds.

use std::time::Duration;

use actix_web::HttpRequest;

use super::connections::{Connection, Connections, Plain};
use super::endpoint::{PlainEndpoint, PlainHandlers};
use super::frame::Frame;
use crate::origin::{OriginGuard, Origins};
use crate::websocket::{AcceptOptions, CloseEvent, Message, Timeouts};

/// The bounds of one connection, in bytes and in time.
///
/// A handshake has actix's own time, `HttpServer::client_request_timeout`, 5 seconds by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlainLimits {
    /// The largest message received, in bytes, whole or in fragments: 1 MiB.
    ///
    /// A larger one closes the connection with 1009 as soon as a header claims too much. A message
    /// is held in memory while it comes in, and once more while its last frame is added. What a
    /// header claims costs nothing by itself.
    pub message: usize,
    /// The most bytes that may wait to be sent: 4 MiB. Each message is charged its length plus 64.
    ///
    /// When it is full, [`Plain::push`] says so. A client that never reads costs this much.
    pub queue: usize,
    /// The longest time that a client may take to read what is queued and to answer a close frame: 5 seconds.
    ///
    /// After it, and a second to write what is on its way, TCP ends. Shorter, and slow clients see
    /// the connection break off; longer, and those that are gone occupy it longer.
    pub close_time: Duration,
    /// The silence in either direction after which the client is pinged: 25 seconds.
    ///
    /// A client of which not a byte comes for as long again is given up, with 1006. Browsers answer
    /// pings by themselves. Proxies commonly cut connections after 60 seconds of silence; shorter
    /// costs mobile devices battery. [`Duration::MAX`] turns it off.
    pub heartbeat: Duration,
    /// The time for a message to come in whole, from its first byte: 10 seconds.
    ///
    /// A message that takes longer closes the connection with 1008, however many bytes still come.
    /// With `message` at 1 MiB that asks for 100 KiB a second of the largest: set it higher for
    /// larger messages over slow lines.
    pub message_time: Duration,
    /// The time in which some of what waits to be sent must be written: 30 seconds.
    ///
    /// A client that reads nothing for so long is given up, with 1006. Progress is seen in steps of
    /// 64 KiB, behind what the kernel's buffers hold.
    pub write_time: Duration,
}

impl Default for PlainLimits {
    fn default() -> Self {
        Self {
            message: 1 << 20,
            queue: 4 << 20,
            close_time: Duration::from_secs(5),
            heartbeat: Duration::from_secs(25),
            message_time: Duration::from_secs(10),
            write_time: Duration::from_secs(30),
        }
    }
}

/// Builds a [`Plain`] endpoint.
///
/// PlainHandlers are called on actix's workers, one at a time per connection, and must not block: what
/// takes long belongs in a task, which reaches the connection by its id. A handler that panics
/// closes its connection with 1011 and does nothing to the others.
#[must_use = "call build"]
#[derive(Default)]
pub struct PlainBuilder {
    handlers: PlainHandlers,
    limits: PlainLimits,
    protocols: Vec<String>,
    origins: Origins,
}

impl PlainBuilder {
    /// Called once when a connection opens, before any of its messages, with its request.
    ///
    /// What is pushed here is the first that the client receives.
    pub fn on_open(
        mut self,
        handler: impl Fn(&Connection, &HttpRequest) + Send + Sync + 'static,
    ) -> Self {
        self.handlers.open = Box::new(handler);
        self
    }

    /// Called for each message once all of it has come, in the order sent.
    ///
    /// Browsers and other clients cut long messages into several frames; here they are whole again.
    /// Nothing of a message that never ends is given.
    pub fn on_message(
        mut self,
        handler: impl Fn(&Connection, Message) + Send + Sync + 'static,
    ) -> Self {
        self.handlers.message = Some(Box::new(handler));
        self
    }

    /// Called for each data frame as it comes in, in the order sent.
    ///
    /// It serves applications that take a message in parts. With `on_message` beside it, the frame
    /// comes first; without, no message is put together, so that a connection holds one frame
    /// instead of one message.
    pub fn on_frame(
        mut self,
        handler: impl Fn(&Connection, Frame) + Send + Sync + 'static,
    ) -> Self {
        self.handlers.frame = Some(Box::new(handler));
        self
    }

    /// Called once when a connection that was opened has ended, whichever way: also after a panic
    /// in another handler, and when the server's runtime stops.
    ///
    /// The connection takes no messages any more.
    ///
    /// | who ended it | code | clean |
    /// |---|---|---|
    /// | the client, by a close frame | the client's, or 1005 | yes |
    /// | [`Plain::disconnect`] | the one given | if the client answered in time |
    /// | a client that broke the protocol | 1002, 1007 or 1009 | no |
    /// | a handler that panicked | 1011 | if the client answered in time |
    /// | a message that took too long | 1008 | if the client answered in time |
    /// | a client that is silent or doesn't read | 1006, with a reason | no |
    /// | nobody: TCP or the server's runtime ended | 1006 | no |
    pub fn on_close(
        mut self,
        handler: impl Fn(&Connection, CloseEvent) + Send + Sync + 'static,
    ) -> Self {
        self.handlers.close = Box::new(handler);
        self
    }

    /// Replaces the bounds of each connection.
    pub fn limits(mut self, limits: PlainLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the subprotocols spoken: the first that a client offers among them is selected.
    pub fn protocols<P: Into<String>>(mut self, protocols: impl IntoIterator<Item = P>) -> Self {
        self.protocols = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// Replaces the origins whose pages may connect. By default only pages of this server's own host may, and
    /// clients that aren't browsers.
    pub fn origins(mut self, origins: Origins) -> Self {
        self.origins = origins;
        self
    }

    /// Makes the endpoint, to mount with [`Plain::at`].
    #[must_use]
    pub fn build(self) -> Plain {
        let PlainLimits {
            message,
            queue,
            close_time,
            heartbeat,
            message_time,
            write_time,
        } = self.limits;
        let options = AcceptOptions {
            protocols: self.protocols,
            message,
            queue,
            close_time,
            timeouts: Some(Timeouts {
                heartbeat,
                message: message_time,
                write: write_time,
            }),
        };
        Plain::new(PlainEndpoint {
            handlers: self.handlers,
            options,
            connections: Connections::default(),
            origins: OriginGuard::new(self.origins),
        })
    }
}
