//! What the application has asked of the driver, besides requests.

use crate::handlers::{Handlers, MaybeSend};
use crate::listeners::Listeners;
use crate::reconnect::Reconnect;

/// The application's listeners and handlers, and its wish for a connection.
pub(crate) struct Application {
    pub(crate) listeners: Listeners,
    pub(crate) handlers: Handlers,
    pub(crate) reconnect: Reconnect,
    /// There is a connection already.
    pub(crate) has_link: bool,
    /// True from the moment at which the application has its client until the driver has taken note.
    pub(crate) has_begun: bool,
}

/// A registration of a handle with the driver. It brings its own code along: a page that never registers has none of it.
pub(crate) trait Register: FnOnce(&mut Application) + MaybeSend {}
impl<T: FnOnce(&mut Application) + MaybeSend> Register for T {}

pub(crate) type Registration = Box<dyn Register>;
