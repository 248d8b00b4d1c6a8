//! What all sessions hold together: when that is much, each keeps less.

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use http::header::SEC_WEBSOCKET_PROTOCOL;
use serde::{Deserialize, Serialize};
use testkit::{Chaos, Doors, Log, Server, soon};
use tokio_websockets::{ClientBuilder, Message};
use twinwire::frame::{self, Frame, Frames, Hello, KindTable, Part, PeerLimits, Ping};
use twinwire::limits::{MAX_MESSAGE, MIN_RETAINED, MIN_RETAINED_LOW_MEMORY};
use twinwire::{Call, Event, Goodbye, GoodbyeCode, Kinds, SeqNo, kinds};
use twinwire_client_native::{Client, ClientState, connect_with};
use twinwire_server::HandlerContext;

/// Answered with so many bytes when the gate is opened.
#[derive(Serialize, Deserialize, Call)]
#[call(reply = Vec<u8>)]
struct Fill {
    bytes: u32,
}

#[derive(Serialize, Deserialize, Event)]
struct Down {
    filler: Vec<u8>,
}

/// Have the server send more than it may keep.
#[derive(Serialize, Deserialize, Event)]
struct Start {}

const KINDS: Kinds = kinds![Fill, Down, Start];

#[derive(Clone, Default)]
struct App {
    waiting: Log<()>,
    ended: Log<()>,
    gate: Arc<tokio::sync::Notify>,
}

fn serve(app: &App, pool: usize) -> Server {
    let builder = testkit::builder(app.clone())
        .call(|cx: HandlerContext<App>, fill: Fill| async move {
            let gate = Arc::clone(&cx.state().gate);
            let opened = gate.notified();
            cx.state().waiting.push(());
            opened.await;
            Ok(vec![0; fill.bytes as usize])
        })
        .event(|cx: HandlerContext<App>, _: Start| async move {
            let peer = cx.peer().clone();
            cx.detach(async move {
                // Until the session is over.
                let filler = || vec![0; 8 * 1024];
                while peer.send(Down { filler: filler() }).await.is_ok() {}
            });
        })
        .on_close(|cx: HandlerContext<App>, _| async move { cx.state().ended.push(()) })
        .memory_budget(pool);
    let (server, _) = testkit::serve(builder);
    server
}

type Socket =
    tokio_websockets::WebSocketStream<tokio_websockets::MaybeTlsStream<tokio::net::TcpStream>>;

/// A client made of frames that reads all that comes and acknowledges nothing.
struct Mute {
    socket: Socket,
    /// Bytes of numbered frames that have come.
    received: usize,
    pings: u64,
}

impl Mute {
    async fn connect(server: &Server) -> Self {
        let url = server.url("/ws");
        let builder = ClientBuilder::new().uri(&url).expect("a URL");
        let value = "twinwire.0.postcard".parse().expect("a header's value");
        let builder = builder.add_header(SEC_WEBSOCKET_PROTOCOL, value);
        let connecting = builder.expect("an allowed header");
        let connected = soon("the handshake", connecting.connect()).await;
        let mut mute = Self {
            socket: connected.expect("an endpoint").0,
            received: 0,
            pings: 0,
        };
        let table = KindTable::new(KINDS.entries());
        let bounds = PeerLimits {
            window: 1 << 24,
            stream: 1 << 16,
            topic: 1 << 18,
            payload: 1 << 18,
        };
        mute.send(&Frame::Hello(Hello {
            bounds,
            token: Vec::new(),
            digest: table.digest(),
            resume: None,
        }))
        .await;
        let mut welcomed = false;
        while !welcomed {
            let mut asked = false;
            mute.read(|frame| {
                asked |= matches!(frame, Frame::NeedTable);
                welcomed |= matches!(frame, Frame::Welcome(_));
            })
            .await;
            if asked {
                mute.send(&Frame::Table(table.clone())).await;
            }
        }
        let start = frame::Event {
            number: SeqNo::FIRST,
            part: Part {
                continues: false,
                more: false,
            },
            kind: KINDS.table().index_of::<Start>().ok(),
            payload: &[],
        };
        mute.send(&Frame::Event(start)).await;
        mute
    }

    async fn send(&mut self, frame: &Frame<'_>) {
        let mut message = Vec::new();
        frame.encode(&mut message);
        let sent = self.socket.send(Message::binary(message)).await;
        sent.expect("the socket is open");
    }

    /// Reads one message.
    async fn read(&mut self, mut see: impl FnMut(&Frame<'_>)) {
        let message = soon("a message", self.socket.next()).await;
        let message = message.expect("a message").expect("the socket is open");
        for frame in Frames::new(message.as_payload()) {
            let frame = frame.expect("it can be read");
            if frame.number().is_some() {
                self.received += frame.encoded_len();
            }
            see(&frame);
        }
    }

    /// How much comes until it keeps no more, `least` if it may.
    async fn kept(&mut self, least: usize) -> usize {
        while self.received < least {
            self.read(|_| {}).await;
        }
        // Whatever might go does so before the answer to the second of two questions.
        for _ in 0..3 {
            self.pings += 1;
            let id = self.pings;
            self.send(&Frame::Ping(Ping { id })).await;
            let mut answered = false;
            while !answered {
                self.read(|frame| answered |= matches!(frame, Frame::Pong(pong) if pong.id == id))
                    .await;
            }
        }
        self.received
    }
}

impl Mute {
    /// Ends its session.
    async fn leave(mut self) {
        let done = Goodbye::new(GoodbyeCode::Done, "");
        self.send(&Frame::Goodbye(done)).await;
        let end = async { while let Some(Ok(_)) = self.socket.next().await {} };
        soon("the end", end).await;
    }
}

/// Until as much is kept, with the message that reaches it.
fn is_reached(kept: usize, most: usize) -> bool {
    (most..most + MAX_MESSAGE).contains(&kept)
}

/// A client without a connection for which answers of so many bytes wait.
async fn leave_behind(app: &App, chaos: &Chaos, answers: u32, bytes: u32) -> Client {
    let options = testkit::options(chaos.url("/ws"), KINDS);
    let client = soon("the welcome", connect_with(options))
        .await
        .expect("welcome");
    for _ in 0..answers {
        let client = client.clone();
        tokio::spawn(async move { client.call(Fill { bytes }).await });
    }
    app.waiting.count(answers as usize).await;
    chaos.doors(Doors::Closed);
    chaos.cut();
    let mut states = client.states();
    let gone =
        async { while !matches!(states.next().await, Some(ClientState::Resuming { .. })) {} };
    soon("the loss", gone).await;
    app.gate.notify_waiters();
    client
}

/// Connects one after the other until one is sent as much as is said.
async fn until_kept(server: &Server, most: usize) {
    let reached = async {
        loop {
            let mut mute = Mute::connect(server).await;
            let kept = mute.kept(MIN_RETAINED_LOW_MEMORY).await;
            mute.leave().await;
            if is_reached(kept, most) {
                return;
            }
        }
    };
    soon("the change", reached).await;
}

#[tokio::test]
async fn when_three_quarters_are_held_each_session_keeps_half_until_that_is_over() {
    let app = App::default();
    let server = serve(&app, 4 << 20);
    let mut whole = Mute::connect(&server).await;
    let kept = whole.kept(MIN_RETAINED).await;
    assert!(is_reached(kept, MIN_RETAINED), "{kept} bytes came");
    let chaos = Chaos::to(server.addr(), 1).await;
    let away = leave_behind(&app, &chaos, 14, 200 * 1024).await;
    until_kept(&server, MIN_RETAINED_LOW_MEMORY).await;
    // What was sent stays, and its session with it.
    assert_eq!(whole.kept(0).await, kept);
    chaos.doors(Doors::Open);
    away.reconnect_now();
    until_kept(&server, MIN_RETAINED).await;
    assert_eq!(whole.kept(0).await, kept);
}

#[tokio::test]
async fn what_slow_clients_hold_costs_those_without_a_connection_their_session() {
    let app = App::default();
    let server = serve(&app, 1 << 20);
    let chaos = Chaos::to(server.addr(), 1).await;
    let _away = leave_behind(&app, &chaos, 2, 200 * 1024).await;
    assert!(app.ended.events().is_empty(), "there is room");
    let mut slow = Vec::new();
    for _ in 0..8 {
        let mut mute = Mute::connect(&server).await;
        mute.kept(MIN_RETAINED_LOW_MEMORY).await;
        slow.push(mute);
    }
    app.ended.count(1).await;
    for mute in &mut slow {
        mute.kept(0).await;
    }
    assert_eq!(app.ended.events().len(), 1, "those with a connection stay");
}
