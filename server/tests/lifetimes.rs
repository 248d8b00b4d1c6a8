//! A session's beginning and end, as the application is told of them.

mod by_hand;

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use testkit::{Log, Server, hasty, serve, soon};
use tokio::sync::Semaphore;
use twinwire::frame::{self, Cancel, Frame, Part};
use twinwire::{Call, End, Event, Goodbye, GoodbyeCode, Kinds, Refusal, kinds};
use twinwire_server::{Builder, HandlerContext, Next};

use by_hand::{Greeter, Said, Socket};

#[derive(Serialize, Deserialize, Call)]
struct Nod {}

#[derive(Serialize, Deserialize, Event)]
struct Told {}

const NOD: u32 = 0;
const TOLD: u32 = 1;
const KINDS: Kinds = kinds![Nod, Told];

/// Log of what the functions did.
#[derive(Clone, Default)]
struct App {
    opened: Log<()>,
    closed: Log<End>,
}

async fn greet(server: &Server, token: &str) -> (Socket, Said) {
    let (socket, said, _) = Greeter::new(token).kinds(KINDS).greet(server).await;
    (socket, said)
}

async fn nod(socket: &mut Socket) -> Result<(), Refusal> {
    let call = socket.call(NOD, b"").await;
    socket.reply(call).await
}

fn is_internal(end: &End) -> bool {
    matches!(end, End::Closed(goodbye) if goodbye.code == GoodbyeCode::Internal)
}

/// An application that tells of its sessions, and whose `on_open` does something first.
fn opening<F>(app: &App, on_open: impl Fn() -> F + Send + Sync + 'static) -> Builder<App, ()>
where
    F: Future<Output = ()> + 'static,
{
    testkit::builder(app.clone())
        .call(|_: HandlerContext<App>, _: Nod| async { Ok(()) })
        .on_open(move |cx: HandlerContext<App>| {
            cx.state().opened.push(());
            on_open()
        })
        .on_close(|cx: HandlerContext<App>, end| async move { cx.state().closed.push(end) })
}

#[tokio::test]
async fn an_on_open_that_panics_ends_its_session() {
    let (app, gate) = (App::default(), Arc::new(Semaphore::new(0)));
    let opened = Arc::clone(&gate);
    let polled = opening(&app, move || {
        let gate = Arc::clone(&opened);
        async move {
            let _permit = gate.acquire().await;
            panic!("as the test asked")
        }
    });
    let (server, _wire) = serve(polled);
    let (mut socket, said) = greet(&server, "").await;
    said.welcome();
    let call = socket.call(NOD, b"").await;
    // The call has come, and waits.
    socket.pongs().await;
    gate.add_permits(1);
    assert_eq!(socket.reply(call).await, Err(Refusal::Panicked));
    assert_eq!(socket.goodbye().await.code, GoodbyeCode::Internal);
    assert!(app.closed.count(1).await.iter().all(is_internal));
    assert_eq!(app.opened.events().len(), 1);
}

#[tokio::test]
async fn what_has_come_when_on_open_fails_is_never_handled() {
    let (app, gate, called) = (App::default(), Arc::new(Semaphore::new(0)), Log::default());
    let (opened, told) = (Arc::clone(&gate), called.clone());
    let polled = opening(&app, move || {
        let gate = Arc::clone(&opened);
        async move {
            let _permit = gate.acquire().await;
            panic!("as the test asked")
        }
    });
    let polled = polled.event(|_: HandlerContext<App>, _: Told| async {});
    let polled = polled.middleware(move |_, next: Next| {
        told.push(());
        next.run()
    });
    let (server, _wire) = serve(polled);
    let (mut socket, said) = greet(&server, "").await;
    said.welcome();
    for _ in 0..3 {
        let event = frame::Event {
            number: socket.next_number(),
            part: Part::WHOLE,
            kind: Some(TOLD),
            payload: b"",
        };
        socket.send(&Frame::Event(event)).await;
    }
    socket.pongs().await;
    gate.add_permits(1);
    assert_eq!(socket.goodbye().await.code, GoodbyeCode::Internal);
    drop(socket);
    app.closed.count(1).await;
    assert!(called.events().is_empty());
}

#[tokio::test]
async fn a_call_that_is_cancelled_before_on_open_has_ended_never_runs() {
    let (app, gate, called) = (App::default(), Arc::new(Semaphore::new(0)), Log::default());
    let (opened, told) = (Arc::clone(&gate), called.clone());
    let waits = opening(&app, move || {
        let gate = Arc::clone(&opened);
        async move { gate.acquire().await.expect("it stays open").forget() }
    });
    let waits = waits.middleware(move |_, next: Next| {
        told.push(());
        next.run()
    });
    let (server, _wire) = serve(waits);
    let (mut socket, said) = greet(&server, "").await;
    said.welcome();
    let call = socket.call(NOD, b"").await;
    let number = socket.next_number();
    socket.send(&Frame::Cancel(Cancel { number, call })).await;
    let later = socket.call(NOD, b"").await;
    socket.pongs().await;
    gate.add_permits(1);
    assert_eq!(socket.reply(later).await, Ok(()));
    assert_eq!(called.events().len(), 1);
}

#[tokio::test]
async fn an_on_open_that_panics_when_it_is_called_ends_its_session() {
    let app = App::default();
    let called = opening(&app, || -> std::future::Ready<()> {
        panic!("as the test asked")
    });
    let (server, _wire) = serve(called);
    let (mut socket, said) = greet(&server, "").await;
    said.welcome();
    assert_eq!(socket.goodbye().await.code, GoodbyeCode::Internal);
    assert!(app.closed.count(1).await.iter().all(is_internal));
}

#[tokio::test]
async fn an_on_open_that_never_ends_ends_its_session() {
    let app = App::default();
    let (server, _wire) = serve(opening(&app, std::future::pending).limits(hasty()));
    let (mut socket, said) = greet(&server, "").await;
    said.welcome();
    assert_eq!(socket.goodbye().await.code, GoodbyeCode::Internal);
    assert!(app.closed.count(1).await.iter().all(is_internal));
}

#[tokio::test]
async fn an_on_close_that_panics_or_never_ends_holds_nobody_up() {
    let begun = Log::default();
    let told = begun.clone();
    let builder = testkit::builder(()).call(|_: HandlerContext, _: Nod| async { Ok(()) });
    let builder = builder.on_close(move |_: HandlerContext, _| {
        told.push(());
        let nth = told.events().len();
        assert_ne!(nth, 1, "as the test asked");
        async move {
            match nth {
                2 => panic!("as the test asked"),
                3 => std::future::pending().await,
                _ => {}
            }
        }
    });
    let builder = builder.limits(testkit::patient().resume(Duration::ZERO));
    let (server, wire) = serve(builder);
    for nth in 1..=4 {
        let (mut socket, said) = greet(&server, "").await;
        said.welcome();
        assert_eq!(nod(&mut socket).await, Ok(()));
        drop(socket);
        assert_eq!(begun.count(nth).await.len(), nth);
    }
    soon("the end", wire.shut_down()).await;
}

#[tokio::test]
async fn a_shut_down_waits_for_on_close() {
    const CLIENTS: usize = 8;
    let done = Log::default();
    let finished = done.clone();
    let builder = testkit::builder(()).on_close(move |_: HandlerContext, _| {
        let finished = finished.clone();
        async move {
            // Longer than its client needs to say goodbye.
            for _ in 0..50_000 {
                tokio::task::yield_now().await;
            }
            finished.push(());
        }
    });
    let builder = builder.limits(testkit::patient().drain(Duration::from_secs(60)));
    let (server, wire) = serve(builder);
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let (mut socket, said) = greet(&server, "").await;
        said.welcome();
        clients.push(tokio::spawn(async move {
            socket.goodbye().await;
            let goodbye = Goodbye::new(GoodbyeCode::Done, "");
            socket.send(&Frame::Goodbye(goodbye)).await;
            socket.closed().await
        }));
    }
    soon("the end", wire.shut_down()).await;
    assert_eq!(done.events().len(), CLIENTS);
    for client in clients {
        soon("a close", client).await.expect("no panic");
    }
}
