//! Pings of the server's, over connections that break.

use testkit::{Chaos, Doors, hurry, soon, until};
use twinwire::{Kinds, kinds};
use twinwire_client_native::{ClientState, connect_with};

const KINDS: Kinds = kinds![];

#[tokio::test]
async fn a_ping_that_is_open_at_a_cut_is_answered_over_the_next_connection() {
    let (server, wire) = testkit::serve(testkit::builder(()));
    let chaos = Chaos::to(server.addr(), 1).await;
    let connecting = connect_with(testkit::options(chaos.url("/ws"), KINDS));
    let client = soon("the welcome", connecting).await;
    let client = client.expect("everyone is welcome");
    let peer = wire.peers().pop().expect("it is connected");
    chaos.stall(true);
    let ping = tokio::spawn(async move { peer.ping().await });
    chaos.doors(Doors::Closed);
    chaos.cut();
    chaos.stall(false);
    let away = until(&client, |state| {
        matches!(state, ClientState::Resuming { .. })
    });
    soon("the loss", away).await;
    assert!(!ping.is_finished(), "nobody has answered");
    chaos.doors(Doors::Open);
    let hurrying = tokio::spawn(hurry(client.clone(), || {}));
    let answered = soon("a pong", ping).await.expect("no panic");
    assert!(answered.is_some());
    hurrying.abort();
}
