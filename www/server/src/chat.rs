//! The chat: what is answered, and who may hear what.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use chat::{
    Enter, Join, JoinError, Joined, LOBBY, Leave, Line, Room, RoomError, Roster, Say, SayError,
    Whisper, WhisperError, Whispered, check_name, check_room, check_text,
};
use twinwire_server::{Access, Builder, End, PeerId, Twinwire};

use crate::bot;
use crate::hall::Hall;

pub(crate) type Cx = twinwire_server::HandlerContext<Chat>;

/// The rooms that the server keeps a log of, with readers and without.
const ROOMS: usize = 1_000;

/// The chat's state.
///
/// Behind a mutex, as all workers meet here; it is held for a look or a change, and while the roster
/// that follows from the change is published, so that rosters come in the order of changes. Never
/// across an await.
#[derive(Debug, Default)]
pub(crate) struct Chat(Mutex<Hall>);

impl Chat {
    fn hall(&self) -> MutexGuard<'_, Hall> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn knows(&self, id: PeerId) -> bool {
        self.hall().name(id).is_some()
    }
}

/// Everything that the chat answers.
pub(crate) fn builder() -> Builder<Chat, ()> {
    Twinwire::builder(Chat::default())
        // A room and its roster are two topics.
        .topics(2 * ROOMS)
        .call(join)
        .call_in_order(enter)
        .call_in_order(leave)
        .call_in_order(say)
        .call(whisper)
        .stream(bot::answer)
        .topic(|cx, room: Room| may_hear(cx, room.name))
        .topic(|cx, roster: Roster| may_hear(cx, roster.room))
        .on_close(forget)
}

async fn join(cx: Cx, join: Join) -> Result<Joined, JoinError> {
    let name = check_name(&join.name).map_err(JoinError::Name)?;
    cx.state().hall().join(cx.id(), name)?;
    let name = name.to_owned();
    Ok(Joined { name })
}

async fn enter(cx: Cx, enter: Enter) -> Result<String, RoomError> {
    let room = check_room(&enter.room)?;
    let mut hall = cx.state().hall();
    if hall.enter(cx.id(), room)? {
        tell_roster(&cx, &hall, room);
    }
    Ok(room.to_owned())
}

async fn leave(cx: Cx, leave: Leave) -> Result<(), RoomError> {
    let room = check_room(&leave.room)?;
    let mut hall = cx.state().hall();
    if hall.leave(cx.id(), room)? {
        tell_roster(&cx, &hall, room);
    }
    Ok(())
}

async fn say(cx: Cx, say: Say) -> Result<(), SayError> {
    let text = check_text(&say.text).map_err(SayError::Text)?;
    let from = {
        let hall = cx.state().hall();
        let name = hall
            .name(cx.id())
            .filter(|_| hall.is_in(cx.id(), &say.room));
        name.ok_or(SayError::NotInRoom)?.to_owned()
    };
    let room = Room { name: say.room };
    let line = Line {
        from,
        text: text.to_owned(),
        at: now(),
    };
    cx.wire().publish(&room, &line).map_err(|error| {
        tracing::warn!(%error, "a line wasn't published");
        SayError::Unavailable
    })?;
    Ok(())
}

async fn whisper(cx: Cx, whisper: Whisper) -> Result<(), WhisperError> {
    let text = check_text(&whisper.text).map_err(WhisperError::Text)?;
    let (id, from, to) = {
        let hall = cx.state().hall();
        let from = hall.name(cx.id()).ok_or(WhisperError::NotJoined)?;
        let (id, to) = hall.find(&whisper.to).ok_or(WhisperError::NoSuchPerson)?;
        (id, from.to_owned(), to.to_owned())
    };
    let whispered = Whispered {
        from,
        to,
        text: text.to_owned(),
        at: now(),
    };
    let person = cx.wire().peer(id).ok_or(WhisperError::NoSuchPerson)?;
    let sent = person.send(whispered.clone()).await;
    let receipt = sent.map_err(|_| WhisperError::Gone)?;
    receipt.await.map_err(|_| WhisperError::Gone)?;
    if id != cx.id() {
        // Whose own connection is ending sees nothing any more.
        let _ = cx.peer().send(whispered).await;
    }
    Ok(())
}

/// Anyone may read in the lobby; elsewhere, who is there. Only the server publishes, so that nobody
/// speaks in another's name.
async fn may_hear(cx: Cx, room: String) -> Access {
    if room == LOBBY || cx.state().hall().is_in(cx.id(), &room) {
        Access::subscribe()
    } else {
        Access::none()
    }
}

async fn forget(cx: Cx, _: End) {
    let mut hall = cx.state().hall();
    for room in hall.forget(cx.id()) {
        tell_roster(&cx, &hall, &room);
    }
}

fn tell_roster(cx: &Cx, hall: &Hall, room: &str) {
    let roster = Roster {
        room: room.to_owned(),
    };
    if let Err(error) = cx.wire().publish(&roster, &hall.members(room)) {
        tracing::warn!(%error, "a roster wasn't published");
    }
}

/// Milliseconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    // A clock before 1970 is one that nobody has set.
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}
