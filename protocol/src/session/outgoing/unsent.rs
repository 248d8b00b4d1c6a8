//! Requests that a session never sent, on their way to the one that follows.

use super::{Outcome, Outgoing, RequestKey};

impl Outgoing {
    /// Keeps what was never sent when the session is lost, for the one that follows.
    pub(in crate::session) fn keep_unsent(&mut self, yes: bool) {
        self.keeps_unsent = yes;
    }

    /// Has what is asked for wait behind what earlier sessions never sent.
    pub(in crate::session) fn hold_back(&mut self, yes: bool) {
        self.holds_back = yes;
    }

    /// Returns true while what is asked for waits so.
    pub(in crate::session) fn holds_back(&self) -> bool {
        self.holds_back
    }

    /// Begins in the place of another session's. Keys go on: they name requests of all.
    pub(in crate::session) fn follow(&mut self, earlier: &mut Self) {
        self.next_key = earlier.next_key;
        self.keeps_unsent = earlier.keeps_unsent;
        self.is_replacing = earlier.keeps_unsent;
        self.unsent = std::mem::take(&mut earlier.unsent);
        plant!("carried_over_unread", earlier.asking = None);
        // What comes for those requests is read by this session, which may be asked for nothing else.
        self.count_unsent_streams();
    }

    /// Counts the streams of which only those that wait for the next session are left.
    pub(super) fn count_unsent_streams(&mut self) {
        let unsent = self.unsent.iter();
        self.streams = unsent.filter(|queued| queued.is_unbegun_stream()).count();
    }

    /// Begins anew in another session.
    pub(in crate::session) fn begin_anew(&mut self) {
        let next = Self::new(&self.limits);
        let mut earlier = std::mem::replace(self, next);
        self.follow(&mut earlier);
    }

    /// Queues what earlier sessions never sent behind what this one was asked for so far.
    pub(in crate::session) fn requeue_unsent(&mut self) {
        self.is_replacing = false;
        // It stays marked as carried over: its deadline may be earlier than of what stands before
        // it.
        while let Some(queued) = self.unsent.pop() {
            plant!("unsent_lost", continue);
            self.waiting.push(queued);
        }
    }

    /// Ends what earlier sessions never sent.
    pub(in crate::session) fn end_unsent(&mut self) {
        while let Some(queued) = self.unsent.pop() {
            // A stream that was given up gives its place back.
            self.streams -= usize::from(queued.is_unbegun_stream());
            self.ended.push((queued.key, Outcome::NotReceived));
        }
    }

    /// Returns true if the request waits for the next session.
    pub(in crate::session) fn is_unsent(&self, key: RequestKey) -> bool {
        self.unsent.iter().any(|queued| queued.key == key)
    }

    /// Queues one request that earlier sessions never sent before the others.
    pub(in crate::session) fn requeue_first(&mut self, key: RequestKey) {
        // One that isn't there needs no turn: it waits in this session's own queue, or is on its way.
        if let Some(queued) = self.unsent.take(key) {
            self.waiting.push(queued);
        }
    }

    /// Drops a join that nobody wants any more, if it waits for the next session; says whether it did.
    pub(in crate::session) fn drop_unsent_join(&mut self, key: RequestKey) -> bool {
        // A join counts as no stream: there is no place to give back.
        self.unsent.take(key).is_some()
    }
}
