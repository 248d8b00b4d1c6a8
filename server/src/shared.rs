//! What all connections of an endpoint share.

use std::sync::Arc;

use twinwire::{BootId, Limits};

use crate::handler::Registry;
use crate::identity::Authenticate;
use crate::origin::Origins;

/// What all connections share.
pub(crate) struct Shared<S, I> {
    pub(crate) state: Arc<S>,
    pub(crate) authenticate: Authenticate<I>,
    pub(crate) registry: Registry<S, I>,
    pub(crate) origins: Origins,
    pub(crate) limits: Limits,
    pub(crate) boot: BootId,
}

/// Bytes from the system's cryptographic source.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
