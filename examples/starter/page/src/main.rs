//! The page: a form to sign with, and the names in the book.
#![forbid(unsafe_code)]

use shared::{Guests, KINDS, Sign};
use twinwire_client_wasm::{Client, Start, Update, connect};
use wasm_bindgen::JsCast as _;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen_futures::spawn_local;
use web_sys::{Document, Event, HtmlElement, HtmlFormElement, HtmlInputElement};

fn main() {
    let document = web_sys::window().and_then(|window| window.document());
    let Some(document) = document else { return };
    spawn_local(async move {
        if let Err(error) = show_guests(&document).await {
            say(&document, &error.to_string());
        }
    });
}

async fn show_guests(document: &Document) -> Result<(), Box<dyn std::error::Error>> {
    let client = connect("/ws", KINDS).await?;
    let mut guests = client.subscribe_from(Guests {}, Start::Last(20)).await?;
    sign_with_form(document, client);
    say(document, "");
    while let Some(update) = guests.next().await {
        if let (Update::Item(guest), Some(list)) = (update?, document.get_element_by_id("guests")) {
            let line = document.create_element("li").map_err(|_| "no element")?;
            line.set_text_content(Some(&guest.item));
            list.append_child(&line).map_err(|_| "no list")?;
        }
    }
    Ok(())
}

/// Signs with the field's text whenever the form is sent.
fn sign_with_form(document: &Document, client: Client) {
    let page = document.clone();
    let submit = Closure::<dyn Fn(Event)>::new(move |event: Event| {
        event.prevent_default();
        let Some(field) = element::<HtmlInputElement>(&page, "name") else {
            return;
        };
        let (client, page, name) = (client.clone(), page.clone(), field.value());
        field.set_value("");
        spawn_local(async move {
            let signed = client.call(Sign { name }).await;
            say(
                &page,
                &signed
                    .err()
                    .map_or(String::new(), |error| error.to_string()),
            );
        });
    });
    if let Some(form) = element::<HtmlFormElement>(document, "sign") {
        form.set_onsubmit(Some(submit.as_ref().unchecked_ref()));
        // The page lives as long as its form.
        submit.forget();
    }
}

fn say(document: &Document, text: &str) {
    if let Some(line) = element::<HtmlElement>(document, "state") {
        line.set_inner_text(text);
    }
}

fn element<T: wasm_bindgen::JsCast>(document: &Document, id: &str) -> Option<T> {
    document.get_element_by_id(id)?.dyn_into().ok()
}
