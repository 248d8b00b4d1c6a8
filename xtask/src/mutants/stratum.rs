//! The parts of the code that are sampled on their own, and what is to catch a mutant of each.

use std::path::Path;

use super::Suite;

/// A part of the code of which a score is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stratum {
    /// Session and log.
    Session,
    Remote,
    Client,
    /// The server's shells.
    Server,
    Websocket,
    /// The browser's socket.
    ClientWasm,
}

impl Stratum {
    pub(crate) const ALL: [Self; 6] = [
        Self::Session,
        Self::Remote,
        Self::Client,
        Self::Server,
        Self::Websocket,
        Self::ClientWasm,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Remote => "remote",
            Self::Client => "client",
            Self::Server => "server",
            Self::Websocket => "websocket",
            Self::ClientWasm => "client-wasm",
        }
    }

    /// Files and folders; a file that is cut up into a folder of its name stays in its stratum.
    fn places(self) -> &'static [&'static str] {
        match self {
            Self::Session => &["protocol/src/session", "protocol/src/log"],
            Self::Remote => &["remote/src"],
            Self::Client => &["client/src"],
            Self::Server => &[
                "server/src/session/connection",
                "server/src/app/handler",
                "server/src/session/handler_tasks",
                "server/src/session/app_session",
                "server/src/session/peers",
                "server/src/session/slot",
                "server/src/topic",
            ],
            Self::Websocket => &["server/src/websocket"],
            Self::ClientWasm => &["client-wasm/src/socket"],
        }
    }

    /// Returns the stratum of a file.
    pub(super) fn of(file: &Path) -> Option<Self> {
        let bare = file.with_extension("");
        let has = |stratum: &Self| stratum.places().iter().any(|place| bare.starts_with(place));
        Self::ALL.into_iter().find(has)
    }

    /// Returns what runs for a mutant until something fails, the cheapest first.
    pub(super) fn suites(self) -> &'static [Suite] {
        match self {
            Self::Session => &[
                Suite::Protocol,
                Suite::Simulator,
                Suite::Worlds,
                Suite::ServerCore,
                Suite::Server,
            ],
            Self::Remote => &[
                Suite::Remote,
                Suite::Client,
                Suite::Worlds,
                Suite::ServerCore,
                Suite::Server,
            ],
            Self::Client => &[
                Suite::Client,
                Suite::Worlds,
                Suite::ServerCore,
                Suite::Server,
            ],
            Self::Server => &[
                Suite::ServerUnit,
                Suite::Worlds,
                Suite::ServerCore,
                Suite::Server,
            ],
            Self::Websocket => &[
                Suite::ServerUnit,
                Suite::WorldsOfBytes,
                Suite::WebsocketCore,
                Suite::Server,
            ],
            Self::ClientWasm => &[Suite::Chromium],
        }
    }

    /// Returns true if its mutants are built all at once: a page has no variable that could activate one.
    pub(super) fn has_schema(self) -> bool {
        self != Self::ClientWasm
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_in_the_stratum_of_its_folder_or_name() {
        for (file, stratum) in [
            (
                "protocol/src/session/outgoing/mod.rs",
                Some(Stratum::Session),
            ),
            ("server/src/session/app_session.rs", Some(Stratum::Server)),
            (
                "server/src/session/app_session/resume.rs",
                Some(Stratum::Server),
            ),
            ("server/src/session/lifetime.rs", None),
            ("server/src/websocket/body.rs", Some(Stratum::Websocket)),
            ("client-wasm/src/socket/url.rs", Some(Stratum::ClientWasm)),
            ("client-wasm/src/page.rs", None),
        ] {
            assert_eq!(Stratum::of(Path::new(file)), stratum, "{file}");
        }
    }
}
