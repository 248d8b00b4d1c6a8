//! The application's handlers, with their types folded away.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;

use twinwire::frame::{Start, encode_offset};
use twinwire::limits::{MAX_OUTLINES, MAX_PAYLOAD};
use twinwire::log::Encoding;
use twinwire::session::TopicRequest;
use twinwire::shape::{Descriptor, Difference, outline};
use twinwire::{
    Answer, Call, Class, DecodeError, EncodeError, Event, Fingerprint, Format, Kind, KindEntry,
    Refusal, StreamCall, Topic,
};

use crate::HandlerContext;
use crate::app::middleware::{Middleware, Next, Response};
use crate::app::shared::Shared;
use crate::app::stream_sender::{OutputSender, StreamSender};
use crate::logged::{Logged, Undecodable};
use crate::session::handler_tasks::Joining;
use crate::topic::{Access, PublishError, TopicReader, canonical, encoding};

/// The future of a request's handler; an event's answer is worth nothing. It stays on the worker where the
/// request arrived, so it need not be `Send`.
pub(crate) type HandlerFuture = Pin<Box<dyn Future<Output = Response>>>;

/// A request as it came, and where the items of its answer go.
pub(crate) struct HandlerRequest<S, I> {
    pub(crate) cx: HandlerContext<S, I>,
    pub(crate) format: Format,
    pub(crate) payload: Vec<u8>,
    pub(crate) topic: Option<TopicRequest>,
    pub(crate) output: OutputSender,
}

type HandlerFn<S, I> = dyn Fn(HandlerRequest<S, I>) -> HandlerFuture + Send + Sync;

/// One kind that the server takes.
pub(crate) struct KindHandler<S, I> {
    pub(crate) name: &'static str,
    class: Class,
    pub(crate) fingerprint: Fingerprint,
    shapes: &'static [&'static Descriptor],
    /// It ends before the next request starts.
    pub(crate) in_order: bool,
    handler: Box<HandlerFn<S, I>>,
}

impl<S: 'static, I: 'static> KindHandler<S, I> {
    fn new<K: Kind>(
        handler: impl Fn(HandlerRequest<S, I>) -> HandlerFuture + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: K::NAME,
            class: K::CLASS,
            fingerprint: K::FINGERPRINT,
            shapes: K::SHAPES,
            in_order: false,
            handler: Box::new(handler),
        }
    }

    pub(crate) fn call<C, F, R>(handler: F) -> Self
    where
        C: Call,
        F: Fn(HandlerContext<S, I>, C) -> R + Send + Sync + 'static,
        R: Future<Output = Result<C::Reply, C::Error>> + 'static,
    {
        let handler = Arc::new(handler);
        Self::new::<C>(move |request| {
            let handler = Arc::clone(&handler);
            Box::pin(async move {
                let (cx, format) = (request.cx, request.format);
                let value = match read(format, &request.payload) {
                    Ok(value) => value,
                    Err(refusal) => return Response::refused(refusal),
                };
                drop(request.payload);
                let answer = Answer::encode(format, &handler(cx, value).await);
                answered(C::NAME, answer)
            })
        })
    }

    /// Calls of an older type, which become those of `handler`'s.
    pub(crate) fn older_call<O, C, F, R>(handler: Arc<F>) -> Self
    where
        C: Call,
        O: Call + Into<C>,
        C::Reply: Into<O::Reply>,
        C::Error: Into<O::Error>,
        F: Fn(HandlerContext<S, I>, C) -> R + Send + Sync + 'static,
        R: Future<Output = Result<C::Reply, C::Error>> + 'static,
    {
        Self::call(move |cx, older: O| {
            let answer = handler(cx, older.into());
            async move { answer.await.map(Into::into).map_err(Into::into) }
        })
    }

    /// Streams that clients know as `O`: `C` itself, or an older type that becomes it.
    pub(crate) fn stream<O, C, F, R>(handler: Arc<F>) -> Self
    where
        C: StreamCall,
        O: StreamCall + Into<C>,
        C::Item: Into<O::Item>,
        C::Error: Into<O::Error>,
        F: Fn(HandlerContext<S, I>, C, StreamSender<C>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), C::Error>> + 'static,
    {
        Self::new::<O>(move |request| {
            let handler = Arc::clone(&handler);
            Box::pin(async move {
                let (cx, format) = (request.cx, request.format);
                let value: O = match read(format, &request.payload) {
                    Ok(value) => value,
                    Err(refusal) => return Response::refused(refusal),
                };
                drop(request.payload);
                let stream = StreamSender::new::<O>(request.output, format);
                let ended = handler(cx, value.into(), stream).await;
                let ended: Result<(), O::Error> = ended.map_err(Into::into);
                answered(O::NAME, Answer::encode(format, &ended))
            })
        })
    }

    pub(crate) fn event<E, F, R>(handler: F) -> Self
    where
        E: Event,
        F: Fn(HandlerContext<S, I>, E) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + 'static,
    {
        let handler = Arc::new(handler);
        Self::new::<E>(move |request| {
            let handler = Arc::clone(&handler);
            Box::pin(async move {
                match read(request.format, &request.payload) {
                    Ok(event) => {
                        drop(request.payload);
                        handler(request.cx, event).await;
                        Answer::Value(Vec::new()).into()
                    }
                    Err(refusal) => Response::refused(refusal),
                }
            })
        })
    }

    /// Topics that clients know as `O`: `T` itself, or an older type that becomes it.
    pub(crate) fn topic<O, T, F, R>(access: Arc<F>) -> Self
    where
        T: Topic,
        O: Topic + Into<T>,
        O::Item: Into<T::Item>,
        T::Item: Into<O::Item>,
        F: Fn(HandlerContext<S, I>, T) -> R + Send + Sync + 'static,
        R: Future<Output = Access> + 'static,
    {
        Self::new::<O>(move |request| {
            let access = Arc::clone(&access);
            Box::pin(async move {
                let response = act_on::<S, I, O, T, F, R>(request, &access).await;
                response.unwrap_or_else(Response::refused)
            })
        })
    }

    /// Returns true if the client means the same by the kind's name.
    fn agrees(&self, entry: &KindEntry) -> bool {
        self.class == entry.class && self.fingerprint == entry.fingerprint
    }

    /// Reads the request, runs its handler in the middleware, and writes the answer, when
    /// polled: the application's code runs nowhere else.
    pub(crate) fn handle(
        &self,
        kind: &'static str,
        middleware: &[Middleware<S, I>],
        request: HandlerRequest<S, I>,
    ) -> HandlerFuture {
        let cx = request.cx.clone();
        let mut future = (self.handler)(request);
        for wrap in middleware.iter().rev() {
            let next = Next {
                kind,
                class: self.class,
                rest: future,
            };
            let (wrap, cx) = (Arc::clone(wrap), cx.clone());
            future = Box::pin(async move { wrap(cx, next).await });
        }
        future
    }
}

/// Does what a client that knows a topic as `O` wants of it.
async fn act_on<S, I, O, T, F, R>(
    request: HandlerRequest<S, I>,
    access: &F,
) -> Result<Response, Refusal>
where
    S: 'static,
    I: 'static,
    T: Topic,
    O: Topic + Into<T>,
    O::Item: Into<T::Item>,
    T::Item: Into<O::Item>,
    F: Fn(HandlerContext<S, I>, T) -> R,
    R: Future<Output = Access>,
{
    let HandlerRequest {
        cx,
        format,
        payload,
        topic,
        output: _,
    } = request;
    match topic {
        Some(TopicRequest::Join { start }) => {
            let topic: O = read(format, &payload)?;
            join(cx, topic.into(), encoding::<T, O>(format), start, access).await
        }
        Some(TopicRequest::Publish { key }) => {
            let topic: O = read(format, &key)?;
            let item = || read_item::<O>(format, &payload).map(Into::into);
            publish(cx, topic.into(), item, access).await
        }
        Some(TopicRequest::Invite) | None => Err(Refusal::UnknownKind),
    }
}

/// Lets a client into a topic: the connection does the rest once this has ended well.
async fn join<S: 'static, I: 'static, T: Topic, R: Future<Output = Access>>(
    cx: HandlerContext<S, I>,
    topic: T,
    encoding: Encoding,
    start: Start,
    access: &impl Fn(HandlerContext<S, I>, T) -> R,
) -> Result<Response, Refusal> {
    let name = (
        T::NAME,
        canonical(&topic).map_err(|error| unpublished(&error))?,
    );
    let invited = cx.peer().invited();
    let mut generation = None;
    // An invitation under way doesn't count before `access`: it may fail, and a join of the client's own would with it.
    if !invited.lasts(&name) {
        // Before `access` is asked: a later `Peer::unsubscribe` counts more than its verdict.
        let asked = invited.generation(&name);
        if access(cx.clone(), topic).await.subscribe {
            generation = Some(asked);
        } else if !invited.contains(&name) {
            return Err(Refusal::Denied);
        }
    }
    let opened = cx.topics().open(name.clone());
    let live = opened.map_err(|error| unpublished(&error))?;
    Ok(Response {
        answer: Answer::Value(Vec::new()),
        joining: Some(Joining {
            reader: TopicReader { live, encoding },
            start,
            topic: name,
            generation,
        }),
    })
}

/// Publishes what a client wants published, which `item` reads once that is allowed.
async fn publish<S: 'static, I: 'static, T: Topic, R: Future<Output = Access>>(
    cx: HandlerContext<S, I>,
    topic: T,
    item: impl FnOnce() -> Result<T::Item, Refusal>,
    access: &impl Fn(HandlerContext<S, I>, T) -> R,
) -> Result<Response, Refusal> {
    let name = (
        T::NAME,
        canonical(&topic).map_err(|error| unpublished(&error))?,
    );
    if !access(cx.clone(), topic).await.publish {
        return Err(Refusal::Denied);
    }
    let item = Format::Postcard.encode(&item()?, MAX_PAYLOAD);
    let item = item.map_err(|error| unwritable(T::NAME, &error))?;
    let opened = cx.topics().open(name);
    let live = opened.map_err(|error| unpublished(&error))?;
    let published = live.publish(item, None).map_err(|_| Refusal::TooLarge)?;
    Ok(Answer::Value(encode_offset(published)).into())
}

/// Returns the refusal of a client's wish for a topic.
pub(crate) fn unpublished(error: &PublishError) -> Refusal {
    match error {
        PublishError::KeyTooLong | PublishError::ItemTooLarge(_) => Refusal::TooLarge,
        PublishError::Crowded => Refusal::Busy,
        PublishError::NotRegistered { .. } => Refusal::UnknownKind,
        PublishError::Encode(_) | PublishError::NoRandomness => {
            tracing::error!(%error, "a topic can't be opened");
            Refusal::Unwritable
        }
    }
}

fn read_item<T: Topic>(format: Format, payload: &[u8]) -> Result<T::Item, Refusal> {
    format.decode(payload).map_err(|error| {
        let why = Undecodable(&error);
        tracing::debug!(kind = T::NAME, %why, "an item can't be read");
        Refusal::Undecodable
    })
}

fn read<K: Kind>(format: Format, payload: &[u8]) -> Result<K, Refusal> {
    format.decode(payload).map_err(|error: DecodeError| {
        // At the peer's pace, so not louder.
        let why = Undecodable(&error);
        tracing::debug!(kind = K::NAME, %why, "a payload can't be read");
        Refusal::Undecodable
    })
}

/// Returns what a handler is answered with, or the refusal that stands for what can't be written.
fn answered(kind: &str, answer: Result<Answer<Vec<u8>>, EncodeError>) -> Response {
    match answer {
        Ok(answer) => answer.into(),
        Err(error) => Response::refused(unwritable(kind, &error)),
    }
}

/// The handler gave what can't be written.
pub(crate) fn unwritable(kind: &str, error: &EncodeError) -> Refusal {
    tracing::error!(kind, %error, "an answer or an item can't be written");
    error.into()
}

/// All kinds by name: of each its newest type, and the older ones that become it.
pub(crate) type Registry<S, I> = HashMap<&'static str, Vec<KindHandler<S, I>>>;

/// A kind of a client's, as it is known here.
pub(crate) type KindRef = (&'static str, usize);

/// The meaning of a client's kinds here, by their place in its table.
pub(crate) struct MatchedKinds {
    /// The kinds that agree with ours, by name.
    pub(crate) known: Vec<Option<KindRef>>,
    pub(crate) refused: Vec<(u32, Refusal)>,
    pub(crate) in_order: Vec<u32>,
    /// Those that have the name of one of ours and another structure.
    pub(crate) differing: Vec<u32>,
}

/// Compares a client's table with the server's.
pub(crate) fn match_kinds<S, I>(shared: &Shared<S, I>, table: &[KindEntry]) -> MatchedKinds
where
    S: 'static,
    I: 'static,
{
    let (mut refused, mut in_order, mut differing) = (Vec::new(), Vec::new(), Vec::new());
    let known = (0..).zip(table).map(|(place, entry)| {
        let refusal = match shared.registry.get_key_value(entry.name.as_str()) {
            Some((name, types)) => {
                if let Some(which) = types.iter().position(|kind| kind.agrees(entry)) {
                    in_order.extend(types[which].in_order.then_some(place));
                    return Some((*name, which));
                }
                if let Some(suppressed) = shared.mismatches.warnings.admit() {
                    tracing::warn!(
                        kind = name,
                        suppressed,
                        "a client has this kind with another structure: one of the two is older"
                    );
                }
                differing.push(place);
                Refusal::KindDiffers
            }
            // Unknown here, or a kind that only we send.
            None => Refusal::UnknownKind,
        };
        refused.push((place, refusal));
        None
    });
    let known = known.collect();
    MatchedKinds {
        known,
        refused,
        in_order,
        differing,
    }
}

/// Explains in words how the server has those of the client's kinds that differ, if it is to.
pub(crate) fn explain<S, I>(
    shared: &Shared<S, I>,
    table: &[KindEntry],
    differing: &[u32],
) -> Vec<(u32, String)>
where
    S: 'static,
    I: 'static,
{
    let differing = differing.iter().take(MAX_OUTLINES);
    let differing = differing.filter(|_| shared.mismatches.are_explained);
    let told = differing.filter_map(|kind| {
        let line = table.get(usize::try_from(*kind).ok()?)?;
        Some((*kind, outline_of(&shared.registry, &line.name)?))
    });
    told.collect()
}

/// Returns the newest type of this name, in words.
fn outline_of<S, I>(registry: &Registry<S, I>, name: &str) -> Option<String> {
    let newest = registry.get(name)?.first()?;
    Some(outline(newest.class, newest.shapes))
}

/// Says in the log what differs between a client's kind and ours, by their outlines.
pub(crate) fn log_difference<S, I>(shared: &Shared<S, I>, name: &str, theirs: &str)
where
    S: 'static,
    I: 'static,
{
    let Some(ours) = outline_of(&shared.registry, name) else {
        return;
    };
    let Some(suppressed) = shared.mismatches.differences.admit() else {
        return;
    };
    let Difference { here, there } = Difference::between(&ours, theirs);
    let (here, there) = (here.join("; "), there.join("; "));
    // A stranger's words.
    let there = Logged(there.as_bytes());
    tracing::warn!(
        kind = name,
        only_here = here,
        only_there = %there,
        suppressed,
        "a kind differs so"
    );
}
