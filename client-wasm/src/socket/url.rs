//! Checks of what a connection is asked for, before the browser sees it.

use wasm_bindgen::prelude::*;

use super::error::{OpenError, UrlError};
use crate::env;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = URL)]
    type Url;

    /// Without a base if that is undefined.
    #[wasm_bindgen(constructor, js_class = "URL", catch)]
    fn new(url: &str, base: &JsValue) -> Result<Url, JsValue>;

    #[wasm_bindgen(method, getter)]
    fn href(this: &Url) -> String;
}

/// Returns the absolute `ws:` or `wss:` form of `url`, which may be relative to the page.
pub(crate) fn absolute(url: &str) -> Result<String, UrlError> {
    resolve(url, &env::base_urls())
}

/// Returns the absolute form of `url`, relative ones taken from the first of `bases` that anything can be relative to.
fn resolve(url: &str, bases: &[JsValue]) -> Result<String, UrlError> {
    let with = |base| Url::new(url, base).ok();
    let parsed = with(&JsValue::UNDEFINED).or_else(|| bases.iter().find_map(with));
    let href = parsed.ok_or(UrlError::Malformed)?.href();
    let href = match href.strip_prefix("http") {
        // `ws:` is to `http:` as `wss:` is to `https:`.
        Some(rest) => format!("ws{rest}"),
        None => href,
    };
    if !href.starts_with("ws:") && !href.starts_with("wss:") {
        return Err(UrlError::Scheme);
    }
    // A URL says nothing of an empty fragment otherwise, at which some browsers throw and some don't.
    if href.contains('#') {
        return Err(UrlError::Fragment);
    }
    Ok(href)
}

/// Subprotocols are tokens of HTTP, each offered once (RFC 6455 §4.1).
pub(super) fn check_protocols(protocols: &[String]) -> Result<(), OpenError> {
    for (index, protocol) in protocols.iter().enumerate() {
        if !is_token(protocol) || protocols[..index].contains(protocol) {
            return Err(OpenError::Protocol { index });
        }
    }
    Ok(())
}

/// Returns true if `text` is a token (RFC 9110 §5.6.2).
fn is_token(text: &str) -> bool {
    let is_token_byte =
        |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_token_byte)
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    fn check(url: &str, bases: &[&str], expect: Result<&str, UrlError>) {
        let bases: Vec<JsValue> = bases.iter().map(|base| JsValue::from_str(base)).collect();
        assert_eq!(resolve(url, &bases), expect.map(str::to_owned), "{url}");
    }

    #[wasm_bindgen_test]
    fn absolute_urls_need_no_base() {
        check("ws://a.example/x?y=1", &[], Ok("ws://a.example/x?y=1"));
        check("wss://a.example", &[], Ok("wss://a.example/"));
    }

    #[wasm_bindgen_test]
    fn http_schemes_become_websocket_schemes() {
        check("http://a.example:81/x", &[], Ok("ws://a.example:81/x"));
        check("https://a.example/x", &[], Ok("wss://a.example/x"));
    }

    #[wasm_bindgen_test]
    fn relative_urls_stand_on_the_page() {
        let page = "https://a.example:8443/deep/page.html?q#part";
        check("/ws", &[page], Ok("wss://a.example:8443/ws"));
        check("ws", &[page], Ok("wss://a.example:8443/deep/ws"));
        check("//b.example/ws", &[page], Ok("wss://b.example/ws"));
        check("", &[page], Ok("wss://a.example:8443/deep/page.html?q"));
    }

    #[wasm_bindgen_test]
    fn worker_from_a_blob_falls_back_on_its_origin() {
        let bases = ["blob:http://a.example/9c1e", "http://a.example"];
        check("/ws", &bases, Ok("ws://a.example/ws"));
    }

    #[wasm_bindgen_test]
    fn urls_that_are_no_websocket_are_told_apart() {
        check("/ws", &[], Err(UrlError::Malformed));
        check("ws://a:99999/", &[], Err(UrlError::Malformed));
        check("ftp://a.example/", &[], Err(UrlError::Scheme));
        check("ws://a.example/#part", &[], Err(UrlError::Fragment));
        check("ws://a.example/#", &[], Err(UrlError::Fragment));
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn subprotocols_are_tokens_and_offered_once() {
        let check = |protocols: &[&str], expect| {
            let protocols: Vec<String> = protocols.iter().map(|p| (*p).to_owned()).collect();
            assert_eq!(check_protocols(&protocols), expect, "{protocols:?}");
        };
        check(&["twinwire.0.postcard", "chat"], Ok(()));
        check(&["chat", ""], Err(OpenError::Protocol { index: 1 }));
        check(&["a b"], Err(OpenError::Protocol { index: 0 }));
        check(&["a,b"], Err(OpenError::Protocol { index: 0 }));
        check(&["端"], Err(OpenError::Protocol { index: 0 }));
        check(&["a", "b", "a"], Err(OpenError::Protocol { index: 2 }));
    }
}
