//! All that is to happen in a world, drawn before it begins: so that a part of it can be left out.

use std::time::Duration;

use twinwire::{Format, Limits};
use twinwire_sim::Dice;

use crate::kinds::Manner;

/// An act of a client's application.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    /// Makes a call, and waits for the answer, or drops its future after some time.
    Ask {
        manner: Manner,
        wait: u32,
        in_order: bool,
        patience: Option<Duration>,
    },
    /// Asks for a stream, and takes so many of its items.
    Count {
        manner: Manner,
        wait: u32,
        items: u32,
        bytes: u32,
        takes: u32,
        pace: Duration,
    },
    /// Sends an event.
    Note {
        manner: Manner,
        wait: u32,
        bytes: u32,
        /// Errs rather than wait.
        tries: bool,
        /// Awaits the receipt.
        awaits: bool,
    },
    /// Sends an event of which only the newest matters.
    Newest,
    /// Joins a topic, for some time or for good.
    Subscribe {
        room: u8,
        last: Option<u16>,
        stays: Option<Duration>,
        pace: Duration,
    },
    /// Publishes to a topic.
    Publish {
        room: u8,
    },
    Ping,
    ReconnectNow,
    /// Goes offline for some time.
    Pause(Duration),
    /// Is left for another page, and lies in the browser's cache for some time.
    Hide(Duration),
    /// The platform sees that the network is another.
    Hint,
    /// Replaces the handler of pokes.
    Handle,
    /// Drops what hears the server's events, and listens anew.
    Listen,
    /// Drops what takes the topics that the server puts it into, and takes them anew.
    Rejoin,
    /// Ends the client, and connects another.
    Renew(Leave),
}

/// The way in which a client ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Leave {
    /// Says goodbye.
    Closes,
    /// Drops its handles.
    Drops,
    /// Its page goes, with all that runs in it.
    Goes,
}

/// Something that goes wrong, or that the server does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// A client's connection breaks.
    Cut {
        client: usize,
    },
    /// Nothing arrives over it for some time.
    Stall {
        client: usize,
        time: Duration,
    },
    /// It is slow from now on.
    Slow {
        client: usize,
        latency: Duration,
    },
    /// A client's machine sleeps.
    Sleep {
        client: usize,
        time: Duration,
    },
    /// A worker of the server's stands still.
    Freeze {
        worker: usize,
        time: Duration,
    },
    /// The server is killed, and another begins.
    Kill {
        away: Duration,
    },
    /// The server says goodbye, and another begins.
    Drain {
        away: Duration,
    },
    /// The server answers new connections with an error for some time.
    Refuse {
        time: Duration,
    },
    /// The server calls each of its clients so many times.
    Poke {
        manner: Manner,
        wait: u32,
        times: u32,
    },
    /// The server sends each an event.
    Tell,
    /// The server publishes so many items.
    Publish {
        room: u8,
        items: u32,
    },
    /// The server puts a client into a topic, or out of it.
    Join {
        client: usize,
        room: u8,
    },
    Leave {
        client: usize,
        room: u8,
    },
}

/// A world's limits, which sessions keep to themselves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) streams: usize,
    pub(crate) deadline: Duration,
    pub(crate) heartbeat: Duration,
    pub(crate) drain: Duration,
    /// True where all that is asked for is small, so that nothing waits for room.
    pub(crate) is_roomy: bool,
    /// True where `access` or `on_open` may panic.
    pub(crate) functions_fail: bool,
    /// True where a client may be refused its session.
    pub(crate) refuses_sessions: bool,
}

/// A client's program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Program {
    /// The form of its payloads.
    pub(crate) format: Format,
    /// True while it is of the build before the server's.
    pub(crate) is_older: bool,
}

impl Program {
    fn draw(dice: &mut Dice) -> Self {
        Self {
            format: match dice.one_in(4) {
                true => Format::Json,
                false => Format::Postcard,
            },
            is_older: dice.one_in(4),
        }
    }
}

/// The manner of each call of a function of the application, one after the other; then of all that follow.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manners(pub(crate) Vec<(Manner, u32)>);

impl Manners {
    /// The same for a function that is waited for without a limit.
    fn without_hanging(mut self) -> Self {
        self.0.retain(|(manner, _)| *manner != Manner::Hangs);
        self
    }

    fn draw(dice: &mut Dice, manners: &[Manner], most: u64) -> Self {
        let calls = 20;
        let draw = |_| match dice.one_in(3) {
            true => {
                let manner = manners[dice.roll(manners.len() as u64) as usize];
                (manner, dice.roll(most) as u32)
            }
            false => (Manner::Answers, 0),
        };
        Self((0..calls).map(draw).collect())
    }
}

/// What is under a world's links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tier {
    /// Messages, each whole or lost.
    #[default]
    Messages,
    /// The WebSockets that ship, on streams of bytes.
    Bytes,
    /// The plain endpoint with one client, on a stream of bytes: no world of many.
    Plain,
}

/// All that is to happen.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) tier: Tier,
    /// True where somebody reads along.
    pub(crate) is_told: bool,
    pub(crate) workers: usize,
    pub(crate) bounds: Bounds,
    pub(crate) limits: Limits,
    pub(crate) memory_budget: usize,
    pub(crate) keep: usize,
    /// The program of each client.
    pub(crate) programs: Vec<Program>,
    /// The acts of each client, with their times.
    pub(crate) clients: Vec<Vec<(Duration, Act)>>,
    pub(crate) faults: Vec<(Duration, Fault)>,
    pub(crate) authenticate: Manners,
    pub(crate) access: Manners,
    pub(crate) on_open: Manners,
    pub(crate) token: Manners,
    pub(crate) on_session_replaced: Manners,
    /// The rule for who may have a session back, in the place of its user: declines, and panics. None in a part of
    /// the worlds.
    pub(crate) may_resume: Option<Manners>,
}

/// The time in which applications are busy and things go wrong.
const BUSY: u64 = 20_000;

/// The number of topics.
pub(crate) const ROOMS: u8 = 3;

impl Plan {
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        let bounds = Bounds {
            streams: 1 + dice.roll(3) as usize,
            deadline: dice.wait(3_000, 10_000),
            // In every second world longer than a deadline, so that no heartbeat makes up for a timer that is missing.
            heartbeat: match dice.one_in(2) {
                true => dice.wait(1_000, 4_000),
                false => dice.wait(12_000, 20_000),
            },
            drain: dice.wait(500, 2_000),
            is_roomy: dice.one_in(2),
            functions_fail: true,
            refuses_sessions: dice.one_in(3),
        };
        let limits = draw_limits(dice, bounds);
        let clients = 3 + dice.roll(2) as usize;
        let workers = 1 + dice.roll(2) as usize;
        let programs = (0..clients).map(|_| Program::draw(dice)).collect();
        let plan = |_| draw_acts(dice, bounds.is_roomy);
        let acts = (0..clients).map(plan).collect();
        let faults = draw_faults(dice, clients, workers);
        let (all, of_all) = (
            [
                Manner::Answers,
                Manner::PanicsAtOnce,
                Manner::PanicsLater,
                Manner::Hangs,
            ],
            [Manner::Answers, Manner::Answers, Manner::PanicsLater],
        );
        let fails = dice.roll(6);
        let mut of = |function: u64, most| match fails == function {
            true => Manners::draw(dice, &all, most),
            false if dice.one_in(3) => Manners::draw(dice, &of_all, most / 4),
            false => Manners::default(),
        };
        Self {
            tier: Tier::default(),
            is_told: false,
            workers,
            bounds,
            limits,
            authenticate: of(0, 3_000),
            access: of(1, 2_000),
            on_open: of(2, 2_000),
            token: of(3, 2_000),
            on_session_replaced: of(4, 3_000).without_hanging(),
            may_resume: bounds.refuses_sessions.then(|| {
                let manners = [Manner::Declines, Manner::Declines, Manner::PanicsAtOnce];
                Manners::draw(dice, &manners, 1)
            }),
            memory_budget: match dice.one_in(3) {
                true => 40_000,
                false => usize::MAX,
            },
            keep: 4 + dice.roll(40) as usize,
            programs,
            clients: acts,
            faults,
        }
    }
}

/// Draws a session's limits.
fn draw_limits(dice: &mut Dice, bounds: Bounds) -> Limits {
    Limits::default()
        .requests(64 * 1024 * (1 + dice.roll(4)))
        .queued(match bounds.is_roomy {
            true => 1 << 20,
            false => 64 * 1024 * (1 + dice.roll(4)) as usize,
        })
        .calls(1 + dice.roll(16) as usize)
        .streams(bounds.streams)
        .call_deadline(bounds.deadline)
        .heartbeat(bounds.heartbeat)
        .resume(dice.wait(4_000, 20_000))
        .handshake(dice.wait(2_000, 5_000))
        .drain(bounds.drain)
}

fn draw_acts(dice: &mut Dice, is_roomy: bool) -> Vec<(Duration, Act)> {
    let acts = 25 + dice.roll(25);
    let mut acts: Vec<_> = (0..acts)
        .map(|_| {
            let at = dice.wait(0, BUSY);
            (at, draw_act(dice, is_roomy))
        })
        .collect();
    // A burst, as an application that writes while it is offline.
    let at = dice.wait(0, BUSY);
    for _ in 0..dice.roll(30) {
        acts.push((at, draw_request(dice, is_roomy)));
    }
    acts.sort_by_key(|(at, _)| *at);
    acts
}

fn draw_manner(dice: &mut Dice) -> Manner {
    match dice.roll(20) {
        0 => Manner::PanicsAtOnce,
        1 => Manner::PanicsLater,
        2 => Manner::Hangs,
        3 | 4 => Manner::CallsBack,
        5 | 6 => Manner::Declines,
        _ => Manner::Answers,
    }
}

fn draw_wait(dice: &mut Dice) -> u32 {
    match dice.roll(8) {
        0..4 => 0,
        4..7 => dice.roll(300) as u32,
        _ => dice.roll(12_000) as u32,
    }
}

fn draw_bytes(dice: &mut Dice, is_roomy: bool) -> u32 {
    match dice.roll(12) {
        _ if is_roomy => dice.roll(100) as u32,
        0 => dice.roll(90_000) as u32,
        1 | 2 => dice.roll(8_000) as u32,
        _ => dice.roll(100) as u32,
    }
}

fn draw_request(dice: &mut Dice, is_roomy: bool) -> Act {
    match dice.roll(12) {
        0..4 => Act::Ask {
            manner: draw_manner(dice),
            wait: draw_wait(dice),
            in_order: dice.one_in(5),
            patience: dice.one_in(5).then(|| dice.wait(0, 3_000)),
        },
        4 => Act::Count {
            manner: draw_manner(dice),
            wait: dice.roll(50) as u32,
            items: dice.roll(30) as u32,
            bytes: draw_bytes(dice, is_roomy) / 4,
            takes: dice.roll(40) as u32,
            pace: dice.wait(0, 200),
        },
        5..9 => Act::Note {
            manner: draw_manner(dice),
            wait: draw_wait(dice) / 8,
            bytes: draw_bytes(dice, is_roomy),
            tries: dice.one_in(4),
            awaits: !dice.one_in(8),
        },
        9 => Act::Newest,
        _ => Act::Publish {
            room: dice.roll(u64::from(ROOMS)) as u8,
        },
    }
}

fn draw_act(dice: &mut Dice, is_roomy: bool) -> Act {
    match dice.roll(24) {
        0..4 => Act::Subscribe {
            room: dice.roll(u64::from(ROOMS)) as u8,
            last: dice.one_in(2).then(|| dice.roll(30) as u16),
            stays: dice.one_in(2).then(|| dice.wait(0, 8_000)),
            pace: dice.wait(0, 100),
        },
        4 => Act::Ping,
        5 => Act::ReconnectNow,
        6 if dice.one_in(2) => Act::Pause(dice.wait(0, 6_000)),
        6 if dice.one_in(2) => Act::Hide(dice.wait(10, 9_000)),
        7 => Act::Hint,
        8 => Act::Handle,
        9 if dice.one_in(4) => Act::Rejoin,
        9 => Act::Listen,
        10 if dice.one_in(4) => Act::Renew(match dice.roll(3) {
            0 => Leave::Closes,
            1 => Leave::Drops,
            _ => Leave::Goes,
        }),
        _ => draw_request(dice, is_roomy),
    }
}

fn draw_faults(dice: &mut Dice, clients: usize, workers: usize) -> Vec<(Duration, Fault)> {
    let faults = 12 + dice.roll(20);
    let mut faults: Vec<_> = (0..faults)
        .map(|_| {
            let at = dice.wait(0, BUSY);
            (at, draw_fault(dice, clients, workers))
        })
        .collect();
    faults.sort_by_key(|(at, _)| *at);
    faults
}

fn draw_fault(dice: &mut Dice, clients: usize, workers: usize) -> Fault {
    let client = dice.roll(clients as u64) as usize;
    let room = dice.roll(u64::from(ROOMS)) as u8;
    match dice.roll(40) {
        0..12 => Fault::Cut { client },
        12..14 => Fault::Stall {
            client,
            time: dice.wait(100, 6_000),
        },
        14..16 => Fault::Slow {
            client,
            latency: dice.wait(1, 600),
        },
        16..18 => Fault::Sleep {
            client,
            time: dice.wait(100, 12_000),
        },
        18..20 => Fault::Freeze {
            worker: dice.roll(workers as u64) as usize,
            time: dice.wait(100, 5_000),
        },
        20 => Fault::Kill {
            away: dice.wait(0, 4_000),
        },
        21 => Fault::Drain {
            away: dice.wait(0, 4_000),
        },
        22 => Fault::Refuse {
            time: dice.wait(100, 5_000),
        },
        23..28 => Fault::Poke {
            manner: draw_manner(dice),
            wait: draw_wait(dice) / 2,
            times: 1 + dice.roll(3) as u32,
        },
        28..31 => Fault::Tell,
        31..36 => Fault::Publish {
            room,
            items: 1 + dice.roll(40) as u32,
        },
        36..39 => Fault::Join { client, room },
        _ => Fault::Leave { client, room },
    }
}
