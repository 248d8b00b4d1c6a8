//! The choice of a name.

use leptos::html::Input;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::{NAME, focus};
use crate::model::Page;

/// `early` is what was typed before the program was here.
pub(super) fn welcome(page: Page, early: String) -> AnyView {
    let name = RwSignal::new(early);
    let busy = RwSignal::new(false);
    let field = NodeRef::<Input>::new();
    field.on_load(|_| focus(NAME));
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        spawn_local(async move {
            busy.set(true);
            let joined = page.join(name.get_untracked()).await;
            // With a name, this form is gone.
            if let Err(wrong) = joined {
                busy.set(false);
                page.unnamed.set(Some(wrong));
            }
        });
    };
    let is_wrong = move || page.unnamed.with(Option::is_some).to_string();
    view! {
        <main class="welcome">
            <form novalidate on:submit=submit>
                <h2>"Come in"</h2>
                <p>
                    "Rooms, private messages and a bot that answers word by word: all of it typed in \
                    Rust on both ends, over one WebSocket."
                </p>
                <label for=NAME>"Your name"</label>
                <input
                    id=NAME
                    name="name"
                    autocomplete="nickname"
                    aria-describedby="unnamed"
                    aria-invalid=is_wrong
                    node_ref=field
                    prop:value=name
                    on:input:target=move |event| name.set(event.target().value())
                />
                <p id="unnamed" class="wrong" role="alert">{page.unnamed}</p>
                <button disabled=move || busy.get() || !page.is_open()>"Enter the lobby"</button>
            </form>
        </main>
    }
    .into_any()
}
