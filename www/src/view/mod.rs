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

use crate::model::{Page, Pane};
use composer::composer;
use light::connection;
use members::people;
use places::places;
use talk::conversation;
use welcome::welcome;

/// The whole page.
pub(crate) fn app() -> AnyView {
    let page = Page::new();
    spawn_local(page.live());
    view! {
        {connection(page)}
        {move || {
            if page.me.with(Option::is_none) {
                welcome(page)
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
