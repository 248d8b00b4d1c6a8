//! The data that only one of the two ends has.

use std::sync::Arc;

use super::cursors::Cursors;
use super::resume::{ResumeCredentials, Ticket};
use super::serving::{SERVING, Serving};
use super::state::Role;
use crate::frame::Table;

#[derive(Debug)]
pub(super) enum Side {
    Client(ClientSide),
    Server(ServerSide),
}

#[derive(Debug, Default)]
pub(super) struct ClientSide {
    /// The token that the next hello tells the server's application.
    pub(super) token: Vec<u8>,
    /// None while there is no session to be had back.
    pub(super) ticket: Option<Ticket>,
    /// Connections that were opened to have the session back.
    pub(super) attempt: u64,
    /// True for a session in the place of an earlier one: it outlives connections from its beginning.
    pub(super) is_replacement: bool,
    /// The window that the hello told for a session that would begin, in bytes.
    pub(super) advertised_window: u64,
}

#[derive(Debug)]
pub(super) struct ServerSide {
    pub(super) serving: &'static Serving,
    /// The tables that a client need not tell. Empty once the table is known.
    pub(super) known_tables: Vec<Arc<Table>>,
    /// None before the welcome.
    pub(super) credentials: Option<ResumeCredentials>,
    pub(super) cursors: Cursors,
}

impl ServerSide {
    pub(super) fn new(known_tables: Vec<Arc<Table>>) -> Self {
        Self {
            serving: &SERVING,
            known_tables,
            credentials: None,
            cursors: Cursors::default(),
        }
    }
}

impl Side {
    pub(super) fn role(&self) -> Role {
        match self {
            Self::Client(_) => Role::Client,
            Self::Server(_) => Role::Server,
        }
    }

    pub(super) fn client(&self) -> Option<&ClientSide> {
        match self {
            Self::Client(client) => Some(client),
            Self::Server(_) => None,
        }
    }

    pub(super) fn client_mut(&mut self) -> Option<&mut ClientSide> {
        match self {
            Self::Client(client) => Some(client),
            Self::Server(_) => None,
        }
    }

    pub(super) fn server(&self) -> Option<&ServerSide> {
        match self {
            Self::Client(_) => None,
            Self::Server(server) => Some(server),
        }
    }

    pub(super) fn server_mut(&mut self) -> Option<&mut ServerSide> {
        match self {
            Self::Client(_) => None,
            Self::Server(server) => Some(server),
        }
    }

    /// Returns true if the session goes on when a connection is lost on which the welcome is awaited.
    pub(super) fn outlives_greeting(&self) -> bool {
        let client = self.client();
        client.is_some_and(|client| client.ticket.is_some() || client.is_replacement)
    }
}
