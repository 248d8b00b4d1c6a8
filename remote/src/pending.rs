//! The requests that a session has, and whose outcome isn't known.

use std::collections::VecDeque;
use std::time::Duration;

use twinwire::Time;
use twinwire::session::{Outcome, RequestKey, SessionCore};

use crate::channels::oneshot;
use crate::command::OutboundRequest;

/// The most that wait for the time of a round trip.
const MAX_PINGS: usize = 64;

/// The callers that wait to be told, as the shell uses them. It is made with the first request, so an application
/// that makes none has none of it in its program.
pub(crate) trait InFlightRequests: Send {
    /// The session got a request.
    fn add(&mut self, key: RequestKey, asked: OutboundRequest);

    /// Returns the key of the request of this id.
    fn key(&self, id: u64) -> Option<RequestKey>;

    /// Returns the key of the newest request of the same kind and name.
    fn latest(&self, asked: &OutboundRequest) -> Option<RequestKey>;

    /// Forgets a request, and gives its key.
    fn forget(&mut self, id: u64) -> Option<RequestKey>;

    /// Queues one who waits for the time of a round trip, until then; drops it if too many wait.
    fn ping(&mut self, pong: oneshot::Sender<Duration>, deadline: Time);

    /// Returns the time at which the first of those who wait for a round trip waits no longer.
    fn deadline(&self) -> Option<Time>;

    /// Drops those who have waited for a round trip for too long.
    fn expire(&mut self, now: Time);

    /// Tells what became of a request.
    fn settle(&mut self, request: RequestKey, outcome: Outcome);

    /// Gives an item of a stream.
    fn item(&mut self, call: RequestKey, payload: Vec<u8>);

    /// Tells the time of a round trip.
    fn pong(&mut self, round_trip: Duration);

    /// Another session has begun in the place of one that is lost.
    fn replace_session(&mut self, session: &mut SessionCore, now: Time);

    /// The session is over.
    fn end(&mut self);

    /// Returns the number of those who wait for an outcome, and for a round trip.
    #[cfg(feature = "test")]
    fn count(&self) -> (usize, usize);
}

#[derive(Default)]
pub(crate) struct InFlight {
    /// In the order of their keys, which is the one in which the session got them; without their
    /// payloads.
    requests: VecDeque<(RequestKey, OutboundRequest)>,
    /// Those who wait for the time of a round trip and until when, the first first: a few, for which a ring would be code.
    pings: Vec<(Time, oneshot::Sender<Duration>)>,
}

impl InFlight {
    fn place(&self, request: RequestKey) -> Option<usize> {
        let place = self
            .requests
            .binary_search_by_key(&request, |(key, _)| *key);
        place.ok()
    }
}

impl InFlightRequests for InFlight {
    fn add(&mut self, key: RequestKey, mut asked: OutboundRequest) {
        // The session keeps the payload until it is acknowledged. A second copy here would double what a client holds.
        asked.payload = Vec::new();
        self.requests.push_back((key, asked));
    }

    fn key(&self, id: u64) -> Option<RequestKey> {
        let found = self.requests.iter().find(|(_, asked)| asked.id == id);
        found.map(|(key, _)| *key)
    }

    fn latest(&self, asked: &OutboundRequest) -> Option<RequestKey> {
        let is_it = |of: &OutboundRequest| of.kind == asked.kind && of.latest == asked.latest;
        // Older values of the key have gone out already, or were replaced by this one.
        let mut newest_first = self.requests.iter().rev();
        newest_first.find_map(|(key, of)| is_it(of).then_some(*key))
    }

    fn forget(&mut self, id: u64) -> Option<RequestKey> {
        let place = self.requests.iter().position(|(_, asked)| asked.id == id)?;
        self.requests.remove(place).map(|(key, _)| key)
    }

    fn ping(&mut self, pong: oneshot::Sender<Duration>, deadline: Time) {
        // Who has left makes room: a caller that pings and gives up mustn't use all places up.
        self.pings.retain(|(_, waiting)| !waiting.is_closed());
        // Above that the caller hears at once that no pong comes: its waiter is dropped.
        if self.pings.len() < MAX_PINGS {
            self.pings.push((deadline, pong));
        }
    }

    fn deadline(&self) -> Option<Time> {
        self.pings.first().map(|(deadline, _)| *deadline)
    }

    fn expire(&mut self, now: Time) {
        self.pings.retain(|(deadline, _)| *deadline > now);
    }

    fn settle(&mut self, request: RequestKey, outcome: Outcome) {
        // None for one that was cancelled: its caller wants no outcome.
        let place = self.place(request);
        if let Some((_, asked)) = place.and_then(|place| self.requests.remove(place)) {
            asked.settle(outcome);
        }
    }

    fn item(&mut self, call: RequestKey, payload: Vec<u8>) {
        let of = self.place(call).and_then(|place| self.requests.get(place));
        if let Some(waiter) = of.and_then(|(_, asked)| asked.waiter.as_ref()) {
            waiter.0.item(payload);
        }
    }

    fn pong(&mut self, round_trip: Duration) {
        // All of them: a pong answers the newest ping, and whoever asked before it.
        for (_, ping) in std::mem::take(&mut self.pings) {
            // Who left meanwhile wants nothing.
            let _ = ping.send(round_trip);
        }
    }

    fn replace_session(&mut self, session: &mut SessionCore, now: Time) {
        twinwire::plant!("ping_lost_with_session", return);
        // A ping of before this session gets no pong in it: those who wait need another.
        if !self.pings.is_empty() {
            session.prompt(now);
        }
    }

    fn end(&mut self) {
        // Requests have their outcome from the session, or end as unknown when they are dropped.
        self.pings.clear();
    }

    #[cfg(feature = "test")]
    fn count(&self) -> (usize, usize) {
        (self.requests.len(), self.pings.len())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use twinwire::Limits;
    use twinwire::frame::KindTable;
    use twinwire::session::Session;

    use super::*;

    #[test]
    fn what_waits_for_its_outcome_keeps_no_payload() {
        let table = Arc::new(KindTable::new(Vec::new()));
        let mut session = Session::client(Limits::default(), table, Vec::new());
        let now = Time::default();
        let key = session.publish(now, 0, &[], &[7; 1000]).unwrap();
        let asked = OutboundRequest {
            id: 1,
            kind: 0,
            payload: vec![7; 1000],
            overhead: 0,
            latest: None,
            waiter: None,
        };
        let mut pending = InFlight::default();
        pending.add(key, asked);
        let kept = pending.requests.iter().map(|(_, of)| of.payload.capacity());
        assert_eq!(kept.sum::<usize>(), 0);
    }
}
