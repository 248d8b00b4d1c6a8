//! Why no WebSocket opens: browsers hide that from pages, and tell it of plain HTTP.

use gloo_net::http::Request;
use twinwire_client::http;
use web_sys::{RequestCache, RequestRedirect};

use crate::OpenError;

/// Asks for the address of a WebSocket by HTTP. None if nobody answers, or the browser may not tell: an
/// endpoint of another origin has to allow that it is read.
pub(crate) async fn diagnose(web_socket_url: &str) -> Option<OpenError> {
    // `ws:` is to `http:` as `wss:` is to `https:`.
    let url = format!("http{}", web_socket_url.strip_prefix("ws")?);
    let request = Request::get(&url)
        .cache(RequestCache::NoStore)
        .redirect(RequestRedirect::Manual);
    let response = request.send().await.ok()?;
    let retry_after = response.headers().get("Retry-After");
    match response.status() {
        // A redirect, which isn't for a page to see.
        0 => None,
        status => Some(OpenError::Refused {
            status,
            retry_after: retry_after.and_then(|value| http::retry_after(&value)),
        }),
    }
}
