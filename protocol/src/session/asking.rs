//! What a session does only once its application asks for it: a page that never does carries none of it.

use super::incoming::Incoming;
use super::outgoing::Outgoing;
use super::send::WriteResult;
use super::{PeerMisbehaved, Session};
use crate::Number;
use crate::frame::Item;

/// The code for requests that aren't about topics. [`Session::request`] brings it along.
#[derive(Debug)]
pub(super) struct Asking {
    pub(super) item_came: fn(&mut Session, &Item<'_>) -> Result<(), PeerMisbehaved>,
    pub(super) has_stream_news: fn(&Outgoing) -> bool,
    pub(super) write_stream_windows: fn(&mut Session, &mut Vec<u8>),
    pub(super) events_arrived: fn(&mut Outgoing, Number),
}

pub(super) static ASKING: Asking = Asking {
    item_came: Session::item_came,
    has_stream_news: Outgoing::has_stream_news,
    write_stream_windows: Session::write_stream_windows,
    events_arrived: Outgoing::acknowledge,
};

/// The code for the items of a stream that the peer asked for. [`Session::item`] brings it along.
#[derive(Debug)]
pub(super) struct Feeding {
    pub(super) has_items: fn(&Incoming) -> bool,
    pub(super) write_item: fn(&mut Session, &mut Vec<u8>) -> WriteResult,
}

pub(super) static FEEDING: Feeding = Feeding {
    has_items: |incoming| incoming.next_feed().is_some(),
    write_item: Session::write_item,
};
