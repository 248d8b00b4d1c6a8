//! Why no WebSocket opens: browsers hide that from pages, and tell it of plain HTTP.

use js_sys::{Object, Reflect};
use twinwire_client::http;
use wasm_bindgen::prelude::*;

use crate::OpenError;

#[wasm_bindgen]
extern "C" {
    type Response;
    type Headers;

    #[wasm_bindgen(catch)]
    async fn fetch(url: &str, init: &Object) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, getter)]
    fn status(this: &Response) -> u16;

    #[wasm_bindgen(method, getter)]
    fn headers(this: &Response) -> Headers;

    #[wasm_bindgen(method)]
    fn get(this: &Headers, name: &str) -> Option<String>;
}

/// Asks for the address of a WebSocket by HTTP. None if nobody answers, or the browser may not tell: an
/// endpoint of another origin has to allow that it is read.
pub(crate) async fn diagnose(web_socket_url: &str) -> Option<OpenError> {
    // `ws:` is to `http:` as `wss:` is to `https:`.
    let url = format!("http{}", web_socket_url.strip_prefix("ws")?);
    let init = Object::new();
    for (key, value) in [("cache", "no-store"), ("redirect", "manual")] {
        // A new object takes whatever it is given.
        let _ = Reflect::set(&init, &key.into(), &value.into());
    }
    let response: Response = fetch(&url, &init).await.ok()?.unchecked_into();
    let retry_after = response.headers().get("Retry-After");
    match response.status() {
        0 => None,
        status => Some(OpenError::Refused {
            status,
            retry_after: retry_after.and_then(|value| http::retry_after(&value)),
        }),
    }
}
