//! How a client gets its first connection, and what it shows to be let in again.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use testkit::{Chaos, Doors, Log, Server, soon, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use twinwire::{Call, End, GoodbyeCode, Kinds, kinds};
use twinwire_client_native::{
    Client, ClientState, ConnectError, OpenError, Options, ReconnectCause, connect_with,
};
use twinwire_server::{Denied, HandlerContext, Retry, Twinwire};

#[derive(Serialize, Deserialize, Call)]
#[call(reply = u64)]
struct Next {}

const KINDS: Kinds = kinds![Next];

/// The tickets that were shown; each lets in once.
type Tickets = Arc<Mutex<HashSet<Vec<u8>>>>;

fn serve() -> (Twinwire<Mutex<u64>, ()>, Server) {
    let tickets = Tickets::default();
    let builder = testkit::builder(Mutex::new(0))
        .authenticate(move |ticket, _| {
            let is_new = tickets.lock().expect("nobody panics").insert(ticket);
            async move {
                match is_new {
                    true => Ok(()),
                    false => Err(Denied::new("a ticket is good for once")),
                }
            }
        })
        .call(|cx: HandlerContext<Mutex<u64>>, _: Next| async move {
            let mut next = cx.state().lock().expect("nobody panics");
            *next += 1;
            Ok(*next)
        });
    let (server, wire) = testkit::serve(builder);
    (wire, server)
}

/// Another ticket at each attempt, which `attempts` counts.
fn tickets(url: String, attempts: &Log<u64>) -> Options {
    let attempts = attempts.clone();
    testkit::options(url, KINDS).token_from(move || {
        let ticket = attempts.events().len() as u64;
        attempts.push(ticket);
        async move { Some(ticket.to_be_bytes().to_vec()) }
    })
}

/// Answers every request for a connection with this head, and says how many came.
async fn answering(head: &str) -> (SocketAddr, Log<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it listens");
    let came = Log::default();
    let (told, head) = (came.clone(), head.to_owned());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            told.push(());
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                match stream.read_u8().await {
                    Ok(byte) => request.push(byte),
                    // The link to the client was cut.
                    Err(_) => break,
                }
            }
            let _ = stream.write_all(head.as_bytes()).await;
        }
    });
    (address, came)
}

#[tokio::test]
async fn connect_waits_for_a_server_that_is_not_there_yet() {
    let (_wire, server) = serve();
    let chaos = Chaos::to(server.addr(), 1).await;
    chaos.doors(Doors::Closed);
    let attempts = Log::default();
    let options = tickets(chaos.url("/ws"), &attempts);
    let connecting = tokio::spawn(connect_with(options));
    attempts.count(3).await;
    chaos.doors(Doors::Open);
    let client = soon("the welcome", connecting).await.unwrap().unwrap();
    assert_eq!(client.call(Next {}).await.unwrap(), 1);
}

#[tokio::test]
async fn connect_goes_on_from_a_server_that_stops_to_the_next() {
    let ((stopping, old), (_wire, new)) = (serve(), serve());
    soon("all sockets closed", stopping.shut_down()).await;
    let chaos = Chaos::to(old.addr(), 1).await;
    let attempts = Log::default();
    let connecting = tokio::spawn(connect_with(tickets(chaos.url("/ws"), &attempts)));
    attempts.count(2).await;
    chaos.leads_to(new.addr());
    let client = soon("the welcome", connecting).await.unwrap().unwrap();
    assert_eq!(client.call(Next {}).await.unwrap(), 1);
}

#[tokio::test]
async fn a_cut_at_any_byte_before_the_welcome_only_delays_it() {
    let (_wire, server) = serve();
    let addr = server.addr();
    // More than a handshake has; all at once, since each waits before it tries again.
    let each = (1..=800_u64).map(|bytes| {
        tokio::spawn(async move {
            let chaos = Arc::new(Chaos::to(addr, bytes).await);
            chaos.breaks_after(bytes..bytes + 1);
            let (attempts, weather) = (AtomicU64::new(0), Arc::clone(&chaos));
            let options = testkit::options(chaos.url("/ws"), KINDS).token_from(move || {
                let attempt = attempts.fetch_add(1, Ordering::Relaxed);
                if attempt == 1 {
                    weather.is_fine();
                }
                async move { Some([bytes.to_be_bytes(), attempt.to_be_bytes()].concat()) }
            });
            let client = soon("the welcome", connect_with(options)).await.unwrap();
            let answer = soon("the answer", client.call(Next {})).await;
            (client, answer.unwrap(), chaos.connections())
        })
    });
    let each: Vec<_> = each.collect();
    let (mut answers, mut delayed) = (HashSet::new(), 0);
    for task in each {
        let (client, answer, connections) = task.await.unwrap();
        answers.insert(answer);
        delayed += u32::from(connections > 1);
        client.close().await;
    }
    assert_eq!(answers.len(), 800, "each call was handled, and once");
    assert!(delayed > 400, "{delayed} cuts tell too little");
}

#[tokio::test]
async fn at_its_deadline_connect_tells_what_the_last_attempt_met() {
    let (stopping, server) = serve();
    stopping.shut_down().await;
    let soon_over = |options: Options| options.connect_timeout(Duration::from_millis(300));
    let goodbye = soon_over(tickets(server.url("/ws"), &Log::default()));
    match soon("the end", connect_with(goodbye)).await {
        Err(ConnectError::NotWelcomed(End::Goodbye(goodbye))) => {
            assert_eq!(goodbye.code, GoodbyeCode::GoingAway);
        }
        other => panic!("a goodbye, not {other:?}"),
    }
    let chaos = Chaos::to(server.addr(), 1).await;
    chaos.doors(Doors::Closed);
    let nobody = soon_over(testkit::options(chaos.url("/ws"), KINDS));
    match soon("the end", connect_with(nobody)).await {
        Err(ConnectError::Open(OpenError::WebSocket(_) | OpenError::Unreachable { .. })) => {}
        other => panic!("no connection, not {other:?}"),
    }
    let without =
        soon_over(testkit::options(server.url("/ws"), KINDS).token_from(|| async { None }));
    let outcome = soon("the end", connect_with(without)).await;
    assert!(matches!(outcome, Err(ConnectError::NoToken)), "{outcome:?}");
    chaos.doors(Doors::Silent);
    let silent = soon_over(testkit::options(chaos.url("/ws"), KINDS));
    let outcome = soon("the end", connect_with(silent)).await;
    assert!(
        matches!(outcome, Err(ConnectError::TimedOut)),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn who_may_not_try_again_does_not() {
    let (_wire, server) = serve();
    let attempts = Log::default();
    let again = attempts.clone();
    let options = testkit::options(server.url("/ws"), KINDS).token_from(move || {
        again.push(());
        async { Some(b"the same".to_vec()) }
    });
    let first = soon("the welcome", connect_with(options.clone()))
        .await
        .unwrap();
    match soon("the refusal", connect_with(options)).await {
        Err(ConnectError::NotWelcomed(End::Goodbye(goodbye))) => {
            assert_eq!(goodbye.code, GoodbyeCode::Denied);
        }
        other => panic!("refused, not {other:?}"),
    }
    assert_eq!(attempts.events().len(), 2);
    first.close().await;
}

#[tokio::test]
async fn a_status_that_passes_only_delays_the_first_connection() {
    let (_wire, server) = serve();
    let (other, came) = answering("HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n").await;
    let chaos = Chaos::to(other, 1).await;
    let options = tickets(chaos.url("/ws"), &Log::default());
    let connecting = tokio::spawn(connect_with(options));
    came.count(2).await;
    chaos.leads_to(server.addr());
    let client = soon("the welcome", connecting).await.unwrap().unwrap();
    assert_eq!(client.call(Next {}).await.unwrap(), 1);
}

#[tokio::test]
async fn who_comes_back_is_told_the_status_and_goes_on_once_it_passes() {
    let (_wire, server) = serve();
    let chaos = Chaos::to(server.addr(), 1).await;
    let options = tickets(chaos.url("/ws"), &Log::default());
    let options =
        options.on_session_replaced(|_, why| async move { panic!("the session is lost: {why:?}") });
    let client = soon("the welcome", connect_with(options)).await.unwrap();
    for status in [401, 403, 404, 302] {
        let head = format!("HTTP/1.1 {status} x\r\nLocation: /\r\nContent-Length: 0\r\n\r\n");
        let (other, _came) = answering(&head).await;
        chaos.leads_to(other);
        chaos.cut();
        let told = until(&client, |state| {
            let expected = ReconnectCause::Status(status);
            matches!(state, ClientState::Resuming { cause, .. } if *cause == expected)
        });
        soon("the status", told).await;
    }
    chaos.leads_to(server.addr());
    client.reconnect_now();
    assert_eq!(soon("the answer", client.call(Next {})).await.unwrap(), 1);
}

#[tokio::test]
async fn a_flooded_server_is_given_the_time_that_it_asks_for() {
    let busy = "HTTP/1.1 503 x\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n";
    let (address, came) = answering(busy).await;
    let patient = testkit::options(format!("ws://{address}/ws"), KINDS)
        .connect_timeout(Duration::from_secs(2));
    match soon("the end", connect_with(patient)).await {
        Err(error) => {
            assert_eq!(error.status(), Some(503));
            assert_eq!(error.retry(), Retry::After(Duration::from_secs(600)));
        }
        other => panic!("refused, not {other:?}"),
    }
    // At its own pace it had tried again within half a second.
    assert_eq!(came.events().len(), 1);
}

#[tokio::test]
async fn tickets_that_are_good_for_once_let_a_client_come_back_again_and_again() {
    let (_wire, server) = serve();
    let chaos = Chaos::to(server.addr(), 1).await;
    let attempts = Log::default();
    let options = tickets(chaos.url("/ws"), &attempts);
    let client = soon("the welcome", connect_with(options)).await.unwrap();
    for round in 1..=10 {
        chaos.cut();
        away(&client).await;
        client.reconnect_now();
        assert_eq!(
            soon("the answer", client.call(Next {})).await.unwrap(),
            round
        );
    }
    assert!(attempts.events().len() > 10);
}

#[tokio::test]
async fn a_token_that_can_not_be_had_now_is_asked_for_again() {
    let (_wire, server) = serve();
    let asked = Log::default();
    let again = asked.clone();
    let options = testkit::options(server.url("/ws"), KINDS).token_from(move || {
        again.push(());
        let round = again.events().len();
        async move {
            assert!(round != 1, "an application's bug");
            (round > 2).then(|| b"the third".to_vec())
        }
    });
    let client = soon("the welcome", connect_with(options)).await.unwrap();
    assert_eq!(asked.events().len(), 3);
    assert_eq!(client.call(Next {}).await.unwrap(), 1);
}

#[tokio::test]
async fn a_client_that_is_denied_for_now_tries_again() {
    let denied = Log::default();
    let told = denied.clone();
    let builder = testkit::builder(Mutex::new(0)).authenticate(move |_, _| {
        told.push(());
        let is_full = told.events().len() < 3;
        async move {
            match is_full {
                true => Err(Denied::new("the house is full").retry(Retry::Now)),
                false => Ok(()),
            }
        }
    });
    let (server, _) = testkit::serve(builder);
    let options = testkit::options(server.url("/ws"), kinds![]);
    let client = soon("the welcome", connect_with(options)).await.unwrap();
    assert_eq!(denied.events().len(), 3);
    client.close().await;
}

#[tokio::test]
async fn who_gives_up_waiting_ends_the_attempts() {
    let (_wire, server) = serve();
    let chaos = Chaos::to(server.addr(), 1).await;
    chaos.doors(Doors::Closed);
    let attempts = Log::default();
    let alive = Arc::new(());
    let (held, counted) = (Arc::clone(&alive), attempts.clone());
    let options = testkit::options(chaos.url("/ws"), KINDS).token_from(move || {
        let _ = &held;
        counted.push(0);
        async { Some(Vec::new()) }
    });
    let mut connecting = Box::pin(connect_with(options));
    tokio::select! {
        outcome = &mut connecting => panic!("nobody is there: {outcome:?}"),
        _ = attempts.count(2) => {}
    }
    drop(connecting);
    // The driver lets go of what it was given when it ends.
    let ended = async {
        while Arc::strong_count(&alive) > 1 {
            tokio::task::yield_now().await;
        }
    };
    soon("the driver's end", ended).await;
}

async fn away(client: &Client) {
    let away = until(client, |state| {
        matches!(state, ClientState::Resuming { .. })
    });
    soon("the loss", away).await;
}
