//! Each frame of the peer, read and given to whoever takes it. A type that is forgotten here doesn't compile.

use super::side::{ClientFrame, ServerFrame};
use super::state::Admission;
use super::{Event, PeerMisbehaved, Session, SessionCore, Side, State};
use crate::SeqNo;
use crate::frame::{
    self, Ack, Call, Cancel, FrameType, Item, Outline, Ping, RawFrame, Reply, StreamWindow,
    read_goodbye,
};

type Taken = Result<(), PeerMisbehaved>;

/// A frame that counts, whether or not it is taken.
trait Numbered {
    fn number(&self) -> SeqNo;
}

macro_rules! numbered {
    ($($frame:ty),*) => {
        $(impl Numbered for $frame {
            fn number(&self) -> SeqNo {
                self.number
            }
        })*
    };
}

numbered!(Call<'_>, frame::Event<'_>, Cancel, Reply<'_>, Item<'_>);

impl<S: Side> Session<S> {
    /// Reads a frame, and takes it if it has its place here.
    pub(super) fn frame(&mut self, frame: RawFrame<'_>) -> Taken {
        let frame_type = frame.frame_type();
        let admission = self.state().admit(S::ROLE, frame_type);
        // Decided by the type alone: a frame that has no place here isn't even read.
        if admission == Admission::Refuse {
            return Err(PeerMisbehaved::WrongState {
                frame: frame_type,
                state: self.state(),
            });
        }
        // A frame that is dropped is read all the same: its number counts, and bytes that are
        // malformed are a fault.
        let (takes, fields) = (admission == Admission::Take, frame.fields());
        let core = &mut self.core;
        match frame_type {
            FrameType::Hello => S::client_frame(self, ClientFrame::Hello, takes, fields),
            FrameType::Table => S::client_frame(self, ClientFrame::Table, takes, fields),
            FrameType::TopicWindow => {
                S::client_frame(self, ClientFrame::TopicWindow, takes, fields)
            }
            FrameType::NeedTable => S::server_frame(self, ServerFrame::NeedTable, takes, fields),
            FrameType::Welcome => S::server_frame(self, ServerFrame::Welcome, takes, fields),
            FrameType::Publication => {
                S::server_frame(self, ServerFrame::Publication, takes, fields)
            }
            FrameType::Skipped => S::server_frame(self, ServerFrame::Skipped, takes, fields),
            FrameType::NeedOutlines => {
                S::server_frame(self, ServerFrame::NeedOutlines, takes, fields)
            }
            FrameType::Goodbye => core.take(takes, read_goodbye(fields)?, |core, goodbye| {
                core.on_peer_goodbye(goodbye);
                Ok(())
            }),
            FrameType::Ack => core.take(takes, Ack::read(fields)?, SessionCore::ack),
            FrameType::Ping => core.take(takes, Ping::read(fields)?, SessionCore::on_ping),
            FrameType::Pong => core.take(takes, Ping::read(fields)?, SessionCore::on_pong),
            FrameType::StreamWindow => core.take(
                takes,
                StreamWindow::read(fields)?,
                SessionCore::stream_window,
            ),
            FrameType::Call => core.count(takes, Call::read(fields)?, SessionCore::called),
            FrameType::Event => core.count(takes, frame::Event::read(fields)?, SessionCore::event),
            FrameType::Cancel => {
                core.count(takes, Cancel::read(fields)?, SessionCore::peer_cancels)
            }
            FrameType::Reply => core.count(takes, Reply::read(fields)?, SessionCore::reply),
            FrameType::Item => core.count(takes, Item::read(fields)?, SessionCore::item_came),
            FrameType::Outline => core.take(takes, Outline::read(fields)?, SessionCore::on_outline),
        }
    }
}

impl SessionCore {
    /// Takes a frame that isn't numbered.
    fn take<T>(
        &mut self,
        takes: bool,
        frame: T,
        take: impl FnOnce(&mut Self, T) -> Taken,
    ) -> Taken {
        if takes { take(self, frame) } else { Ok(()) }
    }

    /// Takes a numbered frame, which counts in any case.
    fn count<T: Numbered>(
        &mut self,
        takes: bool,
        frame: T,
        take: impl FnOnce(&mut Self, T) -> Taken,
    ) -> Taken {
        // Counted first, also if it is dropped: the peer counts what it sends, and not what is
        // taken.
        self.count_number(frame.number())?;
        self.take(takes, frame, take)
    }

    fn count_number(&mut self, number: SeqNo) -> Taken {
        match self.state() {
            State::Open => self.received.count(number, true),
            // Nothing is accepted after this side's goodbye. If `received` rose, an event that was
            // dropped would be `Accepted`.
            State::Draining => self.received.count(number, false),
            // Where a session is over, numbers don't count any more.
            State::Idle
            | State::AwaitingWelcome
            | State::AwaitingHello
            | State::AwaitingTable
            | State::Authenticating
            | State::Detached
            | State::PeerDraining
            | State::AwaitingClose
            | State::Closing
            | State::Closed => Ok(()),
        }
    }

    fn on_ping(&mut self, ping: Ping) -> Taken {
        if let Some(conn) = &mut self.conn {
            conn.liveness.on_ping(ping);
        }
        Ok(())
    }

    fn on_pong(&mut self, pong: Ping) -> Taken {
        if let Some(round_trip) = self.pings.on_pong(self.now, pong) {
            self.emit(Event::Pong { round_trip });
        }
        Ok(())
    }
}
