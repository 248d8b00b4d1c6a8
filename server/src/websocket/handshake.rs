//! Judging a handshake (RFC 6455 §4.2.1), and saying what is wrong with one.

use std::fmt;

use actix_http::ws::verify_handshake;
use actix_web::error::InternalError;
use actix_web::http::header::{self, ContentType, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode, Version};
use actix_web::{Error, HttpRequest, HttpResponse};

use crate::logged::{quoted, quoted_header};

/// The version of the protocol (RFC 6455 §4.1).
const VERSION: &str = "13";

/// The reason why a request isn't answered with 101. Its text tells the client's developer what to change.
#[derive(Debug, PartialEq, Eq)]
enum HandshakeFault {
    /// An ordinary request, as of a browser's visitor.
    NoHandshake,
    /// A method other than GET.
    Method(String),
    /// A version of HTTP other than 1.1.
    Http(Version),
    /// A header other than a handshake needs.
    Header {
        name: HeaderName,
        /// Its values in quotes; `None` if the request has none.
        values: Option<String>,
        needed: &'static str,
    },
}

/// Checks that the request is a handshake; else returns the response that says what is wrong.
pub(crate) fn verify(request: &HttpRequest, what: &str) -> Result<(), Error> {
    let Err(fault) = check(request) else {
        return Ok(());
    };
    // An ordinary request is a visitor's, and nobody's mistake.
    if fault != HandshakeFault::NoHandshake {
        tracing::debug!(%fault, "a handshake is refused");
    }
    let response = fault.response(what);
    Err(InternalError::from_response(fault, response).into())
}

/// Beside the RFC's rules, actix has to give all bytes that follow to the payload: what a peer sends after the
/// 101 would else be read as requests, past whatever a proxy before the server allows. It does so for HTTP/1.1 with one
/// `Upgrade: websocket` and no body; a length of 0, which some clients send with each GET, is no body.
fn check(request: &HttpRequest) -> Result<(), HandshakeFault> {
    let headers = request.headers();
    let is_meant = [
        header::UPGRADE,
        header::SEC_WEBSOCKET_KEY,
        header::SEC_WEBSOCKET_VERSION,
    ];
    if request.method() != Method::GET {
        return Err(HandshakeFault::Method(quoted(
            request.method().as_str().as_bytes(),
        )));
    }
    if !is_meant.into_iter().any(|name| headers.contains_key(name)) {
        return Err(HandshakeFault::NoHandshake);
    }
    if request.version() != Version::HTTP_11 {
        return Err(HandshakeFault::Http(request.version()));
    }
    let need = |name: HeaderName, is_right: bool, needed| match is_right {
        true => Ok(()),
        false => Err(HandshakeFault::Header {
            values: quoted_header(headers, name.clone()),
            name,
            needed,
        }),
    };
    let upgrade = only(request, header::UPGRADE);
    let is_websocket = upgrade.is_some_and(|upgrade| upgrade.eq_ignore_ascii_case(b"websocket"));
    need(header::UPGRADE, is_websocket, UPGRADE)?;
    need(header::CONNECTION, request.head().upgrade(), CONNECTION)?;
    let version = only(request, header::SEC_WEBSOCKET_VERSION);
    let is_spoken = version == Some(VERSION.as_bytes());
    need(header::SEC_WEBSOCKET_VERSION, is_spoken, SPOKEN)?;
    let has_no_coding = !headers.contains_key(header::TRANSFER_ENCODING);
    need(header::TRANSFER_ENCODING, has_no_coding, NO_BODY)?;
    let has_no_length = headers.get_all(header::CONTENT_LENGTH).all(is_zero);
    need(header::CONTENT_LENGTH, has_no_length, NO_BODY)?;
    // All else that actix looks at has been judged: what it may still refuse is the key.
    let has_key = only(request, header::SEC_WEBSOCKET_KEY).is_some()
        && verify_handshake(request.head()).is_ok();
    need(header::SEC_WEBSOCKET_KEY, has_key, KEY)
}

const UPGRADE: &str = "it has to be `websocket` alone. A proxy on the way that drops it has to be told to pass \
    it on: nginx by `proxy_set_header Upgrade $http_upgrade`";
const CONNECTION: &str = "it has to name `Upgrade`, without `close`. A proxy on the way that drops it has to be \
    told to pass it on: nginx by `proxy_set_header Connection \"upgrade\"`";
const SPOKEN: &str = "it has to be 13, the only version spoken here";
const KEY: &str = "it has to be there once: 16 random bytes in Base64, which are 24 characters";
const NO_BODY: &str = "a handshake has no body: leave it out";

/// Returns the value of a header that stands there once.
fn only(request: &HttpRequest, name: HeaderName) -> Option<&[u8]> {
    let mut values = request.headers().get_all(name);
    let value = values.next()?.as_bytes().trim_ascii();
    values.next().is_none().then_some(value)
}

fn is_zero(length: &HeaderValue) -> bool {
    let length = length.to_str().ok().map(str::trim);
    length.and_then(|length| length.parse::<u64>().ok()) == Some(0)
}

impl HandshakeFault {
    fn response(&self, what: &str) -> HttpResponse {
        let mut response = HttpResponse::build(self.status());
        match self {
            Self::NoHandshake => {
                response.insert_header(ContentType::html());
            }
            Self::Method(_) => {
                response.insert_header((header::ALLOW, "GET"));
            }
            Self::Http(_) | Self::Header { .. } => {
                response.insert_header(ContentType::plaintext());
            }
        }
        if self.status() == StatusCode::UPGRADE_REQUIRED {
            response.insert_header((header::UPGRADE, "websocket"));
            response.insert_header((header::SEC_WEBSOCKET_VERSION, VERSION));
        }
        response.body(match self {
            Self::NoHandshake => page(what),
            Self::Method(_) | Self::Http(_) | Self::Header { .. } => format!("{self}.\n"),
        })
    }

    /// The status of the answer: 426 asks for another protocol or version (RFC 9110 §15.5.22, RFC 6455 §4.4).
    fn status(&self) -> StatusCode {
        match self {
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Header { name, .. } if name == header::SEC_WEBSOCKET_KEY => {
                StatusCode::BAD_REQUEST
            }
            Self::NoHandshake | Self::Http(_) | Self::Header { .. } => StatusCode::UPGRADE_REQUIRED,
        }
    }
}

impl fmt::Display for HandshakeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHandshake => write!(f, "This is a WebSocket endpoint"),
            Self::Method(method) => {
                write!(
                    f,
                    "No WebSocket handshake: the method is {method}, it has to be GET"
                )
            }
            Self::Http(version) => write!(
                f,
                "No WebSocket handshake: the request is of {version:?}, it has to be of HTTP/1.1. A proxy on the \
                 way has to be told so: nginx by `proxy_http_version 1.1`"
            ),
            Self::Header {
                name,
                values,
                needed,
            } => {
                let name = shown(name);
                let is = match values {
                    Some(values) => format!("is {values}"),
                    None => "is missing".to_owned(),
                };
                write!(f, "No WebSocket handshake: {name} {is}; {needed}")
            }
        }
    }
}

/// Returns a header's name as documents write it.
fn shown(name: &HeaderName) -> &str {
    let known = [
        "Upgrade",
        "Connection",
        "Sec-WebSocket-Version",
        "Sec-WebSocket-Key",
        "Transfer-Encoding",
        "Content-Length",
    ];
    let shown = known
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(name.as_str()));
    shown.unwrap_or(name.as_str())
}

/// Returns the page for a browser's visitor.
fn page(what: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <title>WebSocket endpoint</title>\n\
         <h1>This is a WebSocket endpoint</h1>\n<p>{what}</p>\n\
         <p>A page can't be loaded from it.</p>\n</html>\n"
    )
}
