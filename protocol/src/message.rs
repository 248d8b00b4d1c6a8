//! What an application's types implement to travel.

use core::{convert, fmt};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::kinds::Class;
use crate::shape::{Descriptor, Fingerprint, Shape, Tagging};

/// Any type that may travel: it has a shape, and serde in both directions.
///
/// Implemented for every such type; derive `Serialize`, `Deserialize` and
/// [`Shape`](derive@crate::Shape).
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be sent: derive `serde::Serialize`, `serde::Deserialize` and `twinwire::Shape` for it",
    label = "lacks at least one of the three",
    note = "`twinwire::Call`, `Event` and `Topic` bring `Shape` along",
    note = "instead of `usize` and `isize`, whose width differs between machines, use `u32` or `u64`",
    note = "for a type of another crate see the docs of `twinwire::shape::Shape`"
)]
pub trait Payload: Shape + Serialize + DeserializeOwned + 'static {}

// Its bounds in the error would be another for each, and none would be the whole remedy.
#[diagnostic::do_not_recommend]
impl<T: Shape + Serialize + DeserializeOwned + 'static> Payload for T {}

/// A type that both ends know by name: a request of the one to the other.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no kind: derive `twinwire::Call`, `Event` or `Topic` for it, and serde's two",
    label = "a kind is what one end asks or tells the other by name",
    note = "a type with `twinwire::Shape` alone travels inside others: leave it out of `kinds![]`"
)]
pub trait Kind: Payload {
    /// The name, 1 to 64 bytes without control characters; unique among an application's kinds.
    const NAME: &'static str;
    /// Its use.
    const CLASS: Class;
    /// The shapes that it carries, as its class calls for: see [`Fingerprint::of_kind`].
    const SHAPES: &'static [&'static Descriptor];
    /// Differs between two ends that mean different things by [`NAME`](Self::NAME).
    const FINGERPRINT: Fingerprint;
}

/// A request that is answered once, by a reply or by the application's own error.
///
/// Derive it, beside serde's two:
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use twinwire::{Call, Shape};
///
/// #[derive(Serialize, Deserialize, Call)]
/// #[call(reply = Joined, error = JoinError)]
/// struct Join {
///     room: String,
///     name: String,
/// }
///
/// #[derive(Serialize, Deserialize, Shape)]
/// struct Joined {
///     others: Vec<String>,
/// }
///
/// #[derive(Serialize, Deserialize, Shape)]
/// enum JoinError {
///     NameTaken,
/// }
/// ```
///
/// **Older clients.** A tab that was open during a deploy speaks the kinds that it was compiled with. With
/// `also`, a server takes them too, converted: a call of the older type becomes one of the newer, whose
/// reply and error become the older's. Both have one name, which clients know them by:
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// # use twinwire::Call;
/// #[derive(Serialize, Deserialize, Call)]
/// #[call(reply = u32, also = JoinV1)]
/// struct Join {
///     room: String,
///     quietly: bool,
/// }
///
/// /// What clients sent before rooms could be joined quietly.
/// #[derive(Serialize, Deserialize, Call)]
/// #[call(reply = u32, name = "Join")]
/// struct JoinV1 {
///     room: String,
/// }
///
/// impl From<JoinV1> for Join {
///     fn from(old: JoinV1) -> Self {
///         Self { room: old.room, quietly: false }
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no call: derive `twinwire::Call` for it, and serde's two",
    note = "a call with `stream = …` is a `twinwire::StreamCall` in its place, asked by `stream`"
)]
pub trait Call: Kind {
    /// The reply of the call; `()` unless `#[call(reply = …)]` names a type.
    type Reply: Payload;
    /// The application's own error; [`Never`] unless `#[call(error = …)]` names a type.
    type Error: Payload;
    /// The older types that a server takes for this one: `()`, or what `#[call(also = …)]` names.
    type Also: AlsoCalls<Self>;
}

/// Older types of a call, that become it; see [`Call`]. Derived.
pub trait AlsoCalls<C: Call> {
    /// Shows each of them to `visitor`.
    fn visit<V: CallVisitor<C>>(visitor: V) -> V;
}

/// A visitor of each older type of a call.
pub trait CallVisitor<C: Call>: Sized {
    /// Returns one of them.
    fn also<O>(self) -> Self
    where
        O: Call + Into<C>,
        C::Reply: Into<O::Reply>,
        C::Error: Into<O::Error>;
}

impl<C: Call> AlsoCalls<C> for () {
    fn visit<V: CallVisitor<C>>(visitor: V) -> V {
        visitor
    }
}

/// One older type, and those that are older still.
impl<C: Call, O, Rest> AlsoCalls<C> for (O, Rest)
where
    O: Call + Into<C>,
    C::Reply: Into<O::Reply>,
    C::Error: Into<O::Error>,
    Rest: AlsoCalls<C>,
{
    fn visit<V: CallVisitor<C>>(visitor: V) -> V {
        Rest::visit(visitor.also::<O>())
    }
}

/// A request that is answered by any number of items, one after the other, and then by an end or by
/// the application's own error.
///
/// Derive it as a [`Call`] with `stream` in place of `reply`:
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use twinwire::{Call, Shape};
///
/// #[derive(Serialize, Deserialize, Call)]
/// #[call(stream = Token)]
/// struct Ask {
///     prompt: String,
/// }
///
/// #[derive(Serialize, Deserialize, Shape)]
/// struct Token {
///     text: String,
/// }
/// ```
///
/// `#[call(also = AskV1)]` makes a server take older clients' requests too, as of a [`Call`]: each becomes
/// one of the newer type, whose items and error become the older's.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no request of a stream: derive `twinwire::Call` for it with `#[call(stream = …)]`, and serde's two"
)]
pub trait StreamCall: Kind {
    /// An item of the stream.
    type Item: Payload;
    /// The application's own error, which ends the stream; [`Never`] unless `#[call(error = …)]`
    /// names a type.
    type Error: Payload;
    /// The older types that a server takes for this one: `()`, or what `#[call(also = …)]` names.
    type Also: AlsoStreams<Self>;
}

/// Older types of a stream's request, that become it; see [`StreamCall`]. Derived.
pub trait AlsoStreams<C: StreamCall> {
    /// Shows each of them to `visitor`.
    fn visit<V: StreamVisitor<C>>(visitor: V) -> V;
}

/// A visitor of each older type of a stream's request.
pub trait StreamVisitor<C: StreamCall>: Sized {
    /// Returns one of them.
    fn also<O>(self) -> Self
    where
        O: StreamCall + Into<C>,
        C::Item: Into<O::Item>,
        C::Error: Into<O::Error>;
}

impl<C: StreamCall> AlsoStreams<C> for () {
    fn visit<V: StreamVisitor<C>>(visitor: V) -> V {
        visitor
    }
}

/// One older type, and those that are older still.
impl<C: StreamCall, O, Rest> AlsoStreams<C> for (O, Rest)
where
    O: StreamCall + Into<C>,
    C::Item: Into<O::Item>,
    C::Error: Into<O::Error>,
    Rest: AlsoStreams<C>,
{
    fn visit<V: StreamVisitor<C>>(visitor: V) -> V {
        Rest::visit(visitor.also::<O>())
    }
}

/// A message that is not answered. It is acknowledged all the same: whoever sends it can learn
/// whether it has arrived.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use twinwire::Event;
///
/// #[derive(Serialize, Deserialize, Event)]
/// struct Typing {
///     room: String,
/// }
/// ```
///
/// `#[event(also = TypingV1)]` makes a server take older clients' events too, converted; see [`Call`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no event: derive `twinwire::Event` for it, and serde's two"
)]
pub trait Event: Kind {
    /// The older types that a server takes for this one: `()`, or what `#[event(also = …)]` names.
    type Also: AlsoEvents<Self>;
}

/// Older types of an event, that become it; see [`Event`]. Derived.
pub trait AlsoEvents<E: Event> {
    /// Shows each of them to `visitor`.
    fn visit<V: EventVisitor<E>>(visitor: V) -> V;
}

/// A visitor of each older type of an event.
pub trait EventVisitor<E: Event>: Sized {
    /// Returns one of them.
    fn also<O: Event + Into<E>>(self) -> Self;
}

impl<E: Event> AlsoEvents<E> for () {
    fn visit<V: EventVisitor<E>>(visitor: V) -> V {
        visitor
    }
}

/// One older type, and those that are older still.
impl<E: Event, O: Event + Into<E>, Rest: AlsoEvents<E>> AlsoEvents<E> for (O, Rest) {
    fn visit<V: EventVisitor<E>>(visitor: V) -> V {
        Rest::visit(visitor.also::<O>())
    }
}

/// A topic: what is published to it reaches all who are subscribed, in one order. The type's value is
/// the topic's key, such as the name of a room.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use twinwire::{Shape, Topic};
///
/// #[derive(Serialize, Deserialize, Topic)]
/// #[topic(item = Line)]
/// struct Room {
///     name: String,
/// }
///
/// #[derive(Serialize, Deserialize, Shape)]
/// struct Line {
///     from: String,
///     text: String,
/// }
/// ```
///
/// A key has at most 255 bytes in postcard, and holds no floats, maps or sets: equal keys must be
/// equal bytes.
///
/// ```compile_fail
/// # use serde::{Deserialize, Serialize};
/// #[derive(Serialize, Deserialize, twinwire::Topic)]
/// #[topic(item = String)]
/// struct Place {
///     latitude: f64,
/// }
/// ```
///
/// **Older clients.** `#[topic(also = RoomV1)]` makes a server take older clients' topics too, as of a
/// [`Call`]: keys become the newer type's, items are converted both ways, and all meet in one topic. An item for
/// older clients is converted on a reader's worker, which waits for it: a conversion shouldn't block.
///
/// ```
/// # use serde::{Deserialize, Serialize};
/// # use twinwire::{Shape, Topic};
/// #[derive(Serialize, Deserialize, Topic)]
/// #[topic(item = Line, also = RoomV1)]
/// struct Room {
///     name: String,
/// }
///
/// #[derive(Serialize, Deserialize, Shape)]
/// struct Line {
///     from: Option<String>,
///     text: String,
/// }
///
/// /// What clients joined when lines were only text.
/// #[derive(Serialize, Deserialize, Topic)]
/// #[topic(item = String, name = "Room")]
/// struct RoomV1 {
///     name: String,
/// }
///
/// impl From<RoomV1> for Room {
///     fn from(old: RoomV1) -> Self {
///         Self { name: old.name }
///     }
/// }
///
/// impl From<String> for Line {
///     fn from(text: String) -> Self {
///         Self { from: None, text }
///     }
/// }
///
/// impl From<Line> for String {
///     fn from(line: Line) -> Self {
///         line.text
///     }
/// }
/// ```
///
/// Two keys of an older type must not become one: a client is in each topic once.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no topic: derive `twinwire::Topic` for it with `#[topic(item = …)]`, and serde's two"
)]
pub trait Topic: Kind {
    /// An item of the topic.
    type Item: Payload;
    /// The older types that a server takes for this one: `()`, or what `#[topic(also = …)]` names.
    type Also: AlsoTopics<Self>;
}

/// Older types of a topic, that become it; see [`Topic`]. Derived.
pub trait AlsoTopics<T: Topic> {
    /// Shows each of them to `visitor`.
    fn visit<V: TopicVisitor<T>>(visitor: V) -> V;
}

/// A visitor of each older type of a topic.
pub trait TopicVisitor<T: Topic>: Sized {
    /// Returns one of them.
    fn also<O>(self) -> Self
    where
        O: Topic + Into<T>,
        O::Item: Into<T::Item>,
        T::Item: Into<O::Item>;
}

impl<T: Topic> AlsoTopics<T> for () {
    fn visit<V: TopicVisitor<T>>(visitor: V) -> V {
        visitor
    }
}

/// One older type, and those that are older still.
impl<T: Topic, O, Rest> AlsoTopics<T> for (O, Rest)
where
    O: Topic + Into<T>,
    O::Item: Into<T::Item>,
    T::Item: Into<O::Item>,
    Rest: AlsoTopics<T>,
{
    fn visit<V: TopicVisitor<T>>(visitor: V) -> V {
        Rest::visit(visitor.also::<O>())
    }
}

/// The error of a call that has none of its own. It has no values.
///
/// The standard library's `Infallible` lacks serde's traits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Never {}

impl Shape for Never {
    const SHAPE: &'static Descriptor = &Descriptor::Enum {
        tagging: Tagging::External,
        variants: &[],
        deny_unknown: false,
    };
}

impl Serialize for Never {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        match *self {}
    }
}

impl<'de> Deserialize<'de> for Never {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom(
            "this call has no error of its own",
        ))
    }
}

impl fmt::Display for Never {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

impl core::error::Error for Never {}

impl From<Never> for convert::Infallible {
    fn from(never: Never) -> Self {
        match never {}
    }
}
