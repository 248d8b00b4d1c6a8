//! The table of kinds that an application speaks.

use crate::frame::KindEntry;
use crate::limits::MAX_KINDS;
use crate::{Fingerprint, Kind};

/// One line of a table of kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindInfo {
    name: &'static str,
    fingerprint: Fingerprint,
}

impl KindInfo {
    /// The line of one kind.
    pub const fn of<K: Kind>() -> Self {
        Self {
            name: K::NAME,
            fingerprint: K::FINGERPRINT,
        }
    }

    /// The kind's name on the wire.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The kind's structure.
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

/// The kinds that an application speaks: made once with [`kinds!`](crate::kinds) in the crate that
/// both ends share. The client declares them in its hello, so that the server can tell at once
/// which of them it has otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Kinds(&'static [KindInfo]);

impl Kinds {
    /// A table of these lines; [`kinds!`](crate::kinds) is the short way. In a `const`, a clash of
    /// names or a table larger than the wire allows is an error of the compiler.
    ///
    /// # Panics
    /// If two lines have the same name, or there are more than 512.
    pub const fn new(lines: &'static [KindInfo]) -> Self {
        assert!(
            lines.len() <= MAX_KINDS,
            "more kinds than a hello can carry"
        );
        let mut i = 0;
        while i < lines.len() {
            let mut j = i + 1;
            while j < lines.len() {
                assert!(
                    !same(lines[i].name, lines[j].name),
                    "two kinds have the same name: give one #[call(name = \"…\")]"
                );
                j += 1;
            }
            i += 1;
        }
        Self(lines)
    }

    /// The lines, in the order of the table.
    pub const fn lines(&self) -> &'static [KindInfo] {
        self.0
    }

    /// The place of a kind in the table, by which calls name it; none if it isn't declared.
    pub fn position<K: Kind>(&self) -> Option<u32> {
        let place = self
            .0
            .iter()
            .position(|line| *line == KindInfo::of::<K>())?;
        u32::try_from(place).ok()
    }

    /// The table as a hello carries it.
    pub fn entries(&self) -> Vec<KindEntry> {
        let entry = |line: &KindInfo| KindEntry {
            name: line.name.to_owned(),
            fingerprint: line.fingerprint,
        };
        self.0.iter().map(entry).collect()
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
            const LINES: &[$crate::KindInfo] = &[$($crate::KindInfo::of::<$kind>()),*];
            $crate::Kinds::new(LINES)
        }
    };
}
