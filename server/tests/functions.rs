//! The application's functions: they may panic, never end, take their time and call back.

mod by_hand;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use testkit::{Log, Server, hasty, serve};
use tokio::sync::Semaphore;
use twinwire::frame::{JOIN, Join, Start};
use twinwire::{Call, Format, GoodbyeCode, Kinds, Refusal, Topic, kinds};
use twinwire_server::{Access, HandlerContext, Next, Response, Twinwire};

use by_hand::{Greeter, Said, Socket, wants};

#[derive(Serialize, Deserialize, Call)]
struct Nod {}

#[derive(Serialize, Deserialize, Topic)]
#[topic(item = String)]
struct Room {
    number: u32,
}

const NOD: u32 = 0;
const KINDS: Kinds = kinds![Nod, Room];

async fn greet(server: &Server, token: &str) -> (Socket, Said) {
    let (socket, said, _) = Greeter::new(token).kinds(KINDS).greet(server).await;
    (socket, said)
}

async fn nod(socket: &mut Socket) -> Result<(), Refusal> {
    let call = socket.call(NOD, b"").await;
    socket.reply(call).await
}

#[tokio::test]
async fn an_authenticate_or_a_user_key_that_panics_refuses_its_client_alone() {
    let builder = testkit::builder(()).authenticate(|token, _| {
        let token = String::from_utf8_lossy(&token).into_owned();
        assert_ne!(token, "called", "as the test asked");
        async move {
            assert_ne!(token, "polled", "as the test asked");
            Ok(token)
        }
    });
    let builder = builder.user_key(|identity: &String| {
        assert_ne!(identity, "key", "as the test asked");
        identity.clone()
    });
    let builder = builder.call(|_: HandlerContext<(), String>, _: Nod| async { Ok(()) });
    let (server, wire) = serve(builder);
    let (mut ada, said) = greet(&server, "ada").await;
    let welcome = said.welcome();
    for token in ["called", "polled", "key"] {
        let (_socket, said) = greet(&server, token).await;
        assert_eq!(said.goodbye().code, GoodbyeCode::Internal, "{token}");
        let wanted = Greeter::new(token)
            .kinds(KINDS)
            .wants(Some(wants(&welcome, 1)));
        let (_socket, said, _) = wanted.greet(&server).await;
        assert_eq!(said.goodbye().code, GoodbyeCode::Internal, "{token}");
    }
    assert_eq!(nod(&mut ada).await, Ok(()));
    assert_eq!(wire.peers().len(), 1);
}

#[tokio::test]
async fn an_authenticate_that_never_ends_is_given_up_with_the_handshake() {
    let limits = testkit::patient().handshake(Duration::from_millis(300));
    let builder = testkit::builder(()).limits(limits);
    let builder = builder.authenticate(|_, _| std::future::pending::<Result<(), _>>());
    let (server, _wire) = serve(builder);
    let (_socket, said) = greet(&server, "").await;
    assert_eq!(said.goodbye().code, GoodbyeCode::TooSlow);
}

async fn join(socket: &mut Socket, number: u32) -> Result<(), Refusal> {
    let key = Format::Postcard
        .encode(&Room { number }, 100)
        .expect("it is small");
    let (kind, start, key) = (1, Start::Now, key.as_slice());
    let call = socket.call(JOIN, &Join { kind, key, start }.encode()).await;
    socket.reply(call).await
}

#[tokio::test]
async fn an_access_or_an_around_that_panics_or_never_ends_fails_its_request_alone() {
    let builder = testkit::builder(()).limits(hasty());
    let builder = builder.call(|_: HandlerContext, _: Nod| async { Ok(()) });
    let builder = builder.topic(|_: HandlerContext, room: Room| {
        assert_ne!(room.number, 1, "as the test asked");
        async move {
            match room.number {
                2 => panic!("as the test asked"),
                3 => std::future::pending().await,
                _ => Access::subscribe(),
            }
        }
    });
    let nods = Arc::new(Semaphore::new(3));
    let builder = builder.middleware(move |_: HandlerContext, next: Next| {
        let nth = match next.kind() {
            "Nod" => nods.try_acquire().map_or(0, |permit| {
                permit.forget();
                nods.available_permits()
            }),
            _ => 0,
        };
        assert_ne!(nth, 2, "as the test asked");
        async move {
            match nth {
                1 => panic!("as the test asked"),
                _ => next.run().await,
            }
        }
    });
    let (server, _wire) = serve(builder);
    let (mut socket, said) = greet(&server, "").await;
    said.welcome();
    assert_eq!(nod(&mut socket).await, Err(Refusal::Panicked));
    assert_eq!(nod(&mut socket).await, Err(Refusal::Panicked));
    assert_eq!(nod(&mut socket).await, Ok(()));
    assert_eq!(join(&mut socket, 1).await, Err(Refusal::Panicked));
    assert_eq!(join(&mut socket, 2).await, Err(Refusal::Panicked));
    assert_eq!(join(&mut socket, 3).await, Err(Refusal::Deadline));
    assert_eq!(join(&mut socket, 4).await, Ok(()));
}

#[tokio::test]
async fn an_around_that_never_ends_is_dropped_at_the_deadline() {
    let builder = testkit::builder(()).limits(hasty());
    let builder = builder.call(|_: HandlerContext, _: Nod| async { Ok(()) });
    let builder =
        builder.middleware(|_: HandlerContext, _: Next| std::future::pending::<Response>());
    let (server, _wire) = serve(builder);
    let (mut socket, said) = greet(&server, "").await;
    said.welcome();
    assert_eq!(nod(&mut socket).await, Err(Refusal::Deadline));
}

#[tokio::test]
async fn a_session_works_while_it_is_judged_who_may_have_it_back() {
    let is_armed = Arc::new(AtomicBool::new(false));
    let (judged, judging) = (Log::default(), Arc::clone(&is_armed));
    let (go_on, gate) = mpsc::channel::<()>();
    let (told, gate) = (judged.clone(), Mutex::new(gate));
    let builder = testkit::builder(())
        .authenticate(|token, _| async move { Ok(token) })
        .call(|_: HandlerContext<(), Vec<u8>>, _: Nod| async { Ok(()) })
        .user_key(move |identity: &Vec<u8>| {
            if judging.swap(false, Ordering::Relaxed) {
                told.push(());
                let gate = gate.lock().expect("no panic");
                // It keeps its worker waiting, and nobody else.
                let _ = gate.recv_timeout(Duration::from_secs(60));
            }
            String::from_utf8_lossy(identity).into_owned()
        });
    let (server, wire) = serve(builder);
    let (mut ada, said) = greet(&server, "ada").await;
    let welcome = said.welcome();
    is_armed.store(true, Ordering::Relaxed);
    let again = Greeter::new("ada")
        .kinds(KINDS)
        .wants(Some(wants(&welcome, 1)));
    let back = async {
        let (_socket, said, _) = again.greet(&server).await;
        said.welcome().session
    };
    let meanwhile = async {
        judged.count(1).await;
        assert_eq!(wire.peers().len(), 1);
        ada.pongs().await;
        assert_eq!(nod(&mut ada).await, Ok(()));
        go_on.send(()).expect("it waits");
    };
    let (session, ()) = tokio::join!(back, meanwhile);
    assert_eq!(session, welcome.session);
}

/// An identity that looks round when it is dropped.
struct Curious(Arc<OnceLock<Twinwire<(), Curious>>>, Log<usize>);

impl Drop for Curious {
    fn drop(&mut self) {
        if let Some(wire) = self.0.get() {
            self.1.push(wire.peers().len());
        }
    }
}

#[tokio::test]
async fn what_is_dropped_may_call_the_endpoint() {
    let (wire, seen) = (Arc::new(OnceLock::new()), Log::default());
    let (given, told) = (Arc::clone(&wire), seen.clone());
    let builder = testkit::builder(()).authenticate(move |_, _| {
        let identity = Curious(Arc::clone(&given), told.clone());
        async move { Ok(identity) }
    });
    let (server, endpoint) = serve(builder);
    assert!(wire.set(endpoint).is_ok());
    let (_socket, said) = greet(&server, "").await;
    said.welcome();
    // The runtime ends under the connection. A deadlock there is to fail this test alone.
    std::thread::spawn(move || drop(server));
    assert_eq!(seen.count(1).await, [0]);
}
