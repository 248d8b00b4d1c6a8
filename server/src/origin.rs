//! Which pages may connect: a browser sends cookies and tells the page's origin with every
//! WebSocket handshake, and asks nobody (RFC 6455 §10.2).

use actix_web::HttpRequest;
use actix_web::http::Uri;
use actix_web::http::header;

/// The origins whose pages may connect.
#[derive(Debug)]
pub(crate) enum Origins {
    /// This server's own, and these.
    OwnAnd(Vec<String>),
    Any,
}

impl Default for Origins {
    fn default() -> Self {
        Self::OwnAnd(Vec::new())
    }
}

impl Origins {
    pub(crate) fn allow(&mut self, origin: String) {
        match self {
            Self::OwnAnd(allowed) => allowed.push(origin),
            Self::Any => {}
        }
    }

    /// Whether the request may connect. What isn't a browser tells no origin, and may.
    pub(crate) fn admit(&self, request: &HttpRequest) -> bool {
        let Self::OwnAnd(allowed) = self else {
            return true;
        };
        let mut origins = request.headers().get_all(header::ORIGIN);
        let Some(origin) = origins.next() else {
            return true;
        };
        let (Ok(origin), None) = (origin.to_str(), origins.next()) else {
            return false;
        };
        if allowed
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(origin))
        {
            return true;
        }
        let host = request
            .headers()
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        host.is_some_and(|host| is_same(origin, host))
    }
}

/// Whether an origin's host and port are those of a `Host` header. The scheme doesn't count: a
/// proxy may end TLS.
fn is_same(origin: &str, host: &str) -> bool {
    let Ok(origin) = origin.parse::<Uri>() else {
        return false;
    };
    let default_port = match origin.scheme_str() {
        Some("http") => 80,
        Some("https") => 443,
        _ => return false,
    };
    let Some(authority) = origin.authority() else {
        return false;
    };
    let Ok(host) = host.parse::<actix_web::http::uri::Authority>() else {
        return false;
    };
    let port = |of: &actix_web::http::uri::Authority| of.port_u16().unwrap_or(default_port);
    authority.host().eq_ignore_ascii_case(host.host()) && port(authority) == port(&host)
}

#[cfg(test)]
mod tests {
    use super::is_same;

    #[test]
    fn an_origin_is_the_hosts_own_only_with_the_same_name_and_port() {
        for (origin, host) in [
            ("http://localhost:9501", "localhost:9501"),
            ("https://chat.example", "chat.example"),
            ("https://chat.example", "chat.example:443"),
            ("http://CHAT.example", "chat.EXAMPLE:80"),
            ("http://[::1]:9501", "[::1]:9501"),
        ] {
            assert!(is_same(origin, host), "{origin} {host}");
        }
        for (origin, host) in [
            ("http://localhost:9502", "localhost:9501"),
            ("http://evil.example", "chat.example"),
            ("http://chat.example.evil.example", "chat.example"),
            ("https://chat.example", "chat.example:80"),
            ("null", "chat.example"),
            ("file:///etc", "chat.example"),
            ("", ""),
        ] {
            assert!(!is_same(origin, host), "{origin} {host}");
        }
    }
}
