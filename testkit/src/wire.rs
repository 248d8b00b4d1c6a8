//! A typed endpoint for the browser's tests, which can't start one.

use chat::{Greet, Greeting, NameError, check_name};
use twinwire_server::{Cx, Denied, Twinwire};

use crate::Server;

/// The token that the endpoint refuses.
pub const REFUSED: &[u8] = b"refuse me";

/// Starts it, at `/ws`. It takes pages of every origin, since a test's page has a port of its own.
/// It answers `Greet`; the name `never` is never answered.
///
/// # Panics
///
/// If it can't start.
#[must_use]
pub fn serve() -> Server {
    let wire = Twinwire::builder(())
        .authenticate(|token, _| async move {
            if token == REFUSED {
                Err(Denied::new("as the test asked"))
            } else {
                Ok(())
            }
        })
        .call(greet)
        .allow_any_origin()
        .build()
        .expect("one kind can't clash");
    Server::with_workers(2, move |config| {
        config.configure(wire.at("/ws"));
    })
}

async fn greet(_: Cx, greet: Greet) -> Result<Greeting, NameError> {
    let name = check_name(&greet.name)?;
    if name == "never" {
        std::future::pending::<()>().await;
    }
    Ok(Greeting {
        text: format!("Hello, {name}!"),
        count: 1,
    })
}
