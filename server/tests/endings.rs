//! Clients that end whatever else happens: nothing of one that nobody wants is left.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use testkit::{Chaos, Doors, Server, soon, until};
use twinwire::{Call, End, Kinds, Retry, kinds};
use twinwire_client_native::{Client, ClientState, ReconnectCause, connect_with};
use twinwire_server::{HandlerContext, Twinwire};

#[derive(Serialize, Deserialize, Call)]
#[call(reply = ())]
struct Nod {}

const KINDS: Kinds = kinds![Nod];

fn serve() -> (Twinwire<(), ()>, Server) {
    let builder = testkit::builder(()).call(|_: HandlerContext, _: Nod| async move { Ok(()) });
    let (server, wire) = testkit::serve(builder);
    (wire, server)
}

/// A client, and what its driver holds for as long as it lives.
async fn client(url: String) -> (Client, Arc<()>) {
    let alive = Arc::new(());
    let held = Arc::clone(&alive);
    let options = testkit::options(url, KINDS).token_from(move || {
        let _ = &held;
        async { Some(Vec::new()) }
    });
    let client = soon("the welcome", connect_with(options)).await;
    (client.expect("everyone is welcome"), alive)
}

async fn ends(alive: Arc<()>) {
    let ended = async {
        while Arc::strong_count(&alive) > 1 {
            tokio::task::yield_now().await;
        }
    };
    soon("the driver's end", ended).await;
}

#[tokio::test]
async fn a_close_that_crosses_the_servers_goodbye_is_one() {
    for round in 0..40 {
        let (wire, server) = serve();
        let (client, alive) = client(server.url("/ws")).await;
        let close = async {
            // At another moment of the goodbye each time.
            for _ in 0..round {
                tokio::task::yield_now().await;
            }
            client.close().await;
        };
        soon("both ends", async { tokio::join!(wire.shut_down(), close) }).await;
        assert!(matches!(client.state(), ClientState::Closed(_)), "{round}");
        ends(alive).await;
    }
}

#[tokio::test]
async fn who_is_dropped_while_its_server_is_away_ends() {
    let (wire, server) = serve();
    let chaos = Chaos::to(server.addr(), 1).await;
    let (client, alive) = client(chaos.url("/ws")).await;
    chaos.doors(Doors::Closed);
    // The next session begins once there is a server again: what is asked for meanwhile is held back.
    soon("the goodbye", wire.shut_down()).await;
    let away = until(&client, |state| {
        matches!(state, ClientState::Resuming { .. })
    });
    soon("the loss", away).await;
    drop(client);
    ends(alive).await;
}

#[tokio::test]
async fn who_is_dropped_while_it_is_paused_ends() {
    let (_wire, server) = serve();
    let (client, alive) = client(server.url("/ws")).await;
    client.pause();
    let paused = until(&client, |state| *state == ClientState::Paused);
    soon("the pause", paused).await;
    drop(client);
    ends(alive).await;
}

#[tokio::test]
async fn what_is_over_is_not_paused() {
    let (_wire, server) = serve();
    let (client, alive) = client(server.url("/ws")).await;
    client.close().await;
    client.pause();
    ends(alive).await;
    assert!(matches!(client.state(), ClientState::Closed(_)));
}

#[tokio::test]
async fn a_hurry_that_comes_before_the_loss_is_forgotten() {
    let (wire, server) = serve();
    let chaos = Chaos::to(server.addr(), 1).await;
    let (client, alive) = client(chaos.url("/ws")).await;
    for _ in 0..10 {
        client.reconnect_now();
    }
    client.call(Nod {}).await.expect("an answer");
    chaos.doors(Doors::Closed);
    soon("the goodbye", wire.shut_down()).await;
    // The first thing that is told is how long it waits: it doesn't try at once.
    let mut states = client.states();
    let waits = async {
        loop {
            match states.next().await {
                Some(ClientState::Resuming { wait, .. }) => return wait,
                Some(_) => {}
                None => panic!("it comes back"),
            }
        }
    };
    assert!(!soon("the loss", waits).await.is_zero());
    drop((client, states));
    ends(alive).await;
}

#[tokio::test]
async fn those_who_are_sent_away_are_asked_to_come_back_one_after_the_other() {
    const CLIENTS: usize = 20;
    let (wire, server) = serve();
    let chaos = Chaos::to(server.addr(), 1).await;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(client(chaos.url("/ws")).await);
    }
    chaos.doors(Doors::Closed);
    let pauses = clients.iter().map(|(client, _)| {
        let mut states = client.states();
        tokio::spawn(async move {
            loop {
                if let Some(ClientState::Resuming { cause, wait, .. }) = states.next().await
                    && let ReconnectCause::Ended(End::Goodbye(goodbye)) = cause
                    && let Retry::After(pause) = goodbye.retry
                {
                    assert!(wait >= pause, "{wait:?} after {pause:?}");
                    return pause;
                }
            }
        })
    });
    let told: Vec<_> = pauses.collect();
    soon("the goodbyes", wire.shut_down()).await;
    let mut pauses = Vec::new();
    for told in told {
        pauses.push(soon("the pause", told).await.expect("no panic"));
    }
    pauses.sort_unstable();
    // Ten milliseconds for each, and nobody together with another.
    assert!(
        pauses.iter().all(|pause| pause.as_millis() < 200),
        "{pauses:?}"
    );
    pauses.dedup();
    assert_eq!(pauses.len(), CLIENTS);
}
