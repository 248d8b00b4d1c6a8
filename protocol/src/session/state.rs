//! Where a session stands, and which frames have a place there.

use crate::frame::FrameType;

/// The end of the connection that a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The one that opened the socket.
    Client,
    /// The one that took it.
    Server,
}

macro_rules! states {
    ($($(#[$doc:meta])* $name:ident = $wire:literal, $text:literal;)*) => {
        /// The state of a session.
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
    AwaitingWelcome = "awaiting_welcome", "client: hello sent, welcome awaited";
    /// The server awaits a hello.
    AwaitingHello = "awaiting_hello", "server: hello awaited";
    /// The server has a hello, and awaits the client's table.
    AwaitingTable = "awaiting_table", "server: hello received, the client's table awaited";
    /// The server's application judges the hello.
    Authenticating = "authenticating", "server: hello received, the application judges it";
    /// Requests and answers flow.
    Open = "open", "welcomed: requests and answers flow";
    /// There is no connection; the client may come back over another.
    Detached = "detached", "welcomed, and without a connection";
    /// This side said goodbye and awaits the peer's.
    Draining = "draining", "goodbye sent, the peer's is awaited";
    /// The peer said goodbye; what it sent for good before is still handled.
    PeerDraining = "peer_draining", "the peer said goodbye: its events and publications are still handled";
    /// The client has both goodbyes and leaves the close to the server.
    AwaitingClose = "awaiting_close", "client: both goodbyes said, the server's close is awaited";
    /// The last bytes go out, then the socket closes.
    Closing = "closing", "the last bytes go out, then the socket closes";
    /// All is over.
    Closed = "closed", "over";
}

/// The treatment of a frame in some state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It has its place here.
    Take,
    /// It was sent before the peer could know; it counts for nothing.
    Drop,
    /// The peer broke the protocol.
    Refuse,
}

impl State {
    /// Returns true if a session of this role is ever in this state.
    pub fn is_of(self, role: Role) -> bool {
        match self {
            Self::Idle | Self::AwaitingWelcome | Self::AwaitingClose => role == Role::Client,
            Self::AwaitingHello | Self::AwaitingTable | Self::Authenticating => {
                role == Role::Server
            }
            Self::Open
            | Self::Detached
            | Self::Draining
            | Self::PeerDraining
            | Self::Closing
            | Self::Closed => true,
        }
    }

    /// Returns true if a client's session takes another connection now.
    pub fn awaits_connection(self) -> bool {
        matches!(self, Self::Idle | Self::Detached)
    }

    /// Returns what to do with a frame in a state: the table of states and frames, in PROTOCOL.md too.
    pub fn admit(self, role: Role, frame: FrameType) -> Admission {
        use Admission::{Drop, Refuse, Take};
        use FrameType::{
            Ack, Call, Cancel, Event, Goodbye, Hello, Item, NeedOutlines, NeedTable, Outline, Ping,
            Pong, Publication, Reply, Skipped, StreamWindow, Table, TopicWindow, Welcome,
        };
        match (self, frame) {
            // Its sender can't know yet that the connection was given up, or that all has been said.
            (
                Self::Detached
                | Self::Closing
                | Self::Closed
                | Self::AwaitingClose
                | Self::PeerDraining,
                _,
            ) => Drop,
            // Without a socket nothing can come: its shell is at fault.
            (Self::Idle, _) => Refuse,
            // Whatever goes wrong between two versions, the reason is heard.
            (_, Goodbye) => Take,
            (Self::AwaitingWelcome, Welcome | NeedTable) => Take,
            (Self::AwaitingHello, Hello) => Take,
            (Self::AwaitingTable, Table) => Take,
            (
                Self::AwaitingWelcome
                | Self::AwaitingHello
                | Self::AwaitingTable
                | Self::Authenticating,
                _,
            ) => Refuse,
            (Self::Open | Self::Draining, Ack | Ping | Pong | Reply | Item) => Take,
            (Self::Open, Call | Event | Cancel | StreamWindow | Outline) => Take,
            (Self::Open, Publication | Skipped | NeedOutlines) if role == Role::Client => Take,
            (Self::Draining, Publication | Skipped | NeedOutlines) if role == Role::Client => Drop,
            (Self::Open, TopicWindow) if role == Role::Server => Take,
            (Self::Draining, TopicWindow) if role == Role::Server => Drop,
            (Self::Open | Self::Draining, Publication | Skipped | TopicWindow | NeedOutlines) => {
                Refuse
            }
            // Sent before the goodbye was heard. They count, and nothing comes of them.
            (Self::Draining, Call | Event | Cancel | StreamWindow | Outline) => Drop,
            // The client's goodbye may cross what the server says before it.
            (Self::Draining, Welcome | NeedTable) if role == Role::Client => Drop,
            (Self::Open | Self::Draining, Hello | Welcome | NeedTable | Table) => Refuse,
        }
    }

    /// Returns true before the welcome.
    pub(super) fn is_handshake(self) -> bool {
        matches!(
            self,
            Self::AwaitingWelcome
                | Self::AwaitingHello
                | Self::AwaitingTable
                | Self::Authenticating
        )
    }

    /// Returns true from the first goodbye to the close.
    pub(super) fn is_ending(self) -> bool {
        matches!(
            self,
            Self::Draining | Self::PeerDraining | Self::AwaitingClose | Self::Closing
        )
    }

    /// Returns true if requests may be given to the session: they wait until it is open.
    pub fn takes_requests(self) -> bool {
        matches!(
            self,
            Self::Idle | Self::AwaitingWelcome | Self::Open | Self::Detached
        )
    }
}
