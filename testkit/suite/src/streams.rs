use twinwire_client::CallError;

use crate::{Count, Platform, Stopped, client, told};

/// In order.
pub async fn a_stream_gives_its_items_and_its_end_or_its_error(platform: &impl Platform) {
    let client = client(platform).await;
    let count = Count {
        to: 3_000,
        fail: false,
    };
    let mut items = client.stream(count).await.expect("it is asked for");
    for number in 0..3_000 {
        let item = items.next().await.expect("an item").expect("an item");
        assert_eq!(item, number);
    }
    assert!(items.next().await.is_none());

    let count = Count { to: 1, fail: true };
    let mut items = client.stream(count).await.expect("it is asked for");
    assert!(matches!(items.next().await, Some(Ok(0))));
    match items.next().await {
        Some(Err(CallError::App(error))) => assert_eq!(error, "out of numbers"),
        other => panic!("{other:?}"),
    }
    assert!(items.next().await.is_none());
}

/// Its handler is dropped.
pub async fn dropping_a_stream_stops_it(platform: &impl Platform) {
    let client = client(platform).await;
    let count = Count {
        to: u32::MAX,
        fail: false,
    };
    let mut items = client.stream(count).await.expect("it is asked for");
    assert!(matches!(items.next().await, Some(Ok(0))));
    drop(items);
    assert_eq!(told(client.call(Stopped {}).await), "()");
}
