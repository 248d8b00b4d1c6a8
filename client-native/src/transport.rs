//! tokio's sockets and timers as the client's transport.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, SEC_WEBSOCKET_PROTOCOL};
use http::{Request, StatusCode, Uri};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::coop::{Unconstrained, unconstrained};
use tokio::time::{Instant, Sleep};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::{ProtocolError, SubProtocolError, UrlError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Bytes, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use twinwire::Time;
use twinwire::limits::MAX_MESSAGE;
use twinwire_client::http::{is_rejection, reason, retry_after};
use twinwire_client::{Inbound, Link, LinkLost, OpenFailure, Transport};

use crate::happy_eyeballs;

/// The longest time that the server may take to answer a close frame.
const CLOSE_TIME: Duration = Duration::from_secs(2);

/// Bytes read at once: what never makes a message is read as often as tokio's budget allows.
const READ_AT_ONCE: usize = 16 * 1024;

/// Control frames answered before anything else gets its turn.
const CONTROL_AT_ONCE: usize = 32;

/// The WebSocket couldn't be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The URL isn't one of a WebSocket.
    #[error("the URL isn't one of a WebSocket, such as ws://localhost:9501/ws: {0}")]
    Url(tungstenite::Error),
    /// The URL asks for TLS, which this crate doesn't have yet.
    #[error(
        "wss: isn't supported by the native client yet: use ws:, to a proxy that speaks TLS if need be"
    )]
    Tls,
    /// No TCP connection: the name has no address, or none of its addresses takes one. The error is of the
    /// address that was tried last.
    #[error("no connection to {address}: {error}; look whether the server runs there")]
    Unreachable {
        /// The host and port of the URL.
        address: String,
        /// The system's reason.
        error: io::Error,
    },
    /// It isn't a WebSocket server, or the connection was lost during the handshake.
    #[error("no WebSocket opened: {0}; look whether the URL is an endpoint's, and what proxies do")]
    WebSocket(tungstenite::Error),
    /// It answered the handshake with another status than 101.
    #[error("the server answered the handshake with HTTP status {status}: {}", told(.reason.as_deref()))]
    Refused {
        /// The status of its answer.
        status: StatusCode,
        /// The pause that it asks for (RFC 9110 §10.2.3), if it says so in seconds.
        retry_after: Option<Duration>,
        /// The answer's plain text, as far as it came at once: its first line, at most 512 bytes.
        reason: Option<String>,
    },
    /// The server chose no subprotocol of ours: it isn't a Twinwire endpoint.
    #[error("the server doesn't speak {0}: give the URL of a Twinwire endpoint")]
    NotTwinwire(&'static str),
}

fn told(reason: Option<&str>) -> &str {
    reason.unwrap_or("look at the URL's path, and at proxies")
}

impl OpenFailure for OpenError {
    fn is_final(&self) -> bool {
        match self {
            Self::Url(_) | Self::Tls | Self::NotTwinwire(_) => true,
            Self::Unreachable { .. } | Self::WebSocket(_) | Self::Refused { .. } => false,
        }
    }

    fn is_rejection(&self) -> bool {
        self.status().is_some_and(is_rejection)
    }

    fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(status.as_u16()),
            _ => None,
        }
    }

    fn reason(&self) -> Option<&str> {
        match self {
            Self::Refused { reason, .. } => reason.as_deref(),
            _ => None,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// The least time between two looks at the clocks that counts as a sleep. Clocks are set by less.
const SLEPT: Duration = Duration::from_secs(5);

pub(crate) struct Tokio {
    origin: Instant,
    /// Both clocks, as last seen.
    seen: Mutex<(Instant, SystemTime)>,
}

impl Tokio {
    pub(crate) fn new() -> Self {
        Self {
            origin: Instant::now(),
            seen: Mutex::new((Instant::now(), SystemTime::now())),
        }
    }
}

impl Transport for Tokio {
    type Link = Socket<TcpStream>;
    type Error = OpenError;
    type Sleep = Unconstrained<Sleep>;

    async fn open(
        &self,
        url: &str,
        subprotocol: &'static str,
    ) -> Result<Socket<TcpStream>, OpenError> {
        let request = url.into_client_request().map_err(OpenError::Url)?;
        match request.uri().scheme_str() {
            Some("ws") => {}
            Some("wss") => return Err(OpenError::Tls),
            _ => return Err(OpenError::Url(UrlError::UnsupportedUrlScheme.into())),
        }
        let stream = connect(request.uri()).await?;
        shake_hands(stream, request, subprotocol).await
    }

    fn has_slept(&self) -> bool {
        // On most systems the one clock stands while the machine sleeps, and the other doesn't.
        let now = (Instant::now(), SystemTime::now());
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (before, wall_before) = std::mem::replace(&mut *seen, now);
        // A wall clock that was set back tells nothing.
        let wall = now.1.duration_since(wall_before).unwrap_or_default();
        wall.saturating_sub(now.0 - before) >= SLEPT
    }

    fn now(&self) -> Time {
        Time::from_origin(self.origin.elapsed())
    }

    /// Beside tokio's budget, which a server that sends without pause uses up.
    fn sleep(&self, time: Duration) -> Unconstrained<Sleep> {
        unconstrained(tokio::time::sleep(time))
    }

    fn jitter(&self) -> f64 {
        // Each has random keys of its own.
        let random = RandomState::new().hash_one(());
        f64::from(random as u32) / (f64::from(u32::MAX) + 1.0)
    }
}

/// Opens a TCP connection to the host that a URL names.
async fn connect(uri: &Uri) -> Result<TcpStream, OpenError> {
    let no_host = || OpenError::Url(UrlError::NoHostName.into());
    let host = uri.host().ok_or_else(no_host)?;
    // In a URL an IPv6 address has brackets (RFC 3986 §3.2.2).
    let name = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let port = uri.port_u16().unwrap_or(80);
    let unreachable = |error| OpenError::Unreachable {
        address: format!("{host}:{port}"),
        error,
    };
    let stream = happy_eyeballs::connect(name.unwrap_or(host), port).await;
    let stream = stream.map_err(unreachable)?;
    // A small message isn't to wait for the acknowledgement of the one before.
    stream.set_nodelay(true).map_err(unreachable)?;
    Ok(stream)
}

/// Opens a WebSocket over a stream, offering a subprotocol.
pub(crate) async fn shake_hands<T: AsyncRead + AsyncWrite + Unpin>(
    stream: T,
    mut request: Request<()>,
    subprotocol: &'static str,
) -> Result<Socket<T>, OpenError> {
    let offer = HeaderValue::from_static(subprotocol);
    request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, offer);
    let limits = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE))
        .read_buffer_size(READ_AT_ONCE)
        // Messages go out as they are given, and don't wait for company.
        .write_buffer_size(0)
        .max_write_buffer_size(2 * MAX_MESSAGE);
    let connected = client_async_with_config(request, stream, Some(limits)).await;
    let (stream, _) = connected.map_err(|error| classify(error, subprotocol))?;
    Ok(Socket { stream })
}

fn classify(error: tungstenite::Error, subprotocol: &'static str) -> OpenError {
    match error {
        tungstenite::Error::Url(_) => OpenError::Url(error),
        tungstenite::Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(
            SubProtocolError::NoSubProtocol | SubProtocolError::InvalidSubProtocol,
        )) => OpenError::NotTwinwire(subprotocol),
        tungstenite::Error::Http(response) => {
            let header = |name| {
                let value = response.headers().get(name);
                value.and_then(|value| value.to_str().ok())
            };
            let body = response.body().as_deref().unwrap_or_default();
            OpenError::Refused {
                status: response.status(),
                retry_after: header(RETRY_AFTER).and_then(retry_after),
                reason: header(CONTENT_TYPE).and_then(|kind| reason(kind, body)),
            }
        }
        other => OpenError::WebSocket(other),
    }
}

/// An open WebSocket over a stream of bytes.
#[cfg_attr(
    not(feature = "test"),
    expect(unreachable_pub, reason = "tests of other crates name it")
)]
pub struct Socket<T> {
    stream: WebSocketStream<T>,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Link for Socket<T> {
    type Message = Bytes;

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Inbound<Bytes>, LinkLost>> {
        for _ in 0..CONTROL_AT_ONCE {
            match ready!(Pin::new(&mut self.stream).poll_next(cx)) {
                Some(Ok(Message::Binary(message))) => {
                    return Poll::Ready(Ok(Inbound::Binary(message)));
                }
                Some(Ok(Message::Text(_))) => return Poll::Ready(Ok(Inbound::Text)),
                // The stream answers pings (of several only the newest) and the server's close, and
                // ends once that is out.
                Some(Ok(
                    Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_),
                )) => {}
                Some(Err(_)) | None => return Poll::Ready(Err(LinkLost)),
            }
        }
        // A server that pings without pause must not keep timers and callers waiting.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkLost>> {
        Pin::new(&mut self.stream)
            .poll_ready(cx)
            .map_err(|_| LinkLost)
    }

    fn send(&mut self, message: Vec<u8>) {
        let message = Message::binary(message);
        // It fails only when the stream has closed, which `poll_receive` tells.
        let _ = Pin::new(&mut self.stream).start_send(message);
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkLost>> {
        Pin::new(&mut self.stream)
            .poll_flush(cx)
            .map_err(|_| LinkLost)
    }

    async fn close(mut self, code: u16) {
        let frame = CloseFrame {
            code: CloseCode::from(code),
            reason: "".into(),
        };
        let close = async {
            self.stream.send(Message::Close(Some(frame))).await?;
            // What still comes is of no use; the end of the stream is the server's close.
            while let Some(Ok(_)) = self.stream.next().await {}
            Ok::<(), tungstenite::Error>(())
        };
        // A server that doesn't answer in time, or a broken stream: dropping it ends it as well.
        let _ = tokio::time::timeout(CLOSE_TIME, close).await;
    }
}
