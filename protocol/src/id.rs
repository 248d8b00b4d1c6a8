//! Ids on the wire. Each is a type of its own and none converts into another.

use std::fmt;

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $len]);

        impl $name {
            /// Length on the wire, in bytes.
            pub const LEN: usize = $len;

            /// Makes the id of these bytes, which the shell draws from a cryptographic source.
            pub const fn from_bytes(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// Returns the id as it stands on the wire.
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    };
}

random_id! {
    /// Names one session among all that a server ever had. Known to its two ends only.
    SessionId, 16
}
random_id! {
    /// Names the client's end of a session to others: public, and the same for the session's life.
    PeerId, 8
}
random_id! {
    /// Names one run of a server's process: a client that sees another one knows that it restarted.
    BootId, 8
}

random_id! {
    /// Names one life of a topic's log: a position in another says nothing about this one.
    Epoch, 8
}

/// The proof that a client is the one of a session. Known to the two ends only, and another with
/// each welcome.
///
/// Comparing takes the same time wherever two differ, and formatting shows nothing.
#[derive(Clone)]
pub struct Secret([u8; Self::LEN]);

impl Secret {
    /// Length on the wire, in bytes.
    pub const LEN: usize = 32;

    /// Makes the secret of these bytes, which the shell draws from a cryptographic source.
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// Returns the secret as it stands on the wire.
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        let pairs = self.0.iter().zip(&other.0);
        let differing = pairs.fold(0, |differing, (a, b)| differing | (a ^ b));
        // Else the compiler might end the loop at the first byte that differs.
        std::hint::black_box(differing) == 0
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

macro_rules! counter {
    ($(#[$doc:meta])* $name:ident, $(#[$first:meta])* $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            $(#[$first])*
            pub const FIRST: Self = Self(1);

            /// The number on the wire, if it is one: zero is not.
            pub(crate) const fn new(value: u64) -> Option<Self> {
                if value == 0 { None } else { Some(Self(value)) }
            }

            /// Returns the number as it stands on the wire.
            pub const fn get(self) -> u64 {
                self.0
            }

            /// Returns the number that follows. At one a nanosecond the 53 bits of the wire last 104 days, and
            /// nothing that is counted here is that fast.
            pub(crate) const fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

counter! {
    /// The number of a numbered frame: 1 for the first that a side sends in a session, then one more
    /// for each. A call is known by the number of its first frame.
    SeqNo,
    /// The number of a side's first numbered frame.
    "#"
}
counter! {
    /// The place of an entry in its topic's log: 1 for the first of an epoch, then one more for each.
    Offset,
    /// The place of the first entry.
    "@"
}

impl Offset {
    /// No entry has this one: what follows it is no integer of the wire.
    pub(crate) const LAST: Self = Self((1 << 53) - 1);

    /// The offset of this number, which [`get`](Self::get) gave: 1 to 2^53 - 1. An application keeps numbers where it keeps
    /// a [`Position`] for another run.
    pub const fn from_number(number: u64) -> Option<Self> {
        if number > Self::LAST.get() {
            return None;
        }
        Self::new(number)
    }

    /// Returns the offset of the next entry.
    pub const fn following(self) -> Self {
        self.next()
    }
}

/// A place in one life of a topic's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// The epoch.
    pub epoch: Epoch,
    /// The place in it.
    pub offset: Offset,
}

/// The alias by which publications name their topic: one for each life of a log, among all logs of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Alias(u64);

impl Alias {
    /// Makes the alias of a number below 2^53.
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    /// Returns the alias as it stands on the wire.
    pub const fn get(self) -> u64 {
        self.0
    }
}
