//! The application's work for a session that has begun in the place of one that is lost.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};

use twinwire::session::Fresh;

use crate::client::WeakClient;
use crate::options::{Freshened, OnFresh};

/// From the loss to the end of the application's work.
#[derive(Default)]
pub(crate) struct Renewal {
    /// The reason for which the last session is lost, until the next is welcomed.
    due: Option<Fresh>,
    work: Option<Freshened>,
}

impl Renewal {
    /// A session is lost. Work for one before it is of no use any more.
    pub(crate) fn lost(&mut self, why: Fresh) {
        self.work = None;
        self.due = Some(why);
    }

    /// The next session is welcomed: begins the application's work for it. Says whether there is none to
    /// wait for.
    pub(crate) fn welcomed(&mut self, on_fresh: Option<&OnFresh>, client: &WeakClient) -> bool {
        let Some(why) = self.due.take() else {
            return false;
        };
        self.work = on_fresh.and_then(|on_fresh| on_fresh(client, why));
        self.work.is_none()
    }

    /// Runs the application's work. Returns true if it has become ready just now.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(work) = &mut self.work else {
            return false;
        };
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx)));
        let is_ready = !matches!(polled, Ok(Poll::Pending));
        if is_ready {
            self.work = None;
        }
        is_ready
    }
}
