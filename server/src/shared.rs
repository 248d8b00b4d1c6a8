//! What all connections of an endpoint share.

use std::sync::Arc;

use tokio::sync::watch;
use twinwire::{BootId, Goodbye, Limits};

use crate::handler::Registry;
use crate::identity::Authenticate;
use crate::origin::Origins;
use crate::tables::Tables;

/// What all connections share.
pub(crate) struct Shared<S, I> {
    pub(crate) state: Arc<S>,
    pub(crate) authenticate: Authenticate<I>,
    pub(crate) registry: Registry<S, I>,
    pub(crate) origins: Origins,
    pub(crate) limits: Limits,
    pub(crate) tables: Tables,
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
