//! Run with `cargo run -p twinwire --example drive`.
//!
//! The smallest loop that drives two sessions: the link is a queue each way, time stands still,
//! and the application on the server answers a call by shouting.

use std::collections::VecDeque;
use std::sync::Arc;

use twinwire::frame::{Continuity, KindTable};
use twinwire::session::{Admitted, Event, Input, Outcome, Output, ServerEvent, Session, Side};
use twinwire::{
    Answer, BootId, Class, Fingerprint, KindEntry, Limits, PeerId, Secret, SessionId, Time,
};

/// Polls until the session waits: messages go to the link, the events of both ends and those of this end come back.
fn drive<S: Side>(
    session: &mut Session<S>,
    link: &mut VecDeque<Vec<u8>>,
) -> (Vec<Event>, Vec<S::Event>) {
    let now = Time::default();
    let (mut out, mut events, mut own) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        match session.poll(now, &mut out, usize::MAX) {
            Output::Send => link.push_back(out.clone()),
            Output::Event(event) => events.push(event),
            Output::SideEvent(event) => own.push(event),
            Output::Close { .. } | Output::Wait(_) => return (events, own),
        }
    }
}

fn main() {
    let now = Time::default();
    let shout = KindEntry {
        name: "Shout".to_owned(),
        class: Class::Call,
        fingerprint: Fingerprint::from_bytes([0; 8]),
    };
    let table = Arc::new(KindTable::new(vec![shout]));
    let mut client = Session::client(Limits::default(), Arc::clone(&table), Vec::new());
    let mut server = Session::server(now, Limits::default(), vec![table]);
    let (mut up, mut down) = (VecDeque::new(), VecDeque::new());

    client.handle(now, Input::Opened);
    let mut call = client.request(now, 0, b"hello".to_vec()).ok();
    while call.is_some() {
        for event in drive(&mut client, &mut up).0 {
            if let Event::Outcome {
                request: key,
                outcome: Outcome::Answered(Answer::Value(answer)),
            } = event
                && Some(key) == call
            {
                println!("the answer: {}", String::from_utf8_lossy(&answer));
                call = None;
            }
        }
        while let Some(message) = up.pop_front() {
            server.handle(now, Input::Message(&message));
        }
        let (events, own) = drive(&mut server, &mut down);
        for event in own {
            if let ServerEvent::Hello { .. } = event {
                server.welcome(now, greeting());
            }
        }
        for event in events {
            match event {
                Event::Request(request) => {
                    let shouted = request.payload.to_ascii_uppercase();
                    server.answer(now, request.number, Answer::Value(shouted));
                }
                other => println!("the server hears {other:?}"),
            }
        }
        // What the events brought about goes out as well.
        drive(&mut server, &mut down);
        while let Some(message) = down.pop_front() {
            client.handle(now, Input::Message(&message));
        }
    }
}

/// A server draws these at random.
fn greeting() -> Admitted {
    Admitted {
        session: SessionId::from_bytes([1; 16]),
        peer: PeerId::from_bytes([2; 8]),
        secret: Secret::from_bytes([4; 32]),
        continuity: Continuity::New,
        boot: BootId::from_bytes([3; 8]),
        refused: Vec::new(),
        in_order: Vec::new(),
    }
}
