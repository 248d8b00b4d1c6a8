//! The application's work for a session that has begun in the place of one that is lost.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};

use twinwire::session::SessionLost;

use crate::client::WeakClient;
use crate::options::{OnSessionReplaced, ReplacementTask};

/// From the loss to the end of the application's work.
#[derive(Default)]
pub(crate) struct Replacement {
    /// The reason for which the last session is lost, until the next is welcomed.
    due: Option<SessionLost>,
    work: Option<ReplacementTask>,
}

impl Replacement {
    /// Notes that a session is lost, and drops work for one before it.
    pub(crate) fn lost(&mut self, why: SessionLost) {
        self.work = None;
        self.due = Some(why);
    }

    /// Begins the application's work for the next session, which is welcomed. Returns true if there is none to
    /// wait for.
    pub(crate) fn welcomed(
        &mut self,
        on_session_replaced: Option<&OnSessionReplaced>,
        client: &WeakClient,
    ) -> bool {
        let Some(why) = self.due.take() else {
            return false;
        };
        self.work =
            on_session_replaced.and_then(|on_session_replaced| on_session_replaced(client, why));
        self.work.is_none()
    }

    /// Runs the application's work. Returns true if it has become ready just now.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(work) = &mut self.work else {
            return false;
        };
        // A panic ends the work as its end does: the requests that wait behind it go out.
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx)));
        let is_ready = !matches!(polled, Ok(Poll::Pending));
        if is_ready {
            self.work = None;
        }
        is_ready
    }
}
