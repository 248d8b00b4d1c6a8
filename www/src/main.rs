//! The showcase's page: a name goes to the server as a typed call, a greeting comes back.

#![forbid(unsafe_code)]

mod page;

use std::cell::RefCell;
use std::rc::Rc;

use chat::{Greet, KINDS, NameError};
use page::{Light, Page};
use twinwire_client_wasm::{CallError, Client, ConnectError, connect};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

/// Where the wire is: beside the page. A page of `trunk serve`, which builds for development, comes
/// from another port and goes to the server that `cargo xtask start` runs; Trunk's own proxy would
/// lose the subprotocol that the server chooses.
const WIRE: &str = if cfg!(debug_assertions) {
    "ws://localhost:9501/ws"
} else {
    "/ws"
};

fn main() -> Result<(), JsValue> {
    console_error_panic_hook::set_once();
    let document = web_sys::window().and_then(|window| window.document());
    let document = document.ok_or("this program belongs in a page")?;
    let page = Page::find(document).map_err(|missing| missing.to_string())?;
    let app = App {
        page,
        client: Rc::default(),
    };

    let submitted = app.clone();
    app.page
        .on_submit(move || spawn_local(submitted.clone().greet()));
    let again = app.clone();
    app.page.on_again(move || spawn_local(again.clone().live()));
    spawn_local(app.live());
    Ok(())
}

#[derive(Clone)]
struct App {
    page: Page,
    client: Rc<RefCell<Option<Client>>>,
}

impl App {
    /// One connection, from its opening to its end.
    async fn live(self) {
        self.page.show_state(Light::Connecting, "Connecting…");
        let client = match connect(WIRE, KINDS).await {
            Ok(client) => client,
            Err(error) => return self.page.show_state(Light::Closed, &in_words(&error)),
        };
        self.client.replace(Some(client.clone()));
        self.page.show_state(Light::Open, "Connected");
        let end = client.closed().await;
        self.client.replace(None);
        self.page
            .show_state(Light::Closed, &format!("Not connected: {end}"));
    }

    async fn greet(self) {
        let Some(client) = self.client.borrow().clone() else {
            return;
        };
        self.page.set_busy(true);
        let outcome = client
            .call(Greet {
                name: self.page.name(),
            })
            .await;
        match outcome {
            Ok(greeting) => self.page.show_greeting(&greeting.text),
            Err(error) => self.page.show_error(Some(&wrong(&error))),
        }
        self.page.set_busy(self.client.borrow().is_none());
    }
}

fn wrong(error: &CallError<NameError>) -> String {
    match error {
        CallError::App(wrong) => wrong.to_string(),
        other => format!("No greeting: {other}."),
    }
}

fn in_words(error: &ConnectError) -> String {
    match error {
        ConnectError::Open(_) => "Not connected: the server can't be reached".to_owned(),
        other => format!("Not connected: {other}"),
    }
}
