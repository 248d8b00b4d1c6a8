//! The handshake, and the answer to a request that is none.

use std::sync::Arc;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev;
use actix_web::http::header;
use actix_web::web::Payload;
use actix_web::{Error, FromRequest, HttpRequest, HttpResponse};

use super::body::SocketBody;
use super::handshake::verify;
use super::inbound::InboundFrames;
use super::link::Link;
use super::outbound::Outbound;
use super::reaper;
use super::switch::KillSwitch;
use super::watchdog::Timeouts;

/// The bounds of a connection, in bytes and in time.
#[derive(Clone, Debug)]
pub(crate) struct AcceptOptions {
    /// The subprotocols spoken; of the client's offers the first among them is chosen.
    pub(crate) protocols: Vec<String>,
    /// The largest message received, in bytes; one frame may be as large.
    pub(crate) message: usize,
    /// The most that waits to be sent, in bytes charged.
    pub(crate) queue: usize,
    /// The longest time that a peer may take to answer a close frame.
    pub(crate) close_time: Duration,
    /// The times after which an open connection is given up; none where the caller sees to that.
    pub(crate) timeouts: Option<Timeouts>,
}

/// A connection whose handshake is done; it opens when the response is returned to actix.
pub(crate) struct Accepted {
    pub(crate) response: HttpResponse,
    pub(crate) inbound: InboundFrames,
    pub(crate) outbound: Outbound,
    /// The subprotocol chosen.
    pub(crate) protocol: Option<String>,
}

/// Shakes hands, or gives an error whose response says why not.
///
/// Must be called on an actix worker. `what` is the sentence that tells a browser's visitor what
/// this address is.
pub(crate) fn accept(
    request: &HttpRequest,
    payload: Payload,
    options: &AcceptOptions,
    what: &str,
) -> Result<Accepted, Error> {
    verify(request, what)?;
    let switch = KillSwitch::of(request)?;
    let protocols: Vec<&str> = options.protocols.iter().map(String::as_str).collect();
    // Of actix-ws the handshake serves; its two halves would queue what waits here already.
    let (response, _, _) = actix_ws::handle_with_protocols(request, nothing(request)?, &protocols)?;
    let protocol = response.headers().get(header::SEC_WEBSOCKET_PROTOCOL);
    let protocol = protocol
        .and_then(|name| name.to_str().ok())
        .map(ToOwned::to_owned);

    let link = Arc::new(Link::new(options.queue));
    let body = SocketBody::new(Arc::clone(&link), switch.clone());
    actix_web::rt::spawn(reaper::run(
        Arc::clone(&link),
        switch.clone(),
        options.close_time,
        options.timeouts,
    ));
    Ok(Accepted {
        response: response.set_body(body.boxed()),
        inbound: InboundFrames::new(Arc::clone(&link), payload.into_inner(), options.message),
        outbound: Outbound::new(link, switch),
        protocol,
    })
}

/// Makes a payload without bytes, which only an extractor can: actix-ws has to shake hands, and nothing else.
fn nothing(request: &HttpRequest) -> Result<Payload, Error> {
    Payload::from_request(request, &mut dev::Payload::None).into_inner()
}

/// Returns the subprotocols that a handshake offers, in its order (RFC 6455 §4.1: a list, perhaps over
/// several headers).
pub(crate) fn offered(request: &HttpRequest) -> impl Iterator<Item = &str> {
    let headers = request.headers().get_all(header::SEC_WEBSOCKET_PROTOCOL);
    // Subprotocols are tokens (RFC 9110 §5.6.2): a list with other characters offers none.
    let lists = headers.filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).map(str::trim)
}
