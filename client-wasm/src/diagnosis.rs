//! Why no WebSocket opens: browsers hide that from pages, and tell it of plain HTTP.

use gloo_net::http::{Request, Response};
use js_sys::{Reflect, Uint8Array};
use twinwire_client::http;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{ReadableStreamDefaultReader, ReferrerPolicy, RequestCache, RequestRedirect};

use crate::OpenError;

/// Asks for the address of a WebSocket by HTTP. None if nobody answers, or the browser may not tell: an
/// endpoint of another origin has to allow that it is read.
pub(crate) async fn diagnose(web_socket_url: &str) -> Option<OpenError> {
    // `ws:` is to `http:` as `wss:` is to `https:`.
    let url = format!("http{}", web_socket_url.strip_prefix("ws")?);
    let request = Request::get(&url)
        .cache(RequestCache::NoStore)
        // A handshake tells the page's origin, a question to that very origin doesn't, but by its referrer.
        .referrer_policy(ReferrerPolicy::Origin)
        .redirect(RequestRedirect::Manual);
    let response = request.send().await.ok()?;
    let retry_after = response.headers().get("Retry-After");
    match response.status() {
        // A redirect, which isn't for a page to see.
        0 => None,
        status => Some(OpenError::Refused {
            status,
            retry_after: retry_after.and_then(|value| http::retry_after(&value)),
            reason: reason(&response).await,
        }),
    }
}

/// Reads the reason in the first chunk of a body, however long the rest may be.
async fn reason(response: &Response) -> Option<String> {
    let content_type = response.headers().get("Content-Type")?;
    let reader = response.body()?.get_reader();
    let reader: ReadableStreamDefaultReader = reader.unchecked_into();
    let chunk = JsFuture::from(reader.read()).await;
    // Nobody waits for it: what still comes is for nobody.
    drop(reader.cancel());
    let bytes = Reflect::get(&chunk.ok()?, &JsValue::from_str("value"));
    let bytes: Uint8Array = bytes.ok()?.dyn_into().ok()?;
    let length = bytes.length().min(http::REASON_BYTES as u32);
    http::reason(&content_type, &bytes.subarray(0, length).to_vec())
}
