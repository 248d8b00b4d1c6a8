#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::pair::{Pair, greeting};
use crate::frame::{Frame, NeedOutlines, Outline};
use crate::session::side::AnyEvent;
use crate::session::{ClientEvent, End, Event, PeerMisbehaved};
use crate::{Limits, Refusal};

const UNASKED: End = End::Misbehaved(PeerMisbehaved::OutlineUnasked);

fn outline(kind: u32) -> Frame<'static> {
    let text = "request: Unit\n".to_owned();
    Frame::Outline(Outline { kind, text })
}

fn told(kind: u32, text: &str) -> AnyEvent {
    let text = text.to_owned();
    AnyEvent::Both(Event::Outline { kind, text })
}

#[test]
fn a_clients_is_told_when_it_is_asked_for_and_once() {
    let mut pair = Pair::open(&Limits::default());
    pair.inject(&[outline(0)]);
    assert_eq!(pair.server.end(), Some(&UNASKED));

    let mut pair = Pair::open(&Limits::default());
    pair.server.session.request_outlines(vec![1, 0]);
    pair.drive();
    let asked = AnyEvent::Client(ClientEvent::NeedOutlines { kinds: vec![1, 0] });
    assert_eq!(pair.client.events.last(), Some(&asked));
    pair.client.session.send_outline(1, "theirs".to_owned());
    pair.drive();
    assert_eq!(pair.server.events.last(), Some(&told(1, "theirs")));
    pair.inject(&[outline(1)]);
    assert_eq!(pair.server.end(), Some(&UNASKED));
}

#[test]
fn a_client_hears_one_question_on_a_connection() {
    let mut pair = Pair::open(&Limits::default());
    let question = |kind| Frame::NeedOutlines(NeedOutlines { kinds: vec![kind] });
    let questions: Vec<Frame<'_>> = (0..1000).map(question).collect();
    let heard = |pair: &Pair| {
        let asked = pair.client.events.iter().filter_map(|event| match event {
            AnyEvent::Client(ClientEvent::NeedOutlines { kinds }) => Some(kinds.clone()),
            _ => None,
        });
        asked.collect::<Vec<_>>()
    };
    pair.client.inject(pair.now, &questions);
    assert_eq!(heard(&pair), [[0]]);
    pair.cut();
    pair.resume();
    pair.drive();
    pair.client.inject(pair.now, &questions);
    assert_eq!(heard(&pair), [[0], [0]]);
}

#[test]
fn a_servers_comes_with_its_welcome_and_once_for_each_kind_that_differs() {
    for kind in [1, 2, 0, 1000] {
        let mut pair = Pair::new(&Limits::default());
        pair.drive();
        let mut welcome = greeting();
        welcome.refused = vec![(1, Refusal::KindDiffers), (2, Refusal::UnknownKind)];
        pair.server.session.welcome(pair.now, welcome);
        pair.server.session.send_outline(1, "ours".to_owned());
        pair.server.poll(pair.now);
        assert_eq!(pair.server.sent.len(), 1);
        pair.drive();
        assert_eq!(pair.client.events.last(), Some(&told(1, "ours")));
        pair.client.inject(pair.now, &[outline(kind)]);
        assert_eq!(pair.client.end(), Some(&UNASKED), "{kind}");
    }
}
