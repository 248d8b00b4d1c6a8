//! What a client must do, in a page.

use std::time::Duration;

use suite::Platform;
use twinwire_client_wasm::{Client, ConnectError, OpenError, Options, connect_with};
use wasm_bindgen_test::{console_log, wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

struct Browser;

fn address(port: Option<&str>) -> String {
    let Some(port) = port else {
        panic!("no server: its port is compiled in; run these by `cargo xtask test wasm`");
    };
    format!("ws://127.0.0.1:{port}/ws")
}

impl Platform for Browser {
    type Error = OpenError;

    fn url(&self) -> String {
        address(option_env!("TWINWIRE_TEST_WIRE_PORT"))
    }

    async fn breaking_url(&self) -> String {
        address(option_env!("TWINWIRE_TEST_BREAKING_PORT"))
    }

    async fn sleep(&self, time: Duration) {
        gloo_timers::future::sleep(time).await;
    }

    fn tell(&self, figures: &str) {
        console_log!("figures: {figures}");
    }

    async fn connect(&self, options: Options) -> Result<Client, ConnectError> {
        connect_with(options).await
    }
}

/// The test's page has another port than the endpoint.
#[wasm_bindgen_test]
async fn a_page_of_another_origin_is_told_what_the_servers_developer_has_to_change() {
    let own = Browser.url().replace("/ws", "/own");
    match Browser.connect(Options::new(own, suite::KINDS)).await {
        Err(ConnectError::Open(OpenError::Refused { status, reason, .. })) => {
            assert_eq!(status, 403);
            let reason = reason.unwrap_or_default();
            assert!(reason.contains("allow it with allow_origin"), "{reason}");
        }
        other => panic!("refused, not {other:?}"),
    }
}

suite::suite!(wasm_bindgen_test, Browser);
