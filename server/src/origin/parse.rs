//! An origin (RFC 6454 §4): scheme, host and port.

use std::fmt;

use url::Url;

use super::OriginError;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) scheme: String,
    /// In lower case, a name in other alphabets in its ASCII form, IPv6 in brackets.
    pub(super) host: String,
    /// The port, also where it is the scheme's own; `None` for a scheme without ports.
    pub(super) port: Option<u16>,
}

impl Origin {
    /// Parses what an application allows or a browser tells.
    pub(super) fn parse(text: &str) -> Result<Self, OriginError> {
        let text = text.trim();
        let value = || text.to_owned();
        match text {
            "" => return Err(OriginError::Empty),
            "*" => return Err(OriginError::Any),
            // All sandboxed pages and all files share it: to allow one would be to allow them all.
            _ if text.eq_ignore_ascii_case("null") || text.starts_with("file:") => {
                return Err(OriginError::Null);
            }
            _ if text.contains('*') => return Err(OriginError::Pattern { value: value() }),
            _ => {}
        }
        if !text.contains("://") {
            return Err(without_scheme(text));
        }
        let malformed = || OriginError::Malformed { value: value() };
        let url = Url::parse(text).map_err(|_| malformed())?;
        let origin = Self::of(&url).ok_or_else(malformed)?;
        if matches!(origin.scheme.as_str(), "ws" | "wss") {
            let scheme = origin.scheme.replace("ws", "http");
            let meant = Self { scheme, ..origin }.to_string();
            let value = value();
            return Err(OriginError::WebSocket { value, meant });
        }
        if has_more(&url) {
            let meant = origin.to_string();
            return Err(OriginError::TooMuch {
                value: value(),
                meant,
            });
        }
        Ok(origin)
    }

    fn of(url: &Url) -> Option<Self> {
        Some(Self {
            scheme: url.scheme().to_owned(),
            host: url.host_str()?.to_ascii_lowercase(),
            port: url.port_or_known_default(),
        })
    }

    /// Returns true if a page of `origin` may connect where `self` was allowed.
    pub(super) fn covers(&self, origin: &Self) -> bool {
        let is_host = self.host == origin.host
            || self.host == "localhost"
                && matches!(origin.host.as_str(), "localhost." | "127.0.0.1" | "[::1]");
        is_host && self.scheme == origin.scheme && self.port == origin.port
    }
}

/// Returns true if the URL has more than an origin has.
fn has_more(url: &Url) -> bool {
    !matches!(url.path(), "" | "/")
        || url.query().is_some()
        || url.fragment().is_some()
        || !url.username().is_empty()
        || url.password().is_some()
}

fn without_scheme(text: &str) -> OriginError {
    let url = Url::parse(&format!("https://{}", text.trim_start_matches('/')));
    let value = text.to_owned();
    match url.ok().as_ref().and_then(Origin::of) {
        Some(origin) => OriginError::NoScheme {
            value,
            host: origin.to_string().replacen("https://", "", 1),
        },
        None => OriginError::Malformed { value },
    }
}

/// As browsers write it (RFC 6454 §6.2): without the scheme's own port.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        match (self.scheme.as_str(), self.port) {
            ("http", Some(80)) | ("https", Some(443)) | (_, None) => Ok(()),
            (_, Some(port)) => write!(f, ":{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_plainly_means_an_origin_becomes_what_a_browser_sends() {
        for (given, sent) in [
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://localhost:8080/", "http://localhost:8080"),
            ("https://app.example:443", "https://app.example"),
            ("http://app.example:80/", "http://app.example"),
            ("https://app.example:8443", "https://app.example:8443"),
            (" https://app.example\n", "https://app.example"),
            ("HTTPS://App.Example", "https://app.example"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
            ("https://BÜCHER.example", "https://xn--bcher-kva.example"),
            ("http://[0:0:0:0:0:0:0:1]:80", "http://[::1]"),
            ("capacitor://localhost", "capacitor://localhost"),
            (
                "chrome-extension://abcdefgh/",
                "chrome-extension://abcdefgh",
            ),
        ] {
            let origin = Origin::parse(given).unwrap_or_else(|error| panic!("{given}: {error}"));
            assert_eq!(origin.to_string(), sent, "{given}");
        }
    }

    #[test]
    fn whatever_else_is_an_error_that_says_how_to_write_it() {
        for (given, words) in [
            ("", "https://app.example"),
            ("  ", "https://app.example"),
            ("*", "allow_any_origin"),
            ("null", "sandboxed frames"),
            ("file:///page.html", "sandboxed frames"),
            ("app.example", "\"https://app.example\""),
            ("localhost:8080", "\"http://localhost:8080\""),
            ("//app.example/", "\"https://app.example\""),
            ("app.example/chat", "\"https://app.example\""),
            ("ws://app.example:9501", "\"http://app.example:9501\""),
            ("wss://app.example/ws", "\"https://app.example\""),
            ("https://app.example/chat", "\"https://app.example\""),
            ("https://app.example?x", "\"https://app.example\""),
            ("https://app.example/#x", "\"https://app.example\""),
            ("https://ada:secret@app.example", "\"https://app.example\""),
            ("https://*.app.example", "pattern"),
            ("https://app.example:99999", "can't be parsed"),
            ("https://app example", "can't be parsed"),
            ("http://", "can't be parsed"),
            ("https://a.example, https://b.example", "can't be parsed"),
        ] {
            match Origin::parse(given) {
                Err(error) => assert!(error.to_string().contains(words), "{given:?}: {error}"),
                Ok(origin) => panic!("{given:?} is {origin}"),
            }
        }
    }

    #[test]
    fn localhost_covers_the_loopback_names_of_its_port_and_nothing_else() {
        let covers = |allowed: &str, origin: &str| {
            let [allowed, origin] = [allowed, origin].map(|text| Origin::parse(text).unwrap());
            allowed.covers(&origin)
        };
        for origin in [
            "http://localhost:8080",
            "http://localhost.:8080",
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
        ] {
            assert!(covers("http://localhost:8080", origin), "{origin}");
        }
        for origin in [
            "http://localhost:8081",
            "https://localhost:8080",
            "http://127.0.0.2:8080",
            "http://localhost.evil.example:8080",
            "http://app.localhost:8080",
        ] {
            assert!(!covers("http://localhost:8080", origin), "{origin}");
        }
        assert!(!covers("http://127.0.0.1:8080", "http://localhost:8080"));
        assert!(!covers("http://127.0.0.1:8080", "http://[::1]:8080"));
    }
}
