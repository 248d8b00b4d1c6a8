//! The server at the other end of the world's connection.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use twinwire::frame::{Continuity, KindTable, Resume};
use twinwire::limits::{MAX_MESSAGE, MAX_PAYLOAD};
use twinwire::session::{
    Admitted, Event, Input, Outcome, Output, Request, RequestKey, ServerEvent, ServerSide, Session,
    State,
};
use twinwire::{
    Answer as Answered, BootId, Class, End, Format, Goodbye, GoodbyeCode, Kind, Limits, PeerId,
    Secret, SessionId, Time,
};

use super::{Answer, Ask, Inner, KINDS, Parcel};

const FORMAT: Format = Format::Postcard;

impl Inner {
    pub(super) fn now(&self) -> Time {
        Time::from_origin(self.now)
    }

    pub(super) fn cut(&mut self) {
        self.activity += 1;
        self.link = None;
        self.greeter = None;
        let now = self.now();
        if let Some(session) = &mut self.session {
            session.handle(now, Input::Lost);
        }
        self.drive();
    }

    pub(super) fn open(&mut self) -> u64 {
        self.cut();
        (self.swallows, self.is_stuck) = (self.answer == Answer::Swallow, false);
        let number = self.attempts.len() as u64;
        self.link = Some((number, VecDeque::new()));
        let limits = Limits::default().resume(Duration::from_secs(3600));
        let known = vec![Arc::new(KINDS.table())];
        self.greeter = Some(Session::server(self.now(), limits, known));
        number
    }

    pub(super) fn say_goodbye(&mut self) {
        let now = self.now();
        let session = self.session.as_mut().expect("somebody is welcomed");
        session.close(now, Goodbye::new(GoodbyeCode::GoingAway, ""));
        self.drive();
    }

    /// Gives the server what its client or time brings.
    pub(super) fn feed(&mut self, input: Input<'_>) {
        let now = self.now();
        if let Some(session) = self.greeter.as_mut().or(self.session.as_mut()) {
            session.handle(now, input);
        }
        self.drive();
    }

    pub(super) fn drive(&mut self) {
        let (now, mut out) = (self.now(), Vec::new());
        while let Some(session) = self.greeter.as_mut().or(self.session.as_mut()) {
            match session.poll(now, &mut out, MAX_MESSAGE) {
                Output::Send => {
                    self.activity += 1;
                    if let Some((_, link)) = self.link.as_mut().filter(|_| !self.swallows) {
                        link.push_back(out.clone());
                    }
                }
                Output::SideEvent(ServerEvent::Hello { table, resume, .. }) => {
                    self.judge(&table, resume);
                }
                Output::Event(Event::Ended(end)) => {
                    self.said_goodbye |= matches!(end, End::Goodbye(_));
                }
                Output::Event(Event::Request(request)) => self.hear(&request),
                Output::Event(Event::Outcome { request, outcome }) => {
                    self.settle(request, &outcome);
                }
                // There are no topics.
                Output::Event(_) | Output::SideEvent(_) => {}
                Output::Close { .. } => {
                    if self.greeter.take().is_none() {
                        let is_kept =
                            |session: &Session<ServerSide>| session.state() == State::Detached;
                        self.session = self.session.take().filter(is_kept);
                    }
                    return;
                }
                Output::Wait(wake) => {
                    self.wake = wake;
                    return;
                }
            }
        }
    }

    pub(super) fn request<T: Kind>(&mut self, value: &T, question: Option<u32>) {
        let kind = KINDS.table().index_of::<T>().expect("it is declared");
        let payload = FORMAT
            .encode(value, MAX_PAYLOAD)
            .expect("it can be written");
        let now = self.now();
        let session = self.session.as_mut().expect("somebody is welcomed");
        let key = session.request(now, kind, payload).expect("there is room");
        self.asked.extend(question.map(|question| (key, question)));
        self.drive();
    }

    fn settle(&mut self, request: RequestKey, outcome: &Outcome) {
        let place = self.asked.iter().position(|(key, _)| *key == request);
        if let Some((_, question)) = place.map(|place| self.asked.remove(place)) {
            let answer = match outcome {
                Outcome::Answered(Answered::Value(payload)) => FORMAT.decode(payload).ok(),
                _ => None,
            };
            self.answers.push((question, answer));
        }
    }

    fn hear(&mut self, request: &Request) {
        let heard = match request.class {
            Class::Event => FORMAT
                .decode(&request.payload)
                .map(|Parcel(number, _)| number),
            _ => FORMAT
                .decode(&request.payload)
                .map(|Ask(question)| question),
        };
        self.heard.push(heard.expect("the client's own"));
        let now = self.now();
        let Some(session) = &mut self.session else {
            return;
        };
        match (request.class, &mut self.held) {
            (Class::Event, _) => session.done(now, request.number),
            (_, Some(held)) => held.push((request.number, request.payload.clone())),
            (_, None) => {
                let answer = Answered::Value(request.payload.clone());
                session.answer(now, request.number, answer);
            }
        }
    }

    pub(super) fn release(&mut self) {
        let (now, held) = (self.now(), self.held.take());
        let session = self.session.as_mut().expect("somebody is welcomed");
        for (call, payload) in held.into_iter().flatten() {
            session.answer(now, call, Answered::Value(payload));
        }
        self.drive();
    }

    pub(super) fn judge(&mut self, table: &KindTable, resume: Option<Box<Resume>>) {
        let (now, secret) = (
            self.now(),
            Secret::from_bytes([self.attempts.len() as u8; 32]),
        );
        let Some(mut greeter) = self.greeter.take() else {
            return;
        };
        if self.answer == Answer::Goodbye {
            greeter.close(now, Goodbye::new(GoodbyeCode::GoingAway, "later"));
            self.greeter = Some(greeter);
            return;
        }
        if let (Some(wanted), Some(session)) = (&resume, &mut self.session)
            && session.resume(now, wanted, table, secret.clone()).is_ok()
        {
            return;
        }
        let continuity = match resume {
            Some(_) => Continuity::Unknown,
            None => Continuity::New,
        };
        greeter.welcome(
            now,
            Admitted {
                session: SessionId::from_bytes([self.attempts.len() as u8; 16]),
                peer: PeerId::from_bytes([2; 8]),
                boot: BootId::from_bytes([3; 8]),
                secret,
                continuity,
                refused: Vec::new(),
                in_order: Vec::new(),
            },
        );
        self.session = Some(greeter);
    }
}
