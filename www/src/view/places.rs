//! The conversations to choose from.

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::model::Page;
use crate::talk::{Place, Talk};

pub(super) fn places(page: Page) -> AnyView {
    let rooms = move || select(page, |place| matches!(place, Place::Room(_)));
    let people = move || select(page, |place| matches!(place, Place::Person(_)));
    let bot = move || select(page, |place| *place == Place::Bot);
    let has_people = move || !people().is_empty();
    view! {
        <nav id="places" tabindex="-1" class="places" aria-label="Conversations">
            <h2>"Rooms"</h2>
            {list(page, rooms)}
            {enter_room(page)}
            <h2 hidden=move || !has_people()>"Private"</h2>
            {list(page, people)}
            <h2>"Streams"</h2>
            {list(page, bot)}
        </nav>
    }
    .into_any()
}

fn select(page: Page, wanted: impl Fn(&Place) -> bool) -> Vec<Talk> {
    page.talks.with(|talks| {
        talks
            .iter()
            .filter(|talk| wanted(&talk.place))
            .cloned()
            .collect()
    })
}

fn list(page: Page, talks: impl Fn() -> Vec<Talk> + Send + Sync + 'static) -> AnyView {
    view! {
        <ul>
            <For each=talks key=|talk| talk.place.title() let(talk)>
                <li>{choice(page, talk)}</li>
            </For>
        </ul>
    }
    .into_any()
}

fn choice(page: Page, talk: Talk) -> AnyView {
    let place = talk.place.clone();
    let current = move || page.shown.with(|shown| (*shown == place).then_some("true"));
    let sign = talk.place.sign();
    let (title, place, unread) = (talk.place.title(), talk.place, talk.unread);
    let count = move || {
        let count = unread.get();
        (count > 0).then(|| {
            view! {
                <span class="unread">{count}<span class="hidden">" unread"</span></span>
            }
        })
    };
    view! {
        <button
            type="button"
            class="choice"
            aria-current=current
            on:click=move |_| page.show(place.clone())
        >
            <span class="sign" aria-hidden="true">{sign}</span>
            <bdi>{title}</bdi>
            {count}
        </button>
    }
    .into_any()
}

fn enter_room(page: Page) -> AnyView {
    let name = RwSignal::new(String::new());
    let wrong = RwSignal::new(None::<String>);
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        spawn_local(async move {
            match page.enter(name.get_untracked()).await {
                Ok(place) => {
                    name.set(String::new());
                    wrong.set(None);
                    page.show(place);
                }
                Err(why) => wrong.set(Some(why)),
            }
        });
    };
    view! {
        <form class="enter" novalidate on:submit=submit>
            <label for="room" class="hidden">"Enter a room"</label>
            <input
                id="room"
                name="room"
                placeholder="Another room"
                autocomplete="off"
                aria-describedby="no-room"
                prop:value=name
                on:input:target=move |event| name.set(event.target().value())
            />
            <button class="plain">"Enter"</button>
            <p id="no-room" class="wrong" role="alert">{wrong}</p>
        </form>
    }
    .into_any()
}
