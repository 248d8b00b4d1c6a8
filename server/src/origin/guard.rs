//! The check of each handshake's origin, and what is said of a refused one.

use actix_web::http::header::{self, ContentType, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};

use super::address::Address;
use super::parse::Origin;
use super::{Origins, Rule};
use crate::logged::{quoted, quoted_values};
use crate::warnings::Warnings;

/// An endpoint's origins, and its log of refused pages.
#[derive(Debug)]
pub(crate) struct OriginGuard {
    origins: Origins,
    warnings: Warnings,
}

impl OriginGuard {
    pub(crate) fn new(origins: Origins) -> Self {
        Self {
            origins,
            warnings: Warnings::new(),
        }
    }

    /// Returns the answer to a page that may not connect, and tells the log; `None` where it may.
    pub(crate) fn refuse(&self, request: &HttpRequest) -> Option<HttpResponse> {
        let address = Address::of(request, &self.origins.proxies);
        let told = told(request);
        let remedy = self.check(&told, &address).err()?;
        let origin = quoted_values(told.into_iter());
        let own = match &address.host {
            Some(host) => quoted(host.as_bytes()),
            None => "none".to_owned(),
        };
        if let Some(suppressed) = self.warnings.admit() {
            let peer = request.peer_addr();
            let untold = self.untold(request);
            tracing::warn!(
                %origin, host = %own, ?peer, suppressed,
                "a page of this origin may not connect: {remedy}{untold}"
            );
        }
        Some(HttpResponse::Forbidden()
            .insert_header(ContentType::plaintext())
            .body(format!(
                "Pages of {origin} may not connect; the request came to the host {own}. To the server's \
                 developer: {remedy}.\n"
            )))
    }

    /// Checks the origin; the error is the next step of the server's developer. A client that tells no origin isn't
    /// a browser, and may connect.
    fn check(&self, told: &[&HeaderValue], address: &Address) -> Result<(), &'static str> {
        let allowed = match &self.origins.rule {
            Rule::Any => return Ok(()),
            Rule::SameHostAnd(origins) | Rule::Only(origins) => origins,
        };
        let origin = match told {
            // No page: a program sends none, or whatever it likes.
            [] => return Ok(()),
            [origin] => origin.to_str(),
            _ => return Err("a browser sends one Origin"),
        };
        let Some(origin) = origin.ok().and_then(|origin| Origin::parse(origin).ok()) else {
            return Err(
                "a page without an origin of its own can connect only where all may, by allow_any_origin",
            );
        };
        if allowed.iter().any(|allowed| allowed.covers(&origin)) {
            return Ok(());
        }
        match &self.origins.rule {
            Rule::SameHostAnd(_) if address.is_of(&origin) => Ok(()),
            Rule::SameHostAnd(_) | Rule::Any => Err(
                "allow it with allow_origin, or name the proxy in front of the server with Origins::trusted_proxies",
            ),
            Rule::Only(_) => Err("add it to Origins::only"),
        }
    }

    /// Returns words on a proxy's headers that don't count.
    fn untold(&self, request: &HttpRequest) -> &'static str {
        let is_forwarded = ["forwarded", "x-forwarded-host", "x-forwarded-proto"];
        let is_forwarded = is_forwarded
            .iter()
            .any(|name| request.headers().contains_key(*name));
        match (is_forwarded, self.origins.proxies.is_empty()) {
            (true, true) => "; its X-Forwarded headers don't count, as no proxy is trusted",
            (true, false) => "; if the peer is a proxy, see whether it is among those trusted",
            (false, _) => "",
        }
    }
}

/// Returns the origins that a request tells: the headers `Origin`, of which a browser's handshake has one.
///
/// A browser that asks its page's own server by plain HTTP why no handshake is taken tells the page by the referrer
/// alone. Behind a proxy that changes `Host`, that page is refused like any other.
fn told(request: &HttpRequest) -> Vec<&HeaderValue> {
    let headers = request.headers();
    let origins: Vec<_> = headers.get_all(header::ORIGIN).collect();
    let is = |name: &str, value: &str| headers.get(name).is_some_and(|header| header == value);
    let is_question = is("sec-fetch-site", "same-origin") && is("sec-fetch-mode", "cors");
    if !origins.is_empty() || !is_question {
        return origins;
    }
    let referrer = headers.get(header::REFERER).into_iter();
    let is_origin = |referrer: &&HeaderValue| {
        let referrer = referrer.to_str().ok();
        referrer.is_some_and(|referrer| Origin::parse(referrer).is_ok())
    };
    referrer.filter(is_origin).collect()
}
