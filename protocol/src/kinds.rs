//! The table of kinds that an application speaks.

use crate::frame::{KindEntry, KindTable, TableDigest, TableHasher};
use crate::limits::MAX_KINDS;
use crate::shape::{Descriptor, outline};
use crate::{Fingerprint, Kind};

macro_rules! classes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $wire:literal;)*) => {
        /// The use of a kind.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Class {
            $($(#[$doc])* $name,)*
        }

        impl Class {
            /// Every class with its name: the table of PROTOCOL.md.
            pub const ALL: &[(Self, &'static str)] = &[$((Self::$name, $wire),)*];

            /// Returns the byte on the wire.
            pub const fn number(self) -> u8 {
                match self { $(Self::$name => $number,)* }
            }

            pub(crate) const fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$name),)* _ => None }
            }
        }
    };
}

classes! {
    /// A request that is answered by one reply.
    Call = 0, "call";
    /// A request that is answered by a stream of items and one reply.
    Stream = 1, "stream";
    /// A message that is acknowledged and not answered.
    Event = 2, "event";
    /// A topic's key; what is published there is of another type.
    Topic = 3, "topic";
}

/// A kind as an application declares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindDecl {
    name: &'static str,
    class: Class,
    fingerprint: Fingerprint,
    shapes: &'static [&'static Descriptor],
}

impl KindDecl {
    /// Returns the declaration of a kind.
    pub const fn of<K: Kind>() -> Self {
        Self {
            name: K::NAME,
            class: K::CLASS,
            fingerprint: K::FINGERPRINT,
            // A page that is shipped needn't carry them.
            shapes: if cfg!(debug_assertions) || !cfg!(target_family = "wasm") {
                K::SHAPES
            } else {
                &[]
            },
        }
    }

    /// Returns the kind's name on the wire.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the use of the kind.
    pub const fn class(&self) -> Class {
        self.class
    }

    /// Returns the kind's structure.
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Returns the shapes of what the kind carries, as in [`Kind::SHAPES`]; none in a release build for WebAssembly, whose
    /// pages needn't load it.
    pub const fn shapes(&self) -> &'static [&'static Descriptor] {
        self.shapes
    }
}

/// The kinds that an application speaks: made once with [`kinds!`](crate::kinds) in the crate that
/// both ends share. The client declares them in its hello, so that the server can tell at once
/// which of them it has otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Kinds {
    decls: &'static [KindDecl],
    digest: TableDigest,
}

impl Kinds {
    /// Makes a table of these declarations; [`kinds!`](crate::kinds) is the short way. In a `const`, a clash of
    /// names or a table larger than the wire allows is an error of the compiler.
    ///
    /// # Panics
    /// If two of them have the same name, or there are more than 512.
    pub const fn new(decls: &'static [KindDecl]) -> Self {
        assert!(
            decls.len() <= MAX_KINDS,
            "a table has at most 512 kinds: leave some out of kinds![…]"
        );
        let mut hasher = TableHasher::new(decls.len());
        // The compiler counts its steps, and names by their bytes would be too many.
        let mut hashes = [0; MAX_KINDS];
        let mut i = 0;
        while i < decls.len() {
            let decl = &decls[i];
            hasher.entry(decl.name, decl.class, decl.fingerprint);
            // Whatever its class: two kinds of one name clash in any.
            let hash = Fingerprint::of_kind(Class::Call, decl.name, &[]);
            hashes[i] = u64::from_le_bytes(hash.to_bytes());
            let mut j = 0;
            while j < i {
                assert!(
                    hashes[i] != hashes[j] || !same(decls[i].name, decls[j].name),
                    "two kinds have the same name: give one another, as by #[call(name = \"…\")]"
                );
                j += 1;
            }
            i += 1;
        }
        Self {
            decls,
            digest: hasher.digest(),
        }
    }

    /// Returns the declarations, in the order of the table.
    pub const fn decls(&self) -> &'static [KindDecl] {
        self.decls
    }

    /// Returns the structure of a kind in words, by its index; none in a release build.
    pub fn outline(&self, kind: u32) -> Option<String> {
        if !cfg!(debug_assertions) {
            return None;
        }
        let decl = self.decls.get(usize::try_from(kind).ok()?)?;
        Some(outline(decl.class, decl.shapes))
    }

    /// Returns the table as a hello carries it.
    pub fn entries(&self) -> Vec<KindEntry> {
        let entry = |decl: &KindDecl| KindEntry {
            name: decl.name.to_owned(),
            class: decl.class,
            fingerprint: decl.fingerprint,
        };
        self.decls.iter().map(entry).collect()
    }

    /// Returns the table that a client tells its server. Its digest is made where the kinds are: by the compiler, if
    /// they are in a `const`.
    pub fn table(&self) -> KindTable {
        KindTable::digested(self.entries(), self.digest)
    }
}

/// `==` on strings isn't const.
const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// The table of an application's kinds: `pub const KINDS: Kinds = kinds![Join, Leave];`
#[macro_export]
macro_rules! kinds {
    ($($kind:ty),* $(,)?) => {
        const {
            const DECLS: &[$crate::KindDecl] = &[$($crate::KindDecl::of::<$kind>()),*];
            $crate::Kinds::new(DECLS)
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MAX_NAME;

    /// As many names as may be, as long as may be, and alike but for their ends.
    static NAMES: [[u8; MAX_NAME]; MAX_KINDS] = {
        let mut names = [[b'n'; MAX_NAME]; MAX_KINDS];
        let mut i = 0;
        while i < names.len() {
            names[i][MAX_NAME - 1] = b'a' + (i % 16) as u8;
            names[i][MAX_NAME - 2] = b'a' + (i / 16 % 16) as u8;
            names[i][MAX_NAME - 3] = b'a' + (i / 256) as u8;
            i += 1;
        }
        names
    };

    static LINES: [KindDecl; MAX_KINDS] = {
        let line = KindDecl {
            name: "",
            class: Class::Call,
            fingerprint: Fingerprint::from_bytes([7; 8]),
            shapes: &[],
        };
        let mut lines = [line; MAX_KINDS];
        let mut i = 0;
        while i < lines.len() {
            lines[i].name = match str::from_utf8(&NAMES[i]) {
                Ok(name) => name,
                Err(_) => panic!("it is ASCII"),
            };
            i += 1;
        }
        lines
    };

    #[test]
    fn the_compiler_takes_the_largest_table() {
        const KINDS: Kinds = Kinds::new(&LINES);
        assert_eq!(KINDS.table(), KindTable::new(KINDS.entries()));
    }
}
