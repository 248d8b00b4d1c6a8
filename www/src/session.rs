//! The page's connection: a name, rooms, and what is heard there.

use std::fmt::Display;
use std::pin::pin;
use std::time::Duration;

use chat::{Enter, Join, KINDS, LOBBY, Leave, Room, Roster, Whispered, check_name, check_room};
use futures_util::future::{AbortHandle, abortable, select};
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use leptos::task::spawn_local;
use twinwire_client_wasm::{
    CallError, Client, ClientState, Limits, Options, Start, Subscription, Update as Heard, Verdict,
    connect_with,
};

use crate::model::{Light, Page};
use crate::talk::{Place, Talk};
use crate::{wire, words};

/// Milliseconds between two measurements of a round trip.
const PING_EVERY: u32 = 5_000;

/// How long what is written waits for the server.
const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);

/// What the page speaks through.
#[derive(Default)]
pub(crate) struct Wire {
    client: Option<Client>,
    hearings: Vec<Hearing>,
    /// The bot's answer that is under way, to be stopped.
    pub(crate) answer: Option<AbortHandle>,
}

/// What is heard from a room, until it is dropped: that ends its subscriptions.
struct Hearing {
    room: String,
    task: AbortHandle,
}

impl Drop for Hearing {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A room wasn't entered.
enum NotEntered {
    /// The session was lost half way.
    SessionLost,
    /// For this reason.
    Refused(String),
}

impl<E: Display> From<CallError<E>> for NotEntered {
    fn from(error: CallError<E>) -> Self {
        match error {
            CallError::NotReceived | CallError::Unknown => Self::SessionLost,
            error => Self::Refused(words::of_call(&error)),
        }
    }
}

impl Page {
    /// One connection, from its opening to its end.
    pub(crate) async fn live(self) {
        self.light.set(Light::Connecting);
        // What is written waits for as long as it takes to come back.
        let limits = Limits::default().call_deadline(PATIENCE);
        let options = Options::new(wire(), KINDS)
            .limits(limits)
            .on_session_replaced(move |client, _| async move { self.enter_again(client).await });
        let client = match connect_with(options).await {
            Ok(client) => client,
            Err(error) => return self.light.set(Light::Closed(words::of_connect(&error))),
        };
        let mut states = client.states();
        spawn_local(self.hear_whispers(client.clone()));
        spawn_local(self.measure(client.clone()));
        self.wire.update_value(|wire| wire.client = Some(client));
        spawn_local(self.come_back());
        while let Some(state) = states.next().await {
            if !matches!(state, ClientState::Open { .. }) {
                self.round_trip.set(None);
            }
            self.light.set(match state {
                ClientState::Open { .. } => Light::Open,
                ClientState::Resuming { attempt, .. } => Light::Resuming { attempt },
                ClientState::Closed(end) => Light::Closed(words::of_end(&end)),
                _ => Light::Connecting,
            });
        }
        self.wire.set_value(Wire::default());
        self.round_trip.set(None);
        for talk in self.talks.get_untracked() {
            talk.members.set(Vec::new());
        }
    }

    pub(crate) fn client(self) -> Result<Client, String> {
        let client = self.wire.with_value(|wire| wire.client.clone());
        client.ok_or_else(|| words::NOT_CONNECTED.to_owned())
    }

    async fn measure(self, client: Client) {
        while let Some(time) = client.ping().await {
            self.round_trip.set(Some(time));
            TimeoutFuture::new(PING_EVERY).await;
        }
    }

    /// After a client was over: takes the name again, and enters the rooms.
    async fn come_back(self) {
        let Some(name) = self.me.get_untracked() else {
            return;
        };
        if let Err(wrong) = self.join(name).await {
            self.lose_name(wrong);
        }
    }

    /// The server knows this page no more: takes the name again and enters the rooms, before what is said
    /// there is heard again.
    async fn enter_again(self, client: Client) {
        let Some(name) = self.me.get_untracked() else {
            return;
        };
        if let Err(error) = client.call(Join { name }).await {
            return self.lose_name(words::of_call(&error));
        }
        for room in self.rooms() {
            let place = Place::Room(room.clone());
            if let Err(error) = client.call(Enter { room }).await {
                self.talk(&place).note(words::of_call(&error));
            }
        }
    }

    fn lose_name(self, wrong: String) {
        self.unnamed.set(Some(wrong));
        self.me.set(None);
    }

    /// Takes a name, and enters the rooms that are shown; the lobby is always among them at first.
    pub(crate) async fn join(self, name: String) -> Result<(), String> {
        let name = check_name(&name)
            .map_err(|wrong| wrong.to_string())?
            .to_owned();
        let joined = self.client()?.call(Join { name }).await;
        let joined = joined.map_err(|error| words::of_call(&error))?;
        self.unnamed.set(None);
        let is_first = self.me.with_untracked(Option::is_none);
        let mut rooms = self.rooms();
        if rooms.is_empty() {
            rooms.push(LOBBY.to_owned());
        }
        for room in rooms {
            let place = Place::Room(room.clone());
            if is_first && self.shown.with_untracked(|shown| *shown == Place::Bot) {
                self.show(place.clone());
            }
            self.me.set(Some(joined.name.clone()));
            if let Err(wrong) = self.enter(room).await {
                self.talk(&place).note(wrong);
            }
        }
        Ok(())
    }

    fn rooms(self) -> Vec<String> {
        self.talks.with_untracked(|talks| {
            let rooms = talks.iter().filter_map(|talk| match &talk.place {
                Place::Room(name) => Some(name.clone()),
                Place::Person(_) | Place::Bot => None,
            });
            rooms.collect()
        })
    }

    /// Enters a room and hears what is said there, from where it was heard last.
    pub(crate) async fn enter(self, room: String) -> Result<Place, String> {
        let room = check_room(&room)
            .map_err(|wrong| wrong.to_string())?
            .to_owned();
        let client = self.client()?;
        loop {
            match self.enter_once(&client, room.clone()).await {
                Ok(place) => return Ok(place),
                // To enter twice is to enter: the next session does it again.
                Err(NotEntered::SessionLost) => {}
                Err(NotEntered::Refused(why)) => return Err(why),
            }
        }
    }

    async fn enter_once(self, client: &Client, room: String) -> Result<Place, NotEntered> {
        let room = client.call(Enter { room }).await?;
        let place = Place::Room(room.clone());
        let is_heard = |wire: &Wire| wire.hearings.iter().any(|hearing| hearing.room == room);
        if self.wire.with_value(is_heard) {
            return Ok(place);
        }
        let talk = self.talk(&place);
        let (name, start) = (room.clone(), talk.start.get_value());
        let lines = client.subscribe_from(Room { name }, start).await?;
        let roster = Roster { room: room.clone() };
        let roster = client.subscribe_from(roster, Start::Last(1)).await?;
        match lines.verdict() {
            Verdict::Gap => talk.note("Some of what was said meanwhile is lost."),
            Verdict::NewEpoch => talk.note(words::NEW_EPOCH),
            Verdict::Begun | Verdict::Recovered | Verdict::Shared => {}
        }
        let (hearing, task) = abortable(self.hear_room(talk, lines, roster));
        let hearings = Hearing {
            room: room.clone(),
            task,
        };
        self.wire.update_value(|wire| wire.hearings.push(hearings));
        spawn_local(async move {
            // The page's own wish has taken it off the list.
            if hearing.await.is_ok() {
                let keep = |hearing: &Hearing| hearing.room != room;
                self.wire.update_value(|wire| wire.hearings.retain(keep));
            }
        });
        Ok(place)
    }

    /// Leaves a room, or closes a private conversation.
    pub(crate) async fn leave(self, place: Place) {
        if let (Place::Room(name), Ok(client)) = (&place, self.client()) {
            let room = name.clone();
            if let Err(error) = client.call(Leave { room }).await {
                return self.talk(&place).wrong.set(Some(words::of_call(&error)));
            }
            let keep = |hearing: &Hearing| hearing.room != *name;
            self.wire.update_value(|wire| wire.hearings.retain(keep));
        }
        self.forget(&place);
    }

    /// Hears a room until the server ends either of its topics: whoever has lost the name, and with it the right to read,
    /// enters anew.
    async fn hear_room(self, talk: Talk, lines: Subscription<Room>, roster: Subscription<Roster>) {
        let lines = pin!(self.hear_lines(talk.clone(), lines));
        let roster = pin!(hear_roster(talk, roster));
        select(lines, roster).await;
    }

    async fn hear_lines(self, talk: Talk, mut lines: Subscription<Room>) {
        while let Some(update) = lines.next().await {
            match update {
                Ok(Heard::Item(line)) => {
                    self.hear(&talk, line.item.from, line.item.at, line.item.text);
                }
                Ok(Heard::Gap { from, to }) => {
                    let lost = to.get() - from.get();
                    talk.note(format!("{lost} lines came too fast for this page."));
                }
                Ok(Heard::NewEpoch { .. }) => talk.note(words::NEW_EPOCH),
                Ok(Heard::Refused(_)) => return talk.note("You are no longer in this room."),
                Err(_) => talk.note("A line that came can't be read."),
            }
            talk.start.set_value(Start::At(lines.position()));
        }
    }

    async fn hear_whispers(self, client: Client) {
        // The kind is in the table that the client was connected with.
        let Ok(mut whispers) = client.events::<Whispered>() else {
            return;
        };
        drop(client);
        while let Some(whisper) = whispers.next().await {
            let Ok(Whispered { from, to, text, at }) = whisper else {
                continue;
            };
            let is_mine = self.is_me(&from);
            let other = if is_mine { to } else { from.clone() };
            self.hear(&self.talk(&Place::Person(other)), from, at, text);
        }
    }
}

async fn hear_roster(talk: Talk, mut roster: Subscription<Roster>) {
    while let Some(update) = roster.next().await {
        if let Ok(Heard::Item(members)) = update {
            talk.members.set(members.item.names);
        }
    }
}
