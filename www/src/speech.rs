//! What is written on the page, on its way to a room, a person or the bot.

use chat::{Ask, AskError, Say, TextError, Whisper, check_text};
use futures_util::future::abortable;
use leptos::prelude::*;
use twinwire_client_wasm::{CallError, Client};

use crate::model::Page;
use crate::talk::{Place, Progress, Talk};
use crate::{clock, words};

impl Page {
    /// Sends what is written in a conversation; what can't be sent stays there, with the reason.
    pub(crate) async fn send(self, talk: Talk) {
        let draft = talk.draft.get_untracked();
        let outcome = match check_text(&draft) {
            Err(TextError::Empty) => {
                talk.draft.set(String::new());
                return talk.wrong.set(Some(TextError::Empty.to_string()));
            }
            Err(wrong) => Err(wrong.to_string()),
            Ok(text) => {
                talk.draft.set(String::new());
                self.deliver_shown(&talk, text.to_owned()).await
            }
        };
        if outcome.is_err() && talk.draft.with_untracked(String::is_empty) {
            talk.draft.set(draft);
        }
        talk.wrong.set(outcome.err());
    }

    /// Delivers a text that is shown as waiting meanwhile. If that fails while another is being written, it stays
    /// there with the reason: nothing that was written is nowhere.
    async fn deliver_shown(self, talk: &Talk, text: String) -> Result<(), String> {
        if talk.place == Place::Bot {
            return self.deliver(talk, text).await;
        }
        let unsent = talk.await_text(text.clone());
        let delivered = self.deliver(talk, text).await;
        if let Err(why) = &delivered
            && !talk.draft.with_untracked(String::is_empty)
        {
            unsent.failure.set(Some(why.clone()));
            return Ok(());
        }
        talk.take_unsent(unsent.key);
        delivered
    }

    async fn deliver(self, talk: &Talk, text: String) -> Result<(), String> {
        let client = self.client()?;
        match talk.place.clone() {
            Place::Room(room) => {
                let said = self.awaited(client.call(Say { room, text })).await;
                said.map_err(|error| words::of_call(&error))
            }
            Place::Person(to) => {
                let said = self.awaited(client.call(Whisper { to, text })).await;
                said.map_err(|error| words::of_call(&error))
            }
            Place::Bot => self.ask(client, talk, text).await,
        }
    }

    /// Counts what is on its way among what waits.
    async fn awaited<T>(self, said: impl Future<Output = T>) -> T {
        self.waiting.update(|waiting| *waiting += 1);
        let outcome = said.await;
        self.waiting.update(|waiting| *waiting -= 1);
        outcome
    }

    async fn ask(self, client: Client, talk: &Talk, prompt: String) -> Result<(), String> {
        if self.answering.get_untracked() {
            return Err("The bot is still answering. Stop it first.".to_owned());
        }
        self.answering.set(true);
        let me = self.me.get_untracked().unwrap_or_default();
        self.hear(talk, me, clock::now(), prompt.clone());
        let answer = self.hear_words(talk, Place::Bot.title(), clock::now());
        let (answering, handle) = abortable(async {
            let mut words = client.stream(Ask { prompt }).await?;
            while let Some(word) = words.next().await {
                let word = word?.text;
                answer.text.update(|text| text.push_str(&word));
            }
            Ok::<_, CallError<AskError>>(())
        });
        self.wire.update_value(|wire| wire.answer = Some(handle));
        answer.progress.set(match answering.await {
            Ok(Ok(())) => Progress::Whole,
            Ok(Err(error)) => Progress::Broken(words::of_call(&error)),
            Err(_) => Progress::Stopped,
        });
        self.answering.set(false);
        Ok(())
    }

    /// Drops the bot's answer, which cancels it on the server.
    pub(crate) fn stop(self) {
        if let Some(answer) = self.wire.with_value(|wire| wire.answer.clone()) {
            answer.abort();
        }
    }
}
