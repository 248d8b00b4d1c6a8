//! Every way in which a connection of a plain endpoint ends: once, in time, and with its code.

use std::time::Duration;

use testkit::raw::{Client, Frame, HANDSHAKE};
use testkit::{Log, Server, soon};
use twinwire_server::plain::{
    CloseEvent, ConnectionId, DisconnectError, InvalidClose, Plain, PlainBuilder, PlainLimits,
    PushError,
};

/// A call of a handler.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Event {
    Open(ConnectionId),
    Message(ConnectionId),
    Close(ConnectionId, CloseEvent),
}

impl Event {
    fn closes(&self, id: ConnectionId) -> Option<&CloseEvent> {
        match self {
            Self::Close(closed, event) if *closed == id => Some(event),
            Self::Open(_) | Self::Message(_) | Self::Close(..) => None,
        }
    }
}

fn close_event(code: u16, reason: &str, clean: bool) -> CloseEvent {
    let reason = reason.to_owned();
    CloseEvent {
        code,
        reason,
        clean,
    }
}

fn lost() -> CloseEvent {
    close_event(1006, "", false)
}

struct Endpoint {
    server: Server,
    plain: Plain,
    log: Log<Event>,
}

impl Endpoint {
    fn new() -> Self {
        Self::with(|plain| plain)
    }

    fn with(change: impl FnOnce(PlainBuilder) -> PlainBuilder) -> Self {
        Self::served(true, change)
    }

    /// An endpoint on a server that went through `configure_http_server`, or on one that didn't.
    fn served(configured: bool, change: impl FnOnce(PlainBuilder) -> PlainBuilder) -> Self {
        Self::on(change, |plain| {
            let configure = move |config: &mut actix_web::web::ServiceConfig| {
                config.configure(plain.at("/"));
            };
            match configured {
                true => Server::start(configure),
                false => Server::unconfigured(configure),
            }
        })
    }

    fn on(
        change: impl FnOnce(PlainBuilder) -> PlainBuilder,
        serve: impl FnOnce(Plain) -> Server,
    ) -> Self {
        let log = Log::default();
        let (open, message, close) = (log.clone(), log.clone(), log.clone());
        let builder = Plain::builder()
            .limits(testkit::patient_plain())
            .on_open(move |connection, _| open.push(Event::Open(connection.id())))
            .on_message(move |connection, _| message.push(Event::Message(connection.id())))
            .on_close(move |connection, event| {
                assert!(!connection.is_established());
                assert_eq!(connection.push("x"), Err(PushError::Gone(connection.id())));
                close.push(Event::Close(connection.id(), event));
            });
        let plain = change(builder).build();
        Self {
            server: serve(plain.clone()),
            plain,
            log,
        }
    }

    async fn open(&self) -> (Client, ConnectionId) {
        let before = self.log.events().len();
        let client = soon("the handshake", Client::open(self.server.addr(), "/"))
            .await
            .expect("a connection");
        match &self.log.count(before + 1).await[before] {
            Event::Open(id) => (client, *id),
            other => panic!("{other:?} before the connection opened"),
        }
    }

    /// Waits for the end and returns it; opens and ends another, so that a second call would have
    /// come.
    async fn closed_once(&self, id: ConnectionId) -> CloseEvent {
        let closed =
            |id| move |events: &[Event]| events.iter().any(|event| event.closes(id).is_some());
        self.log.wait("on_close", closed(id)).await;
        let (mut other, witness) = self.open().await;
        other.send_frame(0x88, &[]).await.expect("a connection");
        let events = self.log.wait("the witness to close", closed(witness)).await;
        let calls: Vec<_> = events.iter().filter_map(|event| event.closes(id)).collect();
        assert_eq!(calls.len(), 1);
        calls[0].clone()
    }
}

async fn frame(client: &mut Client) -> Option<Frame> {
    soon("a frame or the end", client.next_frame())
        .await
        .expect("no reset")
}

/// The code of the next frame, which must close, and after it the end of TCP.
async fn close_code(client: &mut Client) -> Option<u16> {
    let frame = frame(client).await.expect("a close frame");
    assert_eq!(frame.first, 0x88, "{frame:?}");
    soon("the end of TCP", client.drain()).await;
    frame.close_code()
}

#[tokio::test]
async fn a_clients_close_is_answered_with_its_code() {
    let endpoint = Endpoint::new();
    for (payload, code, event) in [
        (
            &b"\x0f\xa1bye"[..],
            Some(4001),
            close_event(4001, "bye", true),
        ),
        (&[], None, close_event(1005, "", true)),
    ] {
        let (mut client, id) = endpoint.open().await;
        client.send_frame(0x88, payload).await.unwrap();
        assert_eq!(close_code(&mut client).await, code);
        assert_eq!(endpoint.closed_once(id).await, event);
    }
}

#[tokio::test]
async fn a_client_that_breaks_off_or_resets_is_closed() {
    let endpoint = Endpoint::new();
    let (mut client, id) = endpoint.open().await;
    client.end().await.unwrap();
    assert_eq!(frame(&mut client).await, None);
    assert_eq!(endpoint.closed_once(id).await, lost());
    let (client, id) = endpoint.open().await;
    client.reset().unwrap();
    assert_eq!(endpoint.closed_once(id).await, lost());
}

#[tokio::test]
async fn what_a_client_sent_before_it_went_is_handled() {
    let endpoint = Endpoint::new();
    let (mut client, id) = endpoint.open().await;
    client
        .send(&testkit::raw::frame(0x81, b"last words").repeat(40))
        .await
        .unwrap();
    drop(client);
    let closed = |events: &[Event]| events.iter().any(|event| event.closes(id).is_some());
    let events = endpoint.log.wait("on_close", closed).await;
    assert_eq!(
        events
            .iter()
            .filter(|event| **event == Event::Message(id))
            .count(),
        40
    );
}

#[tokio::test]
async fn disconnect_sends_code_and_reason_after_what_was_pushed() {
    let endpoint = Endpoint::new();
    let (mut client, id) = endpoint.open().await;
    let plain = endpoint.plain.clone();
    let invalid = Err(DisconnectError::Close(InvalidClose::Code(1006)));
    assert_eq!(plain.disconnect(id, 1006, ""), invalid);
    assert!(plain.is_established(id));
    std::thread::spawn(move || {
        plain.push(id, "before").unwrap();
        plain.disconnect(id, 4002, "enough").unwrap();
        assert!(!plain.is_established(id));
        assert_eq!(plain.push(id, "after"), Err(PushError::Gone(id)));
        let gone = Err(DisconnectError::Gone(id));
        assert_eq!(plain.disconnect(id, 4003, ""), gone);
    })
    .join()
    .unwrap();
    assert_eq!(&frame(&mut client).await.unwrap().payload[..], b"before");
    let close = frame(&mut client).await.unwrap();
    assert_eq!(
        (close.close_code(), &close.payload[2..]),
        (Some(4002), &b"enough"[..])
    );
    client.send_frame(0x81, b"too late").await.unwrap();
    client.send_frame(0x88, &close.payload).await.unwrap();
    assert_eq!(frame(&mut client).await, None);
    let event = endpoint.closed_once(id).await;
    assert_eq!(event, close_event(4002, "enough", true));
    assert!(!endpoint.log.events().contains(&Event::Message(id)));
}

#[tokio::test]
async fn a_fault_is_answered_with_its_code_at_once() {
    let endpoint = Endpoint::with(|plain| {
        plain.limits(PlainLimits {
            message: 1000,
            ..testkit::patient_plain()
        })
    });
    let too_long = testkit::raw::frame(0x02, &[0; 600]);
    let too_long = [&too_long[..], &testkit::raw::frame(0x80, &[0; 600])].concat();
    let faults: [(&[u8], u16); 7] = [
        // A claim of 256 MiB, of which nothing comes.
        (&[0x82, 0xff, 0, 0, 0, 0, 0x10, 0, 0, 0], 1009),
        (&too_long, 1009),
        (&[0x81, 0x02, b'h', b'i'], 1002),
        (&[0xf1], 1002),
        (&testkit::raw::frame(0x81, b"\xc3\x28"), 1007),
        (&testkit::raw::frame(0x88, &[0x03, 0xee]), 1002),
        (&testkit::raw::frame(0x80, b"?"), 1002),
    ];
    for (bytes, code) in faults {
        let (mut client, id) = endpoint.open().await;
        client.send(bytes).await.unwrap();
        let close = frame(&mut client).await.unwrap();
        assert_eq!(close.close_code(), Some(code), "{bytes:x?}");
        let reason = std::str::from_utf8(&close.payload[2..]).unwrap();
        assert!(!reason.is_empty(), "the client is told why");
        let event = endpoint.closed_once(id).await;
        assert_eq!(event, close_event(code, reason, false));
    }
}

#[tokio::test]
async fn a_handler_that_panics_ends_its_connection_and_no_other() {
    let endpoint = Endpoint::with(|plain| {
        plain.on_message(|connection, message| {
            assert_ne!(message.text(), Some("panic"), "asked for");
            connection.push("fine").unwrap();
        })
    });
    let (mut witness, _) = endpoint.open().await;
    let (mut client, id) = endpoint.open().await;
    client.send_frame(0x81, b"panic").await.unwrap();
    let close = frame(&mut client).await.unwrap();
    assert_eq!(close.close_code(), Some(1011));
    client.send_frame(0x88, &close.payload).await.unwrap();
    assert_eq!(endpoint.closed_once(id).await, close_event(1011, "", true));
    witness.send_frame(0x81, b"well?").await.unwrap();
    assert_eq!(&frame(&mut witness).await.unwrap().payload[..], b"fine");
}

#[tokio::test]
async fn panics_at_opening_and_closing_end_only_their_connection() {
    let log = Log::default();
    let closed = log.clone();
    let plain = Plain::builder()
        .limits(testkit::patient_plain())
        .on_open(|_, request| assert_ne!(request.query_string(), "panic", "asked for"))
        .on_close(move |connection, event| {
            closed.push((connection.id(), event.code));
            panic!("always");
        })
        .build();
    let server = Server::start(move |config| {
        config.configure(plain.at("/"));
    });
    let mut witness = Client::open(server.addr(), "/").await.unwrap();
    let mut client = Client::open(server.addr(), "/?panic").await.unwrap();
    let close = frame(&mut client).await.unwrap();
    assert_eq!(close.close_code(), Some(1011));
    client.send_frame(0x88, &close.payload).await.unwrap();
    let first = log.count(1).await[0];
    witness.send_frame(0x88, &[]).await.unwrap();
    assert_eq!(close_code(&mut witness).await, None);
    let calls = log.count(2).await;
    assert!(calls.len() == 2 && calls[1].0 != first.0, "{calls:?}");
    assert_eq!((calls[0].1, calls[1].1), (1011, 1005));
}

#[tokio::test]
async fn a_client_that_never_reads_is_bounded_and_can_be_disconnected() {
    // Far more than the kernel's buffers take, so that some of it is surely still queued.
    const QUEUE: usize = 32 << 20;
    let limits = PlainLimits {
        queue: QUEUE,
        close_time: Duration::from_millis(50),
        ..testkit::patient_plain()
    };
    let endpoint = Endpoint::with(|plain| plain.limits(limits));
    let (client, id) = endpoint.open().await;
    client.receive_little().unwrap();
    let mut pushed = 0;
    for _ in 0..2 * QUEUE / 65_536 {
        match endpoint.plain.push(id, vec![0; 65_536]) {
            Ok(()) => pushed += 65_536,
            Err(error) => assert_eq!(error, PushError::Full(id)),
        }
    }
    assert!(
        (QUEUE - 65_536..QUEUE * 3 / 2).contains(&pushed),
        "{pushed} bytes"
    );
    let too_large = endpoint.plain.push(id, vec![0; QUEUE]);
    assert_eq!(too_large, Err(PushError::TooLarge));
    endpoint.plain.disconnect(id, 4000, "read").unwrap();
    let event = endpoint.closed_once(id).await;
    assert_eq!(event, close_event(4000, "read", false));
    soon("a reset", client.was_reset()).await.unwrap();
}

#[tokio::test]
async fn stopping_the_server_closes_every_connection_once() {
    let endpoint = Endpoint::new();
    let (_one, first) = endpoint.open().await;
    let (_two, second) = endpoint.open().await;
    let Endpoint { server, plain, log } = endpoint;
    drop(server);
    for id in [first, second] {
        let closed = |events: &[Event]| events.iter().any(|event| event.closes(id).is_some());
        let events = log.wait("on_close", closed).await;
        let calls: Vec<_> = events.iter().filter_map(|event| event.closes(id)).collect();
        assert_eq!(calls, [&lost()]);
        assert!(!plain.is_established(id));
    }
}

#[tokio::test]
async fn tcp_ends_though_the_client_never_answers_a_close() {
    let limits = PlainLimits {
        close_time: Duration::from_millis(50),
        ..testkit::patient_plain()
    };
    for configured in [true, false] {
        let endpoint = Endpoint::served(configured, |plain| plain.limits(limits));
        let (mut client, id) = endpoint.open().await;
        endpoint.plain.disconnect(id, 4000, "").unwrap();
        assert_eq!(close_code(&mut client).await, Some(4000));
        assert_eq!(endpoint.closed_once(id).await, close_event(4000, "", false));
    }
}

#[tokio::test]
async fn thousands_of_connections_have_ids_of_their_own() {
    let endpoint = Endpoint::new();
    let mut clients = Vec::new();
    for round in 0..10 {
        for _ in 0..200 {
            clients.push(Client::open(endpoint.server.addr(), "/").await.unwrap());
        }
        // Rounds overlap, so ids of open and of ended connections are compared.
        clients.drain(..if round == 0 { 0 } else { 200 });
    }
    let opened = |events: &[Event]| {
        events
            .iter()
            .filter(|event| matches!(event, Event::Open(_)))
            .count()
            == 2000
    };
    let events = endpoint.log.wait("2000 connections", opened).await;
    let mut ids: Vec<ConnectionId> = events
        .iter()
        .filter_map(|event| match event {
            Event::Open(id) => Some(*id),
            Event::Message(_) | Event::Close(..) => None,
        })
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 2000);
}

/// Answers pings until so many have come.
async fn answer_pings(client: &mut Client, count: usize) {
    for _ in 0..count {
        let ping = frame(client).await.expect("a ping");
        assert_eq!(ping.first, 0x89, "{ping:?}");
        let pong = client.send_frame(0x8a, &ping.payload).await;
        pong.expect("a connection");
    }
}

fn given_up(reason: &str) -> CloseEvent {
    close_event(1006, reason, false)
}

#[tokio::test]
async fn a_client_that_answers_pings_is_kept_and_one_that_does_not_is_given_up() {
    let limits = PlainLimits {
        heartbeat: Duration::from_millis(500),
        ..testkit::patient_plain()
    };
    let endpoint = Endpoint::with(|plain| plain.limits(limits));
    let (mut client, id) = endpoint.open().await;
    answer_pings(&mut client, 2).await;
    assert!(endpoint.plain.is_established(id));
    assert_eq!(frame(&mut client).await.expect("a ping").first, 0x89);
    let reason = "a ping was not answered in time";
    let closed = |events: &[Event]| events.iter().any(|event| event.closes(id).is_some());
    let events = endpoint.log.wait("on_close", closed).await;
    let calls: Vec<_> = events.iter().filter_map(|event| event.closes(id)).collect();
    assert_eq!(calls, [&given_up(reason)]);
    soon("the end of TCP", client.drain()).await;
}

#[tokio::test]
async fn a_message_that_never_ends_is_closed_with_a_reason() {
    let limits = PlainLimits {
        message_time: Duration::from_millis(50),
        ..testkit::patient_plain()
    };
    let endpoint = Endpoint::with(|plain| plain.limits(limits));
    let whole = testkit::raw::frame(0x81, b"unfinished");
    for part in [&whole[..1], &whole[..9], &testkit::raw::frame(0x01, b"")] {
        let (mut client, id) = endpoint.open().await;
        client.send(part).await.unwrap();
        let close = frame(&mut client).await.expect("a close frame");
        assert_eq!(close.close_code(), Some(1008));
        let reason = "a message did not come in whole in time";
        assert_eq!(&close.payload[2..], reason.as_bytes());
        client.end().await.unwrap();
        let event = endpoint.closed_once(id).await;
        assert_eq!(event, close_event(1008, reason, false));
        assert!(!endpoint.log.events().contains(&Event::Message(id)));
    }
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_given_up_also_without_a_kill_switch() {
    let limits = PlainLimits {
        queue: 32 << 20,
        write_time: Duration::from_millis(100),
        ..testkit::patient_plain()
    };
    for configured in [true, false] {
        let endpoint = Endpoint::served(configured, |plain| plain.limits(limits));
        let (mut client, id) = endpoint.open().await;
        client.receive_little().unwrap();
        while endpoint.plain.push(id, vec![0; 65_536]).is_ok() {}
        // What it sends all the same must not keep it; unconfigured, TCP stays until it is closed here.
        let _ = client.send_frame(0x89, b"still here").await;
        let closed = |events: &[Event]| events.iter().any(|event| event.closes(id).is_some());
        let events = endpoint.log.wait("on_close", closed).await;
        let calls: Vec<_> = events.iter().filter_map(|event| event.closes(id)).collect();
        let reason = "nothing of what was sent could be written in time";
        assert_eq!(calls, [&given_up(reason)]);
        if configured {
            soon("a reset", client.was_reset()).await.unwrap();
        }
    }
}

#[tokio::test]
async fn shutting_down_closes_each_connection_and_takes_no_more() {
    let endpoint = Endpoint::new();
    let (mut polite, first) = endpoint.open().await;
    let (mut lost, second) = endpoint.open().await;
    endpoint.plain.push(first, "before").unwrap();
    lost.end().await.unwrap();
    let plain = endpoint.plain.clone();
    let down = tokio::spawn(async move { plain.shut_down().await });
    assert_eq!(&frame(&mut polite).await.unwrap().payload[..], b"before");
    let close = frame(&mut polite).await.unwrap();
    assert_eq!(close.close_code(), Some(1001));
    let mut late = Client::tcp(endpoint.server.addr()).await.unwrap();
    let head = soon("an answer", late.get("/", HANDSHAKE)).await.unwrap();
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    assert!(!down.is_finished(), "a connection is open");
    polite.send_frame(0x88, &close.payload).await.unwrap();
    soon("the end", down).await.unwrap();
    let events = endpoint.log.events();
    let ends = |id| {
        let ends = events.iter().filter_map(move |event| event.closes(id));
        ends.cloned().collect::<Vec<_>>()
    };
    assert_eq!(ends(first), [close_event(1001, "", true)]);
    // Its own end and the shut-down came at the same time.
    assert!(matches!(
        &ends(second)[..],
        [CloseEvent {
            code: 1001 | 1006,
            ..
        }]
    ));
    soon("another end", endpoint.plain.shut_down()).await;
}

#[tokio::test]
async fn shutting_down_waits_no_longer_than_a_client_may_take_to_answer() {
    let limits = PlainLimits {
        close_time: Duration::from_millis(50),
        ..testkit::patient_plain()
    };
    let endpoint = Endpoint::with(|plain| plain.limits(limits));
    let (_client, id) = endpoint.open().await;
    soon("the end", endpoint.plain.shut_down()).await;
    let events = endpoint.log.events();
    assert!(events.contains(&Event::Close(id, close_event(1001, "", false))));
}
