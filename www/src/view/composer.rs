//! The field in which one writes.

use leptos::ev::KeyboardEvent;
use leptos::html::Textarea;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::{FIELD, focus};
use crate::model::Page;
use crate::talk::{Place, Talk};

/// The key code of what an input method has taken.
const COMPOSING: u32 = 229;

pub(super) fn composer(page: Page, talk: Talk) -> AnyView {
    let (label, verb) = match &talk.place {
        Place::Room(name) => (format!("Write to {name}"), "Send"),
        Place::Person(name) => (format!("Write to {name} alone"), "Send"),
        Place::Bot => ("Ask the bot".to_owned(), "Ask"),
    };
    let is_bot = talk.place == Place::Bot;
    let (draft, wrong) = (talk.draft.clone(), talk.wrong.clone());
    let field = NodeRef::<Textarea>::new();
    field.on_load(|_| focus(FIELD));
    let send = move || spawn_local(page.send(talk.clone()));
    let submit = {
        let send = send.clone();
        move |event: leptos::ev::SubmitEvent| {
            event.prevent_default();
            send();
        }
    };
    let key = move |event: KeyboardEvent| {
        // WebKit ends a composition with an Enter that says so by its key code alone (UI Events, section 7.3.1).
        let composes = event.is_composing() || event.key_code() == COMPOSING;
        let is_plain = !event.shift_key() && !composes;
        if event.key() == "Enter" && is_plain {
            event.prevent_default();
            send();
        }
    };
    let value = draft.clone();
    let amended = wrong.clone();
    let is_wrong = {
        let wrong = wrong.clone();
        move || wrong.with(Option::is_some).to_string()
    };
    let stop = move |_| {
        page.stop();
        focus(FIELD);
    };
    let is_stoppable = move || is_bot && page.answering.get();
    view! {
        <form class="composer" novalidate on:submit=submit>
            <label for=FIELD class="hidden">{label.clone()}</label>
            <textarea
                id=FIELD
                rows="1"
                placeholder=label
                aria-describedby="unsent"
                aria-invalid=is_wrong
                node_ref=field
                prop:value=value
                on:input:target=move |event| {
                    draft.set(event.target().value());
                    amended.set(None);
                }
                on:keydown=key
            ></textarea>
            <button hidden=is_stoppable disabled=move || !page.can_speak()>{verb}</button>
            <button type="button" hidden=move || !is_stoppable() on:click=stop>"Stop"</button>
            <p id="unsent" class="wrong" role="alert">{wrong}</p>
        </form>
    }
    .into_any()
}
