//! What a client of Twinwire must do, whatever its platform: one suite, run natively and in browsers
//! against the endpoint `testkit::wire`.
//!
//! A platform says how it connects, and [`suite!`] makes a test of each case.

#![forbid(unsafe_code)]

mod absences;
mod calls;
mod events;
mod kinds;
mod streams;
mod topics;

use std::fmt::Debug;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use twinwire::{Kinds, Limits};
use twinwire_client::{CallError, Client, ConnectError, OpenFailure, Options};

pub use absences::*;
pub use calls::*;
pub use events::*;
pub use kinds::*;
pub use streams::*;
pub use topics::*;

/// A platform, as far as the suite is concerned.
pub trait Platform {
    /// Why a socket couldn't be opened.
    type Error: OpenFailure;

    /// The URL of the suite's endpoint.
    fn url(&self) -> String;

    /// The URL of a link to the endpoint whose connections break after a few messages.
    fn breaking_url(&self) -> impl Future<Output = String>;

    /// Waits.
    fn sleep(&self, time: Duration) -> impl Future<Output = ()>;

    /// Prints a line of figures, where whoever runs the suite looks for them.
    fn tell(&self, figures: &str);

    /// Connects.
    fn connect(
        &self,
        options: Options,
    ) -> impl Future<Output = Result<Client, ConnectError<Self::Error>>>;
}

/// The time that a case has: only a broken one takes so long.
const LIMIT: Duration = Duration::from_secs(60);

/// Longer than any test waits.
pub const NEVER: Duration = Duration::from_secs(3600);

/// Returns limits by which neither a heartbeat nor the handshake's time comes while a test waits. Either would wake an end
/// that has forgotten a deadline, and the test would pass, late.
#[must_use]
pub fn patient() -> Limits {
    Limits::default().heartbeat(NEVER).handshake(NEVER)
}

/// Returns a client's options with the limits of [`patient`].
#[must_use]
pub fn options(url: impl Into<String>, kinds: Kinds) -> Options {
    Options::new(url, kinds).limits(patient())
}

/// Runs a case within its limit.
///
/// # Panics
///
/// When the time is over.
pub async fn limited(platform: &impl Platform, name: &str, case: impl Future<Output = ()>) {
    let over = platform.sleep(LIMIT);
    match select(pin!(case), pin!(over)).await {
        Either::Left(((), _)) => {}
        Either::Right(((), _)) => panic!("{name} didn't end within {LIMIT:?}"),
    }
}

async fn client(platform: &impl Platform) -> Client {
    let connected = platform.connect(options(platform.url(), KINDS)).await;
    connected.expect("the server welcomes everyone")
}

/// An outcome in short.
fn told<T: Debug, E: Debug>(outcome: Result<T, CallError<E>>) -> String {
    match outcome {
        Ok(value) => format!("{value:?}"),
        Err(CallError::App(error)) => format!("error {error:?}"),
        Err(CallError::Refused(refused)) => format!("refused {:?}", refused.why),
        Err(other) => format!("{other:?}"),
    }
}

/// Makes a test of each case: `suite!(tokio::test, Native::start());`
#[macro_export]
macro_rules! suite {
    ($test:meta, $platform:expr) => {
        $crate::suite! {
            $test, $platform;
            a_call_brings_its_reply_or_its_error_in_either_format,
            calls_run_beside_each_other,
            a_kind_that_the_server_lacks_is_refused,
            a_kind_that_the_server_has_otherwise_is_explained,
            a_refused_token_says_why,
            an_address_that_is_no_url_is_an_error_at_once,
            why_an_address_refuses_is_told,
            what_an_address_answers_is_told_at_the_deadline,
            closing_ends_every_call_and_every_waiter,
            a_call_past_its_deadline_ends,
            the_server_calls_its_client,
            states_are_told_as_they_change,
            events_come_back_in_order_and_their_receipts_say_so,
            what_nobody_listens_to_is_kept_to_a_bound_and_then_counted,
            a_listener_that_does_not_read_loses_nothing,
            an_event_that_the_server_does_not_take_errs_at_once,
            of_events_with_one_key_the_newest_arrives,
            a_stream_gives_its_items_and_its_end_or_its_error,
            dropping_a_stream_stops_it,
            what_is_published_is_heard_in_one_order_in_either_format,
            who_comes_late_hears_what_it_asks_for,
            the_application_says_who_may_publish,
            handles_share_a_subscription,
            what_was_asked_for_before_the_end_still_goes_out,
            who_subscribes_again_at_once_hears_what_comes,
            the_server_puts_its_client_into_a_room_and_out_of_it,
            two_hundred_cuts_lose_nothing_double_nothing_and_keep_the_order,
            a_pause_loses_nothing,
        }
    };
    ($test:meta, $platform:expr; $($case:ident),* $(,)?) => {
        $(
            #[$test]
            async fn $case() {
                let platform = $platform;
                let case = $crate::$case(&platform);
                $crate::limited(&platform, stringify!($case), case).await;
            }
        )*
    };
}
