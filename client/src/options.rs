//! How to connect.

use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use twinwire::frame::KindTable;
use twinwire::session::{SessionCore, SessionLost};
use twinwire::shape::Difference;
use twinwire::{Format, Kinds, Limits};

use crate::client::WeakClient;
use crate::handlers::{MaybeSend, MaybeSync};
use crate::{Client, Undeclared, UntypedKinds};

/// The options of a connection, and its address.
#[derive(Clone)]
pub struct Options {
    pub(crate) url: String,
    pub(crate) table: Arc<KindTable>,
    pub(crate) outlines: Option<Arc<dyn KindOutlines>>,
    pub(crate) format: Format,
    pub(crate) token: Token,
    pub(crate) connect_timeout: Duration,
    pub(crate) limits: Limits,
    pub(crate) reconnect: bool,
    pub(crate) carry_over: bool,
    pub(crate) max_backoff: Duration,
    pub(crate) on_session_replaced: Option<OnSessionReplaced>,
    pub(crate) register: Option<Arc<dyn RegisterAll>>,
}

/// The application's registrations before the hello goes out.
pub(crate) trait RegisterAll:
    Fn(&Client) -> Result<(), Undeclared> + MaybeSend + MaybeSync
{
}
impl<T> RegisterAll for T where T: Fn(&Client) -> Result<(), Undeclared> + MaybeSend + MaybeSync {}

/// The application's work when a session is replaced.
pub(crate) trait ReplacementFuture: Future<Output = ()> + MaybeSend {}
impl<T: Future<Output = ()> + MaybeSend> ReplacementFuture for T {}

/// Starts that work, if there still is a client.
pub(crate) trait StartReplacement:
    Fn(&WeakClient, SessionLost) -> Option<ReplacementTask> + MaybeSend + MaybeSync
{
}
impl<T> StartReplacement for T where
    T: Fn(&WeakClient, SessionLost) -> Option<ReplacementTask> + MaybeSend + MaybeSync
{
}

pub(crate) type ReplacementTask = Pin<Box<dyn ReplacementFuture>>;

pub(crate) type OnSessionReplaced = Arc<dyn StartReplacement>;

/// Asks the application for a token.
pub(crate) trait AskToken:
    Fn() -> Pin<Box<dyn TokenFuture>> + MaybeSend + MaybeSync
{
}
impl<T> AskToken for T where T: Fn() -> Pin<Box<dyn TokenFuture>> + MaybeSend + MaybeSync {}

/// The application looks for a token.
pub(crate) trait TokenFuture: Future<Output = Option<Vec<u8>>> + MaybeSend {}
impl<T: Future<Output = Option<Vec<u8>>> + MaybeSend> TokenFuture for T {}

/// The structures of a client's kinds in words. What is done with them comes along with them: a page that has none needs no code
/// for it.
pub(crate) trait KindOutlines: MaybeSend + MaybeSync {
    /// The structure of the kind at this place, if it is known.
    fn of(&self, kind: u32) -> Option<String>;

    /// Compares the two ends' structures of a kind.
    fn difference(&self, kind: u32, theirs: &str) -> Option<Difference> {
        Some(Difference::between(&self.of(kind)?, theirs))
    }

    /// Tells the server those that it asks for.
    fn tell(&self, kinds: Vec<u32>, session: &mut SessionCore) {
        for kind in kinds {
            if let Some(text) = self.of(kind) {
                session.send_outline(kind, text);
            }
        }
    }
}

impl KindOutlines for Kinds {
    fn of(&self, kind: u32) -> Option<String> {
        self.outline(kind)
    }
}

/// The source of a connection's token.
#[derive(Clone)]
pub(crate) enum Token {
    Given(Vec<u8>),
    Asked(Arc<dyn AskToken>),
}

impl Token {
    /// The token for the next connection, if there is one now.
    pub(crate) async fn get(&self) -> Option<Vec<u8>> {
        match self {
            Self::Given(token) => Some(token.clone()),
            // A panic in it is no reason to end the client.
            Self::Asked(ask) => {
                let mut asking = catch_unwind(AssertUnwindSafe(|| ask())).ok()?;
                poll_fn(|cx| {
                    let polled = catch_unwind(AssertUnwindSafe(|| asking.as_mut().poll(cx)));
                    polled.unwrap_or(Poll::Ready(None))
                })
                .await
            }
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("url", &self.url)
            .field("format", &self.format)
            .field("connect_timeout", &self.connect_timeout)
            .field("limits", &self.limits)
            .field("reconnect", &self.reconnect)
            .field("carry_over", &self.carry_over)
            .field("max_backoff", &self.max_backoff)
            .finish_non_exhaustive()
    }
}

impl Options {
    /// Connects to `url`, speaking `kinds`. A browser takes `ws:`, `wss:`, `http:`, `https:` and URLs
    /// relative to the page; the native client `ws:` only, so far.
    pub fn new(url: impl Into<String>, kinds: Kinds) -> Self {
        // A release build has none, whose pages needn't carry them.
        let outlines: Option<Arc<dyn KindOutlines>> = match cfg!(debug_assertions) {
            true => Some(Arc::new(kinds)),
            false => None,
        };
        Self::of(url.into(), kinds.table(), outlines, Format::Postcard)
    }

    /// Connects to `url` for an application that knows its kinds only at run time: payloads are bytes in
    /// `format`. See [`UntypedClient`](crate::UntypedClient).
    pub fn untyped(url: impl Into<String>, kinds: UntypedKinds, format: Format) -> Self {
        let table = kinds.table();
        Self::of(url.into(), table, Some(Arc::new(kinds)), format)
    }

    fn of(
        url: String,
        table: KindTable,
        outlines: Option<Arc<dyn KindOutlines>>,
        format: Format,
    ) -> Self {
        Self {
            url,
            table: Arc::new(table),
            outlines,
            format,
            token: Token::Given(Vec::new()),
            connect_timeout: Duration::from_secs(30),
            limits: Limits::default(),
            reconnect: true,
            carry_over: true,
            max_backoff: Duration::from_secs(5),
            on_session_replaced: None,
            register: None,
        }
    }

    /// Sets the token that the server's `authenticate` gets (default: nothing; at most 4 KiB, or the server refuses it), at
    /// the first connection *and at each later one*: it must be good for as long as the client lives. See
    /// [`token_from`](Self::token_from) for one that isn't. The server's other clients never see it.
    pub fn token(mut self, token: impl Into<Vec<u8>>) -> Self {
        self.token = Token::Given(token.into());
        self
    }

    /// As [`token`](Self::token), but asked for anew before each attempt to connect: a ticket that is good for
    /// once, or for minutes. `None` means that there is none to be had now: the attempt was in vain, and
    /// another is made in its time.
    /// - A panic counts as `None`. (In a browser a panic ends the whole module.)
    /// - A future that isn't ready within [`Limits::handshake`], or within a second of a wake hint, is dropped, and
    ///   counts as `None`. Until then the client does everything else that it can without a connection.
    /// - A client never asks while an earlier question is open. Two clients of cloned options may ask at once.
    pub fn token_from<F, R>(mut self, ask: F) -> Self
    where
        F: Fn() -> R + MaybeSend + MaybeSync + 'static,
        R: Future<Output = Option<Vec<u8>>> + MaybeSend + 'static,
    {
        self.token = Token::Asked(Arc::new(move || {
            let asking: Pin<Box<dyn TokenFuture>> = Box::pin(ask());
            asking
        }));
        self
    }

    /// Sets the format of payloads (default: postcard). Servers speak both; JSON is for looking at, and in a page
    /// takes the feature `json` of the crate `twinwire`.
    pub fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// Sets the time from `connect` to the welcome (default 30 s). Until then it tries again and again, as a client that
    /// comes back does, unless trying can't help. It ends at once if the URL is none, the server chooses no subprotocol of
    /// ours, or its goodbye says `never`. It ends ten seconds early or more if HTTP answers that the URL is wrong (404,
    /// say): an answer of that kind counts once it comes ten seconds after the first, since a server that is being
    /// replaced may give it too. See [`ConnectError`](crate::ConnectError) for the error in the end.
    pub fn connect_timeout(mut self, time: Duration) -> Self {
        self.connect_timeout = time;
        self
    }

    /// Sets the session's bounds, the calls' deadline among them.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Has `connect` try more than once, and a client that was welcomed come back when its connection is lost
    /// (default: true). With `false` the client is over with its connection.
    ///
    /// The pause before an attempt is random: at most half a second, plus half of the absence so far, and never more
    /// than [`max_backoff`](Self::max_backoff). So a client is back half a second plus one and a half absences
    /// after the loss, at the latest. Three rules besides:
    /// - A wake hint ends the pause, and begins the back-off anew: the browser is online again, the page is shown
    ///   again, [`reconnect_now`](Client::reconnect_now) was called. An attempt under way gets one more second.
    /// - A server may ask for time, by a goodbye's `retry` or by HTTP's `Retry-After` (of which ten minutes count at
    ///   most). That comes before the pause, and only [`reconnect_now`](Client::reconnect_now) cuts it short.
    /// - Connections that last less than five seconds, more than three in a row, double the half second each: a
    ///   server that welcomes and breaks off is left in peace.
    ///
    /// An attempt may take [`Limits::handshake`] to open and as much again to be welcomed.
    pub fn reconnect(mut self, yes: bool) -> Self {
        self.reconnect = yes;
        self
    }

    /// Registers handlers, listeners and invitations before the hello goes out, so that none of the server's first calls,
    /// events and invitations finds nobody:
    ///
    /// ```
    /// # use serde::{Deserialize, Serialize};
    /// # use twinwire::{Call, kinds};
    /// # #[derive(Serialize, Deserialize, Call)]
    /// # #[call(reply = bool)]
    /// # struct Confirm { question: String }
    /// # use twinwire_client::Options;
    /// let options = Options::new("/ws", kinds![Confirm]).register(|client| {
    ///     client.handle(|confirm: Confirm| async move { Ok(!confirm.question.is_empty()) })
    /// });
    /// ```
    ///
    /// It runs as `connect` begins, on the caller's stack. What it asks the server for waits for the welcome. An error of
    /// it is that of `connect`, [`ConnectError::Undeclared`](crate::ConnectError::Undeclared). A clone of the client that
    /// it keeps anywhere keeps the connection open.
    /// - A panic in it is the caller's: nothing is opened.
    /// - The caller waits for it, and the client does nothing before it has ended.
    /// - It runs once for each `connect`, not when the client comes back. Two clients of cloned options may run it at
    ///   once.
    pub fn register<F>(mut self, register: F) -> Self
    where
        F: Fn(&Client) -> Result<(), Undeclared> + MaybeSend + MaybeSync + 'static,
    {
        self.register = Some(Arc::new(register));
        self
    }

    /// Carries requests that were never sent over to the session that replaces a lost one (default: yes). They go out
    /// after [`on_session_replaced`](Self::on_session_replaced), in the order in which they were made; the deadlines of calls run on. With
    /// `false` they end as `NotReceived` when the session is lost: for an application that has to decide again.
    pub fn carry_over(mut self, yes: bool) -> Self {
        self.carry_over = yes;
        self
    }

    /// Sets the longest pause between two attempts to connect (default 5 s, at least 100 ms), besides what the server
    /// asks for. Less finds a server sooner that was away for long, more spares it attempts while it starts.
    pub fn max_backoff(mut self, pause: Duration) -> Self {
        self.max_backoff = pause.max(Duration::from_millis(100));
        self
    }

    /// Runs each time when the session is lost and another begins in its place: to tell the server
    /// again who this is, for instance. Everything that was sent has its outcome by then, and events of the
    /// server's that had come are with their listeners. What the
    /// client that it gets is asked for goes out at once; whatever else is asked for waits until this has
    /// ended, and topics are joined again after it, from where they stood.
    /// - A panic ends it: the client goes on as if it had returned. (In a browser a panic ends the whole module.)
    /// - It has no limit of time, and what waits for it waits as long; deadlines of calls run on. It must not wait for
    ///   anything but its own requests, and not for anything that another part of the application asks the client for.
    /// - It never runs twice at once for a client. If its session is lost, it is dropped, and runs anew for the next.
    ///
    /// Handlers, `events`, `invitations` and subscriptions stay registered; the peer's id is another. The state is
    /// `Open` while this runs. What was asked for and never sent goes out after this
    /// ([`carry_over`](Self::carry_over)).
    pub fn on_session_replaced<F, R>(mut self, on_session_replaced: F) -> Self
    where
        F: Fn(Client, SessionLost) -> R + MaybeSend + MaybeSync + 'static,
        R: Future<Output = ()> + MaybeSend + 'static,
    {
        self.on_session_replaced = Some(Arc::new(move |client: &WeakClient, why| {
            let client = client.upgrade_priority()?;
            // A panic in it is no reason to end the client, or to hold everything back for ever.
            let work = catch_unwind(AssertUnwindSafe(|| on_session_replaced(client, why))).ok()?;
            let task: ReplacementTask = Box::pin(work);
            Some(task)
        }));
        self
    }
}
