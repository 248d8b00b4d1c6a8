//! Order: what one maker asks for begins as it was made, within each session and from one to the next.

use std::collections::BTreeMap;

use twinwire::PeerId;

/// The requests of one maker that have begun, by their ids, which grow.
#[derive(Debug, Default)]
pub(super) struct Begun {
    newest: u64,
    /// The first and the newest of each session, where a server says in which they began.
    sessions: BTreeMap<PeerId, (u64, u64)>,
}

impl Begun {
    /// Notes a request that begins. `in_all` is true unless the server may go on with a session that its client has
    /// lost; a client has one session at a time. Returns what is out of order.
    pub(super) fn add(
        &mut self,
        id: u64,
        session: Option<PeerId>,
        in_all: bool,
    ) -> Result<(), String> {
        let newest = self.newest;
        self.newest = newest.max(id);
        if (in_all || session.is_none()) && id <= newest {
            return Err(format!("after that of {newest}"));
        }
        let Some(session) = session else {
            return Ok(());
        };
        let (first, last) = self.sessions.get(&session).copied().unwrap_or((id, 0));
        if id <= last {
            return Err(format!("after that of {last}, in one session"));
        }
        self.sessions.insert(session, (first, id));
        // A session has what was made before all of the next.
        let mut others = self.sessions.iter().filter(|(of, _)| **of != session);
        match others.find(|(_, (begun, last))| *begun < id && *last > first) {
            Some((_, (begun, last))) => Err(format!(
                "in a session that has {first}, and another has {begun} to {last}"
            )),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_begin_what_was_made_one_after_the_other() {
        let session = |of: u8| Some(PeerId::from_bytes([of; 8]));
        let first_wrong = |begun: &[(u64, u8)], in_all| {
            let mut order = Begun::default();
            let mut begun = begun.iter();
            begun.position(|(id, of)| order.add(*id, session(*of), in_all).is_err())
        };
        for in_all in [false, true] {
            assert_eq!(first_wrong(&[(1, 1), (2, 1), (4, 2)], in_all), None);
            assert_eq!(first_wrong(&[(2, 1), (1, 1)], in_all), Some(1));
            assert_eq!(first_wrong(&[(1, 1), (2, 2), (3, 1)], in_all), Some(2));
            assert_eq!(first_wrong(&[(1, 1), (1, 2)], in_all), in_all.then_some(1));
        }
        // The server goes on with the first, though the second has begun.
        let late = [(1, 1), (3, 2), (2, 1), (4, 2)];
        assert_eq!(first_wrong(&late, false), None);
        assert_eq!(first_wrong(&late, true), Some(2));
        let mut at_client = Begun::default();
        assert_eq!(at_client.add(2, None, false), Ok(()));
        assert!(at_client.add(1, None, false).is_err());
    }
}
