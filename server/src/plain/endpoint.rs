//! From a request to the handlers.

use std::panic::{AssertUnwindSafe, catch_unwind};

use actix_web::error::ErrorServiceUnavailable;
use actix_web::web::{self, Payload, ServiceConfig};
use actix_web::{Error, HttpRequest, HttpResponse};
use tokio::sync::watch;

use super::connections::{Connection, Connections, Plain};
use super::frame::Frame;
use crate::origin::OriginGuard;
use crate::websocket::{
    self, AcceptOptions, Accepted, Assembler, Close, CloseEvent, InboundFrames, Message, Outbound,
    ReadEnd, accept,
};

/// Told to whoever opens the endpoint in a browser.
const WHAT: &str = "It takes bare WebSocket messages from browsers and tools. Connect from JavaScript \
    with <code>new WebSocket(\"ws://\u{2026}\")</code> and this address, or with any other WebSocket \
    client (RFC 6455, version 13).";

/// The close code for an error of the server's own (RFC 6455 §7.4.1).
const INTERNAL_ERROR: u16 = 1011;

type PlainOnOpen = dyn Fn(&Connection, &HttpRequest) + Send + Sync;
type OnMessage = dyn Fn(&Connection, Message) + Send + Sync;
type OnFrame = dyn Fn(&Connection, Frame) + Send + Sync;
type PlainOnClose = dyn Fn(&Connection, CloseEvent) + Send + Sync;

pub(super) struct PlainHandlers {
    pub(super) open: Box<PlainOnOpen>,
    pub(super) message: Option<Box<OnMessage>>,
    pub(super) frame: Option<Box<OnFrame>>,
    pub(super) close: Box<PlainOnClose>,
}

impl Default for PlainHandlers {
    fn default() -> Self {
        Self {
            open: Box::new(|_, _| {}),
            message: None,
            frame: None,
            close: Box::new(|_, _| {}),
        }
    }
}

/// The part of an endpoint that all workers share.
pub(super) struct PlainEndpoint {
    pub(super) handlers: PlainHandlers,
    pub(super) options: AcceptOptions,
    pub(super) connections: Connections,
    pub(super) origins: OriginGuard,
}

pub(super) fn configure(config: &mut ServiceConfig, path: &str, plain: Plain) {
    let handler = move |request: HttpRequest, payload: Payload| {
        let response = connect(&plain, &request, payload);
        async move { response }
    };
    config.service(web::resource(path).to(handler));
}

fn connect(plain: &Plain, request: &HttpRequest, payload: Payload) -> Result<HttpResponse, Error> {
    let endpoint = plain.endpoint();
    if let Some(refusal) = endpoint.origins.refuse(request) {
        return Ok(refusal);
    }
    let Accepted {
        response,
        inbound,
        outbound,
        protocol,
    } = accept(request, payload, &endpoint.options, WHAT)?;
    let Some((id, stop)) = endpoint.connections.enter(outbound.clone()) else {
        return Err(ErrorServiceUnavailable(
            "The server is shutting down. Connect again in a moment.\n",
        ));
    };
    tracing::debug!(%id, protocol, "a connection opens");
    // From here on the end is told, though the runtime drop the task before it has begun.
    let guard = OpenConnection {
        connection: Connection::new(id, plain.clone()),
        outbound,
        end: None,
        _stop: stop,
    };
    guard.call(|connection| (endpoint.handlers.open)(connection, request));
    actix_web::rt::spawn(serve(guard, inbound));
    Ok(response)
}

async fn serve(guard: OpenConnection, mut inbound: InboundFrames) {
    // Dropped before `inbound`, which would close the connection, and with it decide how it ended.
    let mut guard = guard;
    let endpoint = guard.connection.plain().endpoint();
    let mut assembler = Assembler::new(endpoint.options.message);
    let end = loop {
        match inbound.next().await {
            Ok(frame) => guard.handle(frame, &mut assembler),
            Err(end) => break end,
        }
    };
    guard.end = Some(end);
}

/// A connection that was opened: dropping it is its end.
struct OpenConnection {
    connection: Connection,
    outbound: Outbound,
    /// The end of the receiving half; none if the runtime drops the task before.
    end: Option<ReadEnd>,
    /// Dropped last, after `on_close`: who shuts the endpoint down waits for it.
    _stop: watch::Receiver<bool>,
}

impl OpenConnection {
    fn handlers(&self) -> &PlainHandlers {
        &self.connection.plain().endpoint().handlers
    }

    /// Hands a frame to the handlers.
    fn handle(&self, frame: websocket::WsFrame, assembler: &mut Assembler) {
        if let Some(on_frame) = &self.handlers().frame {
            let frame = Frame::new(self.connection.id(), frame.clone());
            self.call(|connection| on_frame(connection, frame));
        }
        if let Some(on_message) = &self.handlers().message
            && let Some(message) = assembler.push(frame)
            // The handler of frames may have closed the connection.
            && !self.outbound.discards()
        {
            self.call(|connection| on_message(connection, message));
        }
    }

    /// Runs a handler; its panic closes the connection.
    ///
    /// Only the handler's own state can be left half done: nothing of ours is borrowed mutably.
    fn call(&self, handler: impl FnOnce(&Connection)) {
        if catch_unwind(AssertUnwindSafe(|| handler(&self.connection))).is_err() {
            let id = self.connection.id();
            tracing::error!(%id, "a handler panicked; closing with 1011");
            self.outbound.close(Close::known(INTERNAL_ERROR, ""));
        }
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        let id = self.connection.id();
        // Before `on_close`: what is pushed from there on finds the connection gone.
        self.connection.plain().endpoint().connections.leave(id);
        let event = self.outbound.close_event(self.end.as_ref());
        let (code, clean) = (event.code, event.clean);
        tracing::debug!(%id, code, reason = ?event.reason, clean, "a connection closed");
        let on_close = || (self.handlers().close)(&self.connection, event);
        if catch_unwind(AssertUnwindSafe(on_close)).is_err() {
            tracing::error!(%id, "a handler panicked at close");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use actix_web::rt::Runtime;
    use futures_util::stream;

    use super::connect;
    use crate::plain::Plain;
    use crate::websocket::tests::handshake;

    #[test]
    fn a_runtime_that_ends_before_the_task_has_begun_ends_the_connection() {
        let (closed, events) = mpsc::channel();
        let plain = Plain::builder()
            .on_close(move |connection, event| {
                let _ = closed.send((connection.id(), event.code, event.clean));
            })
            .build();
        let runtime = Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let (request, payload) = handshake(stream::pending());
            connect(&plain, &request, payload).expect("a proper handshake");
            assert!(events.try_recv().is_err(), "it is open");
        });
        drop(runtime);
        let calls: Vec<_> = events.try_iter().collect();
        assert!(matches!(calls[..], [(_, 1006, false)]), "{calls:?}");
        assert!(!plain.is_established(calls[0].0));
    }
}
