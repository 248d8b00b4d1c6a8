//! Connections that break, and what becomes of the session.

use std::cell::Cell;
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::pin_mut;
use twinwire_client::{Client, ClientState, Start, Update};

use crate::{Add, Echo, KINDS, Platform, Room, options, told};

/// How often the connection breaks at least.
const CUTS: u32 = 200;

/// A client whose connections break every few messages.
async fn breaking(platform: &impl Platform) -> Client {
    let options =
        options(platform.breaking_url().await, KINDS).on_session_replaced(|_, why| async move {
            panic!("the session is lost: {why:?}");
        });
    // The first connections may break before the welcome.
    platform.connect(options).await.expect("a welcome")
}

/// Comes back at once whenever the connection is lost, and tells so.
pub async fn hurry(client: Client, mut lost: impl FnMut()) {
    let mut states = client.states();
    while let Some(state) = states.next().await {
        if let ClientState::Resuming { wait, .. } = state
            && !wait.is_zero()
        {
            lost();
            client.reconnect_now();
        }
    }
}

/// Waits until the client stands where it is wanted, or is over.
pub async fn until(client: &Client, reached: impl Fn(&ClientState) -> bool) {
    let mut states = client.states();
    while let Some(state) = states.next().await {
        if reached(&state) {
            return;
        }
    }
}

/// In both directions: events and their echoes, calls and their answers, what is published and heard.
pub async fn two_hundred_cuts_lose_nothing_double_nothing_and_keep_the_order(
    platform: &impl Platform,
) {
    let client = breaking(platform).await;
    let cuts = Cell::new(0);
    let hurrying = hurry(client.clone(), || cuts.set(cuts.get() + 1));
    let talk = talk(&client, &cuts);
    pin_mut!(hurrying, talk);
    match select(hurrying, talk).await {
        Either::Left(_) => panic!("the client is over: {:?}", client.state()),
        Either::Right((messages, _)) => {
            assert!(messages > u64::from(CUTS), "{messages} tell too little");
            platform.tell(&format!(
                "{} cuts, {messages} messages: 0 lost, 0 doubled, 0 reordered",
                cuts.get()
            ));
        }
    }
}

async fn talk(client: &Client, cuts: &Cell<u32>) -> u64 {
    let name = format!("{:?}", client.state());
    let room = || Room { name: name.clone() };
    let mut echoes = client.events::<Echo>().expect("it is declared");
    let mut lines = client
        .subscribe_from(room(), Start::Now)
        .await
        .expect("let in");
    let mut number = 0;
    while cuts.get() < CUTS {
        let first = number;
        let (mut receipts, mut places) = (Vec::new(), Vec::new());
        for number in first..first + 10 {
            let text = number.to_string();
            receipts.push(client.send(Echo { text }).await.expect("it is sent"));
            let published = client.publish(&room(), number.to_string()).await;
            places.push(published.expect("it is sent"));
        }
        let sum = client
            .call(Add {
                left: first,
                right: 1,
            })
            .await;
        assert_eq!(told(sum), (first + 1).to_string());
        for number in first..first + 10 {
            let echo = echoes.next().await.expect("an echo").expect("readable");
            assert_eq!(echo.text, number.to_string(), "lost, doubled or moved");
            match lines.next().await {
                Some(Ok(Update::Item(line))) => assert_eq!(line.item, number.to_string()),
                other => panic!("{other:?}"),
            }
        }
        for receipt in receipts {
            receipt.await.expect("it has arrived");
        }
        for place in places {
            place.await.expect("the server has it");
        }
        number += 10;
    }
    3 * number
}

/// What is asked for meanwhile waits.
pub async fn a_pause_loses_nothing(platform: &impl Platform) {
    let options = options(platform.url(), KINDS);
    let client = platform.connect(options).await.expect("a welcome");
    let mut states = client.states();
    client.pause();
    while !matches!(states.next().await, Some(ClientState::Paused)) {}
    let text = "meanwhile".to_owned();
    let receipt = client.send(Echo { text }).await.expect("it waits");
    client.reconnect_now();
    receipt.await.expect("it has arrived");
    while !matches!(states.next().await, Some(ClientState::Open { .. })) {}
    assert!(
        client
            .ping()
            .await
            .is_some_and(|time| time < Duration::from_secs(30))
    );
}
