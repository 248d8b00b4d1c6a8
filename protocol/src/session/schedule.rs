//! Fair shares of a connection.

/// The sources of data, which take turns, so that none waits for all of another's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum SendTurn {
    #[default]
    Answers,
    Requests,
    Items,
}

/// The source that sends next.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    turn: SendTurn,
    /// True while the next message is a log's, if there is one to be read.
    logs_first: bool,
}

impl Schedule {
    /// Returns the source of the next frame with data.
    pub(super) fn turn(&self) -> SendTurn {
        self.turn
    }

    pub(super) fn end_turn(&mut self) {
        self.turn = match self.turn {
            SendTurn::Answers => SendTurn::Requests,
            SendTurn::Requests => SendTurn::Items,
            SendTurn::Items => SendTurn::Answers,
        };
    }

    /// Sets whether the next message is a log's. Returns what was set before.
    pub(super) fn set_logs_first(&mut self, yes: bool) -> bool {
        std::mem::replace(&mut self.logs_first, yes)
    }
}
