//! Clients that come back to another process, to an application that refuses them, or late.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use testkit::{Chaos, Doors, Log, serve, soon};
use tokio::sync::oneshot;
use twinwire::session::SessionLost;
use twinwire::{Call, End, Event, GoodbyeCode, Kinds, Limits, Retry, kinds};
use twinwire_client_native::{CallError, Client, ClientState, EventError, Receipt, connect_with};
use twinwire_server::{Builder, Denied, HandlerContext};

/// Answered when the gate is opened.
#[derive(Serialize, Deserialize, Call)]
#[call(reply = ())]
struct Wait {}

#[derive(Serialize, Deserialize, Event)]
struct Up {
    number: u64,
}

/// Of the server: nobody handles it.
#[derive(Serialize, Deserialize, Call)]
#[call(reply = ())]
struct Ask {}

const KINDS: Kinds = kinds![Wait, Up, Ask];

#[derive(Clone, Default)]
struct App {
    ups: Log<u64>,
    waiting: Log<()>,
    ended: Log<()>,
    gate: Arc<tokio::sync::Notify>,
    /// With this every client is refused.
    refusal: Arc<Mutex<Option<Denied>>>,
    refused: Log<()>,
}

impl App {
    fn refuse(&self, refusal: Option<Denied>) {
        *self.refusal.lock().expect("no panic") = refusal;
    }

    fn judge(&self) -> Result<(), Denied> {
        let refusal = self.refusal.lock().expect("no panic").clone();
        refusal.map_or(Ok(()), |refusal| {
            self.refused.push(());
            Err(refusal)
        })
    }
}

fn builder(app: &App) -> Builder<App, ()> {
    let judge = app.clone();
    testkit::builder(app.clone())
        .authenticate(move |_, _| std::future::ready(judge.judge()))
        .call(|cx: HandlerContext<App>, _: Wait| async move {
            let gate = Arc::clone(&cx.state().gate);
            let opened = gate.notified();
            cx.state().waiting.push(());
            opened.await;
            Ok(())
        })
        .event(|cx: HandlerContext<App>, up: Up| async move { cx.state().ups.push(up.number) })
        .on_close(|cx: HandlerContext<App>, _| async move { cx.state().ended.push(()) })
}

async fn client(chaos: &Chaos, limits: Limits) -> (Client, Log<SessionLost>) {
    let losses = Log::default();
    let told = losses.clone();
    let options = testkit::options(chaos.url("/ws"), KINDS).limits(limits);
    // What is carried over has no verdict of its own.
    let options = options
        .carry_over(false)
        .on_session_replaced(move |_, why| {
            told.push(why);
            async {}
        });
    let client = soon("the welcome", connect_with(options)).await;
    (client.expect("welcome"), losses)
}

async fn send(client: &Client, numbers: std::ops::Range<u64>) -> Vec<Receipt> {
    let mut receipts = Vec::new();
    for number in numbers {
        let sent = client.send(Up { number }).await;
        receipts.push(sent.expect("it is on its way"));
    }
    receipts
}

async fn lose(chaos: &Chaos, client: &Client) {
    chaos.doors(Doors::Closed);
    chaos.cut();
    chaos.stall(false);
    let mut states = client.states();
    let gone =
        async { while !matches!(states.next().await, Some(ClientState::Resuming { .. })) {} };
    soon("the loss", gone).await;
}

fn come_back(chaos: &Chaos, client: &Client) {
    chaos.doors(Doors::Open);
    client.reconnect_now();
}

/// What the client was told of the numbers from zero on, against what the server's handlers got.
async fn check_verdicts(receipts: Vec<Receipt>, server: &App) -> Vec<Result<(), EventError>> {
    let mut verdicts = Vec::new();
    for receipt in receipts {
        verdicts.push(soon("a verdict", receipt).await);
    }
    let handled: HashSet<u64> = server.ups.events().into_iter().collect();
    for (number, verdict) in (0..).zip(&verdicts) {
        match verdict {
            Ok(()) => assert!(handled.contains(&number), "{number} was accepted"),
            Err(EventError::NotReceived) => assert!(!handled.contains(&number), "{number} wasn't"),
            Err(EventError::Unknown) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    verdicts
}

/// Ten events that were handled, ten that were written and not received, and ten that were never written.
async fn send_and_lose(chaos: &Chaos, client: &Client, app: &App) -> Vec<Receipt> {
    let mut receipts = send(client, 0..10).await;
    app.ups.count(10).await;
    chaos.stall(true);
    receipts.extend(send(client, 10..20).await);
    lose(chaos, client).await;
    receipts.extend(send(client, 20..30).await);
    receipts
}

fn were_unsent(verdicts: &[Result<(), EventError>]) -> bool {
    let mut unsent = verdicts[20..].iter();
    unsent.all(|verdict| matches!(verdict, Err(EventError::NotReceived)))
}

#[tokio::test]
async fn who_is_led_to_another_process_has_another_session_and_true_verdicts() {
    let (here, there) = (App::default(), App::default());
    let (server, wire) = serve(builder(&here));
    let (other, other_wire) = serve(builder(&there));
    let balancer = Chaos::to(server.addr(), 1).await;
    let (client, losses) = client(&balancer, testkit::patient()).await;
    let receipts = send_and_lose(&balancer, &client, &here).await;
    balancer.leads_to(other.addr());
    come_back(&balancer, &client);
    let verdicts = check_verdicts(receipts, &here).await;
    assert!(were_unsent(&verdicts));
    assert_eq!(losses.count(1).await, [SessionLost::Restarted]);
    assert_eq!(
        there.ups.events(),
        [0; 0],
        "nothing is carried over by itself"
    );
    // The first keeps the session for its time, and nobody gets it back who comes from the other.
    assert_eq!((wire.peers().len(), other_wire.peers().len()), (1, 1));
    lose(&balancer, &client).await;
    balancer.leads_to(server.addr());
    come_back(&balancer, &client);
    assert_eq!(losses.count(2).await, [SessionLost::Restarted; 2]);
    assert_eq!((wire.peers().len(), other_wire.peers().len()), (2, 1));
    let receipt = send(&client, 100..101).await.remove(0);
    soon("its receipt", receipt).await.expect("it has arrived");
    assert_eq!(
        (here.ended.events(), there.ended.events()),
        (vec![], vec![])
    );
}

#[tokio::test]
async fn who_is_refused_on_coming_back_is_over_and_its_verdicts_are_true() {
    let app = App::default();
    let (server, wire) = serve(builder(&app));
    let chaos = Chaos::to(server.addr(), 1).await;
    let (client, losses) = client(&chaos, testkit::patient()).await;
    let caller = client.clone();
    let call = tokio::spawn(async move { caller.call(Wait {}).await });
    app.waiting.count(1).await;
    let receipts = send_and_lose(&chaos, &client, &app).await;
    app.refuse(Some(Denied::new("who are you?")));
    come_back(&chaos, &client);
    let end = soon("the end", client.closed()).await;
    let is_denied =
        |end: &End| matches!(end, End::Goodbye(said) if said.code == GoodbyeCode::Denied);
    assert!(is_denied(&end), "{end}");
    assert!(matches!(client.state(), ClientState::Closed(end) if is_denied(&end)));
    let outcome = soon("the outcome", call).await.expect("no panic");
    assert!(matches!(outcome, Err(CallError::Unknown)), "{outcome:?}");
    let verdicts = check_verdicts(receipts, &app).await;
    assert!(were_unsent(&verdicts));
    // The server's end is kept for its time, and its handler runs on.
    assert_eq!((wire.peers().len(), app.ended.events().len()), (1, 0));
    assert_eq!(losses.events(), []);
}

#[tokio::test]
async fn who_is_refused_for_now_comes_back_until_its_session_goes_on() {
    for retry in [Retry::Now, Retry::After(Duration::from_millis(1))] {
        let app = App::default();
        let (server, _) = serve(builder(&app));
        let chaos = Chaos::to(server.addr(), 1).await;
        let (client, losses) = client(&chaos, testkit::patient()).await;
        let caller = client.clone();
        let call = tokio::spawn(async move { caller.call(Wait {}).await });
        app.waiting.count(1).await;
        let receipts = send_and_lose(&chaos, &client, &app).await;
        app.refuse(Some(Denied::new("not now").retry(retry)));
        come_back(&chaos, &client);
        app.refused.count(2).await;
        assert!(matches!(client.state(), ClientState::Resuming { .. }));
        app.refuse(None);
        client.reconnect_now();
        for receipt in receipts {
            soon("its receipt", receipt).await.expect("it has arrived");
        }
        app.gate.notify_waiters();
        let outcome = soon("the answer", call).await.expect("no panic");
        assert!(outcome.is_ok(), "{outcome:?}");
        let ups = app.ups.count(30).await;
        assert!(ups.into_iter().eq(0..30), "each once and in order");
        assert_eq!(losses.events(), []);
    }
}

/// A client on a thread of its own, which stands still until it is woken, and then sends.
struct Sleeper {
    wake: mpsc::Sender<()>,
    woken: thread::JoinHandle<(Result<(), EventError>, Vec<SessionLost>)>,
}

impl Sleeper {
    /// Connects, sends 0 and falls asleep.
    async fn start(chaos: &Chaos) -> Self {
        let (wake, morning) = mpsc::channel();
        let (asleep, sleeps) = oneshot::channel();
        let (url, limits) = (chaos.url("/ws"), limits());
        let woken = thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let losses = Log::default();
                let told = losses.clone();
                let options = testkit::options(url, KINDS).limits(limits);
                let options = options.on_session_replaced(move |_, why| {
                    told.push(why);
                    async {}
                });
                let client = soon("the welcome", connect_with(options)).await;
                let client = client.expect("welcome");
                let first = send(&client, 0..1).await.remove(0);
                soon("its receipt", first).await.expect("it has arrived");
                asleep.send(()).expect("the test waits for it");
                // With it stands whatever runs on this thread: the client.
                morning.recv().expect("it is woken");
                let receipt = send(&client, 1..2).await.remove(0);
                let verdict = soon("a verdict", receipt).await;
                (verdict, losses.events())
            })
        });
        soon("its sleep", sleeps).await.expect("no panic");
        Self { wake, woken }
    }

    async fn wake(self) -> (Result<(), EventError>, Vec<SessionLost>) {
        self.wake.send(()).expect("it sleeps");
        let woken = tokio::task::spawn_blocking(|| self.woken.join());
        soon("its end", woken)
            .await
            .expect("no panic")
            .expect("no panic")
    }
}

/// Silence is found in two seconds; calls take longer.
fn limits() -> Limits {
    let limits = testkit::patient().heartbeat(Duration::from_secs(1));
    limits.call_deadline(Duration::from_secs(4))
}

#[tokio::test]
async fn a_client_that_sleeps_and_wakes_in_time_goes_on() {
    let app = App::default();
    let (server, wire) = serve(builder(&app).limits(limits()));
    let chaos = Chaos::to(server.addr(), 1).await;
    let sleeper = Sleeper::start(&chaos).await;
    let peer = wire.peers().remove(0);
    // That takes twice as long as to find that nobody is there.
    let asked = soon("the deadline", peer.call(Ask {})).await;
    assert!(matches!(asked, Err(CallError::Deadline)), "{asked:?}");
    assert_eq!((wire.peers().len(), app.ended.events().len()), (1, 0));
    let (verdict, losses) = sleeper.wake().await;
    assert_eq!((verdict.is_ok(), losses), (true, vec![]));
    assert_eq!(app.ups.count(2).await, [0, 1]);
}

#[tokio::test]
async fn a_client_that_sleeps_for_longer_than_its_session_is_kept_begins_another() {
    let app = App::default();
    let limits = limits().resume(Duration::from_millis(1));
    let (server, _) = serve(builder(&app).limits(limits));
    let chaos = Chaos::to(server.addr(), 1).await;
    let sleeper = Sleeper::start(&chaos).await;
    app.ended.count(1).await;
    let (verdict, losses) = sleeper.wake().await;
    assert_eq!(losses, [SessionLost::Evicted]);
    match verdict {
        // It was written before the client knew, or made after.
        Err(EventError::NotReceived) => assert_eq!(app.ups.events(), [0]),
        Ok(()) => assert_eq!(app.ups.count(2).await, [0, 1]),
        Err(other) => panic!("{other:?}"),
    }
}
