//! A client made of frames, over a socket of its own.
#![expect(dead_code, reason = "each test uses some of it")]

use std::collections::VecDeque;

use futures_util::{SinkExt, StreamExt};
use http::header::{COOKIE, HeaderName, SEC_WEBSOCKET_PROTOCOL};
use testkit::{Server, soon};
use tokio_websockets::{ClientBuilder, Message};
use twinwire::frame::{
    Call, Frame, Frames, Hello, KindTable, Part, PeerLimits, Ping, Reply, ReplyPart, Resume,
    Welcome,
};
use twinwire::{Answer, Goodbye, Kinds, Refusal, SeqNo};

type Stream =
    tokio_websockets::WebSocketStream<tokio_websockets::MaybeTlsStream<tokio::net::TcpStream>>;

/// The first words of a server.
#[derive(Debug)]
pub(crate) enum Said {
    Welcome(Welcome),
    Goodbye(Goodbye),
}

impl Said {
    #[track_caller]
    pub(crate) fn welcome(self) -> Welcome {
        match self {
            Self::Welcome(welcome) => welcome,
            Self::Goodbye(goodbye) => panic!("a welcome, not {goodbye}"),
        }
    }

    #[track_caller]
    pub(crate) fn goodbye(self) -> Goodbye {
        match self {
            Self::Welcome(_) => panic!("a goodbye, no welcome"),
            Self::Goodbye(goodbye) => goodbye,
        }
    }
}

/// A client that says hello.
#[derive(Clone, Default)]
pub(crate) struct Greeter {
    pub(crate) token: Vec<u8>,
    pub(crate) headers: Vec<(HeaderName, String)>,
    pub(crate) table: KindTable,
    pub(crate) format: &'static str,
    pub(crate) resume: Option<Resume>,
}

impl Greeter {
    pub(crate) fn new(token: &str) -> Self {
        Self {
            token: token.as_bytes().to_vec(),
            format: "twinwire.0.postcard",
            ..Self::default()
        }
    }

    pub(crate) fn kinds(self, kinds: Kinds) -> Self {
        let table = kinds.table();
        Self { table, ..self }
    }

    pub(crate) fn wants(self, resume: Option<Resume>) -> Self {
        Self { resume, ..self }
    }

    pub(crate) fn cookie(self, cookie: &str) -> Self {
        self.header(COOKIE, cookie)
    }

    pub(crate) fn header(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Says hello, and gives the answer with the bytes of its message.
    pub(crate) async fn greet(self, server: &Server) -> (Socket, Said, usize) {
        let url = server.url("/ws");
        let mut builder = ClientBuilder::new().uri(&url).expect("a URL");
        let protocol = (SEC_WEBSOCKET_PROTOCOL, self.format.to_owned());
        for (name, value) in [protocol].into_iter().chain(self.headers) {
            let value = value.parse().expect("a header's value");
            builder = builder.add_header(name, value).expect("an allowed header");
        }
        let connected = soon("the handshake", builder.connect()).await;
        let mut socket = Socket {
            stream: connected.expect("an endpoint").0,
            frames: VecDeque::new(),
            number: 0,
        };
        let hello = Hello {
            bounds: PeerLimits {
                window: 1 << 20,
                stream: 1 << 16,
                topic: 1 << 18,
                payload: 1 << 18,
            },
            token: self.token,
            digest: self.table.digest(),
            resume: self.resume,
        };
        socket.send(&Frame::Hello(hello)).await;
        loop {
            let message = socket.message().await;
            let mut frames = Frames::new(&message);
            let said = match frames.next() {
                Some(Ok(Frame::NeedTable)) => {
                    socket.send(&Frame::Table(self.table.clone())).await;
                    continue;
                }
                Some(Ok(Frame::Welcome(welcome))) => Said::Welcome(welcome),
                Some(Ok(Frame::Goodbye(goodbye))) => Said::Goodbye(goodbye),
                other => panic!("{other:?}"),
            };
            socket.keep(frames);
            return (socket, said, message.len());
        }
    }
}

/// An open socket, and what came over it.
pub(crate) struct Socket {
    stream: Stream,
    /// Each a whole frame.
    frames: VecDeque<Vec<u8>>,
    /// The last number that was used.
    number: u8,
}

/// Reads a number from a cancel, as the wire has it.
pub(crate) fn number(value: u8) -> SeqNo {
    assert!(value < 0x80, "an integer of one byte");
    match Frames::new(&[3, 0x12, value, 1]).next() {
        Some(Ok(Frame::Cancel(cancel))) => cancel.number,
        other => panic!("{other:?}"),
    }
}

impl Socket {
    pub(crate) async fn send(&mut self, frame: &Frame<'_>) {
        let mut message = Vec::new();
        frame.encode(&mut message);
        let sent = self.stream.send(Message::binary(message)).await;
        sent.expect("the socket is open");
    }

    /// The next number of a numbered frame.
    pub(crate) fn next_number(&mut self) -> SeqNo {
        self.number += 1;
        number(self.number)
    }

    /// Makes a call in one part. Returns its id.
    pub(crate) async fn call(&mut self, kind: u32, payload: &[u8]) -> SeqNo {
        let (number, kind) = (self.next_number(), Some(kind));
        let part = Part::WHOLE;
        let call = Call {
            number,
            part,
            kind,
            payload,
        };
        self.send(&Frame::Call(call)).await;
        number
    }

    /// Answers a call of the server's.
    pub(crate) async fn answer(&mut self, call: SeqNo, answer: Answer<&[u8]>) {
        let number = self.next_number();
        let more = false;
        let content = ReplyPart::First { answer, more };
        let reply = Reply {
            number,
            call,
            content,
        };
        self.send(&Frame::Reply(reply)).await;
    }

    fn keep(&mut self, frames: Frames<'_>) {
        for frame in frames {
            let mut bytes = Vec::new();
            frame.expect("it can be read").encode(&mut bytes);
            self.frames.push_back(bytes);
        }
    }

    /// Waits until a frame is of interest, and passes over those before it.
    pub(crate) async fn until<T>(
        &mut self,
        what: &str,
        mut interest: impl FnMut(&Frame<'_>) -> Option<T>,
    ) -> T {
        let reached = async {
            loop {
                while let Some(frame) = self.frames.pop_front() {
                    let frame = Frames::new(&frame).next();
                    let frame = frame.expect("a frame").expect("it can be read");
                    if let Some(found) = interest(&frame) {
                        return found;
                    }
                }
                let message = self.message().await;
                self.keep(Frames::new(&message));
            }
        };
        soon(what, reached).await
    }

    /// Waits for a call of this kind. Returns its id.
    pub(crate) async fn called(&mut self, of: u32) -> SeqNo {
        let called = |frame: &Frame<'_>| match frame {
            Frame::Call(call) => (call.kind == Some(of)).then_some(call.number),
            _ => None,
        };
        self.until("a call", called).await
    }

    /// Waits until the server cancels a call of its own.
    pub(crate) async fn cancelled(&mut self) {
        let cancelled = |frame: &Frame<'_>| matches!(frame, Frame::Cancel(_)).then_some(());
        self.until("a cancel", cancelled).await;
    }

    /// Waits for the answer to a call: whether there was a value, or why not.
    pub(crate) async fn reply(&mut self, call: SeqNo) -> Result<(), Refusal> {
        let replied = |frame: &Frame<'_>| match frame {
            Frame::Reply(Reply {
                call: of,
                content: ReplyPart::First { answer, .. },
                ..
            }) if *of == call => Some(match answer {
                Answer::Value(_) | Answer::Error(_) => Ok(()),
                Answer::Refused(refused) => Err(refused.why),
            }),
            _ => None,
        };
        self.until("a reply", replied).await
    }

    /// Pings the server, and waits for its pong.
    pub(crate) async fn pongs(&mut self) {
        self.send(&Frame::Ping(Ping { id: 5 })).await;
        let answered = |frame: &Frame<'_>| match frame {
            Frame::Pong(ping) => (ping.id == 5).then_some(()),
            _ => None,
        };
        self.until("a pong", answered).await;
    }

    /// Waits for the server's goodbye.
    pub(crate) async fn goodbye(&mut self) -> Goodbye {
        let said = |frame: &Frame<'_>| match frame {
            Frame::Goodbye(goodbye) => Some(goodbye.clone()),
            _ => None,
        };
        self.until("a goodbye", said).await
    }

    /// Waits for a message, whatever it is.
    pub(crate) async fn message(&mut self) -> Vec<u8> {
        let message = soon("a message", self.stream.next()).await;
        let message = message.expect("a message").expect("the socket is open");
        message.as_payload().to_vec()
    }

    /// Waits for the server's close frame, and gives its code.
    pub(crate) async fn closed(&mut self) -> Option<u16> {
        let message = soon("a close", self.stream.next()).await;
        let message = message.expect("a message").expect("a close frame");
        message.as_close().map(|(code, _)| u16::from(code))
    }
}

/// A client's means to have its session back.
pub(crate) fn wants(welcome: &Welcome, attempt: u64) -> Resume {
    Resume {
        session: welcome.session,
        secret: welcome.secret.clone(),
        attempt,
        received: None,
        window: 1 << 20,
        subscriptions: Vec::new(),
    }
}
