//! What the page shows.

use std::time::Duration;

use leptos::prelude::*;

use crate::session::Wire;
use crate::talk::{Message, Place, Progress, Talk};

/// How the connection looks to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Light {
    Connecting,
    Open,
    /// The connection is lost, and the client comes back by itself.
    Resuming {
        /// How often it has tried.
        attempt: u32,
    },
    Closed(String),
}

/// Which part of the page a narrow window shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pane {
    Places,
    Talk,
    People,
}

/// All that the page shows and what it speaks through. A copy is a handle to the same.
#[derive(Clone, Copy)]
pub(crate) struct Page {
    pub(crate) light: RwSignal<Light>,
    pub(crate) round_trip: RwSignal<Option<Duration>>,
    /// One's own name, once the server has given it.
    pub(crate) me: RwSignal<Option<String>>,
    /// Why one has no name.
    pub(crate) unnamed: RwSignal<Option<String>>,
    pub(crate) talks: RwSignal<Vec<Talk>>,
    pub(crate) shown: RwSignal<Place>,
    pub(crate) pane: RwSignal<Pane>,
    /// How many texts are on their way to the server.
    pub(crate) waiting: RwSignal<usize>,
    /// Whether the bot is answering.
    pub(crate) answering: RwSignal<bool>,
    pub(crate) wire: StoredValue<Wire, LocalStorage>,
}

impl Page {
    pub(crate) fn new() -> Self {
        Self {
            light: RwSignal::new(Light::Connecting),
            round_trip: RwSignal::new(None),
            me: RwSignal::new(None),
            unnamed: RwSignal::new(None),
            talks: RwSignal::new(vec![Talk::new(Place::Bot)]),
            shown: RwSignal::new(Place::Bot),
            pane: RwSignal::new(Pane::Talk),
            waiting: RwSignal::new(0),
            answering: RwSignal::new(false),
            wire: StoredValue::new_local(Wire::default()),
        }
    }

    pub(crate) fn is_open(self) -> bool {
        self.light.with(|light| *light == Light::Open)
    }

    /// Whether what is said goes out: now, or as soon as the connection is back.
    pub(crate) fn can_speak(self) -> bool {
        let speaks = |light: &Light| matches!(light, Light::Open | Light::Resuming { .. });
        self.light.with(speaks)
    }

    /// Whether one's own name is this; a view that asks doesn't follow its changes.
    pub(crate) fn is_me(self, name: &str) -> bool {
        self.me.with_untracked(|me| me.as_deref() == Some(name))
    }

    /// The conversation of a place, which begins now if there is none.
    pub(crate) fn talk(self, place: &Place) -> Talk {
        let find = |talks: &Vec<Talk>| talks.iter().find(|talk| talk.place == *place).cloned();
        self.talks.with_untracked(find).unwrap_or_else(|| {
            let talk = Talk::new(place.clone());
            self.talks.update(|talks| talks.push(talk.clone()));
            talk
        })
    }

    /// The conversation that is shown.
    pub(crate) fn current(self) -> Option<Talk> {
        let shown = self.shown.get();
        let find = |talks: &Vec<Talk>| talks.iter().find(|talk| talk.place == shown).cloned();
        self.talks.with(find)
    }

    pub(crate) fn show(self, place: Place) {
        self.talk(&place).unread.set(0);
        self.shown.set(place);
        self.pane.set(Pane::Talk);
    }

    /// Ends a conversation on this page.
    pub(crate) fn forget(self, place: &Place) {
        self.talks
            .update(|talks| talks.retain(|talk| talk.place != *place));
        if self.shown.with_untracked(|shown| shown == place) {
            let next = self.talks.with_untracked(|talks| {
                let room = talks
                    .iter()
                    .find(|talk| matches!(talk.place, Place::Room(_)));
                room.map(|talk| talk.place.clone())
            });
            self.show(next.unwrap_or(Place::Bot));
        }
    }

    /// Shows what was said, and counts it where nobody looks.
    pub(crate) fn hear(self, talk: &Talk, from: String, at: u64, text: String) {
        let is_mine = self.is_me(&from);
        let is_shown = self.shown.with_untracked(|shown| *shown == talk.place);
        if !is_mine && !is_shown {
            talk.unread.update(|unread| *unread += 1);
        }
        if is_mine {
            talk.hear_own(&text);
        }
        talk.say(from, at, text, Progress::Whole);
    }

    /// Begins to show what comes word by word.
    pub(crate) fn hear_words(self, talk: &Talk, from: String, at: u64) -> Message {
        talk.say(from, at, String::new(), Progress::Growing)
    }
}
