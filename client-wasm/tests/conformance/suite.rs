//! What any client must do, and where the two may differ.

use twinwire_client_wasm::Message;

use crate::client::{Client, End};
use crate::peer::url;

/// Makes a test of each behaviour for one client.
#[macro_export]
macro_rules! suite {
    ($client:ty) => {
        $crate::suite!($client:
            text_comes_back,
            binary_comes_back,
            empty_messages_come_back,
            large_messages_come_back,
            kinds_stay_apart,
            thousand_messages_come_back_in_order,
            pushed_messages_come_in_order,
            server_s_close_code_is_seen,
            close_frame_without_a_code_is_1005,
            lost_connection_is_1006_after_the_last_message,
            refused_handshake_is_1006,
            sending_after_close,
            messages_nobody_takes,
            sending_more_than_the_network_takes,
        );
    };
    ($client:ty: $($behaviour:ident,)*) => {
        $(
            #[wasm_bindgen_test::wasm_bindgen_test]
            async fn $behaviour() {
                $crate::suite::$behaviour::<$client>().await;
            }
        )*
    };
}

async fn open<C: Client>(path: &str) -> C {
    C::open(&url(path))
        .await
        .expect("the peer takes connections")
}

/// A connection that was open, whose peer then sent "last" and ended TCP without a close frame.
///
/// The peer is told when to: Firefox may see the end of TCP before it tells of the opening, and then
/// tells of a connection that failed.
async fn aborted<C: Client>() -> C {
    let mut client: C = open("/abort?after=1").await;
    assert!(client.send("now".into()).await);
    assert_eq!(client.next().await, Ok("last".into()));
    client
}

async fn check_echo<C: Client>(message: Message) {
    let mut client: C = open("/echo").await;
    assert!(client.send(message.clone()).await);
    // Not `assert_eq`: nobody wants to read a mebibyte.
    assert!(client.next().await == Ok(message));
}

pub(crate) async fn text_comes_back<C: Client>() {
    check_echo::<C>("hello, 服务端 🦀".into()).await;
}

pub(crate) async fn binary_comes_back<C: Client>() {
    check_echo::<C>((0..=255).collect::<Vec<u8>>().into()).await;
}

pub(crate) async fn empty_messages_come_back<C: Client>() {
    check_echo::<C>("".into()).await;
    check_echo::<C>(Vec::new().into()).await;
}

pub(crate) async fn large_messages_come_back<C: Client>() {
    check_echo::<C>("端x🦀".repeat(128 * 1024).into()).await;
    let bytes: Vec<u8> = (0..1024 * 1024_u32).map(|n| (n % 251) as u8).collect();
    check_echo::<C>(bytes.into()).await;
}

pub(crate) async fn kinds_stay_apart<C: Client>() {
    let mut client: C = open("/echo").await;
    for _ in 0..10 {
        let both = [Message::from("same"), Message::from(b"same".as_slice())];
        for message in both {
            assert!(client.send(message.clone()).await);
            assert_eq!(client.next().await, Ok(message));
        }
    }
}

pub(crate) async fn thousand_messages_come_back_in_order<C: Client>() {
    let mut client: C = open("/echo").await;
    let message = |number: u32| match number % 2 {
        0 => Message::Text(number.to_string()),
        _ => Message::Binary(number.to_le_bytes().to_vec()),
    };
    for number in 0..1000 {
        assert!(client.send(message(number)).await);
    }
    for number in 0..1000 {
        assert_eq!(client.next().await, Ok(message(number)));
    }
}

pub(crate) async fn pushed_messages_come_in_order<C: Client>() {
    for kind in ["text", "binary"] {
        let path = format!("/push?count=1000&size=8&kind={kind}&close=1000");
        let mut client: C = open(&path).await;
        for number in 0..1000 {
            let expect = format!("{number:08x}");
            let expect = match kind {
                "text" => Message::Text(expect),
                _ => Message::Binary(expect.into_bytes()),
            };
            assert_eq!(client.next().await, Ok(expect));
        }
        assert_eq!(client.next().await, Err(End::Closed(1000)));
    }
}

pub(crate) async fn server_s_close_code_is_seen<C: Client>() {
    for code in [1000, 1001, 3000, 4001] {
        let mut client: C = open(&format!("/close?code={code}&reason=bye")).await;
        assert_eq!(client.next().await, Err(End::Closed(code)));
    }
}

pub(crate) async fn close_frame_without_a_code_is_1005<C: Client>() {
    let mut client: C = open("/close?code=0").await;
    assert_eq!(client.next().await, Err(End::Closed(1005)));
}

pub(crate) async fn lost_connection_is_1006_after_the_last_message<C: Client>() {
    let mut client: C = aborted().await;
    assert_eq!(client.next().await, Err(End::Closed(1006)));
}

pub(crate) async fn refused_handshake_is_1006<C: Client>() {
    let opened = C::open(&url("/refuse")).await;
    assert_eq!(opened.is_err(), C::OPENING_IS_AWAITED);
    match opened {
        Err(code) => assert_eq!(code, 1006),
        Ok(mut client) => assert_eq!(client.next().await, Err(End::Closed(1006))),
    }
}

pub(crate) async fn sending_after_close<C: Client>() {
    for mut client in [open("/close?code=4001").await, aborted::<C>().await] {
        while client.next().await.is_ok() {}
        for message in [Message::from("late"), Message::from(vec![1])] {
            let claimed = client.send(message).await;
            assert_eq!(claimed, !C::SENDING_AFTER_CLOSE_FAILS);
        }
    }
}

pub(crate) async fn messages_nobody_takes<C: Client>() {
    const PUSHED: usize = 5000;
    let key = js_sys::Math::random();
    let path = format!("/push?count={PUSHED}&size=8&close=4001&key={key}");
    let mut client: C = open(&path).await;
    // Taken only once the connection has ended, so that all the messages have come by then.
    let mut live: C = open(&format!("/live?key={key}&at_most=0")).await;
    assert_eq!(live.next().await, Ok("0".into()));
    let mut taken = 0;
    let end = loop {
        match client.next().await {
            Ok(_) => taken += 1,
            Err(end) => break end,
        }
    };
    let expect = match C::RECEIVING_IS_BOUNDED {
        true => (1024, End::Overflow),
        false => (PUSHED, End::Closed(4001)),
    };
    assert_eq!((taken, end), expect);
}

pub(crate) async fn sending_more_than_the_network_takes<C: Client>() {
    const PIECE: usize = 256 * 1024;
    let mut client: C = open("/sink").await;
    let mut most = 0;
    // The first message is the first to be sent on an open connection.
    assert!(client.send("first".into()).await);
    for _ in 0..96 {
        assert!(client.send(Message::Text("x".repeat(PIECE))).await);
        most = most.max(client.buffered_amount());
    }
    assert_eq!(
        most <= 16 * 1024 * 1024 + PIECE,
        C::SENDING_IS_BOUNDED,
        "{most}"
    );
}
