//! The typed client in a page, against a real server.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use chat::{Greet, KINDS, NameError};
use futures_util::join;
use serde::{Deserialize, Serialize};
use twinwire::{Call, End, Format, GoodbyeCode, Limits, Refusal, kinds};
use twinwire_client_wasm::{
    CallError, Client, ClientState, ConnectError, Options, connect, connect_with,
};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

fn url() -> String {
    let Some(port) = option_env!("TWINWIRE_TEST_WIRE_PORT") else {
        panic!("no server: its port is compiled in, so run these tests by `cargo xtask test wasm`");
    };
    format!("ws://127.0.0.1:{port}/ws")
}

async fn client() -> Client {
    connect(url(), KINDS)
        .await
        .expect("the server welcomes everyone")
}

fn greet(name: &str) -> Greet {
    Greet {
        name: name.to_owned(),
    }
}

#[wasm_bindgen_test]
async fn a_call_brings_its_typed_reply_or_its_typed_error_in_either_format() {
    for format in [Format::Postcard, Format::Json] {
        let options = Options::new(url(), KINDS).format(format);
        let client = connect_with(options).await.expect("a welcome");
        assert!(matches!(client.state(), ClientState::Open { .. }));
        let greeting = client.call(greet("Ada")).await.expect("a greeting");
        assert_eq!(greeting.text, "Hello, Ada!");
        match client.call(greet(" ")).await {
            Err(CallError::App(error)) => assert_eq!(error, NameError::Empty),
            other => panic!("the application's error, not {other:?}"),
        }
    }
}

#[wasm_bindgen_test]
async fn calls_run_beside_each_other() {
    let client = client().await;
    let (one, two) = join!(client.call(greet("one")), client.call(greet("two")));
    assert_eq!(one.expect("a greeting").text, "Hello, one!");
    assert_eq!(two.expect("a greeting").text, "Hello, two!");
}

#[wasm_bindgen_test]
async fn a_kind_that_the_server_lacks_is_refused() {
    #[derive(Serialize, Deserialize, Call)]
    struct Unheard {}
    let client = connect(url(), kinds![Greet, Unheard])
        .await
        .expect("a welcome");
    match client.call(Unheard {}).await {
        Err(CallError::Refused(refused)) => assert_eq!(refused.why, Refusal::UnknownKind),
        other => panic!("refused, not {other:?}"),
    }
    assert!(client.call(greet("Ada")).await.is_ok());
}

#[wasm_bindgen_test]
async fn a_refused_token_says_why() {
    let options = Options::new(url(), KINDS).token("refuse me");
    match connect_with(options).await {
        Err(ConnectError::NotWelcomed(End::Goodbye(goodbye))) => {
            assert_eq!(goodbye.code, GoodbyeCode::Denied);
            assert_eq!(goodbye.reason, "as the test asked");
        }
        other => panic!("refused, not {other:?}"),
    }
}

#[wasm_bindgen_test]
async fn an_address_where_nobody_speaks_twinwire_is_an_error() {
    let elsewhere = url().replace("/ws", "/elsewhere");
    assert!(matches!(
        connect(elsewhere, KINDS).await,
        Err(ConnectError::Open(_))
    ));
}

#[wasm_bindgen_test]
async fn closing_ends_every_call_and_every_waiter() {
    let client = client().await;
    let mut pending = Box::pin(client.call(greet("never")));
    // The call is under way before the close overtakes it.
    poll_fn(|cx| Poll::Ready(pending.as_mut().poll(cx).is_pending())).await;
    assert!(client.call(greet("Ada")).await.is_ok());
    let (end, closed, outcome) = join!(client.close(), client.closed(), pending);
    assert!(
        matches!(&end, End::Closed(goodbye) if goodbye.code == GoodbyeCode::Done),
        "{end:?}"
    );
    assert_eq!(end, closed);
    assert!(matches!(outcome, Err(CallError::Unknown)), "{outcome:?}");
    assert!(matches!(
        client.call(greet("Ada")).await,
        Err(CallError::NotReceived)
    ));
}

#[wasm_bindgen_test]
async fn a_call_past_its_deadline_ends() {
    let limits = Limits::default().call_deadline(Duration::from_millis(50));
    let client = connect_with(Options::new(url(), KINDS).limits(limits))
        .await
        .expect("a welcome");
    assert!(matches!(
        client.call(greet("never")).await,
        Err(CallError::Deadline)
    ));
}
