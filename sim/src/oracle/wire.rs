//! What goes over the wire: who has what, and how much waits for its acknowledgement.

use twinwire::frame::{
    Answer, Call, Continuity, Event, Frame, FrameType, Frames, Hello, INVITE, JOIN, LEAVE, PUBLISH,
    Part, Refusal, Reply, ReplyPart,
};
use twinwire::limits::{FRAME_COST, MAX_MESSAGE};
use twinwire::session::{Role, State};
use twinwire::{Class, SeqNo, Time};

use super::{Check, Made, Oracle, Record, Way, Who, Wrong, ensure, hash, read_stamp};
use crate::plan::Bounds;

impl Oracle {
    /// A message goes out, at a moment by the world's clock in milliseconds, and by that of its end.
    pub(crate) fn sent(&mut self, who: Who, at: u64, now: Time, message: &[u8]) -> Check {
        ensure!(
            message.len() <= MAX_MESSAGE,
            "a message of {} bytes",
            message.len()
        );
        self.report.trace = hash(self.report.trace ^ at, message);
        let Some(session) = self.sends_in(who) else {
            return Ok(());
        };
        let (asks, hears) = (who.asks() as usize, who.hears() as usize);
        let record = &mut self.sessions[session];
        for frame in Frames::new(message) {
            let frame =
                frame.map_err(|fault| Wrong(format!("a frame that can't be read: {fault}")))?;
            if self.all_is_taken {
                check_credit(record, self.bounds.of(who.role()), &frame)?;
            }
            if let Frame::Reply(reply) = &frame {
                let bounds = self.bounds.of(who.role());
                replies(record, &mut self.made, bounds, reply, hears);
            }
            let kept = &mut record.unacknowledged[asks];
            if let Some(number) = frame.number()
                && kept.top.is_none_or(|top| top < number)
            {
                let length = frame.encoded_len();
                kept.top = Some(number);
                kept.frames.push_back((number, length));
                if let Frame::Item(item) = &frame {
                    let running = record.running[hears].get_mut(&item.call);
                    if let Some((_, since)) = running {
                        *since = now;
                    }
                }
                kept.bytes += length;
                let most = self.bounds.of(who.role()).retained + MAX_MESSAGE;
                ensure!(
                    kept.bytes <= most,
                    "{} bytes wait for their acknowledgement",
                    kept.bytes
                );
            }
        }
        Ok(())
    }

    /// Returns the session that what this end sends is of.
    pub(super) fn sends_in(&self, who: Who) -> Option<usize> {
        let welcomed = match who {
            Who::Client(life) => self.lives[life].welcomed,
            Who::Server(_) | Who::Greeter => None,
        };
        welcomed.or(self.session(who))
    }

    /// What an end sent has been received up to here.
    pub(super) fn acknowledged(&mut self, session: usize, way: Way, received: Option<SeqNo>) {
        let kept = &mut self.sessions[session].unacknowledged[way as usize];
        while let Some((number, length)) = kept.frames.front().copied()
            && received.is_some_and(|received| number <= received)
        {
            kept.frames.pop_front();
            kept.bytes -= length;
        }
    }

    /// A message is about to be handled.
    pub(crate) fn arrives(
        &mut self,
        who: Who,
        role: Role,
        mut state: State,
        message: &[u8],
    ) -> Check {
        let mut session = self.session(who);
        for frame in Frames::new(message) {
            let frame =
                frame.map_err(|fault| Wrong(format!("a frame that can't be read: {fault}")))?;
            self.coverage().visit(role, state, frame.frame_type());
            if let Frame::Welcome(welcome) = &frame {
                let welcomed = super::session_of(&welcome.session);
                if let Continuity::Resumed { received } = welcome.continuity
                    && state == State::AwaitingWelcome
                {
                    self.acknowledged(welcomed, who.asks(), received);
                }
                if let (Who::Client(life), State::AwaitingWelcome) = (who, state) {
                    self.lives[life].welcomed = Some(welcomed);
                }
                session = Some(welcomed);
            }
            let counts = match state {
                State::Open => true,
                State::Draining => frame.frame_type() == FrameType::Ack,
                _ => false,
            };
            if counts {
                let session =
                    session.ok_or_else(|| Wrong("a frame without a session".to_owned()))?;
                self.takes(who, session, &frame)?;
            }
            state = after(state, frame.frame_type());
        }
        Ok(())
    }

    fn takes(&mut self, who: Who, session: usize, frame: &Frame<'_>) -> Check {
        if let Frame::Ack(ack) = frame {
            self.acknowledged(session, who.asks(), ack.received);
        }
        if let Frame::StreamWindow(window) = frame {
            self.stream_may_go(who, window.call, window.limit);
        }
        if let Frame::TopicWindow(window) = frame {
            self.log_may_go(who, window.alias);
        }
        let record = &mut self.sessions[session];
        let way = who.hears() as usize;
        if let Frame::Call(Call { payload, .. }) | Frame::Event(Event { payload, .. }) = frame {
            record.charged[way] += payload.len() as u64 + FRAME_COST;
        }
        let (number, part, payload) = match frame {
            Frame::Call(call) => {
                if !call.part.continues {
                    record.open[way].insert(call.number, None);
                }
                let payload = match call.kind {
                    Some(LEAVE) => return Ok(()),
                    // The kind and the key's length are a byte each.
                    Some(JOIN | PUBLISH | INVITE) => call.payload.get(2..).unwrap_or_default(),
                    _ => call.payload,
                };
                (call.number, call.part, payload)
            }
            Frame::Event(event) => (event.number, event.part, event.payload),
            Frame::Cancel(_) => {
                // Parts that haven't come won't.
                return Ok(());
            }
            _ => return Ok(()),
        };
        let Part { continues, more } = part;
        if !continues {
            let id = read_stamp(payload)?.0;
            record.partial[way] = Some(id);
            if let Some(open) = record.open[way].get_mut(&number) {
                *open = Some(id);
            }
            self.made[id as usize].arrived_at = self.now;
        }
        let id = record.partial[way].filter(|_| !more);
        if let Some(id) = id {
            let made = &mut self.made[id as usize];
            ensure!(!made.arrived, "request {id} ({number}) arrives twice");
            made.arrived = true;
        }
        Ok(())
    }
}

/// Checks that an end that nothing waits at has given its peer all credit back.
fn check_credit(record: &Record, bounds: &Bounds, frame: &Frame<'_>) -> Check {
    let (way, window) = match frame {
        Frame::Hello(Hello {
            resume: Some(resume),
            ..
        }) => {
            for told in &resume.subscriptions {
                let left = told.limit - told.used;
                ensure!(
                    left == bounds.subscription,
                    "at rest a subscription has {left} of its window"
                );
            }
            (Way::Down, resume.window)
        }
        Frame::Welcome(welcome) => (Way::Up, welcome.bounds.window),
        _ => return Ok(()),
    };
    let left = window.checked_sub(record.charged[way as usize]);
    ensure!(
        left == Some(bounds.requests),
        "at rest requests have {left:?} of their window"
    );
    Ok(())
}

/// Takes a call from those that aren't answered on the wire. Where it is refused as one too many, it may be so.
fn replies(record: &mut Record, all: &mut [Made], bounds: &Bounds, reply: &Reply<'_>, way: usize) {
    let (more, answer) = match &reply.content {
        ReplyPart::First { answer, more, .. } => (*more, Some(answer)),
        ReplyPart::Further { more, .. } => (*more, None),
    };
    if more {
        return;
    }
    let id = record.open[way].remove(&reply.call).flatten();
    if let (Some(id), Some(Answer::Refused(refused))) = (id, answer)
        && refused.why == Refusal::Busy
    {
        let is_full = is_full(record, all, bounds, (reply.call, id), way);
        all[id as usize].may_be_busy |= is_full;
    }
}

/// Returns true if as many were in use as may be at some time while a request waited for its turn: of streams those that have
/// started and aren't answered on the wire, as answers go out in the order in which they are given.
fn is_full(
    record: &Record,
    all: &[Made],
    bounds: &Bounds,
    (call, id): (SeqNo, u32),
    way: usize,
) -> bool {
    let made = &all[id as usize];
    if made.class == Class::Topic {
        let counts = record.joined_counts.iter().rev();
        let before = counts.clone().find(|(at, _)| *at < made.arrived_at);
        let since = counts.take_while(|(at, _)| *at >= made.arrived_at);
        let most = before.into_iter().chain(since).map(|(_, count)| *count);
        return most.max().unwrap_or(0) >= bounds.subscriptions;
    }
    // Requests start in order: those before it have, though nobody may have heard of it yet.
    let streams = record.open[way].iter().filter(|(number, open)| {
        let open = open.map(|id| &all[id as usize]);
        open.is_some_and(|open| open.class == Class::Stream && (open.handed || **number < call))
    });
    streams.count() >= bounds.streams
}

/// Where a session stands after a frame, as far as the next frame of the message is concerned.
fn after(state: State, frame: FrameType) -> State {
    match (state, frame) {
        (State::AwaitingWelcome, FrameType::Welcome) => State::Open,
        (State::AwaitingHello, FrameType::Hello) => State::Authenticating,
        (State::AwaitingWelcome | State::Open | State::Draining, FrameType::Goodbye) => {
            State::PeerDraining
        }
        (state, _) => state,
    }
}
