//! The older types that a server takes under a kind's name.

use std::sync::Arc;

use twinwire::{
    Call, CallVisitor, Event, EventVisitor, StreamCall, StreamVisitor, Topic, TopicVisitor,
};

use crate::app::handler::KindHandler;
use crate::{Access, HandlerContext, StreamSender};

/// Collects the types of one kind, the newest first: all become that, and have its handler.
pub(crate) struct VersionCollector<S, I, F> {
    handler: Arc<F>,
    pub(crate) types: Vec<KindHandler<S, I>>,
}

impl<S, I, F> VersionCollector<S, I, F> {
    pub(crate) fn of(newest: KindHandler<S, I>, handler: Arc<F>) -> Self {
        let types = vec![newest];
        Self { handler, types }
    }
}

impl<S, I, C, F, R> CallVisitor<C> for VersionCollector<S, I, F>
where
    S: 'static,
    I: 'static,
    C: Call,
    F: Fn(HandlerContext<S, I>, C) -> R + Send + Sync + 'static,
    R: Future<Output = Result<C::Reply, C::Error>> + 'static,
{
    fn also<O>(mut self) -> Self
    where
        O: Call + Into<C>,
        C::Reply: Into<O::Reply>,
        C::Error: Into<O::Error>,
    {
        let older = KindHandler::older_call::<O, C, F, R>(Arc::clone(&self.handler));
        self.types.push(older);
        self
    }
}

impl<S, I, C, F, R> StreamVisitor<C> for VersionCollector<S, I, F>
where
    S: 'static,
    I: 'static,
    C: StreamCall,
    F: Fn(HandlerContext<S, I>, C, StreamSender<C>) -> R + Send + Sync + 'static,
    R: Future<Output = Result<(), C::Error>> + 'static,
{
    fn also<O>(mut self) -> Self
    where
        O: StreamCall + Into<C>,
        C::Item: Into<O::Item>,
        C::Error: Into<O::Error>,
    {
        let older = KindHandler::stream::<O, C, F, R>(Arc::clone(&self.handler));
        self.types.push(older);
        self
    }
}

impl<S, I, E, F, R> EventVisitor<E> for VersionCollector<S, I, F>
where
    S: 'static,
    I: 'static,
    E: Event,
    F: Fn(HandlerContext<S, I>, E) -> R + Send + Sync + 'static,
    R: Future<Output = ()> + 'static,
{
    fn also<O: Event + Into<E>>(mut self) -> Self {
        let handler = Arc::clone(&self.handler);
        let older = KindHandler::event(move |cx, older: O| handler(cx, older.into()));
        self.types.push(older);
        self
    }
}

impl<S, I, T, F, R> TopicVisitor<T> for VersionCollector<S, I, F>
where
    S: 'static,
    I: 'static,
    T: Topic,
    F: Fn(HandlerContext<S, I>, T) -> R + Send + Sync + 'static,
    R: Future<Output = Access> + 'static,
{
    fn also<O>(mut self) -> Self
    where
        O: Topic + Into<T>,
        O::Item: Into<T::Item>,
        T::Item: Into<O::Item>,
    {
        let older = KindHandler::topic::<O, T, F, R>(Arc::clone(&self.handler));
        self.types.push(older);
        self
    }
}
