//! Topics, as an application and its connections share them.

pub(crate) mod invited;

use std::any::TypeId;
use std::collections::{BTreeMap, HashMap};
use std::panic;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};

use lru::LruCache;
use thiserror::Error;
use twinwire::frame::{Joined, Start};
use twinwire::limits::{MAX_PART, MAX_TOPIC_KEY};
use twinwire::log::{Encoding, ItemTooLarge, Log, LogReader, ReadBudget, Retention, Slice};
use twinwire::{Alias, EncodeError, Epoch, Fingerprint, Format, Offset, PeerId, Position, Topic};

use crate::random::Random;
use crate::sync::{Mutex, MutexGuard};

/// The rights of a client in a topic.
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
#[derive(Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum PublishError {
    /// Nobody could subscribe: register the topic with [`Builder::topic`](crate::Builder::topic). Of a
    /// topic with [older types](Topic), only the newest can be published to.
    #[error("the topic {name} isn't registered as of this type: add .topic(…) to the builder")]
    NotRegistered {
        /// The topic's kind.
        name: &'static str,
    },
    /// The key or the item can't be written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The key has more than 255 bytes.
    #[error("a topic's key has at most {MAX_TOPIC_KEY} bytes: shorten it")]
    KeyTooLong,
    /// The item is larger than a frame carries.
    #[error(transparent)]
    ItemTooLarge(#[from] ItemTooLarge),
    /// As many topics have subscribers as [`Builder::topics`](crate::Builder::topics) allows.
    #[error("as many topics are in use as Builder::topics allows: raise it, or end subscriptions")]
    Crowded,
    /// The system has no random bytes for the log's epoch.
    #[error("the system gives no random bytes: allow the program getrandom")]
    NoRandomness,
}

/// Returns the encoding in which a client that knows a topic as `O` reads it. Its log has items of `T`'s.
pub(crate) fn encoding<T, O>(format: Format) -> Encoding
where
    T: Topic,
    O: Topic,
    T::Item: Into<O::Item>,
{
    let item = TypeId::of::<O::Item>();
    let encode = match format {
        Format::Postcard if item == TypeId::of::<T::Item>() => return Encoding::Canonical,
        Format::Postcard => |item: &[u8]| convert::<T, O>(item, Format::Postcard),
        Format::Json => |item: &[u8]| convert::<T, O>(item, Format::Json),
    };
    Encoding::Converted {
        item,
        format,
        encode,
    }
}

/// Writes an item of a log's as one of `O`'s.
fn convert<T, O>(item: &[u8], format: Format) -> Option<Vec<u8>>
where
    T: Topic,
    O: Topic,
    T::Item: Into<O::Item>,
{
    // It is the application that converts, and all of a connection that would fall with it.
    let written = panic::catch_unwind(|| {
        let item: T::Item = Format::Postcard.decode(item).ok()?;
        let item: O::Item = item.into();
        format.encode(&item, MAX_PART).ok()
    });
    written.unwrap_or_else(|_| {
        tracing::error!(kind = T::NAME, "an item's conversion panicked");
        None
    })
}

/// Returns the canonical form of a topic's key.
pub(crate) fn canonical<T: Topic>(topic: &T) -> Result<Vec<u8>, PublishError> {
    match Format::Postcard.encode(topic, MAX_TOPIC_KEY) {
        Err(EncodeError::TooLarge { .. }) => Err(PublishError::KeyTooLong),
        encoded => Ok(encoded?),
    }
}

/// A topic's kind, and its key in canonical form.
pub(crate) type TopicName = (&'static str, Vec<u8>);

/// All topics that are in use, or were of late.
///
/// Behind a mutex, as all workers meet here; it is held to find or to add a topic, never across an
/// await.
pub(crate) struct Topics {
    /// The newest type of each kind.
    kinds: HashMap<&'static str, Fingerprint>,
    in_use: Mutex<InUse>,
    retention: Retention,
    most: usize,
    random: Random,
}

struct InUse {
    by_name: LruCache<TopicName, Arc<ActiveTopic>>,
    /// The number of topics that were opened, which is the alias of the newest.
    opened: u64,
}

/// The number of topics that are looked at in search of an idle one: what more of them costs, whoever opens the
/// next topic pays.
const EVICTION_SCAN: usize = 64;

impl InUse {
    /// Lets the least lately used topic go that nobody is subscribed to. Those with subscribers are in
    /// use now.
    fn evict(&mut self) -> Result<(), PublishError> {
        for _ in 0..EVICTION_SCAN.min(self.by_name.len()) {
            let Some((name, live)) = self.by_name.pop_lru() else {
                break;
            };
            // Who else holds a topic is about to subscribe or to publish.
            if Arc::strong_count(&live) == 1 && live.state().subscribers.is_empty() {
                return Ok(());
            }
            // Put back as the newest: the next search looks at others first.
            self.by_name.push(name, live);
        }
        Err(PublishError::Crowded)
    }
}

impl Topics {
    pub(crate) fn new(
        kinds: HashMap<&'static str, Fingerprint>,
        retention: Retention,
        most: usize,
        random: Random,
    ) -> Self {
        Self {
            kinds,
            in_use: Mutex::new(InUse {
                by_name: LruCache::unbounded(),
                opened: 0,
            }),
            retention,
            // With none, the topic that is asked for would have no other to take the place of.
            most: most.max(1),
            random,
        }
    }

    /// Returns the topic, by the newest type of its kind.
    pub(crate) fn of<T: Topic>(&self, topic: &T) -> Result<Arc<ActiveTopic>, PublishError> {
        if self.kinds.get(T::NAME) != Some(&T::FINGERPRINT) {
            return Err(PublishError::NotRegistered { name: T::NAME });
        }
        self.open((T::NAME, canonical(topic)?))
    }

    /// Returns the number of topics in use, and of their subscribers.
    #[cfg(feature = "test")]
    pub(crate) fn count(&self) -> (usize, usize) {
        let in_use = self.in_use.lock().unwrap_or_else(PoisonError::into_inner);
        let topics = in_use.by_name.iter();
        let subscribers = topics.map(|(_, live)| live.state().subscribers.len());
        (in_use.by_name.len(), subscribers.sum())
    }

    /// Returns the place of the oldest item that a topic's log has, if the topic is in use.
    #[cfg(feature = "test")]
    pub(crate) fn oldest<T: Topic>(&self, topic: &T) -> Option<Position> {
        let name = (T::NAME, canonical(topic).ok()?);
        let in_use = self.in_use.lock().unwrap_or_else(PoisonError::into_inner);
        let log = &in_use.by_name.peek(&name)?.state().log;
        let end = log.join(Start::Now).position;
        let first = Position {
            offset: Offset::FIRST,
            ..end
        };
        Some(log.join(Start::At(first)).position)
    }

    /// Returns the alias by which publications name a topic, if it is in use.
    pub(crate) fn alias_of(&self, name: &TopicName) -> Option<Alias> {
        let in_use = self.in_use.lock().unwrap_or_else(PoisonError::into_inner);
        // It isn't used by that: who is removed from a topic doesn't keep it.
        let live = in_use.by_name.peek(name)?;
        Some(live.state().log.alias())
    }

    /// Returns the topic of this name, which begins now if it isn't there. The least lately used that nobody is
    /// subscribed to goes for it, if there are too many.
    pub(crate) fn open(&self, name: TopicName) -> Result<Arc<ActiveTopic>, PublishError> {
        let mut in_use = self.in_use.lock().unwrap_or_else(PoisonError::into_inner);
        // It is the last to go now, also if it was there already.
        if let Some(live) = in_use.by_name.get(&name) {
            return Ok(Arc::clone(live));
        }
        let epoch = self
            .random
            .bytes()
            .map_err(|_| PublishError::NoRandomness)?;
        // Random bytes first, eviction second: a topic that can't be opened must not cost another one its log.
        if in_use.by_name.len() >= self.most {
            in_use.evict()?;
        }
        // Never used again: a client may still name a topic that has gone.
        in_use.opened += 1;
        let alias = Alias::new(in_use.opened);
        let live = Arc::new(ActiveTopic(Mutex::new(TopicState {
            log: Log::new(alias, Epoch::from_bytes(epoch), self.retention),
            subscribers: Vec::new(),
        })));
        in_use.by_name.push(name, Arc::clone(&live));
        Ok(live)
    }
}

/// A topic in use: its log, and whom to tell of news.
///
/// Behind a mutex, as all workers meet here; it is held to append, to read a slice or to change the
/// list, never across an await. Who publishes never waits for who reads.
pub(crate) struct ActiveTopic(Mutex<TopicState>);

struct TopicState {
    log: Log,
    subscribers: Vec<Arc<DirtyTopics>>,
}

impl ActiveTopic {
    fn state(&self) -> MutexGuard<'_, TopicState> {
        // Conversions, the application's part, run while it is free: what it guards is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the place of the next item.
    pub(crate) fn end(&self) -> Position {
        self.state().log.join(Start::Now).position
    }

    /// Appends an item in canonical postcard.
    pub(crate) fn publish(
        &self,
        item: Vec<u8>,
        except: Option<PeerId>,
    ) -> Result<Offset, ItemTooLarge> {
        let mut state = self.state();
        let offset = state.log.append(item, except)?;
        // Told while the log is locked: told outside, two publishers could tell their heads the wrong way round, and a
        // subscriber would keep the older head until somebody publishes again.
        let (alias, head) = (state.log.alias(), state.log.next());
        for dirty in &state.subscribers {
            dirty.tell(alias, head);
        }
        Ok(offset)
    }
}

/// A topic as one client reads it.
pub(crate) struct TopicReader {
    pub(crate) live: Arc<ActiveTopic>,
    pub(crate) encoding: Encoding,
}

impl TopicReader {
    /// Returns the alias by which the topic's publications name it.
    pub(crate) fn alias(&self) -> Alias {
        self.live.state().log.alias()
    }
}

/// A connection's place in a topic, until it is dropped.
pub(crate) struct SubscriptionGuard {
    reader: TopicReader,
    dirty: Arc<DirtyTopics>,
}

impl SubscriptionGuard {
    /// Marks the topic as dirty in `dirty` from now on, whenever its log grows. Gives what the subscriber will get, and the log's end.
    pub(crate) fn begin(
        reader: TopicReader,
        dirty: &Arc<DirtyTopics>,
        start: Start,
    ) -> (Self, Joined, Offset) {
        let mut state = reader.live.state();
        let joined = state.log.join(start);
        let head = state.log.next();
        twinwire::plant!(
            "comes_back_to_the_end",
            let joined = if joined.verdict == twinwire::frame::Verdict::Recovered
                && joined.position.offset < head
            {
                let verdict = twinwire::frame::Verdict::Gap;
                let end = state.log.join(Start::Now);
                Joined { verdict, ..end }
            } else {
                joined
            }
        );
        // Joined and subscribed under one lock: an item that is published between the two would be in neither, neither
        // among what the log gives from the start nor among what `dirty` is told.
        state.subscribers.push(Arc::clone(dirty));
        drop(state);
        let dirty = Arc::clone(dirty);
        (Self { reader, dirty }, joined, head)
    }

    /// Reads what follows for this subscriber.
    pub(crate) fn read(
        &self,
        peer: PeerId,
        from: Offset,
        room: ReadBudget,
        out: &mut Vec<u8>,
    ) -> Slice {
        let TopicReader { live, encoding } = &self.reader;
        let reader = LogReader {
            peer,
            encoding: *encoding,
        };
        let (end, mut slice) = (out.len() + room.bytes, Slice::begin(from));
        loop {
            let mut state = live.state();
            let pending = state.log.read_on(reader, room.credit, end, out, &mut slice);
            drop(state);
            let Some(pending) = pending else {
                return slice;
            };
            // The application converts, and may publish to this very topic.
            let finished = pending.encode();
            // The log may have dropped the item meanwhile: then this is kept nowhere.
            live.state().log.cache(finished);
        }
    }
}

impl Drop for SubscriptionGuard {
    fn drop(&mut self) {
        // A connection is in the list once: it leaves a topic before it joins that again.
        let mut state = self.reader.live.state();
        state
            .subscribers
            .retain(|dirty| !Arc::ptr_eq(dirty, &self.dirty));
    }
}

/// The topics of one connection that have news: a set, however much is published.
#[derive(Default)]
pub(crate) struct DirtyTopics(Mutex<DirtyState>);

#[derive(Default)]
struct DirtyState {
    heads: BTreeMap<Alias, Offset>,
    waker: Option<Waker>,
}

impl DirtyTopics {
    fn state(&self) -> MutexGuard<'_, DirtyState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, alias: Alias, head: Offset) {
        // Woken outside the lock, which the woken connection takes first of all.
        let waker = {
            let mut state = self.state();
            // One head for each topic, whatever is published: a reader that is slow costs no more
            // memory.
            state.heads.insert(alias, head);
            state.waker.take()
        };
        twinwire::plant!("news_wakes_nobody", let waker = None);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Returns the topics that have news, and how far they go.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<BTreeMap<Alias, Offset>> {
        let mut state = self.state();
        if state.heads.is_empty() {
            state.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        // Without a waker: the caller looks again before it waits.
        Poll::Ready(std::mem::take(&mut state.heads))
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};
    use twinwire::Topic;

    use super::*;

    #[derive(Serialize, Deserialize, Topic)]
    #[topic(item = u8)]
    struct Older {}

    #[derive(Serialize, Deserialize, Topic)]
    #[topic(item = u16)]
    struct Newest {}

    #[test]
    fn only_who_reads_items_as_the_log_has_them_needs_no_conversion() {
        let canonical = |encoding| matches!(encoding, Encoding::Canonical);
        assert!(canonical(encoding::<Newest, Newest>(Format::Postcard)));
        assert!(!canonical(encoding::<Newest, Newest>(Format::Json)));
        assert!(!canonical(encoding::<Older, Newest>(Format::Postcard)));
    }

    #[test]
    fn a_topic_that_somebody_holds_without_a_subscriber_makes_no_room() {
        let (kinds, random) = (HashMap::new(), Random::system());
        // There is always room for one.
        let topics = Topics::new(kinds, Retention::default(), 0, random);
        let open = |name| topics.open((name, Vec::new()));
        let held = open("held").expect("there is room for one");
        assert_eq!(open("another").err(), Some(PublishError::Crowded));
        drop(held);
        assert!(open("another").is_ok());
        assert!(topics.alias_of(&("held", Vec::new())).is_none());
    }
}
