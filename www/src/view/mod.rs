//! The page, as it is laid out.
//!
//! Views are plain functions that give views without a type of their own, which keeps the program
//! small: each type of view is code of its own.

mod composer;
mod light;
mod members;
mod places;
mod talk;
mod welcome;

use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, HtmlInputElement};

use crate::model::{Page, Pane};
use composer::composer;
use light::connection;
use members::people;
use places::places;
use talk::conversation;
use welcome::welcome;

/// The field in which one writes.
const FIELD: &str = "text";

/// The field for one's name.
const NAME: &str = "name";

/// Takes what index.html shows until the program is here, and returns what was typed there.
pub(crate) fn take_early() -> String {
    let Some(early) = document().get_element_by_id("early") else {
        return String::new();
    };
    let typed = document().get_element_by_id(NAME);
    let typed = typed.and_then(|field| field.dyn_into::<HtmlInputElement>().ok());
    early.remove();
    typed.map(|field| field.value()).unwrap_or_default()
}

/// The whole page.
pub(crate) fn app(early_name: String) -> AnyView {
    let page = Page::new();
    let early_name = StoredValue::new(early_name);
    spawn_local(page.live());
    view! {
        {connection(page)}
        {move || {
            if page.me.with(Option::is_none) {
                // Whoever has lost the name wants another.
                let early = early_name.try_update_value(std::mem::take);
                welcome(page, early.unwrap_or_default())
            } else {
                chat(page)
            }
        }}
    }
    .into_any()
}

/// Places at the left, what is said in the middle, people at the right. A narrow window shows one of
/// the three.
fn chat(page: Page) -> AnyView {
    let pane = move || match page.pane.get() {
        Pane::Places => "places",
        Pane::Talk => "talk",
        Pane::People => "people",
    };
    // What a narrow window hides loses the focus.
    Effect::new(move |before: Option<()>| {
        let pane = page.pane.get();
        if before.is_some() {
            focus(match pane {
                Pane::Places => "places",
                Pane::Talk => FIELD,
                Pane::People => "people",
            });
        }
    });
    view! {
        <main class="chat" data-pane=pane>
            {places(page)}
            {move || {
                let talk = page.current();
                talk.map(|talk| {
                    view! {
                        <section class="talk" aria-label=talk.place.title()>
                            {conversation(page, talk.clone())}
                            {composer(page, talk.clone())}
                        </section>
                        {people(page, talk)}
                    }
                })
            }}
        </main>
    }
    .into_any()
}

/// Gives an element the focus, if it is there.
fn focus(id: &str) {
    let element = document().get_element_by_id(id);
    if let Some(element) = element.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
        // Fails only for an element that can't have the focus.
        let _ = element.focus();
    }
}
