//! The page's elements, by their meaning.

use thiserror::Error;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Document, Event, HtmlButtonElement, HtmlElement, HtmlInputElement};

/// `index.html` and this program don't fit together.
#[derive(Debug, Error)]
#[error("the page has no element #{id} of the kind expected")]
pub(crate) struct Missing {
    id: &'static str,
}

/// How the connection looks to a person.
#[derive(Clone, Copy)]
pub(crate) enum Light {
    Connecting,
    Open,
    Closed,
}

#[derive(Clone)]
pub(crate) struct Page {
    document: Document,
    state: HtmlElement,
    form: HtmlElement,
    name: HtmlInputElement,
    submit: HtmlButtonElement,
    error: HtmlElement,
    nothing: HtmlElement,
    greetings: HtmlElement,
    again: HtmlButtonElement,
}

impl Page {
    pub(crate) fn find(document: Document) -> Result<Self, Missing> {
        Ok(Self {
            state: element(&document, "state")?,
            form: element(&document, "greet")?,
            name: element(&document, "name")?,
            submit: element(&document, "submit")?,
            error: element(&document, "error")?,
            nothing: element(&document, "nothing")?,
            greetings: element(&document, "greetings")?,
            again: element(&document, "again")?,
            document,
        })
    }

    pub(crate) fn show_state(&self, light: Light, text: &str) {
        let state = match light {
            Light::Connecting => "connecting",
            Light::Open => "open",
            Light::Closed => "closed",
        };
        // Fails only for a name that is no attribute's.
        let _ = self.state.set_attribute("data-state", state);
        self.state.set_text_content(Some(text));
        self.submit.set_disabled(!matches!(light, Light::Open));
        self.again.set_hidden(!matches!(light, Light::Closed));
    }

    pub(crate) fn name(&self) -> String {
        self.name.value()
    }

    /// While a call is under way, a second one would only confuse.
    pub(crate) fn set_busy(&self, busy: bool) {
        self.submit.set_disabled(busy);
    }

    pub(crate) fn show_greeting(&self, text: &str) {
        self.show_error(None);
        self.name.set_value("");
        self.nothing.set_hidden(true);
        if let Ok(line) = self.document.create_element("li") {
            line.set_text_content(Some(text));
            // Fails only for a node that can't stand there.
            let _ = self.greetings.prepend_with_node_1(&line);
        }
    }

    pub(crate) fn show_error(&self, text: Option<&str>) {
        let _ = self.name.set_attribute(
            "aria-invalid",
            if text.is_some() { "true" } else { "false" },
        );
        self.error.set_text_content(text);
    }

    pub(crate) fn on_submit(&self, run: impl Fn() + 'static) {
        listen(&self.form, "submit", run);
    }

    pub(crate) fn on_again(&self, run: impl Fn() + 'static) {
        listen(&self.again, "click", run);
    }
}

fn element<T: JsCast>(document: &Document, id: &'static str) -> Result<T, Missing> {
    let element = document
        .get_element_by_id(id)
        .and_then(|element| element.dyn_into().ok());
    element.ok_or(Missing { id })
}

/// For as long as the page lives.
fn listen(element: &HtmlElement, event: &str, run: impl Fn() + 'static) {
    let listener = Closure::<dyn FnMut(Event)>::new(move |event: Event| {
        event.prevent_default();
        run();
    });
    // Fails for no event's name.
    let _ = element.add_event_listener_with_callback(event, listener.as_ref().unchecked_ref());
    listener.forget();
}
