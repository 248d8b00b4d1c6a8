//! What all connections of an endpoint share.

use std::sync::Arc;

use tokio::sync::watch;
use twinwire::{BootId, Goodbye, Limits};

use crate::around::Around;
use crate::builder::{OnClose, OnOpen};
use crate::handler::Registry;
use crate::identity::Authenticate;
use crate::origin::OriginGuard;
use crate::peers::Peers;
use crate::slot::Sessions;
use crate::tables::Tables;
use crate::topic::Topics;

/// What all connections share.
pub(crate) struct Shared<S, I> {
    pub(crate) state: S,
    pub(crate) authenticate: Authenticate<I>,
    pub(crate) registry: Registry<S, I>,
    /// The outermost first.
    pub(crate) around: Vec<Around<S, I>>,
    pub(crate) on_open: Option<OnOpen<S, I>>,
    pub(crate) on_close: Option<OnClose<S, I>>,
    pub(crate) peers: Peers<I>,
    pub(crate) sessions: Sessions<S, I>,
    pub(crate) origins: OriginGuard,
    pub(crate) limits: Limits,
    pub(crate) tables: Tables,
    pub(crate) topics: Arc<Topics>,
    pub(crate) explain_mismatches: bool,
    pub(crate) boot: BootId,
    /// Why all sessions end, once they have to. Each connection watches it for as long as it lives.
    pub(crate) stop: watch::Sender<Option<Goodbye>>,
}

/// Bytes from the system's cryptographic source.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
