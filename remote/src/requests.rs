//! The shell's half.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use twinwire::Time;
use twinwire::session::{Event, Outcome, RequestKey, Session};

use crate::Taken;
use crate::command::{Command, Control, Piece, Waiter};

/// The requests of the application that drive a session, and who waits for them.
pub struct Requests {
    commands: mpsc::Receiver<Command>,
    control: mpsc::UnboundedReceiver<Control>,
    taken: Arc<OnceLock<Taken>>,
    /// One that the session has no room for.
    held: Option<Command>,
    pending: HashMap<RequestKey, Pending>,
    keys: HashMap<u64, RequestKey>,
    latest: HashMap<(u32, String), RequestKey>,
    pings: Vec<oneshot::Sender<Duration>>,
    abandoned: bool,
}

struct Pending {
    id: u64,
    kind: u32,
    waiter: Waiter,
}

impl Requests {
    pub(crate) fn new(
        commands: mpsc::Receiver<Command>,
        control: mpsc::UnboundedReceiver<Control>,
        taken: Arc<OnceLock<Taken>>,
    ) -> Self {
        Self {
            commands,
            control,
            taken,
            held: None,
            pending: HashMap::new(),
            keys: HashMap::new(),
            latest: HashMap::new(),
            pings: Vec::new(),
            abandoned: false,
        }
    }

    /// The other end has told what it takes: what it doesn't is refused at the handle from now on.
    pub fn told(&self, taken: Taken) {
        // It tells once.
        let _ = self.taken.set(taken);
    }

    /// Gives the session what the application wants, as far as there is room for it. Says whether
    /// there was anything.
    pub fn poll(&mut self, cx: &mut Context<'_>, session: &mut Session, now: Time) -> bool {
        let mut any = false;
        while let Poll::Ready(Some(control)) = self.control.poll_recv(cx) {
            self.obey(control, session, now);
            any = true;
        }
        while let Some(command) = self.next(cx) {
            if !session.has_room(command.payload.len()) {
                self.held = Some(command);
                break;
            }
            self.request(command, session, now);
            any = true;
        }
        any
    }

    /// Whether a request was held back for which there is room by now.
    pub fn can_go_on(&self, session: &Session) -> bool {
        let held = self.held.as_ref();
        held.is_some_and(|command| session.has_room(command.payload.len()))
    }

    /// Whether the last handle is gone.
    pub fn is_abandoned(&self) -> bool {
        self.abandoned
    }

    /// Takes an event that says what became of a request; gives back any other.
    pub fn take(&mut self, event: Event) -> Option<Event> {
        match event {
            Event::Outcome { request, outcome } => self.settle(request, outcome),
            Event::Item { call, payload } => {
                if let Some(Waiter::Stream(pieces)) = self.waiter(call) {
                    // A consumer that left has had its stream cancelled, or soon will.
                    let _ = pieces.send(Piece::Item(payload));
                }
            }
            Event::Pong { round_trip } => {
                for ping in self.pings.drain(..) {
                    // Who left meanwhile wants nothing.
                    let _ = ping.send(round_trip);
                }
            }
            other => return Some(other),
        }
        None
    }

    /// The session is over: what hasn't reached it never will.
    pub fn end(&mut self) {
        self.commands.close();
        self.pings.clear();
        let held = self.held.take();
        let under_way = std::iter::from_fn(|| self.commands.try_recv().ok());
        for command in held.into_iter().chain(under_way) {
            tell(command.waiter, Outcome::NotReceived);
        }
    }

    fn next(&mut self, cx: &mut Context<'_>) -> Option<Command> {
        if let Some(held) = self.held.take() {
            return Some(held);
        }
        match self.commands.poll_recv(cx) {
            Poll::Ready(command) => {
                self.abandoned = command.is_none();
                command
            }
            Poll::Pending => None,
        }
    }

    fn obey(&mut self, control: Control, session: &mut Session, now: Time) {
        match control {
            Control::Cancel(id) => {
                self.held.take_if(|held| held.id == id);
                if let Some(key) = self.keys.remove(&id) {
                    self.pending.remove(&key);
                    session.cancel(now, key);
                }
            }
            Control::Consumed(id) => {
                if let Some(key) = self.keys.get(&id) {
                    session.consumed(now, *key);
                }
            }
            Control::Prompt => session.prompt(now),
            Control::Ping(waiter) => {
                self.pings.push(waiter);
                session.prompt(now);
            }
            Control::Close(goodbye) => session.close(now, goodbye),
        }
    }

    fn request(&mut self, command: Command, session: &mut Session, now: Time) {
        let Command {
            id,
            kind,
            mut payload,
            waiter,
        } = command;
        match &waiter {
            Waiter::Call(waiter) if waiter.is_closed() => return,
            Waiter::Stream(pieces) if pieces.is_closed() => return,
            Waiter::Call(_) | Waiter::Stream(_) | Waiter::Receipt(_) => {}
            Waiter::Latest(name) => {
                if let Some(earlier) = self.latest.get(&(kind, name.clone())) {
                    match session.replace(*earlier, payload) {
                        Ok(()) => return,
                        Err(unused) => payload = unused,
                    }
                }
            }
        }
        match session.request(now, kind, payload) {
            Ok(key) => {
                if let Waiter::Latest(name) = &waiter {
                    self.latest.insert((kind, name.clone()), key);
                }
                self.keys.insert(id, key);
                self.pending.insert(key, Pending { id, kind, waiter });
            }
            Err(full) => debug_assert!(false, "there was room, yet: {full}"),
        }
    }

    fn waiter(&self, request: RequestKey) -> Option<&Waiter> {
        self.pending.get(&request).map(|pending| &pending.waiter)
    }

    fn settle(&mut self, request: RequestKey, outcome: Outcome) {
        let Some(Pending { id, kind, waiter }) = self.pending.remove(&request) else {
            return;
        };
        self.keys.remove(&id);
        if let Waiter::Latest(name) = &waiter {
            let place = (kind, name.clone());
            if self.latest.get(&place) == Some(&request) {
                self.latest.remove(&place);
            }
        }
        tell(waiter, outcome);
    }
}

/// Who left meanwhile wants nothing.
fn tell(waiter: Waiter, outcome: Outcome) {
    match waiter {
        Waiter::Call(waiter) | Waiter::Receipt(waiter) => {
            let _ = waiter.send(outcome);
        }
        Waiter::Stream(pieces) => {
            let _ = pieces.send(Piece::End(outcome));
        }
        Waiter::Latest(_) => {}
    }
}
