//! What the application has asked of the driver, besides requests.

use crate::absence::Absence;
use crate::handlers::{Handlers, MaybeSend};
use crate::listeners::Listeners;

/// Who listens, who answers, and whether a connection is wanted.
pub(crate) struct Application {
    pub(crate) listeners: Listeners,
    pub(crate) handlers: Handlers,
    pub(crate) absence: Absence,
    /// There is a connection already.
    pub(crate) has_link: bool,
    /// True from the moment at which the application has its client until the driver has taken note.
    pub(crate) has_begun: bool,
}

/// What a handle asks of the driver. It brings along what is done for it: a page that never asks has no code for it.
pub(crate) trait Register: FnOnce(&mut Application) + MaybeSend {}
impl<T: FnOnce(&mut Application) + MaybeSend> Register for T {}

pub(crate) type Registration = Box<dyn Register>;
