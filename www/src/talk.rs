//! One conversation, and what was said in it.

use leptos::prelude::*;
use twinwire_client_wasm::Start;

/// The most entries of a conversation that are kept.
const KEPT: usize = 500;

/// Two lines of one person stand together when no more milliseconds lie between.
const TOGETHER: u64 = 5 * 60 * 1000;

/// How much of a room's past is shown to who enters it.
const PAST: Start = Start::Last(50);

/// With whom one talks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Room(String),
    Person(String),
    Bot,
}

impl Place {
    pub(crate) fn title(&self) -> String {
        match self {
            Self::Room(name) | Self::Person(name) => name.clone(),
            Self::Bot => "Bot".to_owned(),
        }
    }

    /// What stands before the title, to tell the kinds apart.
    pub(crate) fn sign(&self) -> &'static str {
        match self {
            Self::Room(_) => "#",
            Self::Person(_) => "@",
            Self::Bot => "✦",
        }
    }
}

/// How far a message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Whole,
    Growing,
    Stopped,
    Broken(String),
}

/// Something that was said.
#[derive(Clone)]
pub(crate) struct Message {
    pub(crate) from: String,
    pub(crate) at: u64,
    pub(crate) text: ArcRwSignal<String>,
    pub(crate) progress: ArcRwSignal<Progress>,
    /// Whether it belongs to the message before: the same person went on.
    pub(crate) follows: bool,
}

#[derive(Clone)]
pub(crate) enum What {
    Said(Message),
    /// The page's own remark.
    Note(String),
}

/// One entry of a conversation.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) key: u64,
    pub(crate) what: What,
}

/// A text on its way to the server.
#[derive(Clone)]
pub(crate) struct Unsent {
    pub(crate) key: u64,
    pub(crate) text: String,
    /// The reason why it didn't get there.
    pub(crate) failure: ArcRwSignal<Option<String>>,
}

/// One conversation.
#[derive(Clone)]
pub(crate) struct Talk {
    pub(crate) place: Place,
    pub(crate) entries: ArcRwSignal<Vec<Entry>>,
    pub(crate) unsent: ArcRwSignal<Vec<Unsent>>,
    pub(crate) members: ArcRwSignal<Vec<String>>,
    pub(crate) unread: ArcRwSignal<u32>,
    pub(crate) draft: ArcRwSignal<String>,
    pub(crate) wrong: ArcRwSignal<Option<String>>,
    /// Where to begin in the room's log the next time.
    pub(crate) start: ArcStoredValue<Start>,
}

impl Talk {
    pub(crate) fn new(place: Place) -> Self {
        Self {
            place,
            entries: ArcRwSignal::default(),
            unsent: ArcRwSignal::default(),
            members: ArcRwSignal::default(),
            unread: ArcRwSignal::default(),
            draft: ArcRwSignal::default(),
            wrong: ArcRwSignal::default(),
            start: ArcStoredValue::new(PAST),
        }
    }

    /// Shows a text as waiting, until it is heard or taken away.
    pub(crate) fn await_text(&self, text: String) -> Unsent {
        let last = self
            .unsent
            .with_untracked(|unsent| unsent.last().map(|last| last.key));
        let unsent = Unsent {
            key: last.map_or(0, |last| last + 1),
            text,
            failure: ArcRwSignal::default(),
        };
        self.unsent.update(|all| all.push(unsent.clone()));
        unsent
    }

    pub(crate) fn take_unsent(&self, key: u64) {
        self.unsent
            .update(|all| all.retain(|unsent| unsent.key != key));
    }

    /// One's own text is heard: it doesn't wait any more.
    pub(crate) fn hear_own(&self, text: &str) {
        let find = |all: &Vec<Unsent>| all.iter().find(|of| of.text == text).map(|of| of.key);
        if let Some(key) = self.unsent.with_untracked(find) {
            self.take_unsent(key);
        }
    }

    pub(crate) fn note(&self, text: impl Into<String>) {
        self.push(What::Note(text.into()));
    }

    pub(crate) fn say(&self, from: String, at: u64, text: String, progress: Progress) -> Message {
        let follows = self.entries.with_untracked(|entries| {
            matches!(entries.last(), Some(Entry { what: What::Said(last), .. })
                if last.from == from && at.saturating_sub(last.at) <= TOGETHER)
        });
        let message = Message {
            from,
            at,
            text: ArcRwSignal::new(text),
            progress: ArcRwSignal::new(progress),
            follows,
        };
        self.push(What::Said(message.clone()));
        message
    }

    fn push(&self, what: What) {
        self.entries.update(|entries| {
            let key = entries.last().map_or(0, |last| last.key + 1);
            entries.push(Entry { key, what });
            let surplus = entries.len().saturating_sub(KEPT);
            entries.drain(..surplus);
        });
    }
}
