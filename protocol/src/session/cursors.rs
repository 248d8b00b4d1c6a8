//! A server's cursors into the logs of the topics that its client has joined.

use super::conn::Conn;
use super::credit::SendWindow;
use super::sorted::Sorted;
use super::{
    Full, PeerMisbehaved, ReadLog, Request, RequestKey, ServerEvent, ServerSide, Session,
    SessionCore, State, TopicRequest,
};
use crate::frame::{
    Answer, INVITE, Invite, JOIN, Join, Joined, LEAVE, Leave, PUBLISH, Publish, Refusal, Resume,
    TopicWindow,
};
use crate::limits::MAX_MESSAGE;
use crate::log::{ReadBudget, Slice};
use crate::{Alias, Offset, Position, SeqNo, Time};

/// The places of a server's client in the topics that it has joined.
#[derive(Debug, Default)]
pub(super) struct Cursors {
    all: Sorted<Alias, Cursor>,
    /// The number of turns in which a log was read.
    turns: u64,
}

#[derive(Debug)]
struct Cursor {
    /// The call that joined.
    join: SeqNo,
    /// The number of its reply, once that is out.
    reply: Option<SeqNo>,
    /// The place where it began.
    start: Offset,
    /// The first that the client doesn't have.
    next: Offset,
    /// The first that the log doesn't have.
    head: Offset,
    window: SendWindow,
    /// The number of the turn in which its log was read last, or at its beginning.
    last_turn: u64,
    /// True while the client awaits publications.
    active: bool,
    /// True while the window has no room for the next entry.
    blocked: bool,
}

impl Cursor {
    fn is_ready(&self) -> bool {
        self.active && !self.blocked && self.next < self.head
    }
}

impl Cursors {
    /// Lets publications follow: the reply to this join is out.
    pub(super) fn activate(&mut self, alias: Alias, join: SeqNo, reply: SeqNo) {
        let cursor = self.all.get_mut(alias);
        // A later join may have taken its place while this one's reply waited for the socket.
        if let Some(cursor) = cursor.filter(|cursor| cursor.join == join) {
            cursor.active = true;
            cursor.reply = Some(reply);
        }
    }

    /// Sets the cursors where the client says that it stands, whatever was sent to it. Of a topic that it doesn't name,
    /// it either hears the reply to its join again, and begins there, or it has left the topic, and its leave comes
    /// again.
    pub(super) fn resume(&mut self, wanted: &Resume, window: u64) {
        for (alias, cursor) in self.all.iter_mut() {
            let mut told = wanted.subscriptions.iter();
            // Its window is told anew.
            cursor.blocked = false;
            match told.find(|told| told.alias == alias && told.join == cursor.join) {
                Some(told) => {
                    let end = cursor.head.max(cursor.next);
                    // The offset is the client's word: it leads to no entry before its join, nor
                    // past the log's end.
                    let (next, used) = (told.next.clamp(cursor.start, end), told.used);
                    plant!("cursor_trusted", let next = cursor.next);
                    plant!("used_forgotten", let used = 0);
                    cursor.next = next;
                    cursor.window = SendWindow::used(told.limit, used);
                    cursor.active = true;
                }
                None => {
                    cursor.next = cursor.start;
                    cursor.window = SendWindow::new(window);
                    // A reply that the client lacks is sent again, and publications follow it. Else
                    // the client has left, and nothing more is for it.
                    cursor.active &= cursor.reply > wanted.received;
                }
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.all.clear();
    }

    /// Returns the cursor whose turn it is.
    fn ready(&self) -> Option<(Alias, &Cursor)> {
        let ready = self.all.iter().filter(|(_, cursor)| cursor.is_ready());
        // As of streams: one waits for none that was joined after it.
        ready.min_by_key(|(_, cursor)| cursor.last_turn)
    }

    fn insert(&mut self, alias: Alias, cursor: Cursor) {
        let last_turn = self.turns;
        let cursor = Cursor {
            last_turn,
            ..cursor
        };
        self.all.insert(alias, cursor);
    }

    fn end_turn(&mut self, alias: Alias) {
        self.turns += 1;
        if let Some(cursor) = self.all.get_mut(alias) {
            cursor.last_turn = self.turns;
        }
    }
}

/// The requests of a server that are about its client's topics.
impl Session<ServerSide> {
    /// Has the client join a topic: `kind` is its place in the client's table, `key` its value. The
    /// outcome is that of a call whose reply is empty: the client's application hears of it.
    ///
    /// # Errors
    /// As of [`request`](SessionCore::request).
    pub fn invite(
        &mut self,
        now: Time,
        kind: u32,
        key: &[u8],
        position: Position,
    ) -> Result<RequestKey, Full> {
        ServerSide::invite(self, now, kind, key, position)
    }

    /// Removes the client from a topic that it has joined: nothing more of it goes out, as
    /// [`ServerEvent::Left`] tells, and the client is told.
    pub fn unsubscribe_peer(&mut self, now: Time, alias: Alias) {
        ServerSide::unsubscribe_peer(self, now, alias);
    }
}

/// The same for those who hold only the half that both ends have: `remote`'s requests.
impl ServerSide {
    /// As [`Session::invite`].
    ///
    /// # Errors
    /// As of [`request`](SessionCore::request).
    pub fn invite(
        core: &mut SessionCore,
        now: Time,
        kind: u32,
        key: &[u8],
        position: Position,
    ) -> Result<RequestKey, Full> {
        let invite = Invite {
            kind,
            key,
            position,
        };
        core.topic_request(now, kind, INVITE, invite.encode())
    }

    /// As [`Session::unsubscribe_peer`].
    pub fn unsubscribe_peer(core: &mut SessionCore, now: Time, alias: Alias) {
        core.now = core.now.max(now);
        // The cursor goes before the leave is queued: no publication of that join may follow the
        // leave.
        if core.is_welcomed()
            && let Some(Cursor { join, .. }) = core.topics.cursors.all.remove(alias)
        {
            core.leave(alias, join);
            core.emit(ServerEvent::Left { alias });
        }
    }
}

impl SessionCore {
    /// Starts a request of a reserved kind, from the client.
    pub(super) fn start_clients_request(&mut self, request: Request) -> Result<(), PeerMisbehaved> {
        let cursors = &mut self.topics.cursors;
        let Request {
            number,
            kind,
            payload,
            ..
        } = request;
        let (kind, payload, topic) = match kind {
            // Each takes memory, and a place in the hello that resumes the session.
            JOIN if cursors.all.len() >= self.limits.subscriptions => {
                self.incoming.cut(number, Refusal::Busy);
                return Ok(());
            }
            JOIN => {
                let Join { kind, key, start } = Join::decode(&payload)?;
                (kind, key.to_vec(), TopicRequest::Join { start })
            }
            PUBLISH => {
                let Publish { kind, key, item } = Publish::decode(&payload)?;
                let key = key.to_vec();
                (kind, item.to_vec(), TopicRequest::Publish { key })
            }
            LEAVE => {
                let Leave { alias, join } = Leave::decode(&payload)?;
                let cursor = cursors.all.get(alias);
                plant!("leave_of_any_join", let join = cursor.map_or(join, |cursor| cursor.join));
                // A leave may come late, after another join of the topic: that one stays.
                if cursor.is_some_and(|cursor| cursor.join == join) {
                    cursors.all.remove(alias);
                    self.emit(ServerEvent::Left { alias });
                }
                // Also for a join that is over: the client drops publications until it has the
                // answer.
                self.incoming.answer(number, Answer::Value(Vec::new()));
                return Ok(());
            }
            _ => return Err(PeerMisbehaved::KindBeyondTable),
        };
        self.ask_of_topic(number, kind, payload, topic)
    }
}

impl Session<ServerSide> {
    /// Returns true if a request of the client's still waits for its answer.
    pub fn awaits_answer(&self, request: SeqNo) -> bool {
        self.incoming.is_running(request)
    }

    /// Answers a request to join: the log will be read from the position that `joined` tells, and has
    /// entries up to `head` and without it. Nothing happens if it
    /// [isn't awaited](Self::awaits_answer) any more. An earlier join of the topic is over with this.
    pub fn joined(&mut self, now: Time, call: SeqNo, joined: Joined, head: Offset) {
        self.now = self.now.max(now);
        let alias = joined.alias;
        // The client has heard another outcome: it would never leave what it doesn't know it has
        // joined.
        if !self.incoming.is_running(call) {
            return;
        }
        self.incoming.answer_join(call, joined.encode(), alias);
        let cursor = Cursor {
            join: call,
            reply: None,
            start: joined.position.offset,
            next: joined.position.offset,
            head,
            window: SendWindow::new(self.peer.topic),
            // The alias is unknown to the client before it has the reply.
            active: false,
            blocked: false,
            last_turn: 0,
        };
        self.topics.cursors.insert(alias, cursor);
    }

    fn cursor(&mut self, alias: Alias) -> Option<&mut Cursor> {
        self.topics.cursors.all.get_mut(alias)
    }

    /// Tells the session that a log has entries up to `head`, and without it.
    pub fn log_advanced(&mut self, alias: Alias, head: Offset) {
        // None if the client has left since the log told its news: the two may cross.
        if let Some(cursor) = self.cursor(alias) {
            // A slice may have read what this tells, and more: a head that fell would hide entries.
            cursor.head = cursor.head.max(head);
        }
    }

    pub(super) fn topic_window(&mut self, window: TopicWindow) {
        // One that was left meanwhile may still be named.
        if let Some(cursor) = self.cursor(window.alias) {
            cursor.window.raise(window.limit);
            cursor.blocked = false;
        }
    }

    /// Says what came of a [`ServerEvent::ReadLog`]; its frames have been sent as a message, if there were any. A
    /// slice of nothing, with `more`, puts the topic off until its client gives it more room.
    pub fn log_read(&mut self, now: Time, read: ReadLog, slice: Slice) {
        self.now = self.now.max(now);
        self.topics.cursors.end_turn(read.alias);
        if let Some(cursor) = self.cursor(read.alias) {
            cursor.next = slice.next;
            cursor.window.spend(slice.charged);
            // To ask again before the window grows would come to nothing, again and again.
            cursor.blocked = slice.more && slice.next == read.from;
            // The log knows its end better than the last news of it.
            if !slice.more {
                cursor.head = slice.next;
            }
        }
    }
}

impl SessionCore {
    /// Publications follow the welcome, and the replies to their joins, also where those are sent again.
    fn may_read_logs(&self) -> bool {
        let is_welcomed = self.conn.as_ref().is_some_and(Conn::handshake_is_sent);
        // Offsets that come before the reply to their join would be those of an unknown topic.
        let replayed = is_welcomed && self.retransmit.is_written();
        plant!("replay_races_live", let replayed = true);
        self.state() == State::Open && replayed
    }

    /// Returns the log to be read next.
    pub(super) fn next_log(&self) -> Option<ReadLog> {
        if !self.may_read_logs() {
            return None;
        }
        let (alias, cursor) = self.topics.cursors.ready()?;
        let room = ReadBudget {
            bytes: MAX_MESSAGE,
            credit: cursor.window.left(),
        };
        let from = cursor.next;
        Some(ReadLog { alias, from, room })
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn a_log_waits_for_one_read_of_each_other_though_new_ones_are_joined() {
        let place = |of| Offset::new(of).expect("from one");
        let cursor = || Cursor {
            join: SeqNo::FIRST,
            reply: None,
            start: place(1),
            next: place(1),
            head: place(2),
            window: SendWindow::default(),
            active: true,
            blocked: false,
            last_turn: 0,
        };
        let mut cursors = Cursors::default();
        for alias in 1..=3 {
            cursors.insert(Alias::new(alias), cursor());
        }
        let order: Vec<_> = (4..8)
            .filter_map(|next| {
                let (alias, _) = cursors.ready()?;
                cursors.end_turn(alias);
                cursors.insert(Alias::new(next), cursor());
                Some(alias)
            })
            .collect();
        assert_eq!(order, [1, 2, 3, 1].map(Alias::new));
    }
}
