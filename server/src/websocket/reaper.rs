//! The end of closing: TCP goes away whatever the peer does.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::link::{Link, Silence};
use super::switch::Switch;

/// How long actix may take to write what it still holds once nobody waits for the peer's close.
const FLUSH_TIME: Duration = Duration::from_secs(1);

/// Waits for one connection to begin closing, then sees to its end; two deadlines bound it.
///
/// It is a task of its own since neither half can be relied on: actix doesn't poll the body of a
/// peer that stopped reading, and an application may have dropped or forgotten the other half.
pub(super) async fn run(link: Arc<Link>, switch: Option<Switch>, close_time: Duration) {
    link.left_open().await;
    if timeout(close_time, ended(switch.as_ref())).await.is_ok() {
        return;
    }
    link.silence(Silence::Expired);
    if timeout(FLUSH_TIME, ended(switch.as_ref())).await.is_ok() {
        return;
    }
    link.gone();
    if let Some(switch) = switch {
        switch.kill();
    }
}

/// Without a switch the end can't be seen, and the deadlines pass.
async fn ended(switch: Option<&Switch>) {
    match switch {
        Some(switch) => switch.ended().await,
        None => std::future::pending().await,
    }
}
