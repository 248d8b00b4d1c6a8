//! tokio's sockets and timers as the client's transport.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use http::Uri;
use http::header::{HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};
use tokio_websockets::{
    ClientBuilder, CloseCode, Limits, MaybeTlsStream, Message, Payload, WebSocketStream,
};
use twinwire::Time;
use twinwire::limits::MAX_MESSAGE;
use twinwire_client::{Inbound, Link, LinkLost, Transport};

/// How long the server may take to answer a close frame.
const CLOSE_TIME: Duration = Duration::from_secs(2);

/// The WebSocket couldn't be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The URL isn't one.
    #[error("the URL can't be read")]
    Url(#[from] http::uri::InvalidUri),
    /// The URL asks for TLS, which this crate doesn't have yet.
    #[error("wss: isn't supported yet; use ws:")]
    Tls,
    /// Nobody listens there, it isn't a WebSocket server, or it refused the handshake.
    #[error("no WebSocket connection")]
    WebSocket(#[from] tokio_websockets::Error),
    /// The server chose no subprotocol of ours: it isn't a Twinwire endpoint.
    #[error("the server doesn't speak {0}")]
    NotTwinwire(&'static str),
}

pub(crate) struct Tokio {
    origin: Instant,
}

impl Tokio {
    pub(crate) fn new() -> Self {
        Self {
            origin: Instant::now(),
        }
    }
}

impl Transport for Tokio {
    type Link = Socket;
    type Error = OpenError;
    type Sleep = Sleep;

    async fn open(&self, url: &str, subprotocol: &'static str) -> Result<Socket, OpenError> {
        let url: Uri = url.parse()?;
        if url
            .scheme_str()
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("wss"))
        {
            return Err(OpenError::Tls);
        }
        let offer = HeaderValue::from_static(subprotocol);
        let (stream, response) = ClientBuilder::from_uri(url)
            .limits(Limits::default().max_payload_len(Some(MAX_MESSAGE)))
            .add_header(SEC_WEBSOCKET_PROTOCOL, offer)?
            .connect()
            .await?;
        let chosen = response.headers().get(SEC_WEBSOCKET_PROTOCOL);
        if chosen.is_none_or(|chosen| chosen.as_bytes() != subprotocol.as_bytes()) {
            return Err(OpenError::NotTwinwire(subprotocol));
        }
        Ok(Socket { stream })
    }

    fn now(&self) -> Time {
        Time::from_origin(self.origin.elapsed())
    }

    fn sleep(&self, time: Duration) -> Sleep {
        tokio::time::sleep(time)
    }
}

pub(crate) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Link for Socket {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Inbound, LinkLost>> {
        loop {
            let message = match ready!(Pin::new(&mut self.stream).poll_next(cx)) {
                Some(Ok(message)) => message,
                Some(Err(_)) | None => return Poll::Ready(Err(LinkLost)),
            };
            if message.is_binary() {
                return Poll::Ready(Ok(Inbound::Binary(Vec::from(&**message.as_payload()))));
            } else if message.is_text() {
                return Poll::Ready(Ok(Inbound::Text));
            } else if message.is_close() {
                return Poll::Ready(Err(LinkLost));
            }
            // Pings are answered by the stream.
        }
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkLost>> {
        Pin::new(&mut self.stream)
            .poll_ready(cx)
            .map_err(|_| LinkLost)
    }

    fn send(&mut self, message: &[u8]) {
        let payload = Payload::from(message.to_vec());
        // It fails only when the stream has closed, which `poll_receive` tells.
        let _ = Pin::new(&mut self.stream).start_send(Message::binary(payload));
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkLost>> {
        Pin::new(&mut self.stream)
            .poll_flush(cx)
            .map_err(|_| LinkLost)
    }

    async fn close(mut self, code: u16) {
        let code = CloseCode::try_from(code).ok();
        let close = async {
            self.stream.send(Message::close(code, "")).await?;
            // What still comes is of no use; the end of the stream is the server's close.
            while let Some(Ok(_)) = self.stream.next().await {}
            Ok::<(), tokio_websockets::Error>(())
        };
        // A server that doesn't answer in time, or a broken stream: dropping it ends it as well.
        let _ = tokio::time::timeout(CLOSE_TIME, close).await;
    }
}
