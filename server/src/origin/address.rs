//! The address by which a page reached the server, as far as it is known.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderMap};
use actix_web::http::uri::Authority;
use ipnet::IpNet;

use super::parse::Origin;

/// The server's own origin, as a request tells it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Address {
    /// `http` or `https`; `None` if it may be either.
    scheme: Option<String>,
    /// Host and port, as a `Host` header has them.
    pub(super) host: Option<String>,
}

impl Address {
    /// Reads `Host`, and what trusted proxies say instead.
    pub(super) fn of(request: &HttpRequest, proxies: &[IpNet]) -> Self {
        let headers = request.headers();
        let forwarded = match is_trusted(request.peer_addr().map(|peer| peer.ip()), proxies) {
            true => forwarded(headers, proxies),
            false => Self::default(),
        };
        let host = headers.get(header::HOST);
        let host = || host.and_then(|host| host.to_str().ok()).map(str::to_owned);
        // This server's own TLS proves the scheme; its absence proves nothing.
        let secure = request.app_config().secure().then(|| "https".to_owned());
        Self {
            scheme: forwarded.scheme.or(secure),
            host: forwarded.host.or_else(host),
        }
    }

    /// Returns true if the origin is this address.
    pub(super) fn is_of(&self, origin: &Origin) -> bool {
        let default_port = match origin.scheme.as_str() {
            "http" => 80,
            "https" => 443,
            _ => return false,
        };
        if self
            .scheme
            .as_ref()
            .is_some_and(|scheme| *scheme != origin.scheme)
        {
            return false;
        }
        let Some(Ok(host)) = self.host.as_deref().map(str::parse::<Authority>) else {
            return false;
        };
        let port = host.port_u16().unwrap_or(default_port);
        origin.host.eq_ignore_ascii_case(host.host()) && origin.port == Some(port)
    }
}

fn is_trusted(peer: Option<IpAddr>, proxies: &[IpNet]) -> bool {
    // A socket of both families shows IPv4 peers as IPv6.
    let peer = peer.map(|peer| peer.to_canonical());
    peer.is_some_and(|peer| proxies.iter().any(|proxy| proxy.contains(&peer)))
}

/// Reads what a trusted proxy says: `Forwarded` where it is there, else its predecessors.
fn forwarded(headers: &HeaderMap, proxies: &[IpNet]) -> Address {
    let elements = elements(headers, "forwarded");
    if elements.is_empty() {
        let last = |name| elements_last(headers, name);
        return Address {
            scheme: last("x-forwarded-proto").map(|scheme| scheme.to_ascii_lowercase()),
            host: last("x-forwarded-host"),
        };
    }
    let mut address = Address::default();
    // From the nearest proxy outwards: the outermost that is trusted has seen the browser's own request.
    for element in elements.iter().rev() {
        let element = Element::parse(element);
        address.host = element.host.or(address.host);
        address.scheme = element.proto.or(address.scheme);
        if !is_trusted(element.from, proxies) {
            break;
        }
    }
    address
}

fn elements_last(headers: &HeaderMap, name: &str) -> Option<String> {
    elements(headers, name).pop()
}

/// Returns the elements of a list, which may stand in several headers (RFC 9110 §5.6.1); commas in quotes don't part them.
fn elements(headers: &HeaderMap, name: &str) -> Vec<String> {
    let values = headers
        .get_all(name)
        .filter_map(|value| value.to_str().ok());
    let parts = values.flat_map(|value| split_outside_quotes(value, ','));
    parts.filter(|part| !part.is_empty()).collect()
}

fn split_outside_quotes(text: &str, separator: char) -> Vec<String> {
    let (mut parts, mut is_quoted, mut is_escaped) = (vec![String::new()], false, false);
    for letter in text.chars() {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ => {}
        }
        match parts.last_mut() {
            Some(part) if letter != separator || is_quoted => part.push(letter),
            _ => parts.push(String::new()),
        }
    }
    parts.iter().map(|part| part.trim().to_owned()).collect()
}

/// One proxy's account in a `Forwarded` header (RFC 7239 §4).
#[derive(Default)]
struct Element {
    /// The address from which the request came to that proxy.
    from: Option<IpAddr>,
    host: Option<String>,
    proto: Option<String>,
}

impl Element {
    fn parse(text: &str) -> Self {
        let mut element = Self::default();
        for pair in split_outside_quotes(text, ';') {
            let Some((name, value)) = pair.split_once('=') else {
                continue;
            };
            let value = unquote(value.trim());
            match name.trim().to_ascii_lowercase().as_str() {
                "for" => element.from = node(&value),
                "host" => element.host = Some(value),
                "proto" => element.proto = Some(value.to_ascii_lowercase()),
                _ => {}
            }
        }
        element
    }
}

fn unquote(value: &str) -> String {
    let inside = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'));
    match inside {
        Some(inside) => inside.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => value.to_owned(),
    }
}

/// Returns the address of a node, whose port may follow and whose IPv6 is in brackets (RFC 7239 §6).
fn node(text: &str) -> Option<IpAddr> {
    if let Some(rest) = text.strip_prefix('[') {
        return rest.split_once(']')?.0.parse().ok();
    }
    // A name that hides the address (RFC 7239 §6.3) is none, and so nobody that is trusted.
    let (address, _) = text.split_once(':').unwrap_or((text, ""));
    address.parse().ok()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn check(headers: &[(&str, &str)], peer: &str, scheme: Option<&str>, host: &str) {
        let mut request = TestRequest::default().peer_addr(peer.parse().expect("an address"));
        for header in headers {
            request = request.append_header(*header);
        }
        let proxies = ["127.0.0.1/32", "10.0.0.0/8"].map(|proxy| proxy.parse().expect("a network"));
        let address = Address::of(&request.to_http_request(), &proxies);
        let expect = Address {
            scheme: scheme.map(str::to_owned),
            host: Some(host.to_owned()),
        };
        assert_eq!(address, expect, "{headers:?}");
    }

    const HOST: (&str, &str) = ("Host", "127.0.0.1:9501");

    #[test]
    fn only_trusted_proxies_say_where_they_were_reached() {
        let told = [
            HOST,
            ("X-Forwarded-Host", "chat.example"),
            ("X-Forwarded-Proto", "HTTPS"),
        ];
        check(&told, "127.0.0.1:5000", Some("https"), "chat.example");
        check(&told, "10.1.2.3:5000", Some("https"), "chat.example");
        check(
            &told,
            "[::ffff:10.1.2.3]:5000",
            Some("https"),
            "chat.example",
        );
        check(&told, "192.0.2.1:5000", None, "127.0.0.1:9501");
        check(&told, "[::1]:5000", None, "127.0.0.1:9501");
    }

    #[test]
    fn a_proxy_may_say_the_scheme_alone_and_keep_host() {
        let told = [
            ("Host", "chat.example:8443"),
            ("X-Forwarded-Proto", "https"),
        ];
        check(&told, "127.0.0.1:5000", Some("https"), "chat.example:8443");
    }

    #[test]
    fn of_several_values_the_nearest_proxys_counts() {
        let told = [
            HOST,
            ("X-Forwarded-Host", "evil.example, chat.example"),
            ("X-Forwarded-Proto", "http"),
            ("X-Forwarded-Proto", "https"),
        ];
        check(&told, "127.0.0.1:5000", Some("https"), "chat.example");
    }

    #[test]
    fn forwarded_is_read_through_a_chain_of_trusted_proxies_and_no_further() {
        let one = [
            HOST,
            (
                "Forwarded",
                "for=192.0.2.1;host=\"chat.example:8443\";Proto=HTTPS",
            ),
        ];
        check(&one, "127.0.0.1:5000", Some("https"), "chat.example:8443");

        let chain = [
            HOST,
            ("Forwarded", "for=192.0.2.9;host=evil.example;proto=http"),
            (
                "Forwarded",
                "for=192.0.2.1;host=chat.example;proto=https, for=\"10.0.0.1:80\";host=inner",
            ),
            ("X-Forwarded-Host", "other.example"),
        ];
        check(&chain, "127.0.0.1:5000", Some("https"), "chat.example");

        let stranger = [
            HOST,
            (
                "Forwarded",
                "host=evil.example, for=\"[2001:db8::1]:9\";host=chat.example",
            ),
        ];
        check(&stranger, "127.0.0.1:5000", None, "chat.example");
    }

    #[test]
    fn what_cannot_be_read_is_no_address() {
        for broken in [
            "",
            ",",
            ";=;",
            "host",
            "for=_hidden;by=\"unclosed",
            "\\\"",
            "host=\"a\\",
        ] {
            let request = TestRequest::default()
                .peer_addr("127.0.0.1:5000".parse().expect("an address"))
                .append_header(HOST)
                .append_header(("Forwarded", broken));
            let proxies = ["127.0.0.1/32".parse().expect("a network")];
            let address = Address::of(&request.to_http_request(), &proxies);
            let page = Origin::parse("https://evil.example").expect("an origin");
            assert!(!address.is_of(&page), "{broken}");
        }
    }

    #[test]
    fn an_origin_is_the_hosts_own_only_with_the_same_name_and_port() {
        let is_same = |origin: &str, scheme: Option<&str>, host: &str| {
            let address = Address {
                scheme: scheme.map(str::to_owned),
                host: Some(host.to_owned()),
            };
            Origin::parse(origin).is_ok_and(|origin| address.is_of(&origin))
        };
        for (origin, host) in [
            ("http://localhost:9501", "localhost:9501"),
            ("https://chat.example", "chat.example"),
            ("https://chat.example", "chat.example:443"),
            ("http://CHAT.example", "chat.EXAMPLE:80"),
            ("http://[::1]:9501", "[::1]:9501"),
        ] {
            assert!(is_same(origin, None, host), "{origin} {host}");
        }
        for (origin, host) in [
            ("http://localhost:9502", "localhost:9501"),
            ("http://evil.example", "chat.example"),
            ("http://chat.example.evil.example", "chat.example"),
            ("https://chat.example", "chat.example:80"),
            ("https://chat.example:8443", "chat.example"),
            ("capacitor://chat.example", "chat.example"),
            ("null", "chat.example"),
            ("file:///etc", "chat.example"),
            ("", ""),
        ] {
            assert!(!is_same(origin, None, host), "{origin} {host}");
        }
        assert!(is_same(
            "https://chat.example",
            Some("https"),
            "chat.example"
        ));
        assert!(!is_same(
            "http://chat.example",
            Some("https"),
            "chat.example"
        ));
        assert!(!is_same(
            "https://chat.example",
            Some("http"),
            "chat.example"
        ));
    }
}
