//! Outcomes as numbers: the facade has the words. `codes.ts` has the same.

use twinwire::{End, Goodbye, Refusal, Retry};
use twinwire_client::{CallError, EventError, ReconnectCause, Refused, SessionLost, Verdict};
use twinwire_client_wasm::{ConnectError, OpenError};

use crate::facade::Told;

pub(crate) const VALUE: u32 = 0;
pub(crate) const ERROR: u32 = 1;
const DEADLINE: u32 = 2;
const NOT_RECEIVED: u32 = 3;
const CLOSED: u32 = 4;
const UNKNOWN: u32 = 5;
const UNDECLARED: u32 = 6;
const TOO_LARGE: u32 = 7;
/// Refusals by their numbers on the wire.
const REFUSED: u32 = 100;

/// Returns the milliseconds until a retry; less than zero stands for never.
fn retry(retry: Retry) -> f64 {
    match retry {
        Retry::Never => -1.0,
        Retry::Now => 0.0,
        Retry::After(time) => time.as_millis() as f64,
    }
}

pub(crate) fn refusal(why: Refusal) -> u32 {
    REFUSED + u32::from(why.number())
}

/// Returns the refusal of a call that no handler of the facade answered.
pub(crate) fn refused_by(code: u32) -> Refusal {
    let given = [Refusal::NoHandler, Refusal::Gone];
    let mut given = given.into_iter();
    given
        .find(|why| refusal(*why) == code)
        .unwrap_or(Refusal::Panicked)
}

/// The difference between the two ends' kinds goes to `words`, if the server explains it.
fn refused<'a>(refused: &Refused, words: &'a mut String) -> Told<'a> {
    if let Some(difference) = &refused.difference {
        *words = difference.to_string();
    }
    Told {
        code: refusal(refused.why),
        a: retry(refused.retry),
        bytes: words.as_bytes(),
        ..Told::default()
    }
}

fn code(code: u32) -> Told<'static> {
    // What never arrived can be asked for again.
    let a = if code == NOT_RECEIVED { 0.0 } else { -1.0 };
    Told {
        code,
        a,
        ..Told::default()
    }
}

/// A call's error, where `payload` is that of the application's own, and `words` holds a refusal's.
pub(crate) fn call_error<'a, E>(
    error: &'a CallError<E>,
    payload: fn(&E) -> &[u8],
    words: &'a mut String,
) -> Told<'a> {
    code(match error {
        CallError::App(own) => {
            return Told {
                bytes: payload(own),
                ..code(ERROR)
            };
        }
        CallError::Refused(why) => return refused(why, words),
        CallError::Deadline => DEADLINE,
        CallError::NotReceived => NOT_RECEIVED,
        CallError::Closed => CLOSED,
        CallError::Undeclared(_) => UNDECLARED,
        CallError::Encode(_) => TOO_LARGE,
        _ => UNKNOWN,
    })
}

pub(crate) fn event_error<'a>(error: &EventError, words: &'a mut String) -> Told<'a> {
    code(match error {
        EventError::Refused(why) => return refused(why, words),
        EventError::NotReceived => NOT_RECEIVED,
        EventError::Closed => CLOSED,
        EventError::Undeclared(_) => UNDECLARED,
        EventError::Encode(_) => TOO_LARGE,
        _ => UNKNOWN,
    })
}

pub(crate) fn verdict(verdict: Verdict) -> u32 {
    match verdict {
        Verdict::Begun => 0,
        Verdict::Recovered => 1,
        Verdict::Gap => 2,
        Verdict::NewEpoch => 3,
        Verdict::Shared => 4,
    }
}

pub(crate) fn session_lost(why: SessionLost) -> u32 {
    match why {
        SessionLost::Restarted => 0,
        SessionLost::Ended => 1,
        SessionLost::Evicted => 2,
        SessionLost::Unknown => 3,
    }
}

const ENDED: u32 = 200;
const MISBEHAVED: u32 = 300;
const TOO_SLOW: u32 = 301;
const SILENT: u32 = 302;
const LOST: u32 = 303;
const STATUS: u32 = 304;
const NOT_OPENED: u32 = 305;
const TIMED_OUT: u32 = 306;
const NO_TOKEN: u32 = 307;
const URL: u32 = 308;
const PROTOCOL: u32 = 309;
const BLOCKED: u32 = 310;
const ABANDONED: u32 = 311;

fn goodbye(base: u32, goodbye: &Goodbye) -> Told<'_> {
    Told {
        code: base + u32::from(goodbye.code.number()),
        a: retry(goodbye.retry),
        bytes: goodbye.reason.as_bytes(),
        ..Told::default()
    }
}

/// Tells the end of a session. Codes of this side's goodbyes are 50 above those of the other's.
pub(crate) fn end(end: &End) -> Told<'_> {
    code(match end {
        End::Closed(said) => return goodbye(ENDED + 50, said),
        End::Goodbye(said) => return goodbye(ENDED, said),
        End::Misbehaved(_) => MISBEHAVED,
        End::TooSlow => TOO_SLOW,
        End::Silent => SILENT,
        _ => LOST,
    })
}

pub(crate) fn cause(cause: &ReconnectCause) -> Told<'_> {
    code(match cause {
        ReconnectCause::Ended(why) => return end(why),
        ReconnectCause::Status(status) => {
            return Told {
                b: f64::from(*status),
                ..code(STATUS)
            };
        }
        ReconnectCause::NotOpened(_) => NOT_OPENED,
        ReconnectCause::TimedOut => TIMED_OUT,
        _ => NO_TOKEN,
    })
}

pub(crate) fn connect_error(error: &ConnectError) -> Told<'_> {
    code(match error {
        ConnectError::Open(OpenError::Url(_)) => URL,
        ConnectError::Open(OpenError::Protocol { .. }) => PROTOCOL,
        ConnectError::Open(OpenError::Blocked) => BLOCKED,
        ConnectError::Open(OpenError::TimedOut) | ConnectError::TimedOut => TIMED_OUT,
        ConnectError::Open(_) => NOT_OPENED,
        ConnectError::NotWelcomed(why) => return end(why),
        ConnectError::NoToken => NO_TOKEN,
        ConnectError::Undeclared(_) => UNDECLARED,
        _ => ABANDONED,
    })
}
