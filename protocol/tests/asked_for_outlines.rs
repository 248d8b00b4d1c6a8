//! What a client does whose server asks again and again how it has some kinds.

use std::sync::Arc;
use std::time::Duration;

use twinwire::frame::{Bounds, Continuity, Frame, NeedOutlines, Table, Welcome};
use twinwire::session::{Event, Input, Output, Session};
use twinwire::{BootId, Limits, PeerId, Secret, SessionId, Time};

fn welcome() -> Frame<'static> {
    let bound = 1 << 16;
    Frame::Welcome(Welcome {
        session: SessionId::from_bytes([7; 16]),
        peer: PeerId::from_bytes([8; 8]),
        boot: BootId::from_bytes([9; 8]),
        secret: Secret::from_bytes([6; 32]),
        keeps: Duration::ZERO,
        continuity: Continuity::New,
        bounds: Bounds {
            window: bound,
            stream: bound,
            topic: bound,
            payload: bound,
        },
        refused: Vec::new(),
    })
}

#[test]
fn only_the_first_question_of_a_connection_is_heard() {
    let (now, table) = (Time::default(), Arc::new(Table::new(Vec::new())));
    let mut session = Session::client(Limits::default(), table, Vec::new());
    session.handle(now, Input::Opened);
    let mut message = Vec::new();
    welcome().encode(&mut message);
    for kind in 0..1000 {
        Frame::NeedOutlines(NeedOutlines { kinds: vec![kind] }).encode(&mut message);
    }
    session.handle(now, Input::Message(&message));
    let mut asked = Vec::new();
    loop {
        match session.poll(now, &mut Vec::new(), usize::MAX) {
            Output::Event(Event::NeedOutlines { kinds }) => asked.push(kinds),
            Output::Wait(_) => break,
            _ => {}
        }
    }
    assert_eq!(asked, [[0]]);
}
