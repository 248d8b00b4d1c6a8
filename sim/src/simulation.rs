//! Worlds to be run: which applications, and what becomes of many seeds.

use std::panic::{AssertUnwindSafe, catch_unwind};

use twinwire::frame::Refusal;
use twinwire::{Class, Fingerprint, KindEntry, Kinds, PeerId, Time};

use crate::random::{DIFFERS, IN_ORDER, RandomApp, UNKNOWN};
use crate::world::World;
use crate::{Application, Dice, Failure, Plan, Report};

type Make<W> = Box<dyn Fn(W, &mut Dice) -> Box<dyn Application>>;

/// What stands behind the sessions.
pub(crate) struct Apps {
    pub(crate) kinds: Vec<KindEntry>,
    pub(crate) in_order: Vec<u32>,
    pub(crate) refused: Vec<(u32, Refusal)>,
    pub(crate) client: Make<usize>,
    pub(crate) server: Make<PeerId>,
}

/// A world to be run, as often as there are seeds.
pub struct Simulation {
    plan: Plan,
    apps: Apps,
}

impl Simulation {
    /// A world of applications that do everything at random.
    pub fn random(plan: Plan) -> Self {
        let kind = |name: &str, class| KindEntry {
            name: name.to_owned(),
            class,
            fingerprint: Fingerprint::from_bytes([1; 8]),
        };
        let kinds = vec![
            kind("call", Class::Call),
            kind("in_order", Class::Call),
            kind("stream", Class::Stream),
            kind("event", Class::Event),
            kind("topic", Class::Topic),
            kind("unknown", Class::Call),
            kind("differs", Class::Call),
        ];
        let apps = Apps {
            kinds,
            in_order: vec![IN_ORDER],
            refused: vec![
                (UNKNOWN, Refusal::UnknownKind),
                (DIFFERS, Refusal::KindDiffers),
            ],
            client: Box::new(|_, dice| Box::new(RandomApp::new(true, dice))),
            server: Box::new(|_, dice| Box::new(RandomApp::new(false, dice))),
        };
        Self { plan, apps }
    }

    /// A world of your own applications: `client` makes one for each `Session` of a client, which is told
    /// by its place, and `server` one for each session at the server. They may share state, such as what a
    /// server keeps beside its sessions.
    pub fn new<C: Application + 'static, S: Application + 'static>(
        plan: Plan,
        kinds: Kinds,
        client: impl Fn(usize, &mut Dice) -> C + 'static,
        server: impl Fn(PeerId, &mut Dice) -> S + 'static,
    ) -> Self {
        let apps = Apps {
            kinds: kinds.entries(),
            in_order: Vec::new(),
            refused: Vec::new(),
            client: Box::new(move |place, dice| Box::new(client(place, dice))),
            server: Box::new(move |peer, dice| Box::new(server(peer, dice))),
        };
        Self { plan, apps }
    }

    /// The kinds of calls whose handler ends before the next request starts, by their places.
    pub fn in_order(mut self, kinds: Vec<u32>) -> Self {
        self.apps.in_order = kinds;
        self
    }

    /// Runs the world of this seed, with the oracle beside it.
    ///
    /// # Errors
    /// What is wrong. A panic counts too.
    pub fn run(&self, seed: u64) -> Result<Report, Failure> {
        let world = AssertUnwindSafe(|| World::new(seed, &self.plan, &self.apps).outcome(seed));
        catch_unwind(world).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            let what = format!("a panic: {}", text.unwrap_or_default());
            Err(Failure {
                seed,
                at: Time::default(),
                what,
            })
        })
    }
}
