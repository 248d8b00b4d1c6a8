//! The head of an HTTP request: as much as choosing a behaviour needs.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// The longest head that is read, in bytes.
const MAX_HEAD: usize = 16 * 1024;

/// A request's head, kept whole so that the handshake can read it again.
pub(super) struct Request {
    /// Everything read so far, from the request line on.
    pub(super) head: Vec<u8>,
    /// The path, without its query.
    pub(super) path: String,
    /// The query's pairs, decoded, in the order given.
    query: Vec<(String, String)>,
    /// The subprotocols offered, in the order given.
    pub(super) protocols: Vec<String>,
}

impl Request {
    /// Reads one head; `None` when it is no HTTP request or is longer than the limit.
    pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Self>> {
        let mut head = Vec::new();
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            if head.len() >= MAX_HEAD {
                return Ok(None);
            }
            if stream.read_buf(&mut head).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(Self::parse(head))
    }

    fn parse(head: Vec<u8>) -> Option<Self> {
        let text = std::str::from_utf8(&head).ok()?;
        let mut lines = text.split("\r\n");
        let target = lines
            .next()?
            .strip_prefix("GET ")?
            .strip_suffix(" HTTP/1.1")?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query = form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        let protocols = lines
            .filter_map(|line| line.split_once(':'))
            .filter(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-protocol"))
            .flat_map(|(_, value)| value.split(','))
            .map(|protocol| protocol.trim().to_owned())
            .filter(|protocol| !protocol.is_empty())
            .collect();
        let path = path.to_owned();
        Some(Self {
            head,
            path,
            query,
            protocols,
        })
    }

    /// The first value of this name in the query.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The first value of this name as a number; `None` when absent or no number.
    pub(super) fn number<N: std::str::FromStr>(&self, name: &str) -> Option<N> {
        self.text(name)?.parse().ok()
    }
}
