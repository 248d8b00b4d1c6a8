//! Who is in the room that is shown.

use leptos::prelude::*;

use super::talk::face;
use crate::model::{Page, Pane};
use crate::talk::{Place, Talk};

pub(super) fn people(page: Page, talk: Talk) -> AnyView {
    let content = match talk.place {
        Place::Room(_) => members(page, talk.members),
        Place::Person(_) => view! {
            <h2>"Private"</h2>
            <p>"The server hands this to one person. It is in no room and in no log."</p>
        }
        .into_any(),
        Place::Bot => view! {
            <h2>"A stream"</h2>
            <p>"One call, many answers. Each word is a value of its own; whoever reads slowly makes \
                the bot wait, and nobody else."</p>
        }
        .into_any(),
    };
    view! {
        <aside id="people" tabindex="-1" class="people" aria-label="People">
            <button type="button" class="plain narrow" on:click=move |_| page.pane.set(Pane::Talk)>
                "Back"
            </button>
            {content}
        </aside>
    }
    .into_any()
}

fn members(page: Page, members: ArcRwSignal<Vec<String>>) -> AnyView {
    let names = members.clone();
    let count = move || {
        let count = members.with(Vec::len);
        (count > 0).then(|| format!(" · {count}"))
    };
    view! {
        <h2>"Here now" {count}</h2>
        <ul>
            <For each=move || names.get() key=String::clone let(name)>
                <li>{member(page, name)}</li>
            </For>
        </ul>
    }
    .into_any()
}

fn member(page: Page, name: String) -> AnyView {
    if page.is_me(&name) {
        return view! {
            <p class="member">
                {face(&name)}
                <bdi>{name}</bdi>
                " (you)"
            </p>
        }
        .into_any();
    }
    let place = Place::Person(name.clone());
    view! {
        <button
            type="button"
            class="member"
            title="Write to this person alone"
            on:click=move |_| page.show(place.clone())
        >
            {face(&name)}
            <bdi>{name}</bdi>
        </button>
    }
    .into_any()
}
