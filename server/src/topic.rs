//! Topics, as an application and its connections share them.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use thiserror::Error;
use twinwire::frame::{Joined, Start};
use twinwire::limits::MAX_TOPIC_KEY;
use twinwire::log::{ItemTooLarge, Keep, Log, Reader, Room, Slice};
use twinwire::{Alias, EncodeError, Epoch, Format, Offset, PeerId, Topic};

use crate::shared::random;

/// What a client may do with a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    pub(crate) subscribe: bool,
    pub(crate) publish: bool,
}

impl Access {
    /// It may subscribe: what is published comes from the server alone.
    pub const fn subscribe() -> Self {
        Self {
            subscribe: true,
            publish: false,
        }
    }

    /// It may publish and doesn't hear what others do.
    pub const fn publish() -> Self {
        Self {
            subscribe: false,
            publish: true,
        }
    }

    /// It may do both.
    pub const fn publish_and_subscribe() -> Self {
        Self {
            subscribe: true,
            publish: true,
        }
    }

    /// It may do neither.
    pub const fn none() -> Self {
        Self {
            subscribe: false,
            publish: false,
        }
    }
}

/// An item wasn't published.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PublishError {
    /// Nobody could subscribe: register the topic with [`Builder::topic`](crate::Builder::topic).
    #[error("the topic {name} isn't registered: add .topic(…) to the builder")]
    NotRegistered {
        /// The topic's kind.
        name: &'static str,
    },
    /// The key or the item can't be written.
    #[error("the topic's key or the item can't be written")]
    Encode(#[from] EncodeError),
    /// The key has more than 255 bytes.
    #[error("a topic's key has at most {MAX_TOPIC_KEY} bytes")]
    KeyTooLong,
    /// The item is larger than a frame carries.
    #[error(transparent)]
    ItemTooLarge(#[from] ItemTooLarge),
    /// As many topics have subscribers as [`Builder::topics`](crate::Builder::topics) allows.
    #[error("as many topics are in use as the limit allows")]
    Crowded,
    /// The system has no random bytes for the log's epoch.
    #[error("the system gives no random bytes")]
    NoRandomness,
}

/// Writes an item in JSON that is there in canonical postcard.
pub(crate) type ToJson = fn(&[u8]) -> Option<Vec<u8>>;

pub(crate) fn to_json<T: Topic>(item: &[u8]) -> Option<Vec<u8>> {
    let item: T::Item = Format::Postcard.decode(item).ok()?;
    Format::Json.encode(&item, twinwire::limits::MAX_PART).ok()
}

/// The canonical form of a topic's key.
pub(crate) fn canonical<T: Topic>(topic: &T) -> Result<Vec<u8>, PublishError> {
    match Format::Postcard.encode(topic, MAX_TOPIC_KEY) {
        Err(EncodeError::TooLarge { .. }) => Err(PublishError::KeyTooLong),
        encoded => Ok(encoded?),
    }
}

type Name = (&'static str, Vec<u8>);

/// All topics that are in use, or were of late.
///
/// Behind a mutex, as all workers meet here; it is held to find or to add a topic, never across an
/// await.
pub(crate) struct Topics {
    all: Mutex<HashMap<Name, Arc<Live>>>,
    /// Aliases and the order of use both count by it.
    clock: AtomicU64,
    keep: Keep,
    most: usize,
}

impl Topics {
    pub(crate) fn new(keep: Keep, most: usize) -> Self {
        Self {
            all: Mutex::default(),
            clock: AtomicU64::new(0),
            keep,
            most,
        }
    }

    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed)
    }

    /// The topic of this name, which begins now if it isn't there. The least lately used that nobody is
    /// subscribed to goes for it, if there are too many.
    pub(crate) fn open(
        &self,
        kind: &'static str,
        key: Vec<u8>,
        to_json: ToJson,
    ) -> Result<Arc<Live>, PublishError> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let name = (kind, key);
        if let Some(live) = all.get(&name) {
            live.used.store(self.tick(), Ordering::Relaxed);
            return Ok(Arc::clone(live));
        }
        if all.len() >= self.most {
            // Who else holds a topic is about to subscribe or to publish.
            let idle = all.iter().filter(|(_, live)| {
                Arc::strong_count(live) == 1 && live.state().subscribers.is_empty()
            });
            let oldest = idle.min_by_key(|(_, live)| live.used.load(Ordering::Relaxed));
            let oldest = oldest.map(|(name, _)| name.clone());
            all.remove(&oldest.ok_or(PublishError::Crowded)?);
        }
        let epoch = random().map_err(|_| PublishError::NoRandomness)?;
        let alias = Alias::new(self.tick());
        let live = Arc::new(Live {
            used: AtomicU64::new(alias.get()),
            to_json,
            state: Mutex::new(State {
                log: Log::new(alias, Epoch::from_bytes(epoch), self.keep),
                subscribers: Vec::new(),
            }),
        });
        all.insert(name, Arc::clone(&live));
        Ok(live)
    }
}

/// A topic in use: its log, and whom to tell of news.
///
/// Behind a mutex, as all workers meet here; it is held to append, to read a slice or to change the
/// list, never across an await. Who publishes never waits for who reads.
pub(crate) struct Live {
    used: AtomicU64,
    to_json: ToJson,
    state: Mutex<State>,
}

struct State {
    log: Log,
    subscribers: Vec<Arc<News>>,
}

impl Live {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What its publications name it by.
    pub(crate) fn alias(&self) -> Alias {
        self.state().log.alias()
    }

    /// Appends an item in canonical postcard.
    pub(crate) fn publish(
        &self,
        item: Vec<u8>,
        except: Option<PeerId>,
    ) -> Result<Offset, ItemTooLarge> {
        let mut state = self.state();
        let offset = state.log.append(item, except)?;
        let (alias, head) = (state.log.alias(), state.log.next());
        for news in &state.subscribers {
            news.tell(alias, head);
        }
        Ok(offset)
    }

    /// Reads what follows for one subscriber.
    pub(crate) fn read(
        &self,
        peer: PeerId,
        format: Format,
        from: Offset,
        room: Room,
        out: &mut Vec<u8>,
    ) -> Slice {
        let reader = Reader {
            peer,
            format,
            to_json: &self.to_json,
        };
        self.state().log.read(reader, from, room, out)
    }
}

/// A connection's place in a topic, until it is dropped.
pub(crate) struct Membership {
    pub(crate) live: Arc<Live>,
    news: Arc<News>,
}

impl Membership {
    /// Begins to tell `news` of the topic, of which it isn't told yet. Gives what the subscriber will get, and the log's end.
    pub(crate) fn begin(live: Arc<Live>, news: &Arc<News>, start: Start) -> (Self, Joined, Offset) {
        let mut state = live.state();
        let joined = state.log.join(start);
        let head = state.log.next();
        state.subscribers.push(Arc::clone(news));
        drop(state);
        let news = Arc::clone(news);
        (Self { live, news }, joined, head)
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let mut state = self.live.state();
        state
            .subscribers
            .retain(|news| !Arc::ptr_eq(news, &self.news));
    }
}

/// The topics of one connection that have news: a set, however much is published.
#[derive(Default)]
pub(crate) struct News(Mutex<Told>);

#[derive(Default)]
struct Told {
    heads: BTreeMap<Alias, Offset>,
    waker: Option<Waker>,
}

impl News {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, alias: Alias, head: Offset) {
        let waker = {
            let mut told = self.told();
            told.heads.insert(alias, head);
            told.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The topics that have news, and how far they go.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<BTreeMap<Alias, Offset>> {
        let mut told = self.told();
        if told.heads.is_empty() {
            told.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(std::mem::take(&mut told.heads))
    }
}
