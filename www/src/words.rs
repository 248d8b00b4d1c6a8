//! What went wrong, in words for a person.

use std::fmt::Display;

use twinwire_client_wasm::{CallError, ConnectError, End, GoodbyeCode, Refusal};

pub(crate) const NOT_CONNECTED: &str = "There is no connection now. Connect again first.";
pub(crate) const NEW_EPOCH: &str = "The server started anew: what it heard before is lost.";
const OUTDATED: &str = "This page is of another version than the server. Load it again.";

/// Why a call brought nothing.
pub(crate) fn of_call<E: Display>(error: &CallError<E>) -> String {
    match error {
        CallError::App(error) => error.to_string(),
        CallError::Refused(refused) => match refused.why {
            Refusal::Denied => "The server doesn't allow that.".to_owned(),
            Refusal::Busy => "The server is busy. Try again in a moment.".to_owned(),
            Refusal::UnknownKind | Refusal::KindDiffers => OUTDATED.to_owned(),
            why => format!("The server refused it: {why}."),
        },
        CallError::NotReceived => "It didn't reach the server. Try again.".to_owned(),
        CallError::Closed => "The connection is closed. Reload the page.".to_owned(),
        CallError::Deadline => "No answer came in time. It may have arrived.".to_owned(),
        CallError::Unknown => {
            "The connection ended before the answer. It may have arrived.".to_owned()
        }
        _ => OUTDATED.to_owned(),
    }
}

/// Why there is no connection.
pub(crate) fn of_connect(error: &ConnectError) -> String {
    if let Some(reason) = error.reason() {
        return format!("The server refuses this page: {reason}");
    }
    if let Some(status) = error.status() {
        return format!("The server can't be reached: its address answers with status {status}.");
    }
    match error {
        ConnectError::Open(_) => "The server can't be reached.".to_owned(),
        ConnectError::NotWelcomed(end) => of_end(end),
        ConnectError::TimedOut => "The server didn't answer in time.".to_owned(),
        _ => "The connection didn't come about.".to_owned(),
    }
}

/// Why the connection is over.
pub(crate) fn of_end(end: &End) -> String {
    match end {
        End::Goodbye(goodbye) if goodbye.code == GoodbyeCode::GoingAway => {
            "The server is stopping.".to_owned()
        }
        End::Silent => "The server fell silent.".to_owned(),
        End::Lost => "The connection was lost.".to_owned(),
        other => format!("The connection is over: {other}."),
    }
}
