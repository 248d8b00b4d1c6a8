//! The client's end.

use std::sync::Arc;

use super::acks::ReceivedSeq;
use super::conn::Conn;
use super::incoming::Incoming;
use super::liveness::Pings;
use super::outgoing::Received;
use super::phase::Phase;
use super::side::{AnyEvent, ClientFrame, ServerFrame};
use super::timers::Timer;
use super::topics::Subscriptions;
use super::{ClientEvent, PeerMisbehaved, Request, Role, Session, SessionCore, SessionLost, Side};
use crate::frame::{
    Ack, Continuity, Frame, FrameType, Hello, KindTable, NeedOutlines, Publication, Reader,
    Refusal, Resume, Skipped, Welcome,
};
use crate::limits::Limits;
use crate::{BootId, Secret, SessionId, Time};

/// The client's end of a session.
#[derive(Debug, Default)]
pub struct ClientSide {
    /// The token that the next hello tells the server's application.
    token: Vec<u8>,
    /// None while there is no session to be had back.
    ticket: Option<Ticket>,
    /// Connections that were opened to have the session back.
    attempt: u64,
    /// The window that the hello told for a session that would begin, in bytes.
    advertised_window: u64,
}

/// The credentials that a client needs to have its session back.
#[derive(Debug)]
pub(super) struct Ticket {
    session: SessionId,
    boot: BootId,
    secret: Secret,
}

impl Side for ClientSide {
    type Event = ClientEvent;

    const ROLE: Role = Role::Client;

    fn event(event: AnyEvent) -> Option<ClientEvent> {
        match event {
            AnyEvent::Client(event) => Some(event),
            AnyEvent::Both(_) | AnyEvent::Server(_) => None,
        }
    }

    fn opened(session: &mut Session<Self>) {
        session.say_hello();
    }

    /// Nobody reads here what only a client sends: where it isn't refused, it counts for nothing.
    fn client_frame(
        _: &mut Session<Self>,
        _: ClientFrame,
        _: bool,
        _: Reader<'_>,
    ) -> Result<(), PeerMisbehaved> {
        Ok(())
    }

    fn server_frame(
        session: &mut Session<Self>,
        frame: ServerFrame,
        takes: bool,
        fields: Reader<'_>,
    ) -> Result<(), PeerMisbehaved> {
        // Read in any case: bytes that are malformed are a fault.
        match frame {
            ServerFrame::NeedTable => {
                fields.end()?;
                if takes { session.tell_table() } else { Ok(()) }
            }
            ServerFrame::Welcome => {
                let welcome = Welcome::read(fields)?;
                if takes {
                    session.welcomed(welcome)
                } else {
                    Ok(())
                }
            }
            ServerFrame::Publication => {
                let publication = Publication::read(fields)?;
                if takes {
                    session.publication(publication)
                } else {
                    Ok(())
                }
            }
            ServerFrame::Skipped => {
                let skipped = Skipped::read(fields)?;
                if takes {
                    session.skipped(skipped)
                } else {
                    Ok(())
                }
            }
            ServerFrame::NeedOutlines => {
                let need = NeedOutlines::read(fields)?;
                if takes {
                    session.on_need_outlines(need);
                }
                Ok(())
            }
        }
    }

    fn reserved_request(core: &mut SessionCore, request: Request) -> Result<(), PeerMisbehaved> {
        core.start_servers_request(request)
    }

    fn message_taken(_: &mut Session<Self>) {}

    fn next_log(_: &SessionCore) -> Option<ClientEvent> {
        None
    }
}

impl Session<ClientSide> {
    /// Makes the client's end. It says hello as soon as it hears [`Input::Opened`](super::Input::Opened).
    ///
    /// `table` is what requests refer to, and `token` goes to the server's application: at most
    /// [`MAX_TOKEN`](crate::limits::MAX_TOKEN), or the server will refuse the hello.
    pub fn client(limits: Limits, table: Arc<KindTable>, token: Vec<u8>) -> Self {
        let side = ClientSide {
            token,
            ..ClientSide::default()
        };
        let core = SessionCore::new(ClientSide::ROLE, Phase::Idle, Arc::new(limits), table);
        Self { core, side }
    }

    /// Makes the session after this one, which is over and told [`Event::Ended`](super::Event::Ended): a client that was told to come
    /// back later begins anew. It has no connection yet; what is asked of it meanwhile waits. So many bytes
    /// of events, `untaken`, the application was given and hasn't taken: they count against the new window
    /// until [`leftovers_taken`](Self::leftovers_taken).
    pub fn replacement(&mut self, untaken: u64) -> Self {
        let (limits, table) = (Arc::clone(&self.limits), Arc::clone(&self.table));
        let side = ClientSide {
            token: self.side.token.clone(),
            ..ClientSide::default()
        };
        let core = SessionCore::new(ClientSide::ROLE, Phase::Detached(None), limits, table);
        let mut next = Self { core, side };
        next.now = self.now;
        // A listener may have one event more than it should: then nothing is left of the window.
        let window = self.limits.requests.saturating_sub(untaken);
        next.incoming = Incoming::after(&self.limits, window, untaken);
        next.take_unsent(self);
        next
    }

    /// Sets whether requests that were never sent outlive the session (default: no, they end as
    /// [`NotReceived`](super::Outcome::NotReceived)). If so, they wait from its loss
    /// ([`ClientEvent::SessionReplaced`], or an end that the client didn't want) for [`requeue_unsent`](SessionCore::requeue_unsent) of the
    /// session that follows, or for [`drop_unsent`](Self::drop_unsent) of the one that is over if none does. Their
    /// deadlines run on. What is asked for after the loss and before `requeue_unsent` ends with its session, unless it is
    /// [held back](SessionCore::hold_back).
    pub fn keep_unsent(&mut self, yes: bool) {
        self.outgoing.keep_unsent(yes);
    }

    /// Takes over what another session, which is over, never sent.
    pub fn take_unsent(&mut self, earlier: &mut Self) {
        self.outgoing.follow(&mut earlier.outgoing);
        let SessionCore {
            topics, outgoing, ..
        } = &mut self.core;
        topics
            .subscriptions
            .follow(&mut earlier.topics.subscriptions, outgoing);
    }

    /// Ends what was never sent, and was kept, as [`NotReceived`](super::Outcome::NotReceived).
    pub fn drop_unsent(&mut self) {
        self.outgoing.end_unsent();
        self.report();
    }

    /// Takes note that the application has taken what it was given of sessions that are over: each
    /// [`ClientEvent::Leftover`], and the event whose handler was at work. Until then they count against the window of
    /// the session that follows, so that however many are lost, no more waits than one may hold.
    pub fn leftovers_taken(&mut self, now: Time) {
        self.now = self.now.max(now);
        self.incoming.unburden();
    }

    /// Sets the token that the next hello tells the server's application, at most
    /// [`MAX_TOKEN`](crate::limits::MAX_TOKEN), or the server will refuse it.
    pub fn set_token(&mut self, token: Vec<u8>) {
        self.side.token = token;
    }

    /// Returns the session that the client wants back, if it has one.
    fn wanted(&mut self) -> Option<Resume> {
        let ticket = self.side.ticket.as_ref()?;
        // Counted for each hello: a later one must be told from one that was long under way.
        self.side.attempt += 1;
        let window = self.core.incoming.tell_grant();
        let received = self.core.received.last_accepted();
        Some(Resume {
            session: ticket.session,
            secret: ticket.secret.clone(),
            attempt: self.side.attempt,
            received,
            window,
            subscriptions: self.core.topics.subscriptions.told_again(),
        })
    }

    /// Takes from a welcome what it says of the session.
    fn continued(&mut self, welcome: &Welcome) -> Result<bool, PeerMisbehaved> {
        let goes_on = match (self.side.ticket.take(), welcome.continuity) {
            (None, Continuity::New) => false,
            (Some(ticket), Continuity::Resumed { received })
                if ticket.session == welcome.session =>
            {
                // Who claims to have what was never sent, or to lack what it acknowledged, doesn't have this session.
                if !self.retransmit.can_resume_after(received) {
                    return Err(PeerMisbehaved::AckAhead);
                }
                self.go_on(received, welcome.bounds.window);
                true
            }
            (Some(ticket), Continuity::Unknown) => {
                // Another boot is another process, which can have none of the old one's sessions.
                let why = if ticket.boot == welcome.boot {
                    SessionLost::Unknown
                } else {
                    SessionLost::Restarted
                };
                self.begin_anew(why, Received::Untold);
                false
            }
            (Some(_), Continuity::Evicted { received }) => {
                self.begin_anew(SessionLost::Evicted, Received::UpTo(received));
                false
            }
            _ => return Err(PeerMisbehaved::WrongContinuity),
        };
        // A session that either end forgets with its connection can't be had back.
        let is_kept = !welcome.keeps.is_zero() && !self.limits.resume.is_zero();
        self.side.ticket = is_kept.then(|| Ticket {
            session: welcome.session,
            boot: welcome.boot,
            secret: welcome.secret.clone(),
        });
        Ok(goes_on)
    }

    /// Begins another session, as this one is lost: everything pending has its outcome.
    fn begin_anew(&mut self, why: SessionLost, received: Received) {
        // The server of another session counts from the beginning.
        self.side.attempt = 0;
        let window = self.side.advertised_window;
        // It follows itself, also if it is to end once all is sent.
        // Outcomes come before `SessionReplaced`: the application then knows what is lost when it
        // asks again.
        self.outgoing.end_all(received, true);
        self.report();
        self.outgoing.begin_anew();
        // Counted before they are handed over: what the application hasn't taken goes on taking room.
        let burden = self.incoming.burden();
        self.hand_over();
        // No `Dropped` for the handlers at work: `SessionReplaced` has the application drop all of them.
        self.incoming = Incoming::after(&self.limits, window, burden);
        // After the requests: a join goes on if it is among those that were never sent.
        let next = Subscriptions::new(self.limits.subscription_window);
        let SessionCore {
            topics, outgoing, ..
        } = &mut self.core;
        let mut earlier = std::mem::replace(&mut topics.subscriptions, next);
        topics.subscriptions.follow(&mut earlier, outgoing);
        // Both ends count from 1 again: a number of the old session would be out of order in the
        // new.
        let retained = self.limits.retained;
        self.retransmit.begin_anew(retained);
        // The server that follows may be another build, which differs in other kinds.
        self.outlines.drop_due();
        self.pings = Pings::default();
        self.received = ReceivedSeq::default();
        if let Some(conn) = &mut self.conn {
            conn.begin_anew(window);
        }
        self.emit(ClientEvent::SessionReplaced { why });
    }

    /// Says hello over a transport that has opened.
    fn say_hello(&mut self) {
        if !self.state().awaits_connection() {
            return;
        }
        // In another session, what is left of this one counts too.
        let window = self.limits.requests;
        let window = window.saturating_sub(self.incoming.burden());
        // If the welcome begins another session, that has the window of this hello, whatever the
        // application has taken meanwhile.
        self.side.advertised_window = window;
        let token = self.side.token.clone();
        let is_kept = self.phase.outlives_connection();
        self.phase = Phase::AwaitingWelcome { is_kept };
        let until = self.now + self.limits.handshake;
        self.timers.set(Timer::Handshake, until);
        let hello = Hello {
            bounds: self.bounds(window),
            token,
            digest: self.table.digest(),
            resume: self.wanted(),
        };
        // The hello says what an acknowledgement would: none need follow until there is something
        // new.
        let told = match &hello.resume {
            Some(resume) => Ack {
                received: resume.received,
                window: resume.window,
            },
            None => Ack {
                received: None,
                window,
            },
        };
        let hello = Frame::Hello(hello).to_bytes();
        self.conn = Some(Conn::new(hello, told, &self.core.pings));
    }

    /// Sends the table, which the server doesn't know.
    fn tell_table(&mut self) -> Result<(), PeerMisbehaved> {
        // Asked for again and again, a table would be a small question with a large answer.
        let SessionCore { conn, table, .. } = &mut self.core;
        match conn {
            Some(conn) if !conn.table_told => {
                conn.table_told = true;
                conn.handshake_out = table.to_bytes();
                Ok(())
            }
            Some(_) | None => Err(PeerMisbehaved::WrongState {
                frame: FrameType::NeedTable,
                state: self.phase.state(),
            }),
        }
    }

    /// Gives the question to the application, as once on a connection.
    fn on_need_outlines(&mut self, need: NeedOutlines) {
        // A question asked again and again would have long answers for a few bytes.
        if let Some(conn) = &mut self.conn
            && !std::mem::replace(&mut conn.outlines_asked, true)
        {
            let NeedOutlines { kinds } = need;
            self.emit(ClientEvent::NeedOutlines { kinds });
        }
    }

    /// Opens the session, as the server's welcome says.
    fn welcomed(&mut self, welcome: Welcome) -> Result<(), PeerMisbehaved> {
        let mut refused = welcome.refused.iter();
        if refused.any(|(kind, _)| self.class(*kind).is_none()) {
            return Err(PeerMisbehaved::KindBeyondTable);
        }
        // A session that goes on has its bounds and its refusals: a welcome back lists none.
        if !self.continued(&welcome)? {
            let Welcome {
                bounds, refused, ..
            } = &welcome;
            self.peer = *bounds;
            for (kind, _) in refused
                .iter()
                .filter(|(_, why)| *why == Refusal::KindDiffers)
            {
                self.outlines.await_one(*kind);
            }
            self.outgoing.judge(bounds.payload, bounds.window, refused);
            self.report();
        }
        let is_kept = self.side.ticket.is_some();
        self.open(is_kept);
        self.emit(ClientEvent::Welcome(welcome));
        Ok(())
    }
}
