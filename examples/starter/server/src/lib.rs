//! What the guest book answers.
#![forbid(unsafe_code)]

use shared::{Guests, Sign, SignError};
use twinwire_server::{Access, BuildError, HandlerContext, Twinwire};

/// Builds the endpoint.
pub fn wire() -> Result<Twinwire<(), ()>, BuildError> {
    Twinwire::builder(())
        .call(sign)
        .topic(|_: HandlerContext, _: Guests| async { Access::subscribe() })
        .build()
}

async fn sign(cx: HandlerContext, sign: Sign) -> Result<(), SignError> {
    let name = sign.name.trim().to_owned();
    if name.is_empty() {
        return Err(SignError::Empty);
    }
    let published = cx.wire().publish(&Guests {}, &name);
    published.map(drop).map_err(|_| SignError::Unavailable)
}
