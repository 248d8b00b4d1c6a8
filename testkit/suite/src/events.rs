use twinwire::{Format, Refusal};
use twinwire_client::EventError;

use crate::{Add, Echo, KINDS, Notice, Notify, Platform, client, options, told};

/// In postcard and in JSON.
pub async fn events_come_back_in_order_and_their_receipts_say_so(platform: &impl Platform) {
    for format in [Format::Postcard, Format::Json] {
        let options = options(platform.url(), KINDS).format(format);
        let client = platform.connect(options).await.expect("a welcome");
        let mut echoes = client.events::<Echo>().expect("it is declared");
        let mut receipts = Vec::new();
        for number in 0..200 {
            let text = number.to_string();
            receipts.push(client.send(Echo { text }).await.expect("it is sent"));
        }
        for number in 0..200 {
            let echo = echoes.next().await.expect("an echo").expect("readable");
            assert_eq!(echo.text, number.to_string());
        }
        for receipt in receipts {
            receipt.await.expect("it has arrived");
        }
    }
}

/// The first 64 of a kind.
pub async fn what_nobody_listens_to_is_kept_to_a_bound_and_then_counted(platform: &impl Platform) {
    let client = client(platform).await;
    client.call(Notify { notices: 100 }).await.expect("done");
    let mut inbox = client.inbox();
    for number in 0..64 {
        let event = inbox.next().await.expect("a notice");
        assert_eq!(event.name(), "Notice");
        assert!(event.read::<Echo>().is_none());
        let notice = event.read::<Notice>().expect("it is one");
        assert_eq!(notice.expect("readable"), Notice { number });
    }
    assert_eq!(client.dropped_events(), 36);
}

/// The server waits for it.
pub async fn a_listener_that_does_not_read_loses_nothing(platform: &impl Platform) {
    let client = client(platform).await;
    let mut notices = client.events::<Notice>().expect("it is declared");
    // More than window, queue and listener hold.
    let notify = client.call(Notify { notices: 10_000 });
    let read = async {
        for number in 0..10_000 {
            let notice = notices.next().await.expect("a notice").expect("readable");
            assert_eq!(notice, Notice { number });
        }
    };
    let (notified, ()) = futures_util::future::join(notify, read).await;
    assert_eq!(told(notified), "()");
    assert_eq!(client.dropped_events(), 0);
}

/// Since the welcome told.
pub async fn an_event_that_the_server_does_not_take_errs_at_once(platform: &impl Platform) {
    let client = client(platform).await;
    match client.send(Notice { number: 1 }).await {
        Err(EventError::Refused(refused)) => assert_eq!(refused.why, Refusal::UnknownKind),
        other => panic!("{other:?}"),
    }
    let text = "x".repeat(300_000);
    match client.send(Echo { text }).await {
        Err(EventError::Refused(refused)) => assert_eq!(refused.why, Refusal::TooLarge),
        other => panic!("{other:?}"),
    }
    assert_eq!(told(client.call(Add { left: 1, right: 1 }).await), "2");
}

/// And those between may not.
pub async fn of_events_with_one_key_the_newest_arrives(platform: &impl Platform) {
    let client = client(platform).await;
    let mut echoes = client.events::<Echo>().expect("it is declared");
    let text = "x".repeat(1000);
    for number in 0..2_000 {
        let text = format!("{number} {text}");
        let sent = client.send_latest("cursor", Echo { text }).await;
        sent.expect("it is sent");
    }
    let mut last = None;
    while last != Some(1_999) {
        let echo = echoes.next().await.expect("an echo").expect("readable");
        let number: u32 = echo
            .text
            .split(' ')
            .next()
            .expect("a number")
            .parse()
            .expect("a number");
        assert!(last < Some(number), "{number} after {last:?}");
        last = Some(number);
    }
}
