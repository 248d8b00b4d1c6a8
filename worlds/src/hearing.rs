//! What a client's application hears: the server's events, and topics.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::sleep;
use twinwire::{Event, Position, Topic};
use twinwire_client::{Events, Inbox, Subscription, Update};
use twinwire_server::test;

use crate::kinds::{Build, Newest, Note, Room};
use crate::oracle::{Heard, Oracle, Reader};
use crate::world::World;

/// Reads the server's events of one kind.
pub(crate) async fn read<N: Event + Into<Note>>(mut events: Events<N>, oracle: Oracle) {
    while let Some(event) = events.next().await {
        match event {
            Ok(note) => {
                let note: Note = note.into();
                oracle.account().begins(note.ask.id);
            }
            Err(error) => oracle.account().wrong(|| error.to_string()),
        }
    }
}

/// Reads the server's events of all kinds.
pub(crate) async fn read_all<B: Build>(mut inbox: Inbox, oracle: Oracle, life: usize) {
    while let Some(event) = inbox.next().await {
        if let Some(Ok(note)) = event.read::<B::Note>() {
            let note: Note = note.into();
            oracle.account().begins(note.ask.id);
        } else if let Some(Ok(newest)) = event.read::<Newest>() {
            let reader = Reader::Client(life);
            oracle.account().newest(reader, newest.id, None);
        } else {
            let name = event.name().to_owned();
            oracle.account().wrong(|| format!("{name} can't be read"));
        }
    }
}

/// A subscriber's place in the oracle's account, until it is dropped.
struct Hearing(Oracle, usize);

impl Drop for Hearing {
    fn drop(&mut self) {
        self.0.account().unsubscribes(self.1);
    }
}

/// Returns the place of the oldest item that a room's log has, if the server has the room.
fn kept(world: &World, room: u8) -> Option<Position> {
    let server = world.server.borrow();
    test::oldest(server.wire.as_ref()?, &Room { number: room })
}

/// Hears a topic until it ends.
pub(crate) async fn hear<T: Topic<Item: Into<u64>>>(
    world: Rc<World>,
    life: usize,
    room: u8,
    mut subscription: Subscription<T>,
    pace: Duration,
) {
    let oracle = world.oracle.clone();
    let subscriber = oracle
        .account()
        .subscribes(life, room, subscription.position());
    let _hearing = Hearing(oracle.clone(), subscriber);
    while let Some(update) = subscription.next().await {
        let heard = match update {
            Ok(Update::Item(publication)) => Heard::Item {
                offset: publication.offset,
                id: publication.item.into(),
            },
            Ok(Update::Gap { from, to }) => {
                let kept = kept(&world, room);
                oracle.account().is_gone(subscriber, to, kept);
                Heard::Gap { from, to }
            }
            Ok(Update::NewEpoch { position }) => Heard::NewEpoch(position),
            Ok(Update::Refused(_)) => return,
            Err(error) => return oracle.account().wrong(|| error.to_string()),
        };
        oracle.account().hears(subscriber, heard);
        sleep(pace).await;
    }
}
