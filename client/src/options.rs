//! How to connect.

use std::time::Duration;

use twinwire::{Format, Kinds, Limits};

/// How to connect, and to what.
#[derive(Clone, Debug)]
pub struct Options {
    pub(crate) url: String,
    pub(crate) kinds: Kinds,
    pub(crate) format: Format,
    pub(crate) token: Vec<u8>,
    pub(crate) connect_timeout: Duration,
    pub(crate) limits: Limits,
}

impl Options {
    /// Connects to `url`, speaking `kinds`. A browser takes `ws:`, `wss:`, `http:`, `https:` and URLs
    /// relative to the page; the native client `ws:` only, so far.
    pub fn new(url: impl Into<String>, kinds: Kinds) -> Self {
        Self {
            url: url.into(),
            kinds,
            format: Format::Postcard,
            token: Vec::new(),
            connect_timeout: Duration::from_secs(30),
            limits: Limits::default(),
        }
    }

    /// What the server's `authenticate` gets (default: nothing; at most 4 KiB, or the server
    /// refuses it). The server's other clients never see it.
    pub fn token(mut self, token: impl Into<Vec<u8>>) -> Self {
        self.token = token.into();
        self
    }

    /// How payloads travel (default: postcard). Servers speak both; JSON is for looking at, and in a page
    /// takes the feature `json` of the crate `twinwire`.
    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// The time from `connect` to the welcome (default 30 s).
    pub fn connect_timeout(mut self, time: Duration) -> Self {
        self.connect_timeout = time;
        self
    }

    /// The session's bounds, the calls' deadline among them.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}
