//! The handle that applications hold.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{mpsc, oneshot, watch};
use twinwire::limits::MAX_PAYLOAD;
use twinwire::session::Outcome;
use twinwire::{Answer, Call, End, Format, Goodbye, GoodbyeCode, Kinds, PeerId, SessionId};

use crate::CallError;

/// A connection to a server. A cheap clone; when the last one is dropped, the client says goodbye.
#[derive(Clone)]
#[must_use = "dropping the last handle closes the connection"]
pub struct Client(Arc<Handle>);

pub(crate) struct Handle {
    pub(crate) calls: mpsc::Sender<CallCommand>,
    pub(crate) control: mpsc::UnboundedSender<Control>,
    pub(crate) next_call: AtomicU64,
    pub(crate) state: watch::Receiver<ClientState>,
    pub(crate) kinds: Kinds,
    pub(crate) format: Format,
}

/// A call on its way to the driver.
pub(crate) struct CallCommand {
    /// Names the call between handle and driver.
    pub(crate) id: u64,
    pub(crate) kind: u32,
    pub(crate) payload: Vec<u8>,
    pub(crate) outcome: oneshot::Sender<Outcome>,
}

/// What the driver hears besides calls, also while calls have to wait.
pub(crate) enum Control {
    /// Nobody waits for this call any more.
    Abandon(u64),
    /// The application is done.
    Close(Goodbye),
}

/// Tells the driver when the caller goes before its answer comes.
struct Abandon<'a> {
    control: &'a mpsc::UnboundedSender<Control>,
    id: u64,
    answered: bool,
}

impl Drop for Abandon<'_> {
    fn drop(&mut self) {
        if !self.answered {
            // A driver that is gone has ended all calls.
            let _ = self.control.send(Control::Abandon(self.id));
        }
    }
}

/// Where a client stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientState {
    /// The socket is being opened, or the welcome is awaited.
    Connecting,
    /// Welcomed.
    Open {
        /// The session's id.
        session: SessionId,
        /// This client's id towards others.
        peer: PeerId,
    },
    /// Over.
    Closed(End),
}

impl Client {
    pub(crate) fn new(handle: Handle) -> Self {
        Self(Arc::new(handle))
    }

    /// Makes a call and waits for its answer.
    ///
    /// Calls start on the server in the order in which they were made and run beside each other.
    /// Dropping the future cancels the call: one that hasn't been sent never will be, the handler of
    /// one that has is dropped.
    ///
    /// # Errors
    /// The application's own error, or why there is no answer; see [`CallError`]. The error comes
    /// at the latest when the call's deadline has passed. That counts from the moment when the
    /// client has room for the call, which is at once unless as many bytes of calls wait as its
    /// limits allow.
    pub async fn call<C: Call>(&self, request: C) -> Result<C::Reply, CallError<C::Error>> {
        let Handle {
            calls,
            control,
            next_call,
            kinds,
            format,
            ..
        } = &*self.0;
        let kind = kinds.position::<C>().ok_or(CallError::Undeclared)?;
        let payload = format
            .encode(&request, MAX_PAYLOAD)
            .map_err(CallError::Encode)?;
        drop(request);
        let (outcome, answer) = oneshot::channel();
        let id = next_call.fetch_add(1, Ordering::Relaxed);
        let command = CallCommand {
            id,
            kind,
            payload,
            outcome,
        };
        calls
            .send(command)
            .await
            .map_err(|_| CallError::NotReceived)?;
        let mut abandon = Abandon {
            control,
            id,
            answered: false,
        };
        // The driver ends every call before it ends itself, unless its runtime drops it.
        let outcome = answer.await.unwrap_or(Outcome::Unknown);
        abandon.answered = true;
        match outcome {
            Outcome::Answered(Answer::Value(payload)) => {
                format.decode(&payload).map_err(CallError::Decode)
            }
            Outcome::Answered(Answer::Error(payload)) => Err(format
                .decode(&payload)
                .map_or_else(CallError::Decode, CallError::App)),
            Outcome::Answered(Answer::Refused(refused)) => Err(CallError::Refused(refused)),
            Outcome::Deadline => Err(CallError::Deadline),
            Outcome::NotReceived => Err(CallError::NotReceived),
            // Events are accepted, calls answered.
            Outcome::Unknown | Outcome::Accepted => Err(CallError::Unknown),
        }
    }

    /// Where the client stands now.
    pub fn state(&self) -> ClientState {
        self.0.state.borrow().clone()
    }

    /// Waits for the end, and says why it came. Any number may wait.
    pub async fn closed(&self) -> End {
        let mut state = self.0.state.clone();
        let closed = state
            .wait_for(|state| matches!(state, ClientState::Closed(_)))
            .await;
        match closed.as_deref() {
            Ok(ClientState::Closed(end)) => end.clone(),
            // The driver was dropped with its runtime.
            Ok(_) | Err(_) => End::Lost,
        }
    }

    /// Says goodbye, and waits until the server has answered it or its time is up. Calls that
    /// haven't been sent end as `NotReceived`.
    pub async fn close(&self) -> End {
        // A driver that is gone has closed already.
        let _ = self
            .0
            .control
            .send(Control::Close(Goodbye::new(GoodbyeCode::Done, "")));
        self.closed().await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
