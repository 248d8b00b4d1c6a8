//! What was said in one conversation.

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::clock::time_of_day;
use crate::model::{Page, Pane};
use crate::talk::{Entry, Message, Place, Progress, Talk, Unsent, What};

pub(super) fn conversation(page: Page, talk: Talk) -> AnyView {
    let label = match &talk.place {
        Place::Room(name) => format!("What is said in {name}"),
        Place::Person(name) => format!("What you and {name} say"),
        Place::Bot => "What you and the bot say".to_owned(),
    };
    let (entries, unsent) = (talk.entries.clone(), talk.unsent.clone());
    let nothing = {
        let (entries, unsent) = (talk.entries.clone(), talk.unsent.clone());
        let text = match &talk.place {
            Place::Room(_) => "Nobody has said anything here yet.",
            Place::Person(_) => "Only the two of you read this.",
            Place::Bot => {
                "Ask anything. The answer is a stream: it comes word by word, and Stop ends it."
            }
        };
        move || {
            (entries.with(Vec::is_empty) && unsent.with(Vec::is_empty))
                .then(|| view! { <p class="nothing">{text}</p> })
        }
    };
    view! {
        {head(page, talk.place, talk.members)}
        <div class="log" tabindex="0" role="log" aria-live="polite" aria-label=label>
            <div>
                {nothing}
                <For each=move || entries.get() key=|entry| entry.key let(entry)>
                    {row(page, entry)}
                </For>
                <For each=move || unsent.get() key=|unsent| unsent.key let(unsent)>
                    {waiting(unsent)}
                </For>
            </div>
        </div>
    }
    .into_any()
}

fn head(page: Page, place: Place, members: ArcRwSignal<Vec<String>>) -> AnyView {
    let is_room = matches!(place, Place::Room(_));
    let leave = match &place {
        Place::Room(_) => Some("Leave"),
        Place::Person(_) => Some("Close"),
        Place::Bot => None,
    };
    let (title, sign) = (place.title(), place.sign());
    let leave = leave.map(|text| {
        let place = place.clone();
        let leave = move |_| spawn_local(page.leave(place.clone()));
        view! { <button type="button" class="plain" on:click=leave>{text}</button> }
    });
    let unread = move || {
        let unread = |talks: &Vec<Talk>| talks.iter().map(|talk| talk.unread.get()).sum::<u32>();
        let count = page.talks.with(unread);
        (count > 0).then(|| format!(" ({count})"))
    };
    let people = is_room.then(|| {
        let count = move || Some(members.with(Vec::len)).filter(|count| *count > 0);
        let show = move |_| page.pane.set(Pane::People);
        view! {
            <button type="button" class="plain narrow" on:click=show>"People " {count}</button>
        }
    });
    view! {
        <div class="head">
            <button type="button" class="plain narrow" on:click=move |_| page.pane.set(Pane::Places)>
                "Chats" {unread}
            </button>
            <h2><span class="sign" aria-hidden="true">{sign}</span><bdi>{title}</bdi></h2>
            {people}
            {leave}
        </div>
    }
    .into_any()
}

fn row(page: Page, entry: Entry) -> AnyView {
    match entry.what {
        What::Note(text) => view! { <p class="note">{text}</p> }.into_any(),
        What::Said(message) => said(page, message),
    }
}

/// A text that the server hasn't confirmed.
fn waiting(unsent: Unsent) -> AnyView {
    let Unsent { text, failure, .. } = unsent;
    let state = move || match failure.get() {
        Some(why) => format!("Not sent. {why}"),
        None => "Waiting to be sent…".to_owned(),
    };
    view! {
        <article class="said mine waiting">
            <p class="text">{text}</p>
            <p class="ending">{state}</p>
        </article>
    }
    .into_any()
}

fn said(page: Page, message: Message) -> AnyView {
    let Message {
        from,
        at,
        text,
        progress,
        follows,
    } = message;
    let is_mine = page.is_me(&from);
    let growing = {
        let progress = progress.clone();
        move || {
            progress
                .with(|progress| *progress == Progress::Growing)
                .to_string()
        }
    };
    let ending = move || match progress.get() {
        Progress::Whole | Progress::Growing => None,
        Progress::Stopped => Some("Stopped.".to_owned()),
        Progress::Broken(why) => Some(why),
    };
    let ending = move || ending().map(|text| view! { <p class="ending">{text}</p> });
    view! {
        <article class="said" class:follows=follows class:mine=is_mine aria-busy=growing>
            <p class="by">
                {face(&from)}
                <bdi>{from}</bdi>
                <span class="at">{time_of_day(at)}</span>
            </p>
            <p class="text">{text}</p>
            {ending}
        </article>
    }
    .into_any()
}

/// A person's first letter, on a colour that goes with the name.
pub(super) fn face(name: &str) -> AnyView {
    let letter = name
        .chars()
        .next()
        .map(|letter| letter.to_uppercase().to_string());
    let sum = name.bytes().fold(0_u32, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(byte.into())
    });
    let class = format!("face face-{}", sum % 6);
    view! { <span class=class aria-hidden="true">{letter}</span> }.into_any()
}
