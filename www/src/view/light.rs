//! Whether there is a connection, how fast it is, and the way back to one.

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::model::{Light, Page};
use crate::session::in_milliseconds;

pub(super) fn connection(page: Page) -> AnyView {
    let state = move || match page.light.get() {
        Light::Connecting => "connecting",
        Light::Open => "open",
        Light::Closed(_) => "closed",
    };
    let text = move || match page.light.get() {
        Light::Connecting => "Connecting…",
        Light::Open => "Connected",
        Light::Closed(_) => "Not connected",
    };
    let time = move || page.round_trip.get().map(in_milliseconds);
    view! {
        <header class="top">
            <h1>"Twinwire"</h1>
            <p class="connection">
                <span class="light" role="status" data-state=state>{text}</span>
                <span class="time"><span class="wide">"Round trip "</span>{time}</span>
            </p>
        </header>
        {move || match page.light.get() {
            Light::Closed(why) => Some(closed(page, why)),
            Light::Connecting | Light::Open => None,
        }}
    }
    .into_any()
}

fn closed(page: Page, why: String) -> AnyView {
    view! {
        <div class="closed">
            <p role="alert">{why}</p>
            <button type="button" on:click=move |_| spawn_local(page.live())>
                "Connect again"
            </button>
        </div>
    }
    .into_any()
}
