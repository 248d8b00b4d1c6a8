//! Each frame of the peer, read and given to whoever takes it. A type that is forgotten here doesn't compile.

use super::serving::ClientFrame;
use super::state::Admission;
use super::{Event, PeerMisbehaved, Session, State};
use crate::Number;
use crate::frame::{
    self, Ack, Call, Cancel, FrameType, Item, NeedOutlines, Outline, Ping, Publication, RawFrame,
    Reader, Reply, Skipped, StreamWindow, Welcome, read_goodbye,
};

type Taken = Result<(), PeerMisbehaved>;

/// A frame that counts, whether or not it is taken.
trait Numbered {
    fn number(&self) -> Number;
}

macro_rules! numbered {
    ($($frame:ty),*) => {
        $(impl Numbered for $frame {
            fn number(&self) -> Number {
                self.number
            }
        })*
    };
}

numbered!(Call<'_>, frame::Event<'_>, Cancel, Reply<'_>, Item<'_>);

impl Session {
    /// Reads a frame, and takes it if it has its place here.
    pub(super) fn frame(&mut self, frame: RawFrame<'_>) -> Taken {
        let frame_type = frame.frame_type();
        let admission = self.state().admit(self.role(), frame_type);
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
        match frame_type {
            FrameType::Goodbye => self.take(takes, read_goodbye(fields)?, |session, goodbye| {
                session.on_peer_goodbye(goodbye);
                Ok(())
            }),
            FrameType::Hello => self.serve(takes, fields, ClientFrame::Hello),
            FrameType::Table => self.serve(takes, fields, ClientFrame::Table),
            FrameType::TopicWindow => self.serve(takes, fields, ClientFrame::TopicWindow),
            FrameType::NeedTable => {
                self.take(takes, fields.end()?, |session, ()| session.tell_table())
            }
            FrameType::Welcome => self.take(takes, Welcome::read(fields)?, Self::welcomed),
            FrameType::Ack => self.take(takes, Ack::read(fields)?, Self::ack),
            FrameType::Ping => self.take(takes, Ping::read(fields)?, Self::on_ping),
            FrameType::Pong => self.take(takes, Ping::read(fields)?, Self::on_pong),
            FrameType::StreamWindow => {
                self.take(takes, StreamWindow::read(fields)?, Self::stream_window)
            }
            FrameType::Call => self.count(takes, Call::read(fields)?, Self::called),
            FrameType::Event => self.count(takes, frame::Event::read(fields)?, Self::event),
            FrameType::Cancel => self.count(takes, Cancel::read(fields)?, Self::peer_cancels),
            FrameType::Reply => self.count(takes, Reply::read(fields)?, Self::reply),
            FrameType::Item => self.count(takes, Item::read(fields)?, Self::on_item),
            FrameType::Publication => {
                self.take(takes, Publication::read(fields)?, Self::publication)
            }
            FrameType::Skipped => self.take(takes, Skipped::read(fields)?, Self::skipped),
            FrameType::NeedOutlines => {
                self.take(takes, NeedOutlines::read(fields)?, Self::on_need_outlines)
            }
            FrameType::Outline => self.take(takes, Outline::read(fields)?, Self::on_outline),
        }
    }

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

    fn count_number(&mut self, number: Number) -> Taken {
        match self.state() {
            State::Open => self.received.count(number, true),
            // Nothing is accepted after this side's goodbye. If `received` rose, an event that was
            // dropped would be `Accepted`.
            State::Draining => self.received.count(number, false),
            // Where a session is over, numbers don't count any more.
            State::Idle
            | State::Greeting
            | State::Awaiting
            | State::Asking
            | State::Judging
            | State::Detached
            | State::Leaving
            | State::Parting
            | State::Closing
            | State::Closed => Ok(()),
        }
    }

    /// Takes a frame that only a client sends. A client, which has nothing to take it with, never reads it.
    fn serve(&mut self, takes: bool, fields: Reader<'_>, frame: ClientFrame) -> Taken {
        match self.serving() {
            Some(serving) if takes => (serving.take)(self, frame, fields),
            Some(_) | None => Ok(()),
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
            self.events.push(Event::Pong { round_trip });
        }
        Ok(())
    }

    fn on_item(&mut self, item: Item<'_>) -> Taken {
        let asking = self.outgoing.asking.ok_or(PeerMisbehaved::ReplyToNothing)?;
        (asking.item_came)(self, &item)
    }

    /// Gives the question to the application, as once on a connection.
    fn on_need_outlines(&mut self, need: NeedOutlines) -> Taken {
        // A question asked again and again would have long answers for a few bytes.
        if let Some(conn) = &mut self.conn
            && !std::mem::replace(&mut conn.outlines_asked, true)
        {
            let NeedOutlines { kinds } = need;
            self.events.push(Event::NeedOutlines { kinds });
        }
        Ok(())
    }
}
