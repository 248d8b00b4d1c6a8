//! Where a session stands, and which frames have a place there.

use crate::frame::FrameType;

/// Which end of the connection a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Client,
    Server,
}

macro_rules! states {
    ($($(#[$doc:meta])* $name:ident = $wire:literal, $text:literal;)*) => {
        /// Where a session stands.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum State {
            $($(#[$doc])* $name,)*
        }

        impl State {
            /// Every state with its name and meaning: the table of PROTOCOL.md.
            pub const ALL: &[(Self, &'static str, &'static str)] =
                &[$((Self::$name, $wire, $text),)*];
        }
    };
}

states! {
    /// The client has no socket yet.
    Idle = "idle", "client: no socket yet";
    /// The client's hello is under way.
    Greeting = "greeting", "client: hello sent, welcome awaited";
    /// The server awaits a hello.
    Awaiting = "awaiting", "server: hello awaited";
    /// The server's application judges the hello.
    Judging = "judging", "server: hello received, the application judges it";
    /// Calls and replies flow.
    Open = "open", "welcomed: calls and replies flow";
    /// This side said goodbye and awaits the peer's.
    Draining = "draining", "goodbye sent, the peer's is awaited";
    /// The client has both goodbyes and leaves the close to the server.
    Parting = "parting", "client: both goodbyes said, the server's close is awaited";
    /// The last bytes go out, then the socket closes.
    Closing = "closing", "the last bytes go out, then the socket closes";
    /// All is over.
    Closed = "closed", "over";
}

/// What to do with a frame in some state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    Take,
    /// It was sent before the peer could know; it counts for nothing.
    Drop,
    /// The peer broke the protocol.
    Refuse,
}

impl State {
    /// The table of states and frames.
    pub(super) fn admit(self, role: Role, frame: FrameType) -> Admission {
        use Admission::{Drop, Refuse, Take};
        use FrameType::{Ack, Call, Goodbye, Hello, Ping, Pong, Reply, Welcome};
        match (self, frame) {
            (Self::Closing | Self::Closed | Self::Parting, _) => Drop,
            (Self::Idle, _) => Refuse,
            (_, Goodbye) => Take,
            (Self::Greeting, Welcome) => Take,
            (Self::Awaiting, Hello) => Take,
            (Self::Greeting | Self::Awaiting | Self::Judging, _) => Refuse,
            (Self::Open | Self::Draining, Ack | Ping | Pong) => Take,
            (Self::Open | Self::Draining, Reply) if role == Role::Client => Take,
            (Self::Open, Call) if role == Role::Server => Take,
            // The client's welcome may cross its own goodbye.
            (Self::Draining, Welcome) if role == Role::Client => Drop,
            (Self::Draining, Call) if role == Role::Server => Drop,
            (Self::Open | Self::Draining, Call | Reply | Hello | Welcome) => Refuse,
        }
    }

    /// Whether calls may be given to the session: they wait until it is open.
    pub(super) fn takes_calls(self) -> bool {
        matches!(self, Self::Idle | Self::Greeting | Self::Open)
    }
}
