//! Who a client is: the application authenticates a hello.

use std::pin::Pin;
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use twinwire::{Goodbye, GoodbyeCode, Retry, SessionId};

use crate::Peer;
use crate::app::shared::Shared;
use crate::session::owners::ClientCredentials;
use crate::session::peer::Handshake;
use crate::task::Task;

/// The application's verdict under way.
pub(crate) type Authenticating<I> = Pin<Box<dyn Future<Output = Result<I, Denied>>>>;

/// The application's function that authenticates a hello: token and handshake request in, identity out.
pub(crate) type Authenticate<I> =
    Box<dyn Fn(Vec<u8>, HttpRequest) -> Authenticating<I> + Send + Sync>;

/// The way from a hello to the facts that are kept of its client.
pub(crate) struct Authenticator<I> {
    pub(crate) authenticate: Authenticate<I>,
    /// The names of the headers that [`Peer::headers`] has.
    pub(crate) kept_headers: Vec<HeaderName>,
}

/// A hello that the application authenticates, in a task of its own: no lock is held meanwhile, and a panic ends
/// nothing else.
pub(crate) type AuthenticationTask<I> = Task<Result<Box<Authenticated<I>>, Goodbye>>;

/// A client that the application lets in.
pub(crate) struct Authenticated<I> {
    pub(crate) handshake: Handshake<I>,
    /// The verdict of [`Builder::may_resume`](crate::Builder::may_resume) on the session that the client wants
    /// back, and the owner that the session had then.
    pub(crate) may_resume: Option<(Peer<I>, bool)>,
}

/// Has the application authenticate a hello, which may want a session back.
pub(crate) async fn authenticate<S, I>(
    shared: Arc<Shared<S, I>>,
    token: Vec<u8>,
    request: HttpRequest,
    wanted: Option<SessionId>,
) -> Result<Box<Authenticated<I>>, Goodbye> {
    let owners = &shared.owners;
    let go_by_credentials = owners.go_by_credentials();
    let credentials = go_by_credentials.then(|| ClientCredentials::new(&token, request.headers()));
    let Authenticator {
        authenticate,
        kept_headers,
    } = &shared.authenticator;
    let identity = authenticate(token, request.clone()).await;
    let identity = identity.map_err(Denied::into_goodbye)?;
    let user = owners.user_key.as_ref().map(|key| key(&identity));
    let may_resume = match owners.may_resume.as_ref().zip(wanted) {
        Some((may_resume, session)) => shared.sessions.owner(&session).await.map(|owner| {
            let verdict = may_resume(owner.identity(), &identity);
            (owner, verdict)
        }),
        None => None,
    };
    let handshake = Handshake {
        identity,
        user,
        credentials: credentials.unwrap_or_default(),
        address: request.peer_addr(),
        headers: copy(request.headers(), kept_headers),
    };
    Ok(Box::new(Authenticated {
        handshake,
        may_resume,
    }))
}

/// Copies the headers of these names, into memory of their own: actix's values are slices of the buffer that the whole
/// request came in.
pub(crate) fn copy(headers: &HeaderMap, names: &[HeaderName]) -> HeaderMap {
    let mut copied = HeaderMap::new();
    for name in names {
        for value in headers.get_all(name) {
            if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
                copied.append(name.clone(), value);
            }
        }
    }
    copied
}

/// `authenticate` refuses a client. The client learns the reason.
#[derive(Clone, Debug)]
pub struct Denied(Goodbye);

impl Denied {
    /// Refuses for good: with the same token the client would be refused again. `reason` is a
    /// sentence for a person, cut at 123 bytes.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(Goodbye::new(GoodbyeCode::Denied, reason))
    }

    /// Refuses for now.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.0.retry = retry;
        self
    }

    pub(crate) fn into_goodbye(self) -> Goodbye {
        self.0
    }
}
