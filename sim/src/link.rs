//! Connections: two lines that delay, keep the order, and break.

use std::collections::VecDeque;
use std::time::Duration;

use twinwire::Time;

use crate::Dice;

/// What comes over a connection, or of it.
#[derive(Debug)]
pub(crate) enum Packet {
    /// A client has opened it: to the server.
    Opened,
    /// A WebSocket message.
    Message(Vec<u8>),
    /// It is over: the other end has closed it, or it was seen to be broken.
    Lost,
}

/// Which end of a connection, by the direction that leads to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    Server = 0,
    Client = 1,
}

impl To {
    pub(crate) const BOTH: [Self; 2] = [Self::Server, Self::Client];

    pub(crate) fn other(self) -> Self {
        match self {
            Self::Server => Self::Client,
            Self::Client => Self::Server,
        }
    }
}

/// One direction.
#[derive(Debug, Default)]
struct Line {
    packets: VecDeque<Packet>,
    /// When the last one arrives.
    last: Time,
    /// Nothing that is sent arrives any more.
    is_cut: bool,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Conn {
    lines: [Line; 2],
    /// Who listens at each end.
    pub(crate) ends: [Option<usize>; 2],
    latency: Duration,
    /// Until then all takes longer.
    spike: Time,
    pub(crate) is_cut: bool,
    /// Who opened it.
    pub(crate) client: usize,
}

impl Conn {
    pub(crate) fn new(client: usize, dice: &mut Dice) -> Self {
        Self {
            lines: Default::default(),
            ends: [None, Some(client)],
            latency: dice.wait(1, 60),
            spike: Time::default(),
            is_cut: false,
            client,
        }
    }

    /// Sends; gives the moment of arrival, if it is going to arrive.
    pub(crate) fn send(
        &mut self,
        now: Time,
        to: To,
        packet: Packet,
        dice: &mut Dice,
    ) -> Option<Time> {
        let line = &mut self.lines[to as usize];
        if line.is_cut {
            return None;
        }
        let mut due = now + self.latency + dice.wait(0, 8);
        if now < self.spike {
            due = due + dice.wait(100, 900);
        }
        line.last = line.last.max(due);
        line.packets.push_back(packet);
        Some(line.last)
    }

    pub(crate) fn arrived(&mut self, to: To) -> Option<Packet> {
        self.lines[to as usize].packets.pop_front()
    }

    /// What is sent until then is slow.
    pub(crate) fn slow_until(&mut self, until: Time) {
        self.spike = self.spike.max(until);
    }

    /// Returns the time at which nothing that is under way is slow any more.
    pub(crate) fn slow_until_all_is_there(&self) -> Time {
        let last = self.lines[0].last.max(self.lines[1].last);
        last.max(self.spike + Duration::from_secs(1))
    }

    /// Breaks it, in each direction between any two messages that are under way. Gives when the last of
    /// those that still arrive does.
    pub(crate) fn cut(&mut self, dice: &mut Dice) -> [Time; 2] {
        self.is_cut = true;
        for line in &mut self.lines {
            line.is_cut = true;
            let kept = dice.place(line.packets.len() + 1);
            line.packets.truncate(kept);
        }
        [self.lines[0].last, self.lines[1].last]
    }
}
