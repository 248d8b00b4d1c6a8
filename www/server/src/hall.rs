//! Who is here, under which name, and in which rooms.

use std::collections::{BTreeSet, HashMap};

use chat::{JoinError, Members, ROOM_PEOPLE, ROOMS_EACH, RoomError};
use twinwire_server::PeerId;

/// Everyone who has a name.
#[derive(Debug, Default)]
pub(crate) struct Hall {
    people: HashMap<PeerId, Person>,
}

#[derive(Debug)]
struct Person {
    name: String,
    rooms: BTreeSet<String>,
}

impl Hall {
    /// Gives a connection a name that is one, if it is free whatever its capitals.
    pub(crate) fn join(&mut self, id: PeerId, name: &str) -> Result<(), JoinError> {
        if self.people.contains_key(&id) {
            return Err(JoinError::Named);
        }
        if self.find(name).is_some() {
            return Err(JoinError::Taken);
        }
        let person = Person {
            name: name.to_owned(),
            rooms: BTreeSet::new(),
        };
        self.people.insert(id, person);
        Ok(())
    }

    /// Puts a person into a room; false if it was there already.
    pub(crate) fn enter(&mut self, id: PeerId, room: &str) -> Result<bool, RoomError> {
        let crowd = self.people_in(room).count();
        let person = self.people.get_mut(&id).ok_or(RoomError::NotJoined)?;
        if person.rooms.contains(room) {
            return Ok(false);
        }
        if crowd >= ROOM_PEOPLE as usize {
            return Err(RoomError::Full { limit: ROOM_PEOPLE });
        }
        if person.rooms.len() >= ROOMS_EACH as usize {
            return Err(RoomError::TooMany { limit: ROOMS_EACH });
        }
        Ok(person.rooms.insert(room.to_owned()))
    }

    /// Takes a person out of a room; false if it wasn't there.
    pub(crate) fn leave(&mut self, id: PeerId, room: &str) -> Result<bool, RoomError> {
        let person = self.people.get_mut(&id).ok_or(RoomError::NotJoined)?;
        Ok(person.rooms.remove(room))
    }

    /// Forgets a connection; gives the rooms that it was in.
    pub(crate) fn forget(&mut self, id: PeerId) -> BTreeSet<String> {
        let person = self.people.remove(&id);
        person.map(|person| person.rooms).unwrap_or_default()
    }

    pub(crate) fn name(&self, id: PeerId) -> Option<&str> {
        self.people.get(&id).map(|person| person.name.as_str())
    }

    pub(crate) fn is_in(&self, id: PeerId, room: &str) -> bool {
        let person = self.people.get(&id);
        person.is_some_and(|person| person.rooms.contains(room))
    }

    /// The connection and the name of a person, whatever the capitals.
    pub(crate) fn find(&self, name: &str) -> Option<(PeerId, &str)> {
        let wanted = name.to_lowercase();
        let mut people = self.people.iter();
        people
            .find(|(_, person)| person.name.to_lowercase() == wanted)
            .map(|(id, person)| (*id, person.name.as_str()))
    }

    /// The people in a room, in the order of their names.
    pub(crate) fn members(&self, room: &str) -> Members {
        let mut names: Vec<String> = self
            .people_in(room)
            .map(|person| person.name.clone())
            .collect();
        names.sort_by_cached_key(|name| name.to_lowercase());
        Members { names }
    }

    fn people_in(&self, room: &str) -> impl Iterator<Item = &Person> {
        self.people
            .values()
            .filter(move |person| person.rooms.contains(room))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> PeerId {
        PeerId::from_bytes([number; 8])
    }

    fn with_ada_and_bob() -> Hall {
        let mut hall = Hall::default();
        hall.join(id(2), "bob").unwrap();
        hall.join(id(1), "Ada").unwrap();
        hall
    }

    #[test]
    fn a_name_is_given_once_whatever_its_capitals_and_is_free_again_after() {
        let mut hall = with_ada_and_bob();
        assert_eq!(hall.join(id(3), "ADA"), Err(JoinError::Taken));
        assert_eq!(hall.join(id(1), "Cleo"), Err(JoinError::Named));
        assert_eq!(hall.find("aDA"), Some((id(1), "Ada")));
        hall.forget(id(1));
        assert_eq!(hall.join(id(3), "ADA"), Ok(()));
    }

    #[test]
    fn members_stand_in_the_order_of_their_names_until_they_leave() {
        let mut hall = with_ada_and_bob();
        for number in [1, 2] {
            assert_eq!(hall.enter(id(number), "lobby"), Ok(true));
            assert_eq!(hall.enter(id(number), "lobby"), Ok(false));
        }
        assert_eq!(hall.members("lobby").names, ["Ada", "bob"]);
        assert_eq!(hall.leave(id(1), "lobby"), Ok(true));
        assert_eq!(hall.leave(id(1), "lobby"), Ok(false));
        assert_eq!(hall.members("lobby").names, ["bob"]);
        assert!(hall.forget(id(2)).contains("lobby"));
        assert_eq!(hall.members("lobby").names, [""; 0]);
    }

    #[test]
    fn who_has_no_name_enters_no_room() {
        let mut hall = Hall::default();
        assert_eq!(hall.enter(id(1), "lobby"), Err(RoomError::NotJoined));
        assert_eq!(hall.leave(id(1), "lobby"), Err(RoomError::NotJoined));
    }

    #[test]
    fn rooms_and_people_are_bounded() {
        let mut hall = Hall::default();
        hall.join(id(255), "Ada").unwrap();
        for number in 0..ROOMS_EACH {
            hall.enter(id(255), &number.to_string()).unwrap();
        }
        let limit = ROOMS_EACH;
        assert_eq!(
            hall.enter(id(255), "one more"),
            Err(RoomError::TooMany { limit })
        );
        let limit = ROOM_PEOPLE;
        for number in 0..limit as u8 {
            hall.join(id(number), &number.to_string()).unwrap();
            hall.enter(id(number), "lobby").unwrap();
        }
        hall.leave(id(255), "0").unwrap();
        assert_eq!(hall.enter(id(255), "lobby"), Err(RoomError::Full { limit }));
    }

    #[test]
    fn a_full_room_of_the_longest_names_is_one_item_of_a_topic() {
        let name = "𝕏".repeat(chat::NAME_LIMIT as usize);
        let bytes = ROOM_PEOPLE as usize * (name.len() + 2) + 2;
        assert!(bytes <= 32 << 10, "{bytes} bytes");
    }
}
