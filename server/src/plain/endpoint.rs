//! From a request to the handlers.

use std::panic::{AssertUnwindSafe, catch_unwind};

use actix_web::web::{self, Payload, ServiceConfig};
use actix_web::{Error, HttpRequest, HttpResponse};

use super::connections::{Connection, Connections, Plain};
use super::frame::Frame;
use crate::websocket::{
    Accepted, Assembler, Close, End, Inbound, Message, Options, Outbound, accept,
};

/// Told to whoever opens the endpoint in a browser.
const WHAT: &str = "It takes bare WebSocket messages from browsers and tools. Connect from JavaScript \
    with <code>new WebSocket(\"ws://\u{2026}\")</code> and this address, or with any other WebSocket \
    client (RFC 6455, version 13).";

/// The close code for an error of the server's own (RFC 6455 §7.4.1).
const INTERNAL_ERROR: u16 = 1011;

type Open = dyn Fn(&Connection, &HttpRequest) + Send + Sync;
type OnMessage = dyn Fn(&Connection, Message) + Send + Sync;
type OnFrame = dyn Fn(&Connection, Frame) + Send + Sync;
type Closed = dyn Fn(&Connection) + Send + Sync;

pub(super) struct Handlers {
    pub(super) open: Box<Open>,
    pub(super) message: Option<Box<OnMessage>>,
    pub(super) frame: Option<Box<OnFrame>>,
    pub(super) close: Box<Closed>,
}

impl Default for Handlers {
    fn default() -> Self {
        Self {
            open: Box::new(|_, _| {}),
            message: None,
            frame: None,
            close: Box::new(|_| {}),
        }
    }
}

/// What all workers share of one endpoint.
pub(super) struct Endpoint {
    pub(super) handlers: Handlers,
    pub(super) options: Options,
    pub(super) connections: Connections,
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
    let Accepted {
        response,
        inbound,
        outbound,
        protocol,
    } = accept(request, payload, &endpoint.options, WHAT)?;
    let id = endpoint.connections.enter(outbound.clone());
    tracing::debug!(%id, protocol, "a connection opens");
    let connection = Connection::new(id, plain.clone());
    call(&outbound, &connection, || {
        (endpoint.handlers.open)(&connection, request)
    });
    actix_web::rt::spawn(serve(connection, inbound, outbound));
    Ok(response)
}

async fn serve(connection: Connection, mut inbound: Inbound, outbound: Outbound) {
    // Ends the connection's life also when the runtime drops this task.
    let Leaving(connection) = &Leaving(connection);
    let id = connection.id();
    let handlers = &connection.plain().endpoint().handlers;
    let mut assembler = Assembler::new(connection.plain().endpoint().options.message);
    let end = loop {
        let frame = match inbound.next().await {
            Ok(frame) => frame,
            Err(end) => break end,
        };
        if let Some(on_frame) = &handlers.frame {
            let frame = Frame::new(id, frame.clone());
            call(&outbound, connection, || on_frame(connection, frame));
        }
        if let Some(on_message) = &handlers.message
            && let Some(message) = assembler.push(frame)
            // The handler of frames may have closed the connection.
            && !outbound.discards()
        {
            call(&outbound, connection, || on_message(connection, message));
        }
    };
    match end {
        End::Closed(Some(close)) => {
            tracing::debug!(%id, code = close.code(), reason = ?close.reason(), "closed");
        }
        End::Closed(None) => tracing::debug!(%id, "closed without a code"),
        End::Lost => tracing::debug!(%id, "ended without a close frame"),
        End::Fault(fault) => tracing::debug!(%id, %fault, "the client broke the protocol"),
    }
}

/// Runs a handler; its panic closes the connection.
///
/// What a handler leaves half done is its own: nothing of ours is borrowed mutably meanwhile.
fn call(outbound: &Outbound, connection: &Connection, handler: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(handler)).is_err() {
        tracing::error!(id = %connection.id(), "a handler panicked; closing with 1011");
        if let Ok(close) = Close::new(INTERNAL_ERROR, "") {
            outbound.close(close);
        }
    }
}

/// A connection that was opened: dropping it is its end.
struct Leaving(Connection);

impl Drop for Leaving {
    fn drop(&mut self) {
        let Self(connection) = self;
        let endpoint = connection.plain().endpoint();
        endpoint.connections.leave(connection.id());
        if catch_unwind(AssertUnwindSafe(|| (endpoint.handlers.close)(connection))).is_err() {
            tracing::error!(id = %connection.id(), "a handler panicked at close");
        }
    }
}
