//! The topics into which the server has put a client.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::topic::TopicName;

/// The topics that a client may join, whatever `access` says.
///
/// Behind a mutex, as all workers meet here; it is held to look up or to change an entry.
#[derive(Default)]
pub(crate) struct Invited(Mutex<Rights>);

#[derive(Default)]
struct Rights {
    by_topic: HashMap<TopicName, Right>,
    next_id: u64,
    /// The generations of the topics that joins under way were checked in.
    generations: HashMap<TopicName, Weak<()>>,
}

/// The time between two revocations of a topic, in which `access` is asked about a join of it.
pub(crate) struct Generation(Arc<()>);

/// The right to join one topic.
#[derive(Default)]
struct Right {
    /// True while an invitation has succeeded since the right began.
    lasts: bool,
    /// The invitations under way, by their ids.
    pending: Vec<u64>,
    /// True while the client has joined by it, and it may yet end with its invitations.
    used: bool,
}

impl Invited {
    fn rights(&self) -> MutexGuard<'_, Rights> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the client in for as long as an invitation is under way. Returns the invitation's id.
    pub(crate) fn begin(&self, topic: &TopicName) -> u64 {
        let mut rights = self.rights();
        let id = rights.next_id;
        rights.next_id += 1;
        let right = rights.by_topic.entry(topic.clone()).or_default();
        right.pending.push(id);
        id
    }

    /// Ends an invitation: one that succeeded lets the client in from now on, one that didn't takes back
    /// only what it gave. Returns true if the client has joined by it and has to go.
    pub(crate) fn settle(&self, topic: &TopicName, id: u64, has_succeeded: bool) -> bool {
        let mut rights = self.rights();
        let Some(right) = rights.by_topic.get_mut(topic) else {
            return false;
        };
        let Some(place) = right.pending.iter().position(|pending| *pending == id) else {
            // The right that it gave was revoked; this one is another.
            return false;
        };
        right.pending.swap_remove(place);
        if has_succeeded {
            // From now on the client stays by the right itself: a later invitation that fails mustn't remove it.
            (right.lasts, right.used) = (true, false);
        }
        // Others that are under way still give the right.
        let is_over = !right.lasts && right.pending.is_empty();
        let has_to_go = is_over && right.used;
        if is_over {
            rights.by_topic.remove(topic);
        }
        has_to_go
    }

    /// Returns true while the client may join the topic because an invitation has succeeded.
    pub(crate) fn lasts(&self, topic: &TopicName) -> bool {
        let rights = self.rights();
        rights.by_topic.get(topic).is_some_and(|right| right.lasts)
    }

    /// Returns true while the client may join the topic, be it only as long as an invitation is under way.
    pub(crate) fn contains(&self, topic: &TopicName) -> bool {
        self.rights().by_topic.contains_key(topic)
    }

    /// Returns the generation of a join that `access` is about to be asked about.
    pub(crate) fn generation(&self, topic: &TopicName) -> Generation {
        let mut rights = self.rights();
        // Those of joins that are answered: else each topic that was ever asked for would stay here.
        rights.generations.retain(|_, of| of.strong_count() > 0);
        let known = rights.generations.get(topic).and_then(Weak::upgrade);
        let generation = known.unwrap_or_default();
        let kept = Arc::downgrade(&generation);
        rights.generations.insert(topic.clone(), kept);
        Generation(generation)
    }

    /// Records that the client joins: as `access` said in the generation, or else by its right. Returns false if
    /// neither counts (any more).
    pub(crate) fn take_up(&self, topic: &TopicName, checked: Option<&Generation>) -> bool {
        let mut rights = self.rights();
        let current = rights.generations.get(topic).and_then(Weak::upgrade);
        // Of another generation, `access` answered before the client was removed: its yes is out of date.
        if checked
            .zip(current)
            .is_some_and(|(checked, current)| Arc::ptr_eq(&checked.0, &current))
        {
            return true;
        }
        let right = rights.by_topic.get_mut(topic);
        right.is_some_and(|right| {
            // Only a right that may yet be taken back has to know: who joins by one that lasts stays.
            right.used |= !right.lasts;
            true
        })
    }

    /// Takes the right away, also that of invitations and joins under way.
    pub(crate) fn revoke(&self, topic: &TopicName) {
        let mut rights = self.rights();
        // Without entries, invitations under way have nothing to settle, and joins under way are of no generation.
        rights.by_topic.remove(topic);
        rights.generations.remove(topic);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room() -> TopicName {
        ("room", vec![1])
    }

    #[test]
    fn an_invitation_that_fails_takes_back_only_what_it_gave() {
        let (invited, room) = (Invited::default(), room());
        let (first, second) = (invited.begin(&room), invited.begin(&room));
        assert!(!invited.settle(&room, first, false));
        assert!(invited.contains(&room), "the second is under way");
        invited.settle(&room, second, true);
        let third = invited.begin(&room);
        assert!(!invited.settle(&room, third, false));
        assert!(invited.contains(&room), "the second has succeeded");
    }

    #[test]
    fn who_joined_by_an_invitation_that_fails_has_to_go() {
        let (invited, room) = (Invited::default(), room());
        let (first, second) = (invited.begin(&room), invited.begin(&room));
        assert!(invited.take_up(&room, None));
        assert!(!invited.settle(&room, second, false));
        assert!(invited.settle(&room, first, false));
        assert!(!invited.contains(&room) && !invited.take_up(&room, None));
    }

    #[test]
    fn an_invitation_of_before_a_revocation_gives_nothing_back() {
        let (invited, room) = (Invited::default(), room());
        let before = invited.begin(&room);
        invited.revoke(&room);
        assert!(!invited.settle(&room, before, true));
        assert!(!invited.contains(&room));
        let after = invited.begin(&room);
        assert!(!invited.settle(&room, before, false));
        assert!(invited.contains(&room));
        invited.settle(&room, after, true);
        assert!(invited.contains(&room));
    }
    #[test]
    fn a_revocation_ends_the_verdicts_of_before_and_no_later_ones() {
        let (invited, room) = (Invited::default(), room());
        let (first, second) = (invited.generation(&room), invited.generation(&room));
        assert!(invited.take_up(&room, Some(&first)));
        invited.revoke(&room);
        let third = invited.generation(&room);
        assert!(!invited.take_up(&room, Some(&first)) && !invited.take_up(&room, Some(&second)));
        assert!(invited.take_up(&room, Some(&third)));
        invited.begin(&room);
        assert!(invited.take_up(&room, Some(&second)), "it is let in anew");
    }

    #[test]
    fn topics_that_nobody_is_joining_leave_nothing_behind() {
        let invited = Invited::default();
        for key in 0..100 {
            invited.generation(&("room", vec![key]));
        }
        assert_eq!(invited.rights().generations.len(), 1);
    }
}
