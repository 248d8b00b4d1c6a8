//! What each path does with its connection.

use std::io::{self, Cursor};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{FutureExt, SinkExt, StreamExt};
use http::HeaderValue;
use http::header::SEC_WEBSOCKET_PROTOCOL;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Chain, Join};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio_websockets::{CloseCode, Limits, Message, ServerBuilder, WebSocketStream};

use super::request::Request;
use super::tags::{Tagged, Tags};
use super::{drain, refuse};

/// The largest message taken, in bytes: browsers' tests send some of 32 MiB.
const MAX_MESSAGE: usize = 128 << 20;

/// The most messages one `/push` sends.
const MAX_PUSHES: u32 = 10_000_000;

/// A close reason's limit in bytes (RFC 6455 §5.5: a control frame holds 125).
const MAX_REASON: usize = 123;

/// How long a client may take to answer a close frame before TCP ends under it.
const CLOSE_TIME: Duration = Duration::from_secs(10);

/// What a muted connection's kernel holds unread, in bytes: little, so that a client soon feels
/// that nobody reads.
const MUTE_BUFFER: usize = 64 * 1024;

/// What it holds once released: behind the small one the rest would come at the pace of delayed
/// acknowledgements.
const RELEASED_BUFFER: usize = 4 << 20;

/// The head was already read to find the path, so the handshake reads it from memory.
type Socket = WebSocketStream<Join<Chain<Cursor<Vec<u8>>, OwnedReadHalf>, OwnedWriteHalf>>;

type Outcome = Result<(), tokio_websockets::Error>;

/// Serves one connection to its end.
pub(super) async fn run(stream: TcpStream, request: Request, tags: &Tags) -> io::Result<()> {
    let tagged = match request.path.as_str() {
        "/live" | "/release" => None,
        _ => request.text("key").map(|key| tags.enter(key)),
    };
    let ended = match request.path.as_str() {
        "/echo" => echo(open(stream, request).await?).await,
        "/close" => return close(stream, request).await,
        "/push" => return push(stream, request).await,
        "/sink" => sink(open(stream, request).await?).await,
        "/mute" => return mute(stream, request, tagged).await,
        "/release" => return release(stream, request, tags).await,
        "/stall" => return drain(stream).await,
        "/refuse" => return refuse(stream, "403 Forbidden").await,
        "/abort" => {
            let after = request.number("after").unwrap_or(0);
            abort(open(stream, request).await?, after).await
        }
        "/protocols" => return protocols(stream, request).await,
        "/live" => return live(stream, request, tags).await,
        _ => return refuse(stream, "404 Not Found").await,
    };
    ended.map_err(io::Error::other)
}

async fn open(stream: TcpStream, request: Request) -> io::Result<Socket> {
    open_with(stream, request, ServerBuilder::new()).await
}

async fn open_with(
    stream: TcpStream,
    request: Request,
    builder: ServerBuilder,
) -> io::Result<Socket> {
    let (read, write) = stream.into_split();
    let replayed = tokio::io::join(Cursor::new(request.head).chain(read), write);
    let limits = Limits::default().max_payload_len(Some(MAX_MESSAGE));
    let (_, socket) = builder
        .limits(limits)
        .accept(replayed)
        .await
        .map_err(io::Error::other)?;
    Ok(socket)
}

/// Closes and waits a while for the answer, as the protocol asks.
async fn finish(mut socket: Socket, code: Option<CloseCode>, reason: &str) -> Outcome {
    socket.send(Message::close(code, reason)).await?;
    match tokio::time::timeout(CLOSE_TIME, socket.close()).await {
        Ok(closed) => closed,
        Err(_) => Ok(()),
    }
}

/// A code that may be sent; the outer `None` says that this one may not.
fn sendable(code: u16) -> Option<Option<CloseCode>> {
    match code {
        0 => Some(None),
        code => CloseCode::try_from(code)
            .ok()
            .filter(|code| !code.is_reserved())
            .map(Some),
    }
}

async fn echo(mut socket: Socket) -> Outcome {
    loop {
        // Flushing only when nothing more is waiting keeps many small echoes in few writes.
        let next = match socket.next().now_or_never() {
            Some(next) => next,
            None => {
                socket.flush().await?;
                socket.next().await
            }
        };
        match next {
            Some(Ok(message)) if message.is_text() || message.is_binary() => {
                socket.feed(message).await?;
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(error),
            None => return Ok(()),
        }
    }
}

async fn close(stream: TcpStream, request: Request) -> io::Result<()> {
    let code = request.number("code").and_then(sendable);
    let reason = request.text("reason").unwrap_or_default().to_owned();
    match code {
        Some(code) if reason.len() <= MAX_REASON => {
            let socket = open(stream, request).await?;
            finish(socket, code, &reason)
                .await
                .map_err(io::Error::other)
        }
        _ => refuse(stream, "400 Bad Request").await,
    }
}

struct Push {
    count: u32,
    size: usize,
    text: bool,
    close: Option<CloseCode>,
}

impl Push {
    fn of(request: &Request) -> Option<Self> {
        let count = request
            .number("count")
            .filter(|count| *count <= MAX_PUSHES)?;
        let size = request
            .number("size")
            .filter(|size| (8..=MAX_MESSAGE).contains(size))?;
        let text = match request.text("kind").unwrap_or("text") {
            "text" => true,
            "binary" => false,
            _ => return None,
        };
        let close = match request.text("close") {
            Some(code) => sendable(code.parse().ok()?)?,
            None => None,
        };
        Some(Self {
            count,
            size,
            text,
            close,
        })
    }

    fn message(&self, index: u32) -> Message {
        let mut payload = BytesMut::with_capacity(self.size);
        payload.put_slice(format!("{index:08x}").as_bytes());
        payload.put_bytes(b'.', self.size - 8);
        match self.text {
            true => Message::text(payload),
            false => Message::binary(payload),
        }
    }
}

async fn push(stream: TcpStream, request: Request) -> io::Result<()> {
    let Some(push) = Push::of(&request) else {
        return refuse(stream, "400 Bad Request").await;
    };
    let socket = open(stream, request).await?;
    push_all(socket, push).await.map_err(io::Error::other)
}

async fn push_all(mut socket: Socket, push: Push) -> Outcome {
    for index in 0..push.count {
        socket.feed(push.message(index)).await?;
        // A client that closes meanwhile is noticed without waiting for it.
        if let Some(None) = socket.next().now_or_never() {
            return Ok(());
        }
    }
    socket.flush().await?;
    match push.close {
        Some(code) => finish(socket, Some(code), "").await,
        None => read_to_end(socket).await,
    }
}

async fn read_to_end(mut socket: Socket) -> Outcome {
    while let Some(message) = socket.next().await {
        message?;
    }
    Ok(())
}

async fn sink(mut socket: Socket) -> Outcome {
    let (mut messages, mut bytes) = (0_u64, 0_u64);
    while let Some(message) = socket.next().await {
        let message = message?;
        if message.as_text() == Some("report") {
            let report = format!("{{\"messages\":{messages},\"bytes\":{bytes}}}");
            socket.send(Message::text(report)).await?;
        } else if message.is_text() || message.is_binary() {
            messages += 1;
            bytes += message.as_payload().len() as u64;
        }
    }
    Ok(())
}

async fn mute(stream: TcpStream, request: Request, tagged: Option<Tagged>) -> io::Result<()> {
    let Some(tagged) = tagged else {
        return refuse(stream, "400 Bad Request").await;
    };
    SockRef::from(&stream).set_recv_buffer_size(MUTE_BUFFER)?;
    let socket = open(stream, request).await?;
    tokio::select! {
        () = tagged.released() => {
            let stream: &TcpStream = socket.get_ref().writer().as_ref();
            SockRef::from(stream).set_recv_buffer_size(RELEASED_BUFFER)?;
            sink(socket).await.map_err(io::Error::other)
        }
        gone = gone_unread(&socket) => gone,
    }
}

/// Waits until the client's end of TCP is gone, reading nothing.
///
/// Behind a full receive buffer a client's end can't be seen, until somebody reads.
async fn gone_unread(socket: &Socket) -> io::Result<()> {
    let stream: &TcpStream = socket.get_ref().writer().as_ref();
    loop {
        let ready = stream.ready(tokio::io::Interest::READABLE).await?;
        if ready.is_read_closed() {
            return Ok(());
        }
        // Claiming that nothing is there waits for the next change instead of spinning.
        let _ = stream.try_io(tokio::io::Interest::READABLE, || {
            io::Result::<()>::Err(io::ErrorKind::WouldBlock.into())
        });
    }
}

async fn release(stream: TcpStream, request: Request, tags: &Tags) -> io::Result<()> {
    let Some(key) = request.text("key").map(ToOwned::to_owned) else {
        return refuse(stream, "400 Bad Request").await;
    };
    let mut socket = open(stream, request).await?;
    tags.release(&key);
    socket
        .send(Message::text("released"))
        .await
        .map_err(io::Error::other)?;
    finish(socket, Some(CloseCode::NORMAL_CLOSURE), "")
        .await
        .map_err(io::Error::other)
}

async fn abort(mut socket: Socket, after: u32) -> Outcome {
    for _ in 0..after {
        if socket.next().await.transpose()?.is_none() {
            return Ok(());
        }
    }
    socket.send(Message::text("last")).await?;
    socket.get_mut().shutdown().await?;
    Ok(())
}

async fn protocols(stream: TcpStream, request: Request) -> io::Result<()> {
    let chosen = request.protocols.last().cloned().unwrap_or_default();
    let mut builder = ServerBuilder::new();
    if !chosen.is_empty() {
        let Ok(value) = HeaderValue::from_str(&chosen) else {
            return refuse(stream, "400 Bad Request").await;
        };
        builder = builder
            .add_header(SEC_WEBSOCKET_PROTOCOL, value)
            .map_err(io::Error::other)?;
    }
    let mut socket = open_with(stream, request, builder).await?;
    socket
        .send(Message::text(Bytes::from(chosen)))
        .await
        .map_err(io::Error::other)?;
    read_to_end(socket).await.map_err(io::Error::other)
}

async fn live(stream: TcpStream, request: Request, tags: &Tags) -> io::Result<()> {
    let (Some(key), Some(most)) = (
        request.text("key").map(ToOwned::to_owned),
        request.number("at_most"),
    ) else {
        return refuse(stream, "400 Bad Request").await;
    };
    let mut socket = open(stream, request).await?;
    tokio::select! {
        open = tags.at_most(&key, most) => {
            let count = Message::text(open.to_string());
            socket.send(count).await.map_err(io::Error::other)?;
        }
        // Nothing is expected from the client: whatever comes ends the wait.
        _ = socket.next() => return Ok(()),
    }
    finish(socket, Some(CloseCode::NORMAL_CLOSURE), "")
        .await
        .map_err(io::Error::other)
}
