//! A connection over links that behave as a test tells them to.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use actix_web::test::TestRequest;
use futures_util::task::AtomicWaker;
use serde::{Deserialize, Serialize};
use testkit::{Log, soon};
use tokio::sync::{mpsc, oneshot};
use tokio::task::yield_now;
use tokio::time::{Instant, advance};
use twinwire::frame::{Hello, PeerLimits, Ping};
use twinwire::{End, Limits, kinds};

use twinwire_remote::{Inbound, LinkLost};

use super::*;
use crate::{HandlerContext, Twinwire};

fn message(frames: &[Frame<'_>]) -> Vec<u8> {
    let mut message = Vec::new();
    frames.iter().for_each(|frame| frame.encode(&mut message));
    message
}

/// The hello of a client with this table.
fn hello(table: &KindTable) -> Frame<'static> {
    Frame::Hello(Hello {
        bounds: PeerLimits {
            window: 1 << 20,
            stream: 1 << 16,
            topic: 1 << 18,
            payload: 1 << 18,
        },
        token: Vec::new(),
        digest: table.digest(),
        resume: None,
    })
}

/// The link of a client that says hello; then, when it is told to, it panics.
struct Faulty {
    messages: mpsc::UnboundedReceiver<Vec<u8>>,
    panic: oneshot::Receiver<()>,
    /// The codes that it was closed with.
    closed: Log<u16>,
    /// Counts how often it was asked for a message.
    polls: Arc<AtomicUsize>,
}

impl Faulty {
    fn new(panic: oneshot::Receiver<()>) -> Self {
        let (_, messages) = Self::receiving(panic);
        messages
    }

    /// The same, and what sends further messages of the client.
    fn receiving(panic: oneshot::Receiver<()>) -> (mpsc::UnboundedSender<Vec<u8>>, Self) {
        let hello = hello(&KindTable::default());
        let (sender, messages) = mpsc::unbounded_channel();
        for frame in [hello, Frame::Table(KindTable::default())] {
            sender.send(message(&[frame])).expect("it is there");
        }
        let faulty = Self {
            messages,
            panic,
            closed: Log::default(),
            polls: Arc::default(),
        };
        (sender, faulty)
    }
}

impl Link for Faulty {
    type Message = Vec<u8>;

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Inbound<Vec<u8>>, LinkLost>> {
        self.polls.fetch_add(1, Ordering::Relaxed);
        if let Poll::Ready(Some(message)) = self.messages.poll_recv(cx) {
            return Poll::Ready(Ok(Inbound::Binary(message)));
        }
        assert!(
            Pin::new(&mut self.panic).poll(cx).is_pending(),
            "as the test asked"
        );
        Poll::Pending
    }

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LinkLost>> {
        Poll::Ready(Ok(()))
    }

    fn send(&mut self, _: Vec<u8>) {}

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LinkLost>> {
        Poll::Ready(Ok(()))
    }

    async fn close(self, code: u16) {
        self.closed.push(code);
    }
}

#[actix_web::test]
async fn on_close_runs_once_when_the_connections_task_panics() {
    let (opened, closed) = (Log::default(), Log::default());
    let (tell_opened, tell_closed) = (opened.clone(), closed.clone());
    let builder = Twinwire::builder(()).on_open(move |_: HandlerContext| {
        tell_opened.push(());
        async {}
    });
    let builder = builder.on_close(move |_: HandlerContext, end| {
        tell_closed.push(end);
        async {}
    });
    let wire = builder.build().expect("there are no kinds");
    let (tell_panic, panic) = oneshot::channel();
    let request = TestRequest::default().to_http_request();
    wire.serve(request, Format::Postcard, Faulty::new(panic));
    opened.count(1).await;
    assert_eq!(wire.peers().len(), 1);
    assert!(tell_panic.send(()).is_ok());
    closed.count(1).await;
    assert!(wire.peers().is_empty());
    soon("the end", wire.shut_down()).await;
    match &closed.events()[..] {
        [End::Closed(goodbye)] => assert_eq!(goodbye.code, GoodbyeCode::Internal),
        other => panic!("{other:?}"),
    }
}

#[actix_web::test]
async fn a_client_that_falls_silent_loses_its_link_and_keeps_its_session() {
    let opened = Log::default();
    let told = opened.clone();
    let builder = Twinwire::builder(()).on_open(move |_: HandlerContext| {
        told.push(());
        async {}
    });
    let wire = builder.build().expect("there are no kinds");
    let (_alive, panic) = oneshot::channel();
    let link = Faulty::new(panic);
    let closed = link.closed.clone();
    let request = TestRequest::default().to_http_request();
    wire.serve(request, Format::Postcard, link);
    opened.count(1).await;
    tokio::time::pause();
    // Of virtual time, more than two heartbeats.
    tokio::time::sleep(Duration::from_secs(40)).await;
    assert_eq!(closed.events(), [GoodbyeCode::Silent.close_code()]);
    assert_eq!(wire.peers().len(), 1);
}

#[actix_web::test]
async fn a_deadline_before_the_next_heartbeat_is_kept() {
    let opened = Log::default();
    let told = opened.clone();
    let second = Duration::from_secs(1);
    let builder = Twinwire::builder(()).on_open(move |_: HandlerContext| {
        told.push(());
        async {}
    });
    let builder = builder.limits(Limits::default().call_deadline(second));
    let wire = builder.build().expect("there are no kinds");
    let (_alive, panic) = oneshot::channel();
    let request = TestRequest::default().to_http_request();
    wire.serve(request, Format::Postcard, Faulty::new(panic));
    opened.count(1).await;
    let peer = wire.peers().pop().expect("it is welcome");
    tokio::time::pause();
    let asked = Instant::now();
    assert_eq!(peer.ping().await, None, "this client is silent");
    assert!(asked.elapsed() < 2 * second, "{:?}", asked.elapsed());
}

#[actix_web::test]
async fn a_peer_whose_bytes_are_on_their_way_is_not_silent_to_a_worker_that_stood_still() {
    let opened = Log::default();
    let told = opened.clone();
    let heartbeat = Duration::from_secs(2);
    let builder = Twinwire::builder(()).on_open(move |_: HandlerContext| {
        told.push(());
        async {}
    });
    let builder = builder.limits(Limits::default().heartbeat(heartbeat));
    let wire = builder.build().expect("there are no kinds");
    let (_alive, panic) = oneshot::channel();
    let (to_link, link) = Faulty::receiving(panic);
    tokio::time::pause();
    wire.serve(
        TestRequest::default().to_http_request(),
        Format::Postcard,
        link,
    );
    opened.count(1).await;
    // The server asks for a sign of life, and the answer comes while its worker stands still.
    advance(heartbeat + Duration::from_millis(10)).await;
    let (answer, mut answers) = mpsc::unbounded_channel();
    let (relayed, closing) = (to_link.clone(), to_link);
    actix_web::rt::spawn(async move {
        while let Some(message) = answers.recv().await {
            // As bytes go through actix's task before they are with the driver.
            yield_now().await;
            let _ = relayed.send(message);
        }
    });
    yield_now().await;
    let sign = message(&[Frame::Pong(Ping { id: 0 })]);
    answer.send(sign).expect("it is there");
    advance(heartbeat + Duration::from_secs(1)).await;
    for _ in 0..8 {
        yield_now().await;
    }
    assert!(!closing.is_closed(), "its connection was given up");
}

/// Counts the turns of a connection until it finds its client silent, woken this late.
async fn turns_until_silence_is_found(late: Duration) -> usize {
    let opened = Log::default();
    let told = opened.clone();
    let heartbeat = Duration::from_secs(2);
    let builder = Twinwire::builder(()).on_open(move |_: HandlerContext| {
        told.push(());
        async {}
    });
    let builder = builder.limits(Limits::default().heartbeat(heartbeat));
    let wire = builder.build().expect("there are no kinds");
    let (_alive, panic) = oneshot::channel();
    let link = Faulty::new(panic);
    let (closed, polls) = (link.closed.clone(), Arc::clone(&link.polls));
    let request = TestRequest::default().to_http_request();
    wire.serve(request, Format::Postcard, link);
    opened.count(1).await;
    let opened = Instant::now();
    // The server has asked for a sign of life, and gives up in time or late.
    let asked = heartbeat + Duration::from_millis(500);
    tokio::time::sleep_until(opened + asked).await;
    let before = polls.load(Ordering::Relaxed);
    advance(2 * heartbeat + late - asked).await;
    closed.count(1).await;
    polls.load(Ordering::Relaxed) - before
}

#[actix_web::test]
async fn a_worker_that_stood_still_leaves_three_turns_to_what_is_on_its_way() {
    tokio::time::pause();
    let in_time = turns_until_silence_is_found(Duration::from_millis(50)).await;
    let just_in_time = turns_until_silence_is_found(LATE).await;
    let late = turns_until_silence_is_found(2 * LATE).await;
    assert_eq!((just_in_time, late), (in_time, in_time + 3));
}

#[derive(Serialize, Deserialize, twinwire::Event)]
struct Parcel(Vec<u8>);

#[derive(Default)]
struct Gate {
    is_open: AtomicBool,
    waker: AtomicWaker,
}

/// The link of a client that says hello and nothing more; it takes nothing until it is told to.
struct Narrow {
    messages: Vec<Vec<u8>>,
    gate: Arc<Gate>,
    /// The lengths of what it was given.
    sent: Log<usize>,
}

impl Link for Narrow {
    type Message = Vec<u8>;

    fn poll_receive(&mut self, _: &mut Context<'_>) -> Poll<Result<Inbound<Vec<u8>>, LinkLost>> {
        let next = self.messages.pop();
        next.map_or(Poll::Pending, |next| Poll::Ready(Ok(Inbound::Binary(next))))
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkLost>> {
        if self.gate.is_open.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        self.gate.waker.register(cx.waker());
        Poll::Pending
    }

    fn send(&mut self, message: Vec<u8>) {
        self.sent.push(message.len());
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LinkLost>> {
        Poll::Ready(Ok(()))
    }

    async fn close(self, _: u16) {}
}

#[actix_web::test]
async fn what_waits_for_room_goes_out_once_there_is_some_though_the_client_says_nothing() {
    let opened = Log::default();
    let told = opened.clone();
    let builder = Twinwire::builder(()).on_open(move |cx: HandlerContext| {
        told.push(cx.peer().clone());
        async {}
    });
    // Room for one parcel.
    let builder = builder.limits(Limits::default().queued(0));
    let wire = builder.build().expect("there are no kinds");
    let table = kinds![Parcel].table();
    let gate = Arc::new(Gate::default());
    gate.is_open.store(true, Ordering::Relaxed);
    let sent = Log::default();
    let link = Narrow {
        messages: vec![
            message(&[Frame::Table(table.clone())]),
            message(&[hello(&table)]),
        ],
        gate: Arc::clone(&gate),
        sent: sent.clone(),
    };
    let request = TestRequest::default().to_http_request();
    wire.serve(request, Format::Postcard, link);
    let [peer] = &opened.count(1).await[..] else {
        panic!("one is welcome");
    };
    gate.is_open.store(false, Ordering::Relaxed);
    for _ in 0..4 {
        let peer = peer.clone();
        let parcel = Parcel(vec![0; 50_000]);
        actix_web::rt::spawn(async move { peer.send(parcel).await.map(drop) });
    }
    for _ in 0..8 {
        yield_now().await;
    }
    let before = sent.events().len();
    gate.is_open.store(true, Ordering::Relaxed);
    gate.waker.wake();
    for _ in 0..64 {
        yield_now().await;
    }
    // The first acknowledgement would come too late for this.
    let bytes: usize = sent.events()[before..].iter().sum();
    assert!(bytes > 200_000, "{bytes} bytes of four parcels");
}
