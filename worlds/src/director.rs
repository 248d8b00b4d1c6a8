//! What happens to a world: things go wrong, then nothing does, then everybody parts.

use std::rc::{Rc, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until, timeout};

use twinwire_client::test::{Counters, counters as client_counters};
use twinwire_server::{Peer, PeerId, test};

use crate::application::{User, live};
use crate::attended::{self, wake_all};
use crate::functions::first_panic;
use crate::kinds::{Manner, Room};
use crate::network::Breakable;
use crate::plan::{Act, Fault, ROOMS, Tier};
use crate::server::{Identity, Server, Speaker, user_key};
use crate::world::{Seat, World};

/// The time after the last fault in which all that was asked for has to have ended.
const QUIET: Duration = Duration::from_secs(150);

/// Leads a world from its beginning to its end, or to the first thing that is wrong.
pub(crate) async fn direct(world: Rc<World>) {
    Server::start(&world);
    for number in 0..world.seats.len() {
        world.spawn(number, live(Rc::clone(&world), number));
    }
    for (at, fault) in world.plan.faults.clone() {
        sleep_until(world.begun + at).await;
        happens(&world, fault).await;
    }
    wait(&world, Duration::from_secs(30) + QUIET).await;
    rests(&world).await;
    is_woken(&world).await;
    proves(&world).await;
    idles(&world).await;
    parts(&world).await;
}

/// Waits, but not for a world in which something is wrong.
async fn wait(world: &World, time: Duration) {
    let until = Instant::now() + time;
    while Instant::now() < until && !is_wrong(world) {
        sleep(Duration::from_millis(500)).await;
    }
}

fn is_wrong(world: &World) -> bool {
    if let Some(panic) = first_panic() {
        world.oracle.account().wrong(|| panic);
    }
    world.oracle.account().is_wrong()
}

async fn happens(world: &Rc<World>, fault: Fault) {
    {
        let mut account = world.oracle.account();
        account.reach(name(fault));
        account.tell(|| format!("{fault:?}"));
        account.happens(fault);
    }
    match fault {
        Fault::Cut { client } => on_link(world, client, |link| link.cut()),
        Fault::Stall { client, time } => on_link(world, client, |link| link.stall(time)),
        Fault::Slow { client, latency } => on_link(world, client, |link| link.slow(latency)),
        Fault::Sleep { client, time } => sleeps(world, client, time),
        Fault::Freeze { worker, time } => {
            let now = Instant::now();
            world.oracle.account().frozen.push((now, now + time));
            world.freeze(world.worker(worker), time);
        }
        Fault::Kill { away } => restarts(world, away).await,
        Fault::Drain { away } => {
            if let Some(wire) = Server::leave(world) {
                wire.shut_down().await;
            }
            restarts(world, away).await;
        }
        Fault::Refuse { time } => {
            world.server.borrow_mut().refuses = Some(Instant::now() + time);
        }
        Fault::Poke { .. }
        | Fault::Tell
        | Fault::Publish { .. }
        | Fault::Join { .. }
        | Fault::Leave { .. } => speaks(world, fault),
    }
}

/// Does something to the connection of a client, if it has one.
fn on_link(world: &World, client: usize, fault: impl FnOnce(&dyn Breakable)) {
    let link = world.seats[client].connection.borrow();
    if let Some(link) = link.as_ref().and_then(Weak::upgrade) {
        fault(&*link);
    }
}

/// Has a client's machine sleep.
fn sleeps(world: &World, client: usize, time: Duration) {
    let now = Instant::now();
    world.oracle.account().sleeps(client, now, now + time);
    world.seats[client].has_slept.set(true);
    world.freeze(client, time);
}

/// Kills the server, and begins another after some time.
async fn restarts(world: &Rc<World>, away: Duration) {
    Server::kill(world);
    sleep(away).await;
    Server::start(world);
}

/// Has the server do something by itself.
fn speaks(world: &Rc<World>, fault: Fault) {
    match fault {
        Fault::Poke {
            manner,
            wait,
            times,
        } => {
            for _ in 0..times {
                for_each_peer(world, |speaker, peer| async move {
                    speaker.poke(peer, manner, wait).await;
                });
            }
        }
        Fault::Tell => {
            for_each_peer(world, |speaker, peer| async move {
                speaker.tell(peer).await;
                speaker.tell_newest(peer).await;
            });
        }
        Fault::Publish { room, items } => {
            for _ in 0..items {
                publish(world, room);
            }
        }
        Fault::Join { client, room } => with_peer(world, client, move |speaker, peer| async move {
            if let Some(peer) = speaker.wire.peer(peer) {
                let _waiting = speaker.oracle.waits("Peer::invite");
                // The client takes it, or is gone.
                let _ = peer.invite(&Room { number: room }).await;
            }
        }),
        Fault::Leave { client, room } => {
            with_peer(world, client, move |speaker, peer| async move {
                if let Some(peer) = speaker.wire.peer(peer) {
                    speaker.puts_out(room);
                    peer.unsubscribe(&Room { number: room });
                }
            })
        }
        Fault::Cut { .. }
        | Fault::Stall { .. }
        | Fault::Slow { .. }
        | Fault::Sleep { .. }
        | Fault::Freeze { .. }
        | Fault::Kill { .. }
        | Fault::Drain { .. }
        | Fault::Refuse { .. } => {}
    }
}

fn name(fault: Fault) -> &'static str {
    match fault {
        Fault::Cut { .. } => "fault: cut",
        Fault::Stall { .. } => "fault: stall",
        Fault::Slow { .. } => "fault: slow",
        Fault::Sleep { .. } => "fault: sleep",
        Fault::Freeze { .. } => "fault: freeze",
        Fault::Kill { .. } => "fault: kill",
        Fault::Drain { .. } => "fault: drain",
        Fault::Refuse { .. } => "fault: refuse",
        Fault::Poke { .. } => "Twinwire::peers",
        Fault::Tell => "server tells",
        Fault::Publish { .. } => "Twinwire::publish",
        Fault::Join { .. } => "Peer::invite",
        Fault::Leave { .. } => "Peer::unsubscribe",
    }
}

/// Has the server do something with each of its clients, on a worker.
fn for_each_peer<R: Future<Output = ()> + 'static>(
    world: &Rc<World>,
    task: impl Fn(Speaker, PeerId) -> R,
) {
    let Some(speaker) = Speaker::now(world) else {
        return;
    };
    for peer in speaker.wire.peers() {
        world.spawn(world.worker(0), task(speaker.clone(), peer.id()));
    }
}

/// The same with one client.
fn with_peer<R: Future<Output = ()> + 'static>(
    world: &Rc<World>,
    client: usize,
    task: impl Fn(Speaker, PeerId) -> R,
) {
    let Some(speaker) = Speaker::now(world) else {
        return;
    };
    world.oracle.account().reach("Twinwire::user");
    for peer in speaker.wire.user(&user_key(client)) {
        world.spawn(world.worker(0), task(speaker.clone(), peer.id()));
    }
}

/// Publishes an item of the server's; returns its place.
fn publish(world: &World, number: u8) -> Option<twinwire::Offset> {
    let wire = world.server.borrow().wire.clone()?;
    let id = u64::MAX - world.next_connection();
    let room = Room { number };
    // To all subscribers but one; a client that isn't there is no subscriber.
    let published = match world.dice.borrow_mut().one_in(4) {
        true => {
            world.oracle.account().reach("Twinwire::publish_except");
            wire.publish_except(&room, &id, PeerId::from_bytes([0; 8]))
        }
        false => wire.publish(&room, &id),
    };
    match published {
        Ok(offset) => Some(offset),
        Err(error) => {
            world.oracle.account().wrong(|| error.to_string());
            None
        }
    }
}

/// Checks that nobody waits any more.
async fn rests(world: &World) {
    world.oracle.account().at_rest();
    for (number, seat) in world.seats.iter().enumerate() {
        let user = seat.user.borrow().clone();
        let state = user.as_ref().map(|user| user.client.state());
        let open = user.filter(|user| user.is_open());
        world.oracle.account().ensure(open.is_some(), || {
            format!("at rest client {number} is {state:?}")
        });
        if let Some(user) = open {
            holds(world, &user).await;
        }
    }
    let subscriptions = world.oracle.account().subscriptions();
    for client in 0..world.seats.len() {
        on_link(world, client, |link| link.rests());
    }
    counts(world, world.seats.len(), subscriptions);
}

/// Checks that a client holds what its application holds, and nothing else.
async fn holds(world: &World, user: &User) {
    let counting = timeout(Duration::from_secs(1), client_counters(&user.client));
    let counters = counting.await.ok().flatten();
    let mut account = world.oracle.account();
    let (topics, subscribers) = account.subscriptions_of(user.life);
    let mut rest = Counters::default();
    (rest.remote.topics, rest.remote.session.joined) = (topics, topics);
    (rest.remote.subscribers, rest.listeners) = (subscribers, 1);
    // A stream of one kind leaves the others.
    rest.backlog = counters.map_or(0, |counters| counters.backlog);
    account.ensure(counters == Some(rest), || {
        let life = user.life;
        format!("at rest client {life} holds {counters:?}, which should be {rest:?}")
    });
}

/// Checks that the server holds what its clients hold, and nothing else.
fn counts(world: &World, clients: usize, subscriptions: usize) {
    let server = world.server.borrow();
    let Some(wire) = &server.wire else {
        return;
    };
    let peers = wire.peers();
    let is_found = |of: &Peer<Identity>| {
        let found = wire.user(&user_key(of.identity().number));
        found.iter().filter(|peer| peer.id() == of.id()).count() == 1
    };
    let is_well = peers.iter().all(is_found);
    world
        .oracle
        .account()
        .ensure(is_well, || "a user's session isn't found".to_owned());
    let streams = world.streams.get();
    let expected = match world.plan.tier {
        Tier::Messages | Tier::Plain => 0,
        Tier::Bytes => clients,
    };
    world.oracle.account().ensure(streams == [expected; 2], || {
        format!("clients and server hold {streams:?} streams, which should be {expected}")
    });
    let counters = test::counters(wire);
    let mut rest = counters;
    (rest.sessions, rest.peers, rest.users) = (clients, clients, clients);
    (rest.memberships, rest.subscribers) = (subscriptions, subscriptions);
    (rest.handlers, rest.waiting, rest.kept) = (0, 0, 0);
    world.oracle.account().ensure(counters == rest, || {
        format!("the server holds {counters:?}, which should be {rest:?}")
    });
}

/// Lets everybody do what they have to do at this moment.
async fn settle() {
    // tokio looks at timers that are due every 61 turns, unless nobody has anything to do.
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
}

/// Checks that nobody has something to do, and isn't woken for it.
async fn is_woken(world: &World) {
    settle().await;
    let steps = || (world.oracle.account().steps(), world.trace.messages());
    let before = steps();
    wake_all();
    for number in 0..world.seats.len() {
        on_link(world, number, |link| link.wake());
    }
    settle().await;
    let after = steps();
    world.oracle.account().ensure(before == after, || {
        format!("who was woken for nothing had something to do: {before:?} became {after:?}")
    });
}

/// Checks that everything works.
async fn proves(world: &Rc<World>) {
    if is_wrong(world) {
        return;
    }
    for (number, seat) in world.seats.iter().enumerate() {
        let user = seat.user.borrow().clone();
        world.spawn(number, async move {
            if let Some(user) = user {
                user.act(Act::Ask {
                    manner: Manner::Answers,
                    wait: 0,
                    in_order: false,
                    patience: None,
                });
            }
        });
    }
    let published: Vec<_> = (0..ROOMS)
        .map(|room| (room, publish(world, room)))
        .collect();
    // Before a heartbeat wakes those who weren't woken for this.
    is_woken(world).await;
    wait(world, Duration::from_secs(20)).await;
    let mut account = world.oracle.account();
    account.at_rest();
    for (room, offset) in published {
        if let Some(offset) = offset {
            account.have_all_heard(room, offset);
        }
    }
}

/// Checks that a world at rest costs little more than signs of life.
async fn idles(world: &World) {
    let polls = |seat: &Seat| seat.polls.get() - seat.pauses.get();
    let before: Vec<u64> = world.seats.iter().map(polls).collect();
    let minute = Duration::from_secs(60);
    wait(world, minute).await;
    let beats = minute.as_millis() / world.plan.bounds.heartbeat.as_millis();
    // 20 at the usual heartbeat of 15 s.
    let most = 4 * beats as u64 + 4;
    for (number, (seat, before)) in world.seats.iter().zip(before).enumerate() {
        let polls = polls(seat) - before;
        world.oracle.account().ensure(polls <= most, || {
            format!("client {number} is polled {polls} times in {minute:?} of rest, {most} at most")
        });
    }
}

/// Has everybody part, and checks that nothing is left.
async fn parts(world: &Rc<World>) {
    if is_wrong(world) {
        return;
    }
    for seat in &world.seats {
        let user = seat.user.take();
        if let Some(user) = user {
            let mut account = world.oracle.account();
            account.lives[user.life].is_closed = true;
            drop(account);
            user.lets_go();
            let closing = user.client.clone();
            world.spawn(0, async move {
                closing.close().await;
            });
        }
    }
    wait(world, Duration::from_secs(10)).await;
    counts(world, 0, 0);
    let Some(wire) = Server::leave(world) else {
        return;
    };
    let shut_down = timeout(Duration::from_secs(2), wire.shut_down()).await;
    world.oracle.account().ensure(shut_down.is_ok(), || {
        "the endpoint isn't shut down".to_owned()
    });
    settle().await;
    let tasks = attended::count();
    world.oracle.account().ensure(tasks == 0, || {
        format!("{tasks} tasks go on when all have parted")
    });
    is_wrong(world);
}
