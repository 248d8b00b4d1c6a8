//! Why there is no client: of tokio's and of the browser's platform.

use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use testkit::{Server, soon};
use tokio::net::TcpListener;
use twinwire::{Call, Class, End, Fingerprint, Goodbye, GoodbyeCode, Kinds, kinds};
use twinwire_client_native::{
    ConnectError, KindsError, OpenError, Options, ReconnectCause, Undeclared, UntypedKind,
    UntypedKinds, connect_with,
};
use twinwire_client_wasm as browser;
use twinwire_server::plain::Plain;
use twinwire_server::{Denied, Twinwire};

use crate::listed::{List, listed};

#[derive(Serialize, Deserialize, Call)]
struct Confirm {}

const KINDS: Kinds = kinds![];

pub(crate) async fn list(list: &mut List) {
    let (plain, wire) = (
        Plain::builder().limits(testkit::patient_plain()).build(),
        wire(),
    );
    let server = testkit::serve_both(&wire, &plain);
    list.heading("twinwire-client");
    connect_errors(list, &server).await;
    causes(list);
    kinds_at_run_time(list);
    list.heading("twinwire-client-native");
    native(list, &server).await;
    list.heading("twinwire-client-wasm");
    page(list);
    socket(list);
}

fn wire() -> Twinwire<(), ()> {
    let wire = testkit::builder(())
        .authenticate(|_, _| async { Err(Denied::new("your ticket is used up")) })
        .build();
    wire.expect("there are no kinds")
}

/// Gives up with the first attempt.
fn once(url: impl Into<String>) -> Options {
    testkit::options(url, KINDS).reconnect(false)
}

async fn failure(options: Options) -> ConnectError {
    let outcome = soon("the failure", connect_with(options)).await;
    outcome.expect_err("nobody is there")
}

async fn connect_errors(list: &mut List, server: &Server) {
    let denied = failure(once(server.url("/ws"))).await;
    listed!(
        list,
        ConnectError::NotWelcomed(_),
        "authenticate refuses the client",
        denied
    );
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let silent = format!("ws://{}", silent.local_addr().expect("it listens"));
    let late = once(silent).connect_timeout(Duration::from_millis(50));
    listed!(
        list,
        ConnectError::TimedOut,
        "a server that says nothing",
        failure(late).await
    );
    let none = once(server.url("/ws")).token_from(|| async { None });
    listed!(
        list,
        ConnectError::NoToken,
        "token_from gives none",
        failure(none).await
    );
    let register = |client: &twinwire_client_native::Client| -> Result<(), Undeclared> {
        client.handle(|_: Confirm| async { Ok(()) })
    };
    let undeclared = failure(once(server.url("/ws")).register(register)).await;
    listed!(
        list,
        ConnectError::Undeclared(_),
        "register names what isn't in kinds![]",
        undeclared
    );
    let abandoned: ConnectError = ConnectError::Abandoned;
    listed!(
        list,
        ConnectError::Abandoned,
        "the runtime stops meanwhile",
        abandoned
    );
    let open = failure(once(server.url("/plain"))).await;
    listed!(
        list,
        ConnectError::Open(_),
        "the URL of a plain endpoint",
        open
    );
}

fn kinds_at_run_time(list: &mut List) {
    let refused = |names: &[String]| {
        let kind = |name: &String| UntypedKind {
            name: name.clone(),
            class: Class::Call,
            fingerprint: Fingerprint::from_bytes([0; 8]),
            outline: None,
        };
        let kinds = UntypedKinds::new(names.iter().map(kind).collect());
        kinds.expect_err("they can't be declared")
    };
    let many: Vec<String> = (0..600).map(|number| number.to_string()).collect();
    listed!(list, KindsError::TooMany(_), "600 kinds", refused(&many));
    let name = "a line\nof text".to_owned();
    listed!(
        list,
        KindsError::Name(_),
        "a line break in a name",
        refused(&[name])
    );
    let twice = ["Join", "Join"].map(str::to_owned);
    listed!(
        list,
        KindsError::Twice(_),
        "one name of two kinds",
        refused(&twice)
    );
}

fn causes(list: &mut List) {
    let ended = Goodbye::new(GoodbyeCode::GoingAway, "");
    let ended = ReconnectCause::Ended(End::Goodbye(ended));
    listed!(
        list,
        ReconnectCause::Ended(_),
        "the server is restarted",
        ended
    );
    let status = ReconnectCause::Status(503);
    listed!(
        list,
        ReconnectCause::Status(_),
        "a proxy has no server behind it",
        status
    );
    let shut = browser::OpenError::Closed(lost()).to_string();
    let shut = ReconnectCause::NotOpened(shut);
    listed!(
        list,
        ReconnectCause::NotOpened(_),
        "no WebSocket opens",
        shut
    );
    listed!(
        list,
        ReconnectCause::TimedOut,
        "a network that drops everything",
        ReconnectCause::TimedOut
    );
    listed!(
        list,
        ReconnectCause::NoToken,
        "token_from gives none",
        ReconnectCause::NoToken
    );
}

async fn native(list: &mut List, server: &Server) {
    let no_url = open_failure(once("example.com")).await;
    listed!(list, OpenError::Url(_), "a URL without a scheme", no_url);
    let tls = open_failure(once("wss://example.com/ws")).await;
    listed!(list, OpenError::Tls, "a URL with wss:", tls);
    let taken = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let free = taken.local_addr().expect("it listens");
    drop(taken);
    let nobody = open_failure(once(format!("ws://{free}/ws"))).await;
    let OpenError::Unreachable { error, .. } = &nobody else {
        panic!("{nobody:?}");
    };
    // A system's own words have a number of its own.
    let reason = io::Error::from(error.kind()).to_string();
    let text = nobody.to_string().replace(&error.to_string(), &reason);
    let text = text.replace(&free.to_string(), "127.0.0.1:9501");
    list.text("OpenError::Unreachable", "nobody listens", &text);
    let mute = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = mute.local_addr().expect("it listens");
    tokio::spawn(async move { while mute.accept().await.is_ok() {} });
    let closed = open_failure(once(format!("ws://{address}/ws"))).await;
    assert!(matches!(closed, OpenError::WebSocket { .. }), "{closed:?}");
    list.add(
        "OpenError::WebSocket",
        "a server that closes at once",
        &closed,
    );
    let status = open_failure(once(server.url("/nothing"))).await;
    listed!(
        list,
        OpenError::Refused { .. },
        "a path that the server doesn't have",
        status
    );
    let plain = open_failure(once(server.url("/plain"))).await;
    listed!(
        list,
        OpenError::NotTwinwire(_),
        "the URL of a plain endpoint",
        plain
    );
}

async fn open_failure(options: Options) -> OpenError {
    match failure(options).await {
        ConnectError::Open(error) => error,
        other => panic!("{other:?}"),
    }
}

fn lost() -> browser::CloseEvent {
    browser::CloseEvent {
        code: 1006,
        reason: String::new(),
        clean: false,
    }
}

/// A page can't be told more: browsers hide the cause, and log the URL beside it.
fn page(list: &mut List) {
    use browser::{OpenError, UrlError};

    let url = |error| OpenError::Url(error);
    listed!(
        list,
        OpenError::Url(_),
        "a URL with a fragment",
        url(UrlError::Fragment)
    );
    listed!(
        list,
        UrlError::Malformed,
        "a URL without a host",
        UrlError::Malformed
    );
    listed!(list, UrlError::Scheme, "an ftp: URL", UrlError::Scheme);
    listed!(
        list,
        UrlError::Fragment,
        "a URL with a fragment",
        UrlError::Fragment
    );
    let protocol = OpenError::Protocol { index: 1 };
    listed!(
        list,
        OpenError::Protocol { .. },
        "a subprotocol with a space in it",
        protocol
    );
    listed!(
        list,
        OpenError::Blocked,
        "ws: from a page of https:",
        OpenError::Blocked
    );
    listed!(
        list,
        OpenError::Closed(_),
        "nobody listens",
        OpenError::Closed(lost())
    );
    listed!(
        list,
        OpenError::TimedOut,
        "a network that drops everything",
        OpenError::TimedOut
    );
    let reason = "Pages of \"https://evil.example\" may not connect";
    let refused = OpenError::Refused {
        status: 403,
        retry_after: None,
        reason: Some(reason.to_owned()),
    };
    listed!(
        list,
        OpenError::Refused { .. },
        "a page of another origin",
        refused
    );
}

fn socket(list: &mut List) {
    use browser::{CloseError, Message, ReceiveError, SendError, TrySendError};

    let message = || Message::Text(String::from("hi"));
    listed!(
        list,
        SendError::Closed,
        "send on a closed socket",
        SendError::Closed
    );
    listed!(
        list,
        SendError::Refused,
        "a browser that is out of memory",
        SendError::Refused
    );
    listed!(
        list,
        TrySendError::Full(_),
        "try_send, faster than the network",
        TrySendError::Full(message())
    );
    listed!(
        list,
        TrySendError::Closed(_),
        "try_send on a closed socket",
        TrySendError::Closed(message())
    );
    listed!(
        list,
        TrySendError::Refused(_),
        "a browser that is out of memory",
        TrySendError::Refused(message())
    );
    listed!(
        list,
        ReceiveError::Overflow,
        "messages that nobody takes",
        ReceiveError::Overflow
    );
    listed!(
        list,
        ReceiveError::Lost(_),
        "a cable that was pulled",
        ReceiveError::Lost(lost())
    );
    listed!(
        list,
        CloseError::Code(_),
        "close(1001, …)",
        CloseError::Code(1001)
    );
    listed!(
        list,
        CloseError::ReasonTooLong(_),
        "a reason of 200 bytes",
        CloseError::ReasonTooLong(200)
    );
}
