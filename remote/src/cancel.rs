//! Requests that nobody waits for any more.

use twinwire::session::SessionCore;

use crate::Requests;
use crate::channels::mpsc;
use crate::command::ControlFn;

/// Tells the shell when the caller goes before its answer comes.
#[derive(Debug)]
pub(crate) struct CancelOnDrop {
    control: mpsc::Sender<ControlFn>,
    id: u64,
    armed: bool,
}

impl CancelOnDrop {
    pub(crate) fn new(control: &mpsc::Sender<ControlFn>, id: u64) -> Self {
        Self {
            control: control.clone(),
            id,
            armed: true,
        }
    }

    /// There is nothing left to cancel.
    pub(crate) fn disarm(&mut self) {
        self.armed = false;
    }

    /// The consumer has taken an item.
    pub(crate) fn consumed(&self) {
        // A shell that is gone sends no further items.
        let id = self.id;
        let consumed = move |requests: &mut Requests, session: &mut SessionCore, now| {
            requests.consumed(id, session, now);
        };
        let _ = self.control.send(Box::new(consumed));
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if self.armed {
            // A shell that is gone has ended all requests.
            let id = self.id;
            let cancel = move |requests: &mut Requests, session: &mut SessionCore, now| {
                requests.cancel(id, session, now);
            };
            let _ = self.control.send(Box::new(cancel));
        }
    }
}
