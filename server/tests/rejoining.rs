//! Topics that are to be joined again in the place of a lost session.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use testkit::{Chaos, Server, soon};
use twinwire::{Kinds, Limits, Refusal, Topic, kinds};
use twinwire_client_native::{Client, Start, Subscription, Update, Verdict, connect_with};
use twinwire_server::{Access, HandlerContext, Twinwire};

#[derive(Serialize, Deserialize, Topic)]
#[topic(item = u32)]
struct Ticker {}

const KINDS: Kinds = kinds![Ticker];

/// The application's answers to joins, one after the other; the last stands for all that follow.
#[derive(Clone)]
struct Judge(Arc<(AtomicU32, Vec<Answer>)>);

#[derive(Clone, Copy)]
enum Answer {
    Yes,
    No,
    Panic,
    Never,
}

impl Judge {
    fn new(answers: &[Answer]) -> Self {
        Self(Arc::new((AtomicU32::new(0), answers.to_vec())))
    }

    fn next(&self) -> Answer {
        let (asked, answers) = &*self.0;
        let asked = asked.fetch_add(1, Ordering::Relaxed) as usize;
        answers
            .get(asked)
            .or(answers.last())
            .copied()
            .unwrap_or(Answer::Yes)
    }

    fn asked(&self) -> u32 {
        self.0.0.load(Ordering::Relaxed)
    }
}

/// A server that keeps no session without a connection.
fn serve(judge: &Judge, limits: Limits) -> (Twinwire<Judge, ()>, Server) {
    let builder = testkit::builder(judge.clone())
        .topic(|cx: HandlerContext<Judge>, _: Ticker| async move {
            match cx.state().next() {
                Answer::Yes => Access::subscribe(),
                Answer::No => Access::none(),
                Answer::Panic => panic!("it is wanted"),
                Answer::Never => std::future::pending().await,
            }
        })
        .limits(limits.resume(Duration::ZERO));
    let (server, wire) = testkit::serve_on(1, builder);
    (wire, server)
}

async fn client(chaos: &Chaos) -> Client {
    let client = soon(
        "the welcome",
        connect_with(testkit::options(chaos.url("/ws"), KINDS)),
    )
    .await;
    client.expect("everyone is welcome")
}

async fn hear(ticks: &mut Subscription<Ticker>) -> Option<Update<u32>> {
    let update = soon("an update", ticks.next()).await;
    update.map(|update| update.expect("it can be read"))
}

#[tokio::test]
async fn whom_the_server_does_not_let_in_again_is_told() {
    let judge = Judge::new(&[Answer::Yes, Answer::No]);
    let (_wire, server) = serve(&judge, testkit::patient());
    let chaos = Chaos::to(server.addr(), 1).await;
    let client = client(&chaos).await;
    let mut ticks = client.subscribe(Ticker {}).await.expect("let in");
    chaos.cut();
    client.reconnect_now();
    match hear(&mut ticks).await {
        Some(Update::Refused(why)) => assert_eq!(why, Refusal::Denied),
        other => panic!("{other:?}"),
    }
    assert_eq!(hear(&mut ticks).await, None, "nothing follows");
    assert_eq!(judge.asked(), 2, "what was denied isn't asked for again");
}

#[tokio::test]
async fn what_may_be_had_later_is_asked_for_again() {
    for fails in [Answer::Panic, Answer::Never] {
        let judge = Judge::new(&[Answer::Yes, fails, Answer::Yes]);
        let limits = testkit::patient().call_deadline(Duration::from_millis(300));
        let (wire, server) = serve(&judge, limits);
        let chaos = Chaos::to(server.addr(), 1).await;
        let client = client(&chaos).await;
        let mut ticks = client.subscribe(Ticker {}).await.expect("let in");
        chaos.cut();
        client.reconnect_now();
        wire.publish(&Ticker {}, &7).expect("published");
        match hear(&mut ticks).await {
            Some(Update::Item(tick)) => assert_eq!(tick.item, 7),
            other => panic!("{other:?}"),
        }
        assert_eq!(judge.asked(), 3);
    }
}

#[tokio::test]
async fn two_parts_of_a_page_get_the_same_past_or_learn_why_not() {
    let (wire, server) = serve(&Judge::new(&[Answer::Yes]), testkit::patient());
    for number in 0..20 {
        wire.publish(&Ticker {}, &number).expect("published");
    }
    let chaos = Chaos::to(server.addr(), 1).await;
    let client = client(&chaos).await;
    let last = || client.subscribe_from(Ticker {}, Start::Last(20));
    let other = client.subscribe_from(Ticker {}, Start::Last(5));
    let (first, second, other) = tokio::join!(last(), last(), other);
    let mut both = [first, second].map(|ticks| ticks.expect("let in"));
    for ticks in &mut both {
        assert_eq!(ticks.verdict(), Verdict::Begun);
        for number in 0..20 {
            match hear(ticks).await {
                Some(Update::Item(tick)) => assert_eq!(tick.item, number),
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(other.expect("let in").verdict(), Verdict::Shared);
    let late = last().await.expect("let in");
    assert_eq!(late.verdict(), Verdict::Shared);
    let mut now = client.subscribe(Ticker {}).await.expect("let in");
    assert_eq!(now.verdict(), Verdict::Begun, "it has what it asked for");
    wire.publish(&Ticker {}, &20).expect("published");
    match hear(&mut now).await {
        Some(Update::Item(tick)) => assert_eq!(tick.item, 20),
        other => panic!("{other:?}"),
    }
}
