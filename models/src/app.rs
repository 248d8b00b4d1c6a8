//! In little: what the server's modules use of its `app`.

pub(crate) mod identity {
    /// A client whose token was judged.
    pub(crate) struct Authenticated<I>(std::marker::PhantomData<I>);
}

pub(crate) mod shared {
    use crate::session::peers::Peers;

    /// The list that all connections share.
    pub(crate) struct Shared<S, I> {
        #[expect(dead_code, reason = "it gives the type its parameter")]
        pub(crate) state: S,
        pub(crate) peers: Peers<I>,
    }
}
