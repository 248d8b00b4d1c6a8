//! Whether there is a connection, how fast it is, and the way back to one.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::{FIELD, NAME, focus};
use crate::clock::in_milliseconds;
use crate::model::{Light, Page};

pub(super) fn connection(page: Page) -> AnyView {
    let state = move || match page.light.get() {
        Light::Connecting => "connecting",
        Light::Open => "open",
        Light::Resuming { .. } => "resuming",
        Light::Closed(_) => "closed",
    };
    let text = move || match page.light.get() {
        Light::Connecting => "Connecting…",
        Light::Open => "Connected",
        Light::Resuming { .. } => "Coming back…",
        Light::Closed(_) => "Not connected",
    };
    let time = move || {
        let time = page.round_trip.get().map(in_milliseconds);
        time.map(|time| view! { <span class="wide">"Round trip "</span>{time} })
    };
    view! {
        <header class="top">
            <h1>"Twinwire"</h1>
            <p class="connection">
                <span class="light" role="status" data-state=state>{text}</span>
                <span class="time">{time}</span>
            </p>
        </header>
        {move || match page.light.get() {
            Light::Closed(why) => Some(closed(page, why)),
            // The first attempt is mostly the last: no reason to say much.
            Light::Resuming { attempt } if attempt > 1 => Some(resuming(page)),
            Light::Connecting | Light::Open | Light::Resuming { .. } => None,
        }}
    }
    .into_any()
}

fn resuming(page: Page) -> AnyView {
    let now = move |_| {
        if let Ok(client) = page.client() {
            client.reconnect_now();
        }
    };
    let waiting = move || match page.waiting.get() {
        0 => String::new(),
        1 => " One text waits.".to_owned(),
        many => format!(" {many} texts wait."),
    };
    view! {
        <div class="closed">
            <p role="alert">
                "The connection is lost. What you write is kept, and goes out when it is back."
                {waiting}
            </p>
            <button type="button" on:click=now>"Try now"</button>
        </div>
    }
    .into_any()
}

fn closed(page: Page, why: String) -> AnyView {
    let again = move |_| {
        spawn_local(page.live());
        // The button goes: who used the keyboard would be nowhere.
        focus(if page.me.with_untracked(Option::is_some) {
            FIELD
        } else {
            NAME
        });
    };
    view! {
        <div class="closed">
            <p role="alert">{why}</p>
            <button type="button" on:click=again>"Connect again"</button>
        </div>
    }
    .into_any()
}
