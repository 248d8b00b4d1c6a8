//! A client, as the facade uses it.

use std::cell::RefCell;
use std::rc::Rc;

use twinwire::frame::Start;
use twinwire::{Answer, Epoch, Offset, Position, Refusal};
use twinwire_client::{CallError, Client, Options, UntypedClient};
use twinwire_client_wasm::{SocketOptions, connect_through};
use twinwire_remote::channels::oneshot;
use wasm_bindgen::prelude::*;

use crate::codes;
use crate::facade::{Facade, Told, What};
use crate::pending::{Pending, settle, settle_event, settle_with};

/// The questions that the facade hasn't answered, by ids of this side's. A cheap clone.
#[derive(Clone, Default)]
pub(crate) struct Asked(Rc<RefCell<Questions>>);

#[derive(Default)]
struct Questions {
    last_id: u32,
    open: Vec<(u32, Question)>,
}

enum Question {
    Call(oneshot::Sender<Answer<Vec<u8>>>),
    Token(oneshot::Sender<Option<Vec<u8>>>),
    SessionReplaced(oneshot::Sender<()>),
}

impl Asked {
    fn ask(&self, question: Question) -> u32 {
        let mut questions = self.0.borrow_mut();
        questions.last_id = questions.last_id.wrapping_add(1);
        let id = questions.last_id;
        questions.open.push((id, question));
        id
    }

    pub(crate) fn token(&self, sender: oneshot::Sender<Option<Vec<u8>>>) -> u32 {
        self.drop_stale(|question| matches!(question, Question::Token(_)));
        self.ask(Question::Token(sender))
    }

    pub(crate) fn session_replaced(&self, sender: oneshot::Sender<()>) -> u32 {
        self.drop_stale(|question| matches!(question, Question::SessionReplaced(_)));
        self.ask(Question::SessionReplaced(sender))
    }

    /// Drops an earlier question of the same kind, for whose answer nobody waits any more.
    fn drop_stale(&self, is_of_the_kind: fn(&Question) -> bool) {
        let open = &mut self.0.borrow_mut().open;
        open.retain(|(_, question)| !is_of_the_kind(question));
    }

    fn take(&self, id: u32) -> Option<Question> {
        let open = &mut self.0.borrow_mut().open;
        let place = open.iter().position(|(of, _)| *of == id)?;
        Some(open.swap_remove(place).1)
    }
}

/// A call that the facade answers. Dropped before, it is wanted no more.
struct Open {
    facade: Facade,
    asked: Asked,
    id: u32,
}

impl Drop for Open {
    fn drop(&mut self) {
        if self.asked.take(self.id).is_some() {
            self.facade.tell(What::Cancelled, self.id, Told::default());
        }
    }
}

/// A client. Dropping it says goodbye.
#[wasm_bindgen]
pub struct Core {
    client: UntypedClient,
    facade: Facade,
    pending: Rc<RefCell<Vec<(u32, Pending)>>>,
    asked: Asked,
    first: Rc<RefCell<Option<UntypedClient>>>,
}

impl Core {
    pub(crate) fn connect(
        facade: Facade,
        socket: SocketOptions,
        options: Options,
        asked: Asked,
        first: Rc<RefCell<Option<UntypedClient>>>,
    ) -> Option<Self> {
        let made = Rc::new(RefCell::new(None));
        let client = Rc::clone(&made);
        let options = options.register(move |client: &Client| {
            made.replace(Some(client.untyped()));
            Ok(())
        });
        let connecting = connect_through(socket, options);
        let client = client.take()?;
        let states = client.client().states();
        let pending = vec![
            (0, Pending::Connecting(connecting)),
            (1, Pending::States(states)),
        ];
        Some(Self {
            client,
            facade,
            pending: Rc::new(RefCell::new(pending)),
            asked,
            first,
        })
    }

    fn wait_for(&self, id: u32, pending: Pending) {
        self.pending.borrow_mut().push((id, pending));
    }

    fn wait_or_settle<E>(
        &self,
        id: u32,
        pending: Result<Pending, CallError<E>>,
        payload: fn(&E) -> &[u8],
    ) {
        match pending {
            Ok(pending) => self.wait_for(id, pending),
            Err(error) => settle(self.facade, id, Err(&error), payload),
        }
    }
}

/// A position, as far as there is one.
fn start(code: u32, offset: f64, epoch: &[u8]) -> Start {
    let place = Offset::from_number(offset as u64);
    match (code, epoch.try_into(), place) {
        (1, ..) => Start::Last(offset as u32),
        (2, Ok(epoch), Some(offset)) => Start::At(Position {
            epoch: Epoch::from_bytes(epoch),
            offset,
        }),
        _ => Start::Now,
    }
}

/// A call that was begun is to be polled under its id: at once, and again after each time that its facade is woken.
#[wasm_bindgen]
impl Core {
    /// Tells what there is under this id. True if there was something, after which more may come.
    pub fn poll(&self, id: u32) -> bool {
        let taken = {
            let mut pending = self.pending.borrow_mut();
            let place = pending.iter().position(|(of, _)| *of == id);
            place.map(|place| pending.swap_remove(place).1)
        };
        let Some(pending) = taken else {
            return false;
        };
        let (rest, told) = pending.poll(self.facade, id);
        if let Some(rest) = rest {
            self.wait_for(id, rest);
        }
        told
    }

    /// Gives up whatever has this id.
    pub fn abort(&self, id: u32) {
        let taken = {
            let mut pending = self.pending.borrow_mut();
            let place = pending.iter().position(|(of, _)| *of == id);
            place.map(|place| pending.swap_remove(place))
        };
        drop(taken);
    }

    /// The client whose requests go first while a session is replaced.
    pub fn first(&self) -> Option<Core> {
        let client = self.first.take()?;
        Some(Self {
            client,
            facade: self.facade,
            pending: Rc::clone(&self.pending),
            asked: self.asked.clone(),
            first: Rc::clone(&self.first),
        })
    }

    /// Waits until a request may be made.
    pub fn writable(&self, id: u32) {
        self.wait_for(id, Pending::Writable(self.client.remote().writable()));
    }

    /// Makes a call.
    pub fn call(&self, id: u32, kind: u32, payload: String) {
        let reply = self.client.remote().start_call(kind, payload.into_bytes());
        self.wait_or_settle(id, reply.map(Pending::Reply), |own| own);
    }

    /// Asks for a stream, of which an item comes for each poll.
    pub fn stream(&self, id: u32, kind: u32, payload: String) {
        let remote = self.client.remote();
        let items = remote.start_stream(kind, payload.into_bytes());
        self.wait_or_settle(id, items.map(Pending::Items), |own| own);
    }

    /// Sends an event; it is settled when the server has it. With a key only the newest matters, and it is settled at once.
    pub fn send(&self, id: u32, kind: u32, payload: String, latest: Option<String>) {
        let (remote, payload) = (self.client.remote(), payload.into_bytes());
        let sent = match latest {
            None => remote.start_send(kind, payload).map(Some),
            Some(key) => remote.start_send_latest(key, kind, payload).map(|()| None),
        };
        match sent {
            Ok(Some(receipt)) => self.wait_for(id, Pending::Receipt(receipt)),
            Ok(None) => settle_with(self.facade, id, Told::default()),
            Err(error) => settle_event(self.facade, id, &error),
        }
    }

    /// Publishes to a topic; settled with the offset.
    pub fn publish(&self, id: u32, kind: u32, key: String, item: String) {
        let (key, item) = (key.into_bytes(), item.into_bytes());
        let published = self.client.remote().start_publish(kind, key, item);
        self.wait_or_settle(
            id,
            published.map(Pending::Published),
            |never| match *never {},
        );
    }

    /// Subscribes to a topic, of which an update comes for each poll.
    pub fn subscribe(&self, id: u32, kind: u32, key: String, code: u32, offset: f64, epoch: &[u8]) {
        let (key, start) = (key.into_bytes(), start(code, offset, epoch));
        let subscribing = self.client.remote().start_subscribe(kind, key, start);
        self.wait_or_settle(
            id,
            subscribing.map(Pending::Subscribing),
            |never| match *never {},
        );
    }

    /// Hears events of a kind. Says whether there is such a kind.
    pub fn listen(&self, id: u32, kind: u32) -> bool {
        let events = self.client.events(kind).ok().map(Pending::Events);
        events.map(|events| self.wait_for(id, events)).is_some()
    }

    /// Takes the server's invitations to topics of a kind. Says whether there is such a kind.
    pub fn invitations(&self, id: u32, kind: u32) -> bool {
        let invitations = self.client.invitations(kind).ok().map(Pending::Invitations);
        invitations
            .map(|invitations| self.wait_for(id, invitations))
            .is_some()
    }

    /// Answers the server's calls of a kind. Says whether there is such a kind.
    pub fn handle(&self, kind: u32) -> bool {
        let (facade, asked) = (self.facade, self.asked.clone());
        let handled = self.client.handle(kind, move |payload| {
            let (sender, answer) = oneshot::channel();
            let id = asked.ask(Question::Call(sender));
            let open = Open {
                facade,
                asked: asked.clone(),
                id,
            };
            let told = Told {
                code: kind,
                bytes: &payload,
                ..Told::default()
            };
            facade.tell(What::Call, id, told);
            async move {
                let answer = answer.await;
                drop(open);
                answer.unwrap_or(Answer::Refused(Refusal::Panicked.into()))
            }
        });
        handled.is_ok()
    }

    /// Answers a call: with a value, an error, or a refusal.
    pub fn answer(&self, id: u32, code: u32, payload: String) {
        if let Some(Question::Call(sender)) = self.asked.take(id) {
            let _ = sender.send(match code {
                codes::VALUE => Answer::Value(payload.into_bytes()),
                codes::ERROR => Answer::Error(payload.into_bytes()),
                _ => Answer::Refused(codes::refused_by(code).into()),
            });
        }
    }

    /// Gives a token that was asked for, if there is one.
    pub fn token(&self, id: u32, token: Option<Vec<u8>>) {
        if let Some(Question::Token(sender)) = self.asked.take(id) {
            let _ = sender.send(token);
        }
    }

    /// The facade is done with what a new session needs.
    pub fn replacement_done(&self, id: u32) {
        if let Some(Question::SessionReplaced(sender)) = self.asked.take(id) {
            let _ = sender.send(());
        }
    }

    /// Measures a round trip, in milliseconds.
    pub fn ping(&self, id: u32) {
        self.wait_for(id, Pending::Pong(self.client.remote().start_ping()));
    }

    /// Returns how many of the server's events were dropped because nobody listened.
    pub fn dropped_events(&self) -> f64 {
        self.client.client().dropped_events() as f64
    }

    /// Comes back at once.
    pub fn reconnect_now(&self) {
        self.client.client().reconnect_now();
    }

    /// Gives the connection up for now.
    pub fn pause(&self) {
        self.client.client().pause();
    }

    /// Says goodbye; the state tells when it is over.
    pub fn close(&self) {
        self.client.remote().start_close();
    }
}
