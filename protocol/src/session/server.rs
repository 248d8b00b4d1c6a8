//! The server's end.

use std::sync::Arc;

use super::acks::Acks;
use super::conn::Conn;
use super::credentials::ResumeCredentials;
use super::phase::Phase;
use super::side::{AnyEvent, ClientFrame, ServerFrame};
use super::timers::Timer;
use super::{
    Admitted, PeerMisbehaved, Request, ResumeRejected, Role, ServerEvent, Session, SessionCore,
    Side, State, Tombstone,
};
use crate::frame::{
    Ack, Continuity, Frame, Hello, KindTable, Reader, Refusal, Resume, TopicWindow, Welcome,
};
use crate::goodbye::{Goodbye, GoodbyeCode};
use crate::limits::Limits;
use crate::{Secret, Time};

/// The server's end of a session.
#[derive(Debug, Default)]
pub struct ServerSide {
    /// The tables that a client need not tell. Empty once the table is known.
    known_tables: Vec<Arc<KindTable>>,
    /// None before the welcome.
    credentials: Option<ResumeCredentials>,
}

impl Side for ServerSide {
    type Event = ServerEvent;

    const ROLE: Role = Role::Server;

    fn event(event: AnyEvent) -> Option<ServerEvent> {
        match event {
            AnyEvent::Server(event) => Some(event),
            AnyEvent::Both(_) | AnyEvent::Client(_) => None,
        }
    }

    /// A server's end is made on a transport that is open.
    fn opened(_: &mut Session<Self>) {}

    fn client_frame(
        session: &mut Session<Self>,
        frame: ClientFrame,
        takes: bool,
        fields: Reader<'_>,
    ) -> Result<(), PeerMisbehaved> {
        // Read in any case: bytes that are malformed are a fault.
        match frame {
            ClientFrame::Hello => {
                let hello = Hello::read(fields)?;
                if takes {
                    session.hello(hello);
                }
                Ok(())
            }
            ClientFrame::Table => {
                let table = KindTable::read(fields)?;
                if takes { session.table(table) } else { Ok(()) }
            }
            ClientFrame::TopicWindow => {
                let window = TopicWindow::read(fields)?;
                if takes {
                    session.topic_window(window);
                }
                Ok(())
            }
        }
    }

    /// Nobody reads here what only a server sends: where it isn't refused, it counts for nothing.
    fn server_frame(
        _: &mut Session<Self>,
        _: ServerFrame,
        _: bool,
        _: Reader<'_>,
    ) -> Result<(), PeerMisbehaved> {
        Ok(())
    }

    fn reserved_request(core: &mut SessionCore, request: Request) -> Result<(), PeerMisbehaved> {
        core.start_clients_request(request)
    }

    fn message_taken(session: &mut Session<Self>) {
        // A client sends nothing between its hello and the welcome: whatever comes proves that it
        // has the secret.
        if session.state() == State::Open {
            session.confirm_secret();
        }
    }

    fn next_log(core: &SessionCore) -> Option<ServerEvent> {
        core.next_log().map(ServerEvent::ReadLog)
    }
}

impl Session<ServerSide> {
    /// Makes the server's end, on a socket that has just opened. A client whose table isn't among `known`
    /// is asked for it.
    pub fn server(now: Time, limits: Limits, known: Vec<Arc<KindTable>>) -> Self {
        let limits = Arc::new(limits);
        let role = ServerSide::ROLE;
        let mut core = SessionCore::new(role, Phase::AwaitingHello, limits, Arc::default());
        core.now = now;
        core.conn = Some(Conn::default());
        core.timers
            .set(Timer::Handshake, now + core.limits.handshake);
        let side = ServerSide {
            known_tables: known,
            credentials: None,
        };
        Self { core, side }
    }

    /// Answers a [`ServerEvent::Hello`]: the session is open. Ignored if no hello is waiting.
    pub fn welcome(&mut self, now: Time, admitted: Admitted) {
        self.now = self.now.max(now);
        // The client may be gone by the time that the application has judged it.
        if self.state() != State::Authenticating {
            return;
        }
        let Admitted {
            session,
            peer,
            boot,
            secret,
            continuity,
            refused,
            in_order,
        } = admitted;
        self.incoming.set_in_order(in_order);
        let credentials = ResumeCredentials::new(session, peer, boot, secret.clone());
        self.side.credentials = Some(credentials);
        self.say_welcome(secret, continuity, refused);
    }

    /// Gives the session to a client that wants it back, over another connection; the shell has to let
    /// go of the one that it had. `table` is the client's, `secret` the next, from a cryptographic source.
    ///
    /// # Errors
    /// [`ResumeRejected`]; nothing has changed. A session that is over, or ends, tells its client what it had received.
    pub fn resume(
        &mut self,
        now: Time,
        wanted: &Resume,
        table: &KindTable,
        secret: Secret,
    ) -> Result<(), ResumeRejected> {
        self.now = self.now.max(now);
        let unknown = ResumeRejected::Another(Continuity::Unknown);
        if !matches!(self.state(), State::Open | State::Detached) {
            // An end that was said isn't taken back. The client hears what arrived, and begins anew.
            let tombstone = self.tombstone().ok_or(unknown)?;
            return Err(ResumeRejected::Another(tombstone.answer(&wanted.secret)));
        }
        let Some(credentials) = &mut self.side.credentials else {
            return Err(unknown);
        };
        let is_right =
            credentials.secrets.have(&wanted.secret) && credentials.session == wanted.session;
        let can_go_on = self.core.retransmit.can_resume_after(wanted.received);
        // Whatever refuses stands before the first change: a failed attempt leaves the session to its owner.
        // Requests name kinds by their place in the table: in another table the place is another
        // kind's.
        if !is_right || !can_go_on || table.digest() != self.core.table.digest() {
            return Err(unknown);
        }
        plant!("delayed_hello", credentials.attempt = 0);
        // Hellos on two connections can overtake each other. If the older took the session, the client's newest connection
        // would be cut off by its own past.
        if wanted.attempt <= credentials.attempt {
            let superseded = Goodbye::new(GoodbyeCode::Superseded, "");
            return Err(ResumeRejected::Over(superseded));
        }
        credentials.attempt = wanted.attempt;
        // The old secret stays good until the client confirms the new one: the welcome that tells it may be lost.
        credentials.secrets.renew(&wanted.secret, secret.clone());
        // What the old connection took may never arrive: the client's `received` decides what goes again.
        self.leave_connection();
        self.conn = Some(Conn::default());
        // Left running, it would end the session over its new connection.
        self.timers.stop(Timer::Resume);
        plant!(
            "resume_timer_kept",
            self.core
                .timers
                .set(Timer::Resume, self.core.now + self.core.limits.resume)
        );
        self.go_on(wanted.received, wanted.window);
        let SessionCore { topics, peer, .. } = &mut self.core;
        topics.cursors.resume(wanted, peer.topic);
        let received = self.received.last_accepted();
        self.say_welcome(secret, Continuity::Resumed { received }, Vec::new());
        Ok(())
    }

    /// Welcomes the client to this session, over this connection.
    fn say_welcome(
        &mut self,
        secret: Secret,
        continuity: Continuity,
        refused: Vec<(u32, Refusal)>,
    ) {
        let Some(credentials) = &self.side.credentials else {
            return;
        };
        let (session, peer, boot) = (credentials.session, credentials.peer, credentials.boot);
        let (received, window) = (
            self.core.received.last_accepted(),
            self.core.incoming.tell_grant(),
        );
        let welcome = Welcome {
            session,
            peer,
            boot,
            secret,
            keeps: self.limits.resume,
            continuity,
            bounds: self.bounds(window),
            refused,
        };
        let told = Ack { received, window };
        // The welcome says what an acknowledgement would.
        if let Some(conn) = &mut self.conn {
            conn.acks = Acks::new(told);
        }
        self.answer_hello(Frame::Welcome(welcome));
        let is_kept = !self.limits.resume.is_zero();
        self.open(is_kept);
    }

    /// Makes the secret that the welcome told the only one: the client has heard it.
    fn confirm_secret(&mut self) {
        if let Some(credentials) = &mut self.side.credentials {
            credentials.secrets.confirm();
        }
    }

    /// Returns what a client that proves to be the session's may learn once it is over: the last of its frames
    /// that were received in order.
    pub fn tombstone(&self) -> Option<Tombstone> {
        let credentials = self.side.credentials.as_ref();
        let (credentials, received) = (credentials?, self.received.last_accepted());
        plant!("tombstone_forgets", let received = None);
        Some(Tombstone {
            secrets: credentials.secrets.clone(),
            received,
            goodbye: None,
        })
    }

    /// Takes a client's hello: its application's turn is next, unless its table is unknown here.
    fn hello(&mut self, hello: Hello) {
        let known = self.side.known_tables.iter();
        let mut table = known.filter(|table| table.digest() == hello.digest);
        // Clients of one build have one table: it is sent once, and not by each.
        match table.next().cloned() {
            Some(table) => self.ask_application(hello, table),
            None => {
                self.answer_hello(Frame::NeedTable);
                self.phase = Phase::AwaitingTable(Box::new(hello));
            }
        }
    }

    /// Has the answer to a hello go out first.
    fn answer_hello(&mut self, answer: Frame<'_>) {
        if let Some(conn) = &mut self.conn {
            conn.handshake_out = answer.to_bytes();
        }
    }

    /// Takes the table that its hello didn't tell.
    fn table(&mut self, table: KindTable) -> Result<(), PeerMisbehaved> {
        // Only for the moment: a fault ends the session, and else the application is asked.
        let Phase::AwaitingTable(hello) = std::mem::replace(&mut self.phase, Phase::AwaitingHello)
        else {
            return Err(PeerMisbehaved::OtherTable);
        };
        if hello.digest != table.digest() {
            return Err(PeerMisbehaved::OtherTable);
        }
        self.ask_application(*hello, Arc::new(table));
        Ok(())
    }

    /// Has the application judge the hello.
    fn ask_application(&mut self, hello: Hello, table: Arc<KindTable>) {
        self.outgoing
            .judge(hello.bounds.payload, hello.bounds.window, &[]);
        debug_assert!(
            self.outgoing.ended.is_empty(),
            "a server asks nothing before its welcome"
        );
        self.peer = hello.bounds;
        self.table = Arc::clone(&table);
        // The others would be kept for as long as the session.
        self.side.known_tables = Vec::new();
        self.phase = Phase::Authenticating;
        self.emit(ServerEvent::Hello {
            token: hello.token,
            table,
            resume: hello.resume.map(Box::new),
        });
    }
}
