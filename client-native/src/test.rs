//! The client's WebSocket over a stream of a test's own, which delays, slices and breaks as the test wants. Feature
//! `test`.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::OpenError;
pub use crate::transport::Socket;
use crate::transport::shake_hands;

/// Opens a WebSocket over this stream, as the client does over TCP.
///
/// # Errors
/// As of a client's attempt to connect, but for those of TCP.
pub async fn open<T: AsyncRead + AsyncWrite + Unpin>(
    stream: T,
    url: &str,
    subprotocol: &'static str,
) -> Result<Socket<T>, OpenError> {
    let request = url.into_client_request().map_err(OpenError::Url)?;
    shake_hands(stream, request, subprotocol).await
}
