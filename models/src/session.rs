//! The server's list of clients and its slots, and in little what they use beside them.

#[path = "../../server/src/session/peers.rs"]
#[expect(dead_code, reason = "the models need a part of it")]
pub(crate) mod peers;
#[path = "../../server/src/session/slot.rs"]
#[expect(dead_code, reason = "the models need a part of it")]
pub(crate) mod slot;

pub(crate) mod app_session {
    use std::marker::PhantomData;

    use crate::Peer;

    /// A session, with as much as a slot needs of it.
    pub(crate) struct AppSession<S, I> {
        /// The connection that holds it.
        pub(crate) holder: usize,
        pub(crate) is_evicted: bool,
        pub(crate) is_over: bool,
        of: PhantomData<(S, I)>,
    }

    /// The remains of a session, to be dropped where nothing is locked.
    pub(crate) struct Ended;

    impl Drop for Ended {
        fn drop(&mut self) {}
    }

    impl<S, I> AppSession<S, I> {
        pub(crate) fn new(holder: usize) -> Self {
            Self {
                holder,
                is_evicted: false,
                is_over: false,
                of: PhantomData,
            }
        }

        pub(crate) fn evict(&mut self) {
            self.is_evicted = true;
        }

        pub(crate) fn end(&mut self) -> Ended {
            self.is_over = true;
            Ended
        }

        pub(crate) fn peer(&self) -> Option<Peer<I>> {
            None
        }
    }
}
