//! Times in which nothing goes wrong with a client: what is due then comes soon.

use std::time::Duration;

use tokio::time::Instant;

use super::Account;
use crate::plan::Fault;

/// The time in which an answer comes over a link that nothing is wrong with, however slow the plan makes it.
pub(super) const SOON: Duration = Duration::from_secs(2);

/// Something that goes wrong with a client, or with all.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trouble {
    /// Its connection is of no use, whether that is noticed or not.
    Broken { client: Option<usize>, at: Instant },
    /// Nothing arrives until then.
    Late {
        client: Option<usize>,
        until: Instant,
    },
}

impl Trouble {
    fn of(fault: Fault) -> Option<Self> {
        let at = Instant::now();
        match fault {
            Fault::Cut { client } => Some(Self::Broken {
                client: Some(client),
                at,
            }),
            Fault::Kill { .. } | Fault::Drain { .. } => Some(Self::Broken { client: None, at }),
            Fault::Stall { client, time } => Some(Self::Late {
                client: Some(client),
                until: at + time,
            }),
            Fault::Freeze { time, .. } => Some(Self::Late {
                client: None,
                until: at + time,
            }),
            Fault::Slow { .. }
            | Fault::Sleep { .. }
            | Fault::Refuse { .. }
            | Fault::Poke { .. }
            | Fault::Tell
            | Fault::Publish { .. }
            | Fault::Join { .. }
            | Fault::Leave { .. } => None,
        }
    }

    /// Returns true if this troubles a client of that number, whose link has been there from `linked` on, after `since`.
    fn troubles(self, number: usize, linked: Instant, since: Instant) -> bool {
        match self {
            Self::Broken { client, at } => client.is_none_or(|of| of == number) && at >= linked,
            Self::Late { client, until } => client.is_none_or(|of| of == number) && until >= since,
        }
    }
}

impl Account {
    /// Notes what goes wrong.
    pub(crate) fn happens(&mut self, fault: Fault) {
        self.troubles.extend(Trouble::of(fault));
    }

    /// Notes that a client has another link. A welcome may come over one that is broken.
    pub(crate) fn links(&mut self, life: usize) {
        self.lives[life].linked = Instant::now();
    }

    /// Notes whether a client has a connection that is welcome.
    pub(crate) fn is_open(&mut self, life: usize, is_open: bool) {
        self.lives[life].open = is_open.then(Instant::now);
    }

    /// Returns true if a client has had its connection, and nothing has gone wrong with that, since then.
    pub(super) fn is_calm(&self, life: usize, since: Instant) -> bool {
        let life = &self.lives[life];
        let is_calm = |open: Instant| {
            let mut troubles = self.troubles.iter();
            let is_troubled = troubles.any(|of| of.troubles(life.number, life.linked, since));
            open <= since && !is_troubled
        };
        !life.is_closed && life.open.is_some_and(is_calm)
    }

    /// Notes that a ping of a client's isn't answered within its time.
    pub(crate) fn no_pong(&mut self, life: usize) {
        let since = Instant::now() - SOON;
        let mut slept = self.lives[life].slept.iter();
        let is_awake = !slept.any(|(_, to)| *to >= since);
        let is_wrong = is_awake && self.is_calm(life, since);
        self.ensure(!is_wrong, || {
            format!("client {life}: no pong, and nothing was wrong for {SOON:?}")
        });
    }
}
