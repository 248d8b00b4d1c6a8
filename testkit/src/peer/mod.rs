//! A WebSocket peer that can misbehave, for the conformance tests of clients.
//!
//! It stands on tokio and tokio-websockets, not on the project's own server: a client tested only
//! against its sibling would share its mistakes. Any path takes `?key=K`, which tags the
//! connection so that `/live` can count it and `/release` can reach it.
//!
//! | path | what it does |
//! |---|---|
//! | `/echo` | echoes text and binary as they come |
//! | `/close?code=4001&reason=bye` | closes so as soon as opened; `code=0`: a close frame without a code |
//! | `/push?count=N&size=B&kind=text\|binary` | sends N messages of B bytes (at least 8), each beginning with its index as 8 hex digits; `&close=CODE` closes after the last, otherwise stays open |
//! | `/sink` | reads everything; the text `report` is answered with `{"messages":M,"bytes":B}`, the sum of all other messages |
//! | `/mute` | completes the handshake and reads nothing until released; then like `/sink` |
//! | `/release?key=K` | releases the muted connections tagged K, sends the text `released`, closes 1000 |
//! | `/stall` | takes the request and never answers it |
//! | `/refuse` | answers 403 |
//! | `/abort?after=N` | waits for N messages (none without it), sends the text `last`, then ends TCP without a close frame |
//! | `/protocols` | selects the last subprotocol offered and sends its name as a text, empty when none was offered |
//! | `/live?key=K&at_most=N` | sends the number of open connections tagged K (`/live` and `/release` don't count) as soon as it is N or less, then closes 1000 |
//!
//! Any other path is answered 404, a request that lacks what its path needs 400.

mod behaviour;
mod request;
mod tags;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use request::Request;
use tags::Tags;

/// Connections held at once; those beyond wait in the listener's backlog.
const MAX_CONNECTIONS: usize = 2_000;

/// How long a client may take to send its request's head.
const HEAD_TIME: Duration = Duration::from_secs(30);

/// Serves connections of `listener` until the future is dropped, which ends them all.
///
/// # Errors
///
/// Only when the listener itself fails; a connection's own faults end that connection.
pub async fn serve(listener: TcpListener) -> io::Result<()> {
    let tags = Tags::default();
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
            return Ok(());
        };
        let (stream, _) = listener.accept().await?;
        while connections.try_join_next().is_some() {}
        let tags = tags.clone();
        connections.spawn(async move {
            let _permit = permit;
            // A client that breaks off is what half of these paths are for.
            let _ = connection(stream, &tags).await;
        });
    }
}

async fn connection(mut stream: TcpStream, tags: &Tags) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let head = tokio::time::timeout(HEAD_TIME, Request::read(&mut stream)).await??;
    match head {
        Some(request) => behaviour::run(stream, request, tags).await,
        None => refuse(stream, "400 Bad Request").await,
    }
}

/// Answers with a plain HTTP status and ends the connection.
async fn refuse(mut stream: TcpStream, status: &str) -> io::Result<()> {
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{status}",
        status.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    drain(stream).await
}

/// Reads and forgets until the client ends the connection.
async fn drain(mut stream: TcpStream) -> io::Result<()> {
    let mut scratch = [0; 4096];
    while stream.read(&mut scratch).await? > 0 {}
    Ok(())
}
