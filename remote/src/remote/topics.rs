//! Requests about topics: a client subscribes and publishes, a server invites and removes.

use std::future::poll_fn;
use std::sync::Arc;

use twinwire::frame::Start;
use twinwire::limits::MAX_PAYLOAD;
use twinwire::session::{ClientSide, Outcome, ServerSide, SessionCore};
use twinwire::{Alias, Answer, Never, Position, Topic};

use super::{Remote, not_answered, outcome};
use crate::channels::mpsc;
use crate::command::{Command, OutboundRequest, TOPIC_REQUEST, Waiter};
use crate::error::RequestError;
use crate::subscription::{LeaveOnDrop, Verdict};
use crate::topics::{TopicUpdate, UpdateKind};
use crate::{CallError, Published, Requests, Subscription};

/// The requests of a client about its server's topics.
impl Remote<ClientSide> {
    /// Joins a topic.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn subscribe<T: Topic>(
        &self,
        topic: T,
        start: Start,
    ) -> Result<Subscription<T>, CallError<Never>> {
        let key = self.handle.format.encode(&topic, MAX_PAYLOAD);
        let key = key.map_err(CallError::Encode)?;
        drop(topic);
        let kind = self.kind::<T>(0)?;
        let (joined, incoming, leave) = self.join(kind, key, start).await?;
        let format = self.handle.format;
        match joined {
            Ok(joined) => Ok(Subscription::new(joined, incoming, leave, format)),
            Err(outcome) => Err(not_answered(T::NAME, outcome, format)),
        }
    }

    /// Publishes to a topic. Ready when the item is on its way; await what it gives to learn its place in
    /// the topic's log.
    ///
    /// # Errors
    /// If the request can't be made; see [`CallError`].
    pub async fn publish<T: Topic>(
        &self,
        topic: &T,
        item: T::Item,
    ) -> Result<Published, CallError<Never>> {
        let format = self.handle.format;
        let key = format
            .encode(topic, MAX_PAYLOAD)
            .map_err(CallError::Encode)?;
        let payload = format
            .encode(&item, MAX_PAYLOAD)
            .map_err(CallError::Encode)?;
        drop(item);
        let (waiter, outcome) = outcome();
        let kind = self.kind::<T>(payload.len())?;
        let mut asked = self.asked_of(kind, payload, Some(waiter));
        asked.overhead = key.len() + TOPIC_REQUEST;
        self.enqueue(publish(asked, key)).await?;
        Ok(Published::new(T::NAME, outcome, format))
    }

    /// Joins a topic: what became of that, and what a subscription is made of.
    pub(super) async fn join(
        &self,
        kind: u32,
        key: Vec<u8>,
        start: Start,
    ) -> Result<
        (
            Result<(Verdict, Position), Outcome>,
            mpsc::Receiver<Arc<TopicUpdate>>,
            LeaveOnDrop,
        ),
        RequestError,
    > {
        let (command, incoming) = self.joining(kind, key, start);
        let id = self.enqueue(command).await?;
        let leave = LeaveOnDrop::new(self.control().clone(), id);
        // Dropped before `leave`: a join that the shell hasn't made when it hears of that is unwanted.
        let mut incoming = incoming;
        let update = poll_fn(|cx| incoming.poll_next(cx)).await;
        Ok((joined(update), incoming, leave))
    }

    /// The request that joins a topic, and what comes of it.
    pub(crate) fn joining(
        &self,
        kind: u32,
        key: Vec<u8>,
        start: Start,
    ) -> (Command, mpsc::Receiver<Arc<TopicUpdate>>) {
        let (updates, incoming) = mpsc::channel();
        let mut asked = self.asked_of(kind, key, Some(Waiter(updates.share())));
        asked.overhead = TOPIC_REQUEST;
        let control = self.control().downgrade();
        let act = move |requests: &mut Requests, asked, session: &mut SessionCore, now| {
            let topics = &mut requests.topics;
            topics.join(asked, start, updates, control, session, now);
        };
        let act = Box::new(act);
        (Command { asked, act }, incoming)
    }
}

/// The requests of a server that are about its client's topics.
impl Remote<ServerSide> {
    /// Has the other end, a client, join a topic, from `position` on. Ready when its application has been
    /// told.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn invite<T: Topic>(
        &self,
        topic: &T,
        position: Position,
    ) -> Result<(), CallError<Never>> {
        let format = self.handle.format;
        let key = format.encode(topic, MAX_PAYLOAD);
        let key = key.map_err(CallError::Encode)?;
        let (waiter, answer) = outcome();
        let kind = self.kind::<T>(0)?;
        let mut asked = self.asked_of(kind, key, Some(waiter));
        asked.overhead = TOPIC_REQUEST;
        match self.answer(invite(asked, position), answer).await? {
            Outcome::Answered(Answer::Value(_)) => Ok(()),
            other => Err(not_answered(T::NAME, other, format)),
        }
    }

    /// Removes the other end, a client, from a topic.
    pub fn unsubscribe_peer(&self, alias: Alias) {
        // A shell that is gone has removed everybody.
        let unsubscribe = move |_: &mut Requests, session: &mut SessionCore, now| {
            ServerSide::unsubscribe_peer(session, now, alias);
        };
        let _ = self.control().send(Box::new(unsubscribe));
    }
}

/// Tells the outcome of a join by the first update that came of it.
pub(crate) fn joined(update: Option<Arc<TopicUpdate>>) -> Result<(Verdict, Position), Outcome> {
    match update.as_ref().map(|update| &update.kind) {
        Some(UpdateKind::Joined(joined)) => Ok((joined.verdict.into(), joined.position)),
        Some(UpdateKind::Shared(position)) => Ok((Verdict::Shared, *position)),
        Some(UpdateKind::NotJoined(outcome)) => Err(outcome.clone()),
        // Nothing else comes first. A shell that is gone has told nothing.
        _ => Err(Outcome::Unknown),
    }
}

pub(crate) fn publish(asked: OutboundRequest, key: Vec<u8>) -> Command {
    let act =
        move |requests: &mut Requests, asked: OutboundRequest, session: &mut SessionCore, now| {
            let made = ClientSide::publish(session, now, asked.kind, &key, &asked.payload);
            requests.made(asked, made);
        };
    let act = Box::new(act);
    Command { asked, act }
}

fn invite(asked: OutboundRequest, position: Position) -> Command {
    let act =
        move |requests: &mut Requests, asked: OutboundRequest, session: &mut SessionCore, now| {
            if !asked.is_unwanted() {
                let made = ServerSide::invite(session, now, asked.kind, &asked.payload, position);
                requests.made(asked, made);
            }
        };
    let act = Box::new(act);
    Command { asked, act }
}
