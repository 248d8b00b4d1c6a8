//! What all connections of an endpoint share.

use std::sync::Arc;
use std::time::Duration;

use twinwire::{BootId, Limits};

use crate::app::builder::{OnClose, OnOpen};
use crate::app::handler::Registry;
use crate::app::identity::Authenticator;
use crate::app::middleware::Middleware;
use crate::origin::OriginGuard;
use crate::random::Random;
use crate::session::owners::Owners;
use crate::session::peers::Peers;
use crate::session::slot::Sessions;
use crate::session::tables::Tables;
use crate::shutdown::Shutdown;
use crate::topic::Topics;
use crate::warnings::Warnings;

/// The state that all connections share.
pub(crate) struct Shared<S, I> {
    pub(crate) state: S,
    pub(crate) authenticator: Authenticator<I>,
    pub(crate) registry: Registry<S, I>,
    /// The outermost first.
    pub(crate) middleware: Vec<Middleware<S, I>>,
    pub(crate) on_open: Option<OnOpen<S, I>>,
    pub(crate) on_close: Option<OnClose<S, I>>,
    pub(crate) owners: Owners<I>,
    pub(crate) peers: Peers<I>,
    pub(crate) sessions: Sessions<S, I>,
    pub(crate) origins: OriginGuard,
    pub(crate) limits: Limits,
    pub(crate) tables: Tables,
    pub(crate) topics: Arc<Topics>,
    pub(crate) mismatches: Mismatches,
    pub(crate) random: Random,
    pub(crate) boot: BootId,
    /// Each connection is open for it as long as it lives.
    pub(crate) shutdown: Arc<Shutdown>,
    /// The longest pause that a client is asked for then.
    pub(crate) drain_spread: Duration,
}

/// The warnings and explanations of kinds that a client has otherwise.
pub(crate) struct Mismatches {
    /// True while clients are told the differences.
    pub(crate) are_explained: bool,
    /// Of clients' kinds that differ.
    pub(crate) warnings: Warnings,
    /// Of the differences, in words.
    pub(crate) differences: Warnings,
}
