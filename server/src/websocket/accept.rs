//! The handshake, and the answer to a request that is none.

use std::sync::Arc;
use std::time::Duration;

use actix_http::ws::{HandshakeError, verify_handshake};
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev;
use actix_web::error::InternalError;
use actix_web::http::Version;
use actix_web::http::header::{self, ContentType, HeaderValue};
use actix_web::web::Payload;
use actix_web::{Error, FromRequest, HttpRequest, HttpResponse};

use super::body::Body;
use super::inbound::Inbound;
use super::link::Link;
use super::outbound::Outbound;
use super::reaper;
use super::switch::Switch;

/// What a connection may take, and how long.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The subprotocols spoken; of the client's offers the first among them is chosen.
    pub(crate) protocols: Vec<String>,
    /// The largest message received, in bytes; one frame may be as large.
    pub(crate) message: usize,
    /// The most that waits to be sent, in bytes charged.
    pub(crate) queue: usize,
    /// How long a peer may take to answer a close frame.
    pub(crate) close_time: Duration,
}

/// A connection whose handshake is done; it opens when the response is returned to actix.
pub(crate) struct Accepted {
    pub(crate) response: HttpResponse,
    pub(crate) inbound: Inbound,
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
    options: &Options,
    what: &str,
) -> Result<Accepted, Error> {
    verify(request, what)?;
    let switch = Switch::of(request)?;
    let protocols: Vec<&str> = options.protocols.iter().map(String::as_str).collect();
    // Of actix-ws the handshake serves; its two halves would queue what waits here already.
    let (response, _, _) = actix_ws::handle_with_protocols(request, nothing(request)?, &protocols)?;
    let protocol = response.headers().get(header::SEC_WEBSOCKET_PROTOCOL);
    let protocol = protocol
        .and_then(|name| name.to_str().ok())
        .map(ToOwned::to_owned);

    let link = Arc::new(Link::new(options.queue));
    let body = Body::new(Arc::clone(&link), switch.clone());
    actix_web::rt::spawn(reaper::run(
        Arc::clone(&link),
        switch.clone(),
        options.close_time,
    ));
    Ok(Accepted {
        response: response.set_body(body.boxed()),
        inbound: Inbound::new(Arc::clone(&link), payload.into_inner(), options.message),
        outbound: Outbound::new(link, switch),
        protocol,
    })
}

/// Whether the request is a handshake; else the response that says what this address is.
pub(crate) fn verify(request: &HttpRequest, what: &str) -> Result<(), Error> {
    let refuse = |error| InternalError::from_response(error, refusal(error, what)).into();
    let verified = verify_handshake(request.head());
    let verified = verified.and_then(|()| match is_tunnel(request) {
        true => Ok(()),
        false => Err(HandshakeError::NoWebsocketUpgrade),
    });
    verified.map_err(refuse)
}

/// Whether actix gives all bytes that follow to the payload, and adds none to the body: else what a peer sends
/// after the 101 would be read as requests, past whatever a proxy before the server allows.
fn is_tunnel(request: &HttpRequest) -> bool {
    let headers = request.headers();
    let mut upgrades = headers.get_all(header::UPGRADE);
    let upgrade = upgrades.next().map(HeaderValue::as_bytes);
    request.version() == Version::HTTP_11
        && upgrade.is_some_and(|upgrade| upgrade.eq_ignore_ascii_case(b"websocket"))
        && upgrades.next().is_none()
        && !headers.contains_key(header::TRANSFER_ENCODING)
        && !headers.contains_key(header::CONTENT_LENGTH)
}

/// For actix-ws, which only has to shake hands: a payload without bytes, which only an extractor
/// can make.
fn nothing(request: &HttpRequest) -> Result<Payload, Error> {
    Payload::from_request(request, &mut dev::Payload::None).into_inner()
}

fn refusal(error: HandshakeError, what: &str) -> HttpResponse<BoxBody> {
    if error == HandshakeError::BadWebsocketKey {
        return HttpResponse::BadRequest().body("Sec-WebSocket-Key is missing or malformed\n");
    }
    HttpResponse::UpgradeRequired()
        .insert_header((header::UPGRADE, "websocket"))
        .insert_header((header::SEC_WEBSOCKET_VERSION, "13"))
        .insert_header(ContentType::html())
        .body(format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <title>WebSocket endpoint</title>\n\
             <h1>This is a WebSocket endpoint</h1>\n<p>{what}</p>\n\
             <p>A page can't be loaded from it.</p>\n</html>\n"
        ))
}
