//! What passes between a plain endpoint and its clients.

use std::thread;

use futures_util::{SinkExt, StreamExt};
use testkit::raw::Client;
use testkit::{Log, Server, soon};
use tokio_websockets::{ClientBuilder, MaybeTlsStream, Message, WebSocketStream};
use twinwire_server::plain::{ConnectionId, Opcode, Plain, PlainBuilder, PlainLimits, PushError};

type Socket = WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>;

/// The opcode, fin and data of a frame.
type Seen = (Opcode, bool, Vec<u8>);

fn serve(plain: &Plain) -> Server {
    let plain = plain.clone();
    Server::with_workers(2, move |config| {
        config.configure(plain.at("/"));
    })
}

/// An endpoint that records the frames it gets.
fn recorder() -> (PlainBuilder, Log<Seen>) {
    let log = Log::default();
    let seen = log.clone();
    let plain = Plain::builder()
        .limits(testkit::patient_plain())
        .on_frame(move |_, frame| {
            seen.push((frame.opcode, frame.fin, frame.data.to_vec()));
        });
    (plain, log)
}

async fn connect(server: &Server) -> Socket {
    let uri = server.url("/");
    let builder = ClientBuilder::new().uri(&uri).expect("a valid uri");
    soon("the handshake", builder.connect())
        .await
        .expect("a connection")
        .0
}

async fn receive(socket: &mut Socket) -> Message {
    soon("a message", socket.next())
        .await
        .expect("a message")
        .expect("no fault")
}

#[tokio::test]
async fn text_and_binary_come_and_go_as_they_are() {
    let plain = Plain::builder()
        .limits(testkit::patient_plain())
        .on_message(|connection, message| {
            let sent = match message.text() {
                Some(text) => connection.push(format!("text {text}")),
                None => connection.push(message),
            };
            sent.unwrap();
        })
        .build();
    let server = serve(&plain);
    let mut socket = connect(&server).await;
    socket
        .send(Message::text("client:hello,服务端"))
        .await
        .unwrap();
    assert_eq!(
        receive(&mut socket).await.as_text(),
        Some("text client:hello,服务端")
    );
    let bytes: Vec<u8> = (0..200_000_u32).map(|index| index as u8).collect();
    socket.send(Message::binary(bytes.clone())).await.unwrap();
    let back = receive(&mut socket).await;
    assert!(back.is_binary() && back.as_payload()[..] == bytes[..]);
}

/// The bytes of several messages go to the socket together, cut wherever a slice ends.
#[tokio::test]
async fn many_messages_pushed_at_once_come_whole_and_in_order() {
    let plain = Plain::builder()
        .limits(testkit::patient_plain())
        .on_message(|connection, _| {
            for number in 0..60 {
                connection.push(vec![number; 3_000]).unwrap();
            }
        })
        .build();
    let server = serve(&plain);
    let mut socket = connect(&server).await;
    socket.send(Message::text("all of it")).await.unwrap();
    for number in 0..60 {
        let message = receive(&mut socket).await;
        assert!(message.as_payload()[..] == [number; 3_000], "{number}");
    }
}

#[tokio::test]
async fn a_text_in_fragments_comes_as_one_message() {
    let log = Log::default();
    let seen = log.clone();
    let plain = Plain::builder()
        .limits(testkit::patient_plain())
        .on_message(move |connection, message| {
            seen.push(message.text().map(str::to_owned));
            connection.push("got it").unwrap();
        })
        .build();
    let server = serve(&plain);
    let mut client = Client::open(server.addr(), "/").await.unwrap();
    // As Chromium cuts it, with control frames between the fragments and characters cut in two.
    let text = "端".repeat(100_000);
    let fragments: Vec<&[u8]> = text.as_bytes().chunks(131_000).collect();
    for (index, fragment) in fragments.iter().enumerate() {
        let first = match index {
            0 => 0x01,
            index if index + 1 == fragments.len() => 0x80,
            _ => 0x00,
        };
        client.send_frame(first, fragment).await.unwrap();
        client.send_frame(0x89, b"between").await.unwrap();
        client.send_frame(0x8a, b"unasked").await.unwrap();
    }
    client.send_frame(0x01, b"").await.unwrap();
    client.send_frame(0x80, b"").await.unwrap();
    let mut answers = 0;
    while answers < 2 {
        let frame = soon("an answer", client.next_frame()).await.unwrap();
        answers += usize::from(frame.unwrap().first == 0x81);
    }
    assert_eq!(log.events(), [Some(text), Some(String::new())]);
}

#[tokio::test]
async fn ten_pings_in_a_row_get_ten_pongs() {
    let server = serve(&Plain::builder().limits(testkit::patient_plain()).build());
    let mut client = Client::open(server.addr(), "/").await.unwrap();
    let payload = |index| format!("ping {index}");
    let pings: Vec<u8> = (0..10)
        .flat_map(|index| testkit::raw::frame(0x89, payload(index).as_bytes()))
        .collect();
    client.send(&pings).await.unwrap();
    for index in 0..10 {
        let pong = soon("a pong", client.next_frame()).await.unwrap().unwrap();
        assert_eq!(
            (pong.first, &pong.payload[..]),
            (0x8a, payload(index).as_bytes())
        );
    }
}

#[tokio::test]
async fn fragments_are_given_one_by_one_with_their_fin_flags() {
    let (plain, log) = recorder();
    let server = serve(&plain.build());
    let mut client = Client::open(server.addr(), "/").await.unwrap();
    let character = "务".as_bytes();
    client.send_frame(0x01, &character[..1]).await.unwrap();
    client.send_frame(0x89, b"between").await.unwrap();
    client.send_frame(0x00, &character[1..2]).await.unwrap();
    client.send_frame(0x80, &character[2..]).await.unwrap();
    client.send_frame(0x02, b"").await.unwrap();
    client.send_frame(0x80, b"end").await.unwrap();
    client.send_frame(0x82, b"whole").await.unwrap();
    let pong = soon("a pong", client.next_frame()).await.unwrap().unwrap();
    assert_eq!((pong.first, &pong.payload[..]), (0x8a, &b"between"[..]));
    let expected = [
        (Opcode::Text, false, &character[..1]),
        (Opcode::Continuation, false, &character[1..2]),
        (Opcode::Continuation, true, &character[2..]),
        (Opcode::Binary, false, b""),
        (Opcode::Continuation, true, b"end"),
        (Opcode::Binary, true, b"whole"),
    ];
    let expected: Vec<Seen> = expected
        .map(|(opcode, fin, data)| (opcode, fin, data.to_vec()))
        .into();
    assert_eq!(log.count(6).await, expected);
}

#[tokio::test]
async fn with_both_handlers_each_frame_comes_before_its_message_unless_it_closed() {
    let log = Log::default();
    let (frames, messages) = (log.clone(), log.clone());
    let plain = Plain::builder()
        .limits(testkit::patient_plain())
        .on_frame(move |connection, frame| {
            if &frame.data[..] == b"panic" {
                panic!("asked for");
            }
            if &frame.data[..] == b"close" {
                connection.disconnect(4000, "").unwrap();
            }
            frames.push(("frame", frame.data.len()));
        })
        .on_message(move |_, message| messages.push(("message", message.as_bytes().len())))
        .build();
    let server = serve(&plain);
    for last in [b"close", b"panic"] {
        let before = log.events().len();
        let mut client = Client::open(server.addr(), "/").await.unwrap();
        client.send_frame(0x02, b"1").await.unwrap();
        client.send_frame(0x80, b"22").await.unwrap();
        client.send_frame(0x82, last).await.unwrap();
        client.send_frame(0x82, b"4444").await.unwrap();
        let close = soon("a close frame", client.next_frame()).await.unwrap();
        client
            .send_frame(0x88, &close.unwrap().payload)
            .await
            .unwrap();
        soon("the end of TCP", client.drain()).await;
        let mut expected = vec![("frame", 1), ("frame", 2), ("message", 3)];
        expected.extend((last == b"close").then_some(("frame", 5)));
        assert_eq!(log.events()[before..], expected);
    }
}

#[tokio::test]
async fn many_frames_in_one_segment_keep_their_order() {
    let (plain, log) = recorder();
    let server = serve(&plain.build());
    let mut client = Client::open(server.addr(), "/").await.unwrap();
    let bytes: Vec<u8> = (0..5000_u32)
        .flat_map(|index| testkit::raw::frame(0x82, &index.to_be_bytes()))
        .collect();
    client.send(&bytes).await.unwrap();
    for (index, (_, _, data)) in log.count(5000).await.into_iter().enumerate() {
        assert_eq!(data, (index as u32).to_be_bytes());
    }
}

#[tokio::test]
async fn any_thread_pushes_to_any_connection() {
    let opened = Log::default();
    let ids = opened.clone();
    let plain = Plain::builder()
        .limits(testkit::patient_plain())
        .on_open(move |connection, _| {
            connection.push("welcome").unwrap();
            ids.push(connection.id());
        })
        .build();
    let server = serve(&plain);
    let mut sockets = [
        connect(&server).await,
        connect(&server).await,
        connect(&server).await,
    ];
    let ids = opened.count(3).await;
    let pusher = plain.clone();
    let targets = ids.clone();
    thread::spawn(move || {
        for index in 0..100 {
            for id in &targets {
                assert!(pusher.is_established(*id));
                pusher.push(*id, format!("push {index}")).unwrap();
            }
        }
    })
    .join()
    .unwrap();
    for socket in &mut sockets {
        assert_eq!(receive(socket).await.as_text(), Some("welcome"));
        for index in 0..100 {
            assert_eq!(
                receive(socket).await.as_text(),
                Some(&*format!("push {index}"))
            );
        }
    }
    let nobody = ConnectionId::new(u64::MAX);
    assert_eq!(plain.push(nobody, "x"), Err(PushError::Gone(nobody)));
    assert!(!plain.is_established(nobody));
}

#[tokio::test]
async fn a_slow_reader_receives_everything_in_order() {
    let opened = Log::default();
    let ids = opened.clone();
    let plain = Plain::builder()
        .limits(PlainLimits {
            queue: 100_000,
            ..testkit::patient_plain()
        })
        .on_open(move |connection, _| ids.push(connection.id()))
        .build();
    let server = serve(&plain);
    let mut client = Client::open(server.addr(), "/").await.unwrap();
    let id = opened.count(1).await[0];
    // From empty messages to some larger than the slices in which they are written.
    let size = |index: usize| {
        if index.is_multiple_of(50) {
            90_000
        } else {
            index % 500
        }
    };
    let pusher = thread::spawn(move || {
        let mut refused = 0;
        for index in 0..2000 {
            while plain.push(id, vec![index as u8; size(index)]) == Err(PushError::Full(id)) {
                refused += 1;
                thread::yield_now();
            }
        }
        refused
    });
    for index in 0..2000 {
        let frame = soon("a frame", client.next_frame()).await.unwrap().unwrap();
        assert!(
            frame.payload == vec![index as u8; size(index)],
            "message {index}"
        );
    }
    assert!(pusher.join().unwrap() > 0, "the queue was never full");
}

#[tokio::test]
async fn what_came_before_a_fault_is_given_and_nothing_after() {
    let (plain, log) = recorder();
    let server = serve(&plain.build());
    let mut client = Client::open(server.addr(), "/").await.unwrap();
    let mut bytes = testkit::raw::frame(0x81, b"good");
    bytes.extend(testkit::raw::frame(0x81, b"\xff"));
    bytes.extend(testkit::raw::frame(0x81, b"never"));
    client.send(&bytes).await.unwrap();
    let close = soon("a close frame", client.next_frame())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(close.close_code(), Some(1007));
    assert_eq!(log.events(), [(Opcode::Text, true, b"good".to_vec())]);
}
