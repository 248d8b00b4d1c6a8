//! The end of a connection: TCP goes away whatever the peer does.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::close::Close;
use super::link::{Link, ReadStop};
use super::switch::KillSwitch;
use super::watchdog::{TimedOut, Timeouts, watch};

/// The longest time that actix may take to write what it still holds once nobody waits for the peer's close.
const FLUSH_TIME: Duration = Duration::from_secs(1);

/// The close code for a peer that the server has had enough of (RFC 6455 §7.4.1).
const POLICY_VIOLATION: u16 = 1008;

/// Waits for one connection to begin closing or to be given up, then sees to its end; two deadlines
/// bound it.
///
/// It is a task of its own since neither half can be relied on: actix doesn't poll the body of a
/// peer that stopped reading, and an application may have dropped or forgotten the other half.
pub(super) async fn run(
    link: Arc<Link>,
    switch: Option<KillSwitch>,
    close_time: Duration,
    timeouts: Option<Timeouts>,
) {
    tokio::select! {
        biased;
        // First: a connection that is closing already isn't blamed for a silence before.
        () = link.left_open() => {}
        timed_out = given_up(&link, timeouts) => match timed_out {
            // The peer may still read why.
            TimedOut::Message => {
                link.close(Close::known(POLICY_VIOLATION, timed_out.to_string()));
            }
            TimedOut::Heartbeat | TimedOut::Write => return give_up(&link, timed_out, switch),
        },
    }
    if timeout(close_time, ended(switch.as_ref())).await.is_ok() {
        return;
    }
    // The peer hasn't answered in its time. The body may end now, and actix write what it still holds.
    link.stop_reading(ReadStop::Expired);
    if timeout(FLUSH_TIME, ended(switch.as_ref())).await.is_ok() {
        return;
    }
    // It couldn't: the peer takes no bytes, and waiting longer would change nothing.
    link.gone();
    if let Some(switch) = switch {
        switch.kill();
    }
}

/// Waits until the peer has used up one of its times; for ever, if it has none.
async fn given_up(link: &Link, timeouts: Option<Timeouts>) -> TimedOut {
    match timeouts {
        Some(timeouts) => watch(link, timeouts).await,
        None => std::future::pending().await,
    }
}

/// Ends TCP without a close frame, which the peer wouldn't read.
fn give_up(link: &Link, timed_out: TimedOut, switch: Option<KillSwitch>) {
    // Recorded first: what the kill wakes finds why the peer was given up.
    link.give_up(timed_out);
    if let Some(switch) = switch {
        switch.kill();
    }
}

/// Without a switch the end can't be seen, and the deadlines pass.
async fn ended(switch: Option<&KillSwitch>) {
    match switch {
        Some(switch) => switch.ended().await,
        None => std::future::pending().await,
    }
}
