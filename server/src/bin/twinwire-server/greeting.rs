//! The showcase's one call.

use std::sync::atomic::{AtomicU32, Ordering};

use chat::{Greet, Greeting, NameError, check_name};
use twinwire_server::Cx;

/// How many greetings the server has given.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU32);

pub(crate) async fn greet(cx: Cx<Count>, greet: Greet) -> Result<Greeting, NameError> {
    let name = check_name(&greet.name)?;
    let count = cx
        .state()
        .0
        .fetch_add(1, Ordering::Relaxed)
        .saturating_add(1);
    let text = format!("Hello, {name}! This is greeting number {count}.");
    Ok(Greeting { text, count })
}
