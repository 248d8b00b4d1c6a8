//! The way to the TypeScript that holds the module.

use wasm_bindgen::prelude::*;

#[wasm_bindgen(raw_module = "./tell.js")]
extern "C" {
    /// It throws nothing.
    #[wasm_bindgen(js_name = tell)]
    fn tell_facade(client: u32, what: u32, id: u32, code: u32, a: f64, b: f64, bytes: &[u8]);
}

/// The subjects of which a client's facade is told. `tell.ts` has the same numbers.
#[derive(Clone, Copy)]
pub(crate) enum What {
    /// A request has its outcome: its code, when to try again, and the payload.
    Settled = 0,
    /// An item of a stream.
    Item = 1,
    /// A topic is joined: the verdict's code, the position's offset and epoch.
    Joined = 2,
    /// Something was published: its offset and its payload.
    Publication = 3,
    /// Publications are lost: the first and the next that comes.
    Gap = 4,
    /// A topic's log has begun anew: the position's offset and epoch.
    NewEpoch = 5,
    /// A topic isn't joined again: the refusal's code.
    NotRejoined = 6,
    /// A subscription is over.
    Ended = 7,
    /// An event of the server's.
    Event = 8,
    /// A call of the server's: its kind is the code.
    Call = 9,
    /// A call of the server's is wanted no more.
    Cancelled = 10,
    /// The server has put the client into a topic: the id of the new subscription is `a`, the key its payload.
    Invited = 11,
    /// The client's state.
    State = 12,
    /// The client is welcomed.
    Connected = 13,
    /// It isn't, and won't be.
    NotConnected = 14,
    /// A token is wanted.
    Token = 15,
    /// Another session begins: why.
    SessionReplaced = 16,
    /// The request of this id may go on.
    Wake = 17,
}

/// One client's facade.
#[derive(Clone, Copy)]
pub(crate) struct Facade(pub(crate) u32);

/// The facts that are told of a subject.
#[derive(Clone, Copy, Default)]
pub(crate) struct Told<'a> {
    pub(crate) code: u32,
    pub(crate) a: f64,
    pub(crate) b: f64,
    pub(crate) bytes: &'a [u8],
}

impl Facade {
    pub(crate) fn tell(self, what: What, id: u32, told: Told<'_>) {
        let Told { code, a, b, bytes } = told;
        tell_facade(self.0, what as u32, id, code, a, b, bytes);
    }
}
