//! Sessions over a network that breaks at any moment, and what becomes of what they carry. The figures
//! are printed.

mod numbers;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use numbers::{Double, Down, Start, Up, converse};
use serde::{Deserialize, Serialize};
use testkit::{Chaos, Log, Server, hurry, soon};
use twinwire::{Kinds, PeerId, Topic, kinds};
use twinwire_client_native::{Update, connect_with};
use twinwire_server::{Access, HandlerContext, Twinwire};

#[derive(Serialize, Deserialize, Topic)]
#[topic(item = u64)]
struct Ticker {}

const KINDS: Kinds = kinds![Double, Up, Down, Start, Ticker];

/// What a server's application heard.
#[derive(Clone, Default)]
struct App {
    /// Which session sent which number.
    ups: Log<(PeerId, u64)>,
    /// Clients that said hello, to any session.
    hellos: Arc<AtomicU64>,
    sessions: Arc<AtomicU64>,
}

fn serve(app: &App) -> (Twinwire<App, ()>, Server) {
    let hellos = Arc::clone(&app.hellos);
    let builder = testkit::builder(app.clone())
        .authenticate(move |_, _| {
            hellos.fetch_add(1, Ordering::Relaxed);
            async { Ok(()) }
        })
        .on_open(|cx: HandlerContext<App>| async move {
            cx.state().sessions.fetch_add(1, Ordering::Relaxed);
        })
        .call(|_: HandlerContext<App>, double: Double| async move { Ok(2 * double.number) })
        .event(|cx: HandlerContext<App>, up: Up| async move {
            cx.state().ups.push((cx.id(), up.number));
        })
        .event(|cx: HandlerContext<App>, start: Start| async move {
            let peer = cx.peer().clone();
            cx.detach(async move {
                for number in 0..start.downs {
                    // A session that is over wants no more.
                    let _ = peer.send(Down { number }).await;
                }
            });
        })
        .topic(|_: HandlerContext<App>, _: Ticker| async move { Access::subscribe() });
    let (server, wire) = testkit::serve(builder);
    (wire, server)
}

#[tokio::test]
async fn a_hundred_clients_lose_nothing_in_thousands_of_cuts() {
    const CLIENTS: u64 = 100;
    const MESSAGES: u64 = 200;
    let app = App::default();
    let (_, server) = serve(&app);
    let (cuts, mut tasks) = (Arc::new(AtomicU64::new(0)), Vec::new());
    for seed in 0..CLIENTS {
        let (addr, cuts) = (server.addr(), Arc::clone(&cuts));
        tasks.push(tokio::spawn(async move {
            let chaos = Chaos::to(addr, seed).await;
            chaos.slices(true);
            chaos.delay(Duration::from_millis(2));
            chaos.breaks_after(300..3_000);
            let losses = Log::default();
            let told = losses.clone();
            let options =
                testkit::options(chaos.url("/ws"), KINDS).on_session_replaced(move |_, why| {
                    told.push(why);
                    async {}
                });
            let client = soon("a connection", connect_with(options)).await;
            let client = client.expect("everyone is welcome");
            let hurrying = tokio::spawn(hurry(client.clone(), || {}));
            // Each step has its time: how long all take together, on a busy machine, says nothing.
            converse(&client, MESSAGES).await;
            assert_eq!(losses.events(), [], "every session went on");
            cuts.fetch_add(chaos.cuts(), Ordering::Relaxed);
            hurrying.abort();
        }));
    }
    for task in tasks {
        task.await.expect("nothing lost, doubled or moved");
    }
    let ups = app.ups.events();
    let cuts = cuts.load(Ordering::Relaxed);
    assert_eq!(ups.len() as u64, CLIENTS * MESSAGES);
    let peers: HashSet<_> = ups.iter().map(|(peer, _)| *peer).collect();
    assert_eq!(peers.len() as u64, CLIENTS);
    for peer in peers {
        let of_peer = ups.iter().filter(|(of, _)| *of == peer);
        let numbers = of_peer.map(|(_, number)| *number);
        assert!(numbers.eq(0..MESSAGES), "each once and in order");
    }
    let [hellos, sessions] =
        [&app.hellos, &app.sessions].map(|count| count.load(Ordering::Relaxed));
    println!(
        "figures: {CLIENTS} clients, {cuts} cuts, {} resumes, {} messages: 0 lost, 0 doubled, 0 reordered",
        hellos - sessions,
        ups.len() as u64 + CLIENTS * MESSAGES
    );
    assert!(cuts > 1_000, "{cuts} cuts tell too little");
}

#[tokio::test]
async fn a_cut_at_every_byte_of_a_session_changes_nothing() {
    const LANES: usize = 16;
    let mut cut = 0;
    let lanes: Vec<_> = (0..LANES)
        .map(|lane| tokio::spawn(cut_at_each(lane as u64 + 1, LANES)))
        .collect();
    for lane in lanes {
        cut += lane.await.expect("nothing lost, doubled or moved");
    }
    println!(
        "figures: {cut} cuts, each a byte later than the one before: 0 lost, 0 doubled, 0 reordered"
    );
    assert!(cut > 300, "{cut} cuts tell too little");
}

/// One session after the other, each cut so many bytes later than the one before, until none is cut any
/// more. Says how many were.
async fn cut_at_each(first: u64, step: usize) -> u64 {
    const MESSAGES: u64 = 6;
    let app = App::default();
    let (wire, server) = serve(&app);
    let (mut cut, mut sessions, mut whole) = (0, 0, 0);
    for bytes in (first..).step_by(step) {
        let chaos = Chaos::to(server.addr(), bytes).await;
        chaos.breaks_after(bytes..bytes + 1);
        let attempts = Log::default();
        let told = attempts.clone();
        let options = testkit::options(chaos.url("/ws"), KINDS).token_from(move || {
            told.push(());
            async { Some(Vec::new()) }
        });
        let client = tokio::select! {
            client = connect_with(options) => client.expect("everyone is welcome"),
            // It broke before the welcome: `connecting.rs` tells of those.
            _ = attempts.count(2) => continue,
        };
        chaos.is_fine();
        let hurrying = tokio::spawn(hurry(client.clone(), || {}));
        let mut ticks = soon("the join", client.subscribe(Ticker {}))
            .await
            .expect("let in");
        converse(&client, MESSAGES).await;
        wire.publish(&Ticker {}, &bytes).expect("it is published");
        let tick = soon("the publication", ticks.next()).await;
        let Some(Ok(Update::Item(tick))) = tick else {
            panic!("a publication comes next");
        };
        assert_eq!(tick.item, bytes);
        drop(ticks);
        client.close().await;
        hurrying.abort();
        cut += chaos.cuts();
        sessions += 1;
        // How many bytes a session has depends on what travels together.
        whole += u32::from(chaos.cuts() == 0);
        if whole == 2 {
            break;
        }
    }
    let numbers = app.ups.events().into_iter().map(|(_, number)| number);
    let expected = (0..sessions).flat_map(|_| 0..MESSAGES);
    assert!(numbers.eq(expected), "each once and in order");
    cut
}
