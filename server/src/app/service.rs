//! The door: from an HTTP request to a connection.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, ContentType, HeaderValue};
use actix_web::web::{self, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use tokio::time::timeout;
use twinwire::limits::{MAX_MESSAGE, MAX_PAYLOAD};
use twinwire::{Format, Goodbye, GoodbyeCode, Offset, PeerId, Topic, version};

use twinwire_remote::Link;

use crate::Peer;
use crate::app::shared::Shared;
use crate::drain::Drain;
use crate::logged::quoted_header;
use crate::session::connection;
use crate::session::socket::SocketLink;
use crate::topic::PublishError;
use crate::websocket::{self, Accepted};

const WHAT: &str = "It speaks Twinwire: typed messages between browsers and Rust servers. Connect with \
    <code>connect</code> of the Rust crate <code>twinwire-client-wasm</code> or \
    <code>twinwire-client-native</code>.";

/// The longest time that a peer may take to answer a close frame.
const CLOSE_TIME: Duration = Duration::from_secs(2);

/// The time for what is on its way to a socket that closes, and for the application's `on_close`.
const FLUSH_TIME: Duration = Duration::from_secs(3);

/// A Twinwire endpoint, made by [`builder`](Self::builder): mount it with [`Server::mount`](crate::Server::mount),
/// or with [`at`](Self::at) in an `App` of your own. A cheap clone.
///
/// Build it once there, before `HttpServer::new`, and move it into that closure: built in there, each worker
/// would have clients and topics of its own.
pub struct Twinwire<S, I>(Arc<Shared<S, I>>);

impl<S, I> Clone for Twinwire<S, I> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S, I> Twinwire<S, I> {
    pub(crate) fn new(shared: Arc<Shared<S, I>>) -> Self {
        Self(shared)
    }

    /// Returns the clients that have a session, in no order: also those whose connection is lost, until they are back
    /// or their session is given up ([`Limits::resume`](twinwire::Limits::resume)).
    pub fn peers(&self) -> Vec<Peer<I>> {
        self.0.peers.all()
    }

    /// The client of this id, if it has a session, with or without a connection.
    pub fn peer(&self, id: PeerId) -> Option<Peer<I>> {
        self.0.peers.get(id)
    }

    /// Returns the clients of one user, as [`Builder::user_key`](crate::Builder::user_key) names them: one for
    /// each of the user's tabs and devices that have a session.
    pub fn user(&self, key: &str) -> Vec<Peer<I>> {
        self.0.peers.of_user(key)
    }

    /// Counts what the endpoint holds.
    #[cfg(feature = "test")]
    pub(crate) fn count(&self) -> crate::test::Counters {
        let mut counters = crate::test::Counters::default();
        self.0.sessions.count(&mut counters);
        (counters.peers, counters.users) = self.0.peers.count();
        (counters.topics, counters.subscribers) = self.0.topics.count();
        counters
    }

    /// Returns the place of the oldest item that a topic's log has.
    #[cfg(feature = "test")]
    pub(crate) fn oldest<T: Topic>(&self, topic: &T) -> Option<twinwire::Position> {
        self.0.topics.oldest(topic)
    }

    /// Publishes to a topic, from anywhere in the application; gives the item's place in the topic's log.
    /// It doesn't wait for those who read.
    ///
    /// # Errors
    /// See [`PublishError`].
    pub fn publish<T: Topic>(&self, topic: &T, item: &T::Item) -> Result<Offset, PublishError> {
        self.publish_to(topic, item, None)
    }

    /// Publishes to all subscribers but one client.
    ///
    /// # Errors
    /// See [`PublishError`].
    pub fn publish_except<T: Topic>(
        &self,
        topic: &T,
        item: &T::Item,
        except: PeerId,
    ) -> Result<Offset, PublishError> {
        self.publish_to(topic, item, Some(except))
    }

    fn publish_to<T: Topic>(
        &self,
        topic: &T,
        item: &T::Item,
        except: Option<PeerId>,
    ) -> Result<Offset, PublishError> {
        let live = self.0.topics.of(topic)?;
        let item = Format::Postcard.encode(item, MAX_PAYLOAD)?;
        Ok(live.publish(item, except)?)
    }
}

impl<S: Send + Sync + 'static, I: Send + Sync + 'static> Twinwire<S, I> {
    /// Mounts the endpoint at a path: `App::new().configure(wire.at("/ws"))`.
    pub fn at(&self, path: &str) -> impl FnOnce(&mut ServiceConfig) + use<S, I> {
        let (wire, path) = (self.clone(), path.to_owned());
        move |config| {
            let accept = move |request: HttpRequest, payload: Payload| {
                let wire = wire.clone();
                async move { readable(wire.accept(&request, payload)) }
            };
            config.service(web::resource(path).to(accept));
        }
    }

    /// Says goodbye to every client, `going_away`, and takes no new ones; ready when all sockets have
    /// been closed and each [`on_close`](crate::Builder::on_close) has run, at the latest five seconds after
    /// [`Limits::drain`](twinwire::Limits::drain). Answers that are ready
    /// still go out; calls whose handlers run end at their clients as `Unknown`. Clients come back by themselves, to the next
    /// server, with `SessionLost::Ended`, or `Restarted` if they were away. Not all at once: each is given a pause of its
    /// own, see [`Builder::drain_spread`](crate::Builder::drain_spread).
    ///
    /// [`Server`](crate::Server) calls it. With an `HttpServer` of your own, call it before
    /// `ServerHandle::stop`, which cuts open sockets; and let the `HttpServer` leave signals to you
    /// (`disable_signals`), or it stops first at Ctrl-C.
    pub async fn shut_down(&self) {
        twinwire::plant!("stopped_endpoint_kept", std::mem::forget(self.clone()));
        // A client that is away learns nothing of this: it comes back at its own pace.
        let drain = Drain::new(self.peers().len(), self.0.drain_spread);
        self.0.shutdown.begin(drain);
        // A handler that blocks its thread must not keep the process from its end.
        let most = self.0.limits.drain_time() + CLOSE_TIME + FLUSH_TIME;
        if timeout(most, self.0.shutdown.closed()).await.is_err() {
            tracing::warn!(
                "clients are left behind: a handler blocks its worker, or a socket takes nothing"
            );
        }
    }

    /// Carries a connection of a client that speaks this version, in a task of its own.
    pub(crate) fn serve(&self, request: HttpRequest, format: Format, link: impl Link + 'static) {
        let shared = Arc::clone(&self.0);
        actix_web::rt::spawn(connection::run(shared, request, format, link));
    }

    fn accept(&self, request: &HttpRequest, payload: Payload) -> HttpResponse {
        if let Some(refusal) = self.0.origins.refuse(request) {
            return refusal;
        }
        let offered: Vec<_> = websocket::offered(request).collect();
        let Some(spoken) = choose(&offered) else {
            return refuse_stranger(request);
        };
        let options = websocket::AcceptOptions {
            protocols: vec![spoken.to_owned()],
            message: MAX_MESSAGE,
            queue: SocketLink::QUEUE,
            close_time: CLOSE_TIME,
            // The session has its own.
            timeouts: None,
        };
        let Accepted {
            response,
            inbound,
            outbound,
            ..
        } = match websocket::accept(request, payload, &options, WHAT) {
            Ok(accepted) => accepted,
            Err(error) => return error.error_response(),
        };
        let socket = SocketLink::new(inbound, outbound);
        let stopping = self.0.shutdown.goodbye();
        match (version::format(spoken), stopping) {
            (Some(format), None) => {
                self.serve(request.clone(), format, socket);
            }
            (None, _) => {
                let goodbye =
                    Goodbye::new(GoodbyeCode::Unsupported, "this server speaks version 0");
                actix_web::rt::spawn(connection::refuse(goodbye, socket));
            }
            (Some(_), Some(goodbye)) => {
                actix_web::rt::spawn(connection::refuse(goodbye, socket));
            }
        }
        response
    }
}

/// Returns the first offer that this version speaks; else the first of another version, to refuse it in
/// words that its client understands.
fn choose<'a>(offered: &[&'a str]) -> Option<&'a str> {
    let ours = offered.iter().find(|name| version::format(name).is_some());
    let others = || {
        offered
            .iter()
            .find(|name| name.starts_with(version::PREFIX))
    };
    ours.or_else(others).copied()
}

/// Lets pages of all origins read an answer that isn't the handshake's: browsers hide from a page why its
/// WebSocket doesn't open, and a client then asks here. It holds nothing but what the request itself says.
fn readable(mut response: HttpResponse) -> HttpResponse {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        let headers = response.headers_mut();
        let all = HeaderValue::from_static("*");
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, all);
        let wait = HeaderValue::from_static("Retry-After");
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, wait);
    }
    response
}

/// Answers a request that is no client's of ours: as its handshake deserves, or 400 to one that offers no
/// subprotocol of ours.
fn refuse_stranger(request: &HttpRequest) -> HttpResponse {
    if let Err(error) = websocket::verify(request, WHAT) {
        return error.error_response();
    }
    let offered = quoted_header(request.headers(), header::SEC_WEBSOCKET_PROTOCOL);
    let offers = match offered {
        Some(offered) => format!("Sec-WebSocket-Protocol is {offered}"),
        None => "Sec-WebSocket-Protocol is missing".to_owned(),
    };
    HttpResponse::BadRequest()
        .insert_header(ContentType::plaintext())
        .body(format!(
            "This endpoint speaks Twinwire only: {offers}; a client offers {} or {}. Connect with \
             twinwire-client-wasm or twinwire-client-native, or to the server's plain endpoint.\n",
            version::POSTCARD,
            version::JSON,
        ))
}

#[cfg(test)]
mod tests {
    use super::choose;

    #[test]
    fn the_first_offer_of_this_version_wins() {
        let check = |offered: &[&str], chosen| assert_eq!(choose(offered), chosen, "{offered:?}");
        check(
            &["twinwire.0.json", "twinwire.0.postcard"],
            Some("twinwire.0.json"),
        );
        check(
            &["twinwire.9.postcard", "twinwire.0.postcard"],
            Some("twinwire.0.postcard"),
        );
        check(
            &["chat", "twinwire.9.postcard"],
            Some("twinwire.9.postcard"),
        );
        check(&["chat"], None);
        check(&[], None);
    }
}
