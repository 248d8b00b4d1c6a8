//! The server: the endpoint that ships, on workers of the world's.

use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use actix_web::test::TestRequest;
use tokio::sync::mpsc;
use tokio::time::Instant;
use twinwire::Format;
use twinwire::log::Retention;
use twinwire_server::{
    Access, Builder, Denied, HandlerContext, PeerId, Retry, StreamSender, Twinwire, test,
};
use twinwire_sim::Dice;

use crate::attended::spawn;
use crate::bytes::{self, Stream};
use crate::functions::{Functions, Turn};
use crate::kinds::{Ask, AskInOrder, Count, Counted, Manner, Newest, Note, Poke, Room};
use crate::network::Half;
use crate::oracle::{Asked, Asker, Class, Oracle, Outcome, Reader};
use crate::plan::Tier;
use crate::platform::NotOpened;
use crate::ticket::Ticket;
use crate::world::World;

/// The state that the handlers share.
pub(crate) struct State {
    oracle: Oracle,
    pub(crate) process: u64,
    /// The number of sessions so far.
    opened: AtomicU32,
}

/// The identity of a client.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) life: usize,
    /// The number of its client.
    pub(crate) number: usize,
}

/// Names the user of a client: one has several.
pub(crate) fn user_key(number: usize) -> String {
    (number % 2).to_string()
}

pub(crate) type Wire = Twinwire<State, Identity>;
type Context = HandlerContext<State, Identity>;

/// A connection that a client opens.
pub(crate) enum Incoming {
    Link { format: Format, half: Half },
    Stream(Stream),
}

/// A process of the server's; none while it is away.
#[derive(Default)]
pub(crate) struct Server {
    process: u64,
    pub(crate) wire: Option<Wire>,
    workers: Vec<mpsc::UnboundedSender<Incoming>>,
    /// Until then a proxy answers for it.
    pub(crate) refuses: Option<Instant>,
}

impl Server {
    /// Takes a connection, on one of the workers.
    pub(crate) fn accept(&self, incoming: Incoming, dice: &mut Dice) -> Result<(), NotOpened> {
        if self.refuses.is_some_and(|until| until > Instant::now()) {
            return Err(NotOpened::Unavailable);
        }
        let worker = dice.roll(self.workers.len() as u64) as usize;
        let worker = self.workers.get(worker).ok_or(NotOpened::Refused)?;
        worker.send(incoming).map_err(|_| NotOpened::Refused)
    }

    /// Begins another process.
    pub(crate) fn start(world: &Rc<World>) {
        let mut server = world.server.borrow_mut();
        server.process += 1;
        let wire = endpoint(world, server.process);
        server.workers = (0..world.plan.workers)
            .map(|worker| {
                let (accept, accepted) = mpsc::unbounded_channel();
                let work = carry(wire.clone(), world.plan.tier, accepted);
                world.spawn(world.worker(worker), work);
                accept
            })
            .collect();
        server.wire = Some(wire);
    }

    /// Takes no new connections.
    pub(crate) fn leave(world: &World) -> Option<Wire> {
        let mut server = world.server.borrow_mut();
        server.workers.clear();
        server.wire.take()
    }

    /// Ends the process, with all that runs in it.
    pub(crate) fn kill(world: &World) {
        let wire = Self::leave(world);
        for worker in 0..world.plan.workers {
            world.clear(world.worker(worker));
        }
        drop(wire);
    }
}

/// Carries the connections of a worker, each in a task of its own.
async fn carry(wire: Wire, tier: Tier, mut accepted: mpsc::UnboundedReceiver<Incoming>) {
    let serve = match tier {
        Tier::Messages | Tier::Plain => None,
        Tier::Bytes => Some(bytes::serve(wire.at(bytes::PATH)).await),
    };
    while let Some(incoming) = accepted.recv().await {
        match (incoming, &serve) {
            (Incoming::Link { format, half }, _) => {
                let request = TestRequest::default().to_http_request();
                test::serve(&wire, request, format, half);
            }
            (Incoming::Stream(stream), Some(serve)) => {
                spawn(serve(stream));
            }
            (Incoming::Stream(_), None) => {}
        }
    }
}

fn endpoint(world: &World, process: u64) -> Wire {
    let functions = world.functions.clone();
    let state = State {
        oracle: world.oracle.clone(),
        process,
        opened: AtomicU32::new(0),
    };
    let seed = world.dice.borrow_mut().roll(u64::MAX);
    let dice = Mutex::new(Dice::new(seed));
    let builder = handlers(
        authenticated(Twinwire::builder(state), &functions),
        &functions,
    )
    .limits(world.plan.limits.clone())
    .memory_budget(world.plan.memory_budget)
    .retention(Retention::default().entries(world.plan.keep));
    let builder = test::draws_from(builder, move |bytes| {
        let mut dice = dice.lock().expect("dice don't panic");
        bytes.fill_with(|| dice.roll(256) as u8);
    });
    builder.build().expect("the kinds don't clash")
}

fn authenticated(builder: Builder<State, ()>, functions: &Functions) -> Builder<State, Identity> {
    let authenticate = functions.authenticate.clone();
    let builder = builder
        .authenticate(move |token, _| {
            let turn = authenticate.begin();
            async move {
                turn.work().await;
                if turn.manner == Manner::Declines {
                    return Err(Denied::new("not now").retry(Retry::Now));
                }
                let mut token = token.into_iter().map(usize::from);
                let mut next = || token.next().unwrap_or_default();
                Ok(Identity {
                    life: next(),
                    number: next(),
                })
            }
        })
        .user_key(|identity| user_key(identity.number));
    match functions.may_resume.clone() {
        None => builder,
        Some(may_resume) => builder.may_resume(move |kept, new| {
            let turn = may_resume.begin();
            kept.number == new.number && turn.manner != Manner::Declines
        }),
    }
}

/// Begins a request's handler, on its worker.
fn begin(cx: &Context, ask: &Ask) -> Turn {
    cx.state().oracle.account().begins_in(ask.id, cx.id());
    Turn::begin(ask.manner, ask.wait)
}

/// Does what the request says, and gives its reply.
async fn work(cx: Context, ask: Ask, turn: Turn) -> Result<u64, u64> {
    turn.work().await;
    if turn.manner == Manner::CallsBack {
        Speaker::of(&cx).poke(cx.id(), Manner::Answers, 0).await;
    }
    let reply = match turn.manner {
        Manner::Declines => Err(ask.id),
        _ => Ok(ask.id),
    };
    cx.state().oracle.account().answers(ask.id, reply);
    reply
}

fn handlers(builder: Builder<State, Identity>, functions: &Functions) -> Builder<State, Identity> {
    let (access, on_open) = (functions.access.clone(), functions.on_open.clone());
    builder
        .call(|cx: Context, ask: Ask| {
            let turn = begin(&cx, &ask);
            work(cx, ask, turn)
        })
        .call_in_order(|cx: Context, AskInOrder { ask }: AskInOrder| {
            let turn = begin(&cx, &ask);
            work(cx, ask, turn)
        })
        .event(|cx: Context, Note { ask, .. }: Note| {
            let turn = begin(&cx, &ask);
            async move {
                // Nobody hears what becomes of an event.
                let _ = work(cx, ask, turn).await;
            }
        })
        .event(|cx: Context, newest: Newest| async move {
            let reader = Reader::Server(cx.identity().life);
            let mut account = cx.state().oracle.account();
            account.newest(reader, newest.id, Some(cx.id()));
        })
        .stream(
            |cx: Context, count: Count, mut sender: StreamSender<Count>| {
                let turn = begin(&cx, &count.ask);
                async move {
                    let id = count.ask.id;
                    for place in 0..count.items {
                        let filling = vec![place as u8; count.bytes as usize];
                        let item = Counted { id, place, filling };
                        sender.send(item).await;
                    }
                    work(cx, count.ask, turn).await.map(|_| ())
                }
            },
        )
        .topic(move |_: Context, _: Room| {
            let turn = access.begin();
            async move {
                turn.work().await;
                Access::publish_and_subscribe()
            }
        })
        .on_open(move |cx: Context| {
            let turn = on_open.begin();
            let nth = cx.state().opened.fetch_add(1, Ordering::Relaxed);
            async move {
                // The first call of each session has the same number: none may be given another's answer.
                let wait = nth * 2_900 % 7_000;
                spawn(async move {
                    let speaker = Speaker::of(&cx);
                    speaker.poke(cx.id(), Manner::Answers, wait).await;
                });
                turn.work().await;
            }
        })
}

/// A server that makes requests of its clients.
#[derive(Clone)]
pub(crate) struct Speaker {
    pub(crate) wire: Wire,
    pub(crate) oracle: Oracle,
    process: u64,
}

impl Speaker {
    fn of(cx: &Context) -> Self {
        Self {
            wire: cx.wire(),
            oracle: cx.state().oracle.clone(),
            process: cx.state().process,
        }
    }

    /// The process that runs now, if one does.
    pub(crate) fn now(world: &World) -> Option<Self> {
        let server = world.server.borrow();
        Some(Self {
            wire: server.wire.clone()?,
            oracle: world.oracle.clone(),
            process: server.process,
        })
    }

    fn asks(&self, life: usize, class: Class, manner: Manner) -> Ticket {
        let process = self.process;
        let by = match class {
            Class::Event => Asker::Events { process, life },
            _ => Asker::Server { process, life },
        };
        let asked = Asked { by, class, manner };
        Ticket::new(&self.oracle, asked)
    }

    /// Notes that somebody is removed from a topic.
    pub(crate) fn puts_out(&self, room: u8) {
        let removed = &mut self.oracle.account().removed;
        removed.insert(room, Instant::now());
    }

    /// Calls a client.
    pub(crate) async fn poke(&self, peer: PeerId, manner: Manner, wait: u32) {
        let Some(peer) = self.wire.peer(peer) else {
            return;
        };
        self.oracle.account().reach("Peer::call");
        let ticket = self.asks(peer.identity().life, Class::Call, manner);
        let ask = Ask {
            id: ticket.id(),
            manner,
            wait,
        };
        let answer = peer.call(Poke { ask }).await;
        ticket.told(match answer {
            Ok(reply) => Outcome::Replied(reply),
            Err(error) => Outcome::of_call(error, |id| id),
        });
    }

    /// Sends a client an event of which only the newest matters, and asks it for a sign of life.
    pub(crate) async fn tell_newest(&self, peer: PeerId) {
        let Some(peer) = self.wire.peer(peer) else {
            return;
        };
        self.oracle.account().reach("Peer::send_latest");
        let _waiting = self.oracle.waits("Peer::send_latest or Peer::ping");
        let ticket = self.asks(peer.identity().life, Class::Event, Manner::Answers);
        let newest = Newest { id: ticket.id() };
        // Nobody learns what becomes of it.
        drop(ticket);
        let _ = peer.send_latest("", newest).await;
        self.oracle.account().reach("Peer::ping");
        peer.ping().await;
    }

    /// Sends a client an event.
    pub(crate) async fn tell(&self, peer: PeerId) {
        let Some(peer) = self.wire.peer(peer) else {
            return;
        };
        self.oracle.account().reach("Peer::send");
        let manner = Manner::Answers;
        let ticket = self.asks(peer.identity().life, Class::Event, manner);
        let ask = Ask {
            id: ticket.id(),
            manner,
            wait: 0,
        };
        let filling = Vec::new();
        let sent = match peer.send(Note { ask, filling }).await {
            Ok(receipt) => receipt.await,
            Err(error) => Err(error),
        };
        ticket.told(sent.map_or_else(Outcome::from, |()| Outcome::Accepted));
    }
}
