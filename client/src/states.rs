//! The client's state, to be watched.

use tokio::sync::watch;

use crate::ClientState;

/// Where a client stands: first where it stands now, then after each change. A state that lasted
/// only until the next may be left out.
#[derive(Debug)]
pub struct States {
    state: watch::Receiver<ClientState>,
    begun: bool,
}

impl States {
    pub(crate) fn new(state: watch::Receiver<ClientState>) -> Self {
        Self {
            state,
            begun: false,
        }
    }

    /// The next state; none once the client is closed and that was told.
    pub async fn next(&mut self) -> Option<ClientState> {
        if std::mem::replace(&mut self.begun, true) {
            self.state.changed().await.ok()?;
        }
        Some(self.state.borrow_and_update().clone())
    }
}
