//! What an application has of its end of a session.

use twinwire::frame::Start;
use twinwire::limits::MAX_PAYLOAD;
use twinwire::session::{AnyEvent, Full, ItemRefused, RequestKey, State};
#[cfg(doc)]
use twinwire::session::{Session, SessionCore};
use twinwire::{Answer, Class, EncodeError, Format, Goodbye, GoodbyeCode, Kind, SeqNo, Time};

use crate::Dice;
use crate::oracle::{Oracle, STAMP, Who, hash};
use crate::session::AnySession;

/// How far a world has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Things go wrong: make requests.
    Busy,
    /// Nothing goes wrong any more: make none, and end what is there.
    Quiet,
    /// Everything has come to rest: make one or two requests more, which have to go well.
    Proof,
    /// End those.
    Over,
}

/// What stands behind one end of a session: an application's handlers, and what it asks for.
///
/// One is made for each client and, at the server, for each session. All that it does goes through its
/// [`Port`], which tells the oracle; topics need no handlers, the world has their logs.
pub trait Application {
    /// It is this application's turn, every few milliseconds of the world's time: to make requests, to
    /// go on with what it has begun, to take what came.
    fn act(&mut self, port: &mut Port<'_>, dice: &mut Dice);

    /// Its session tells something: requests that start, items, outcomes, and all else that is in
    /// [`AnyEvent`] besides hellos and what is asked of topics.
    fn hear(&mut self, port: &mut Port<'_>, event: AnyEvent, dice: &mut Dice);

    /// Whether it has ended all that it has begun. Asked once the world is quiet.
    fn is_at_rest(&self) -> bool {
        true
    }
}

/// An end of a session, in an application's hands. Payloads that go through it are stamped on their way,
/// so that the oracle knows each; the application sees its own.
pub struct Port<'a> {
    pub(crate) session: &'a mut AnySession,
    pub(crate) oracle: &'a mut Oracle,
    pub(crate) who: Who,
    pub(crate) now: Time,
    pub(crate) phase: Phase,
    pub(crate) classes: &'a [Class],
}

impl Port<'_> {
    /// How far the world has come.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The moment, by the clock of this end.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Where the session stands.
    pub fn state(&self) -> State {
        self.session.state()
    }

    /// Whether a request with a payload of this many bytes finds room.
    pub fn has_room(&self, payload: usize) -> bool {
        self.session.has_room(payload + STAMP + 64)
    }

    /// The most bytes of a request's payload that the other end takes.
    pub fn largest(&self) -> usize {
        self.session.largest_to_peer().saturating_sub(STAMP)
    }

    /// Whether a request waits for its outcome.
    pub fn is_pending(&self, request: RequestKey) -> bool {
        self.oracle.is_pending(self.who, request)
    }

    /// [`SessionCore::request`], by the kind's place in the table.
    ///
    /// # Errors
    /// [`Full`].
    pub fn request(&mut self, kind: u32, payload: &[u8]) -> Result<RequestKey, Full> {
        let (_, stamped) = self.oracle.stamp(payload);
        let is_full = self.oracle.has_most_streams(self.who);
        let key = self.session.request(self.now, kind, stamped.clone())?;
        let class = self
            .classes
            .get(kind as usize)
            .copied()
            .unwrap_or(Class::Call);
        let made = self.made(key, class, &stamped);
        if let Some(made) = made.filter(|_| is_full) {
            self.oracle.made_one_too_many(made);
        }
        Ok(key)
    }

    /// A request of a typed kind: see [`request`](Self::request).
    ///
    /// # Errors
    /// [`Full`]. What can't be written in postcard is an error of the inner result.
    pub fn ask<K: Kind>(
        &mut self,
        kind: u32,
        value: &K,
    ) -> Result<Result<RequestKey, EncodeError>, Full> {
        match Format::Postcard.encode(value, MAX_PAYLOAD) {
            Ok(payload) => self.request(kind, &payload).map(Ok),
            Err(error) => Ok(Err(error)),
        }
    }

    fn made(&mut self, key: RequestKey, class: Class, stamped: &[u8]) -> Option<u32> {
        // A port is of a session, so that this is no greeter's.
        let made = self.oracle.made(self.who, key, class, self.now, stamped);
        made.ok()
    }

    /// [`Session::subscribe`]: `topic` is one of the world's.
    ///
    /// # Errors
    /// [`Full`].
    pub fn subscribe(&mut self, kind: u32, topic: u8, start: Start) -> Result<RequestKey, Full> {
        let (_, key) = self.oracle.stamp(&[topic]);
        let request = self
            .session
            .client_mut()
            .subscribe(self.now, kind, &key, start)?;
        self.made(request, Class::Topic, &key);
        Ok(request)
    }

    /// [`Session::unsubscribe`].
    pub fn unsubscribe(&mut self, subscription: RequestKey) {
        self.oracle.left(self.who, subscription);
        self.session
            .client_mut()
            .unsubscribe(self.now, subscription);
    }

    /// [`Session::publish`]: `topic` is one of the world's.
    ///
    /// # Errors
    /// [`Full`].
    pub fn publish(&mut self, kind: u32, topic: u8, item: &[u8]) -> Result<RequestKey, Full> {
        let ((_, key), (_, stamped)) = (self.oracle.stamp(&[topic]), self.oracle.stamp(item));
        let request = self
            .session
            .client_mut()
            .publish(self.now, kind, &key, &stamped)?;
        self.made(request, Class::Topic, &stamped);
        Ok(request)
    }

    /// [`SessionCore::cancel`], of a call.
    pub fn cancel(&mut self, request: RequestKey) {
        if self.is_pending(request) {
            self.oracle.cancelled(self.who, request);
            self.session.cancel(self.now, request);
        }
    }

    /// [`SessionCore::consumed`].
    pub fn consumed(&mut self, of: RequestKey) {
        self.oracle.taken(self.who, of);
        self.session.consumed(self.now, of);
    }

    /// [`SessionCore::answer`].
    pub fn answer(&mut self, call: SeqNo, answer: Answer<Vec<u8>>) {
        let answer = self.oracle.answered(self.who, call, answer);
        self.session.answer(self.now, call, answer);
    }

    /// [`SessionCore::item`].
    ///
    /// # Errors
    /// As of that.
    pub fn item(&mut self, call: SeqNo, item: &[u8]) -> Result<(), ItemRefused> {
        let Some((id, stamped)) = self.oracle.stamp_item(self.who, call, item) else {
            return Err(ItemRefused::Over);
        };
        let (hashed, length) = (hash(0, &stamped), stamped.len());
        let given = self.session.item(self.now, call, stamped);
        given.map_err(|(why, _)| {
            self.oracle.report.waits += u64::from(why == ItemRefused::Full);
            why
        })?;
        self.oracle.item_given(self.who, call, self.now, id, hashed);
        self.oracle.item_waits(self.who, call, length);
        Ok(())
    }

    /// [`SessionCore::done`].
    pub fn done(&mut self, event: SeqNo) {
        self.oracle.done(self.who, event);
        self.session.done(self.now, event);
    }

    /// [`Session::leftovers_taken`].
    pub fn leftovers_taken(&mut self) {
        self.oracle.leftovers_taken(self.who);
        if let AnySession::Client(session) = &mut *self.session {
            session.leftovers_taken(self.now);
        }
    }

    /// [`SessionCore::hold`].
    pub fn hold(&mut self, event: SeqNo) {
        self.oracle.held(self.who, event);
        self.session.hold(event);
    }

    /// [`SessionCore::replace`]; says whether that was still possible.
    pub fn replace(&mut self, request: RequestKey, payload: &[u8]) -> bool {
        let Some((id, stamped)) = self.oracle.stamp_again(self.who, request, payload) else {
            return false;
        };
        let (hashed, length) = (hash(0, &stamped), stamped.len());
        let replaced = self.session.replace(request, stamped).is_ok();
        if replaced {
            self.oracle.replaced(self.who, id, hashed, length);
        }
        replaced
    }

    /// [`SessionCore::prompt`].
    pub fn prompt(&mut self) {
        // A client that says hello, or is about to, may have no session yet.
        if matches!(self.session.state(), State::Open | State::Detached) {
            self.oracle.prompted(self.who);
        }
        self.session.prompt(self.now);
    }

    /// [`SessionCore::close`] or, if what was asked for is to go out first, [`SessionCore::finish`]: this end is
    /// done, and the client soon begins another session.
    pub fn close(&mut self, after_all: bool) {
        if let Some(session) = self.oracle.session(self.who) {
            self.oracle.sessions[session].closed = true;
        }
        if let Who::Client(life) = self.who {
            self.oracle.lives[life].closing = true;
        }
        self.oracle.asks_no_more(self.who);
        let goodbye = Goodbye::new(GoodbyeCode::Done, "");
        if after_all {
            self.session.finish(self.now, goodbye);
        } else {
            self.session.close(self.now, goodbye);
        }
    }
}
