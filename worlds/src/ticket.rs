//! A request of an application, from its making to its outcome.

use crate::oracle::{Asked, Oracle, Outcome};

/// A request under way, of which its maker wants to hear as long as it keeps this.
pub(crate) struct Ticket {
    oracle: Oracle,
    id: u64,
    is_told: bool,
}

impl Ticket {
    /// Makes a request.
    pub(crate) fn new(oracle: &Oracle, asked: Asked) -> Self {
        let id = oracle.account().asks(asked);
        Self {
            oracle: oracle.clone(),
            id,
            is_told: false,
        }
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Takes what became of it.
    pub(crate) fn told(mut self, outcome: Outcome) {
        self.is_told = true;
        self.oracle.account().told(self.id, outcome);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.is_told {
            self.oracle.account().gives_up(self.id);
        }
    }
}
