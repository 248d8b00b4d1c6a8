//! A connection of the plain endpoint, with a client that behaves or misbehaves by the seed: what typed connections don't
//! use of the server's WebSocket code, texts, its own pings and its watchdog among them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};
use twinwire_server::plain::{CloseEvent, Connection, Message, Plain, PlainLimits, PushError};
use twinwire_sim::Dice;

use super::peer::Peer;
use super::proxy::Proxy;
use super::serving::{PATH, serve};
use super::stream::{Tap, Wire};
use crate::network::{Breakable, Side};
use crate::trace::Trace;

/// By how much anything may be late: streams are slow, and the watchdog looks now and then.
const LATE: Duration = Duration::from_secs(3);

/// The charge of a message beside its bytes.
const COST: usize = 64;

/// The most bytes that actix has taken out of the queue and not written: a slice of the body, and its own buffer.
const IN_ACTIX: usize = (64 + 32) * 1024;

/// The names of all conducts.
pub(crate) const CONDUCTS: [&str; 8] = [
    "closes",
    "errs",
    "falls silent",
    "doesn't read",
    "reads late",
    "dribbles",
    "breaks",
    "is closed",
];

/// How a client goes on after it has talked.
#[derive(Debug)]
enum Conduct {
    /// Closes with this code.
    Closes(Option<u16>),
    /// Breaks the protocol with these bytes, for which this is the code.
    Errs(Vec<u8>, u16),
    /// Says nothing, and answers no ping.
    FallsSilent,
    /// Asks for more than the queue takes, and doesn't read; or reads it later.
    Floods { reads: bool },
    /// Never ends a message.
    Dribbles,
    /// Its connection breaks.
    Breaks,
    /// Asks to be closed with this code, and answers that or not.
    IsClosed { code: u16, answers: bool },
}

impl Conduct {
    fn draw(dice: &mut Dice, limits: &PlainLimits) -> Self {
        let codes = [1000, 1001, 1011, 3000, 4999];
        let mut code = || codes[dice.roll(5) as usize];
        let (first, second) = (code(), code());
        match dice.roll(8) {
            0 => Self::Closes(Some(second)),
            1 => Self::Closes(None),
            2 => {
                let (bytes, code) = draw_fault(dice, limits.message);
                Self::Errs(bytes, code)
            }
            3 => Self::FallsSilent,
            4 => Self::Floods {
                reads: dice.one_in(2),
            },
            5 => Self::Dribbles,
            6 => Self::Breaks,
            _ => Self::IsClosed {
                code: first,
                answers: dice.one_in(2),
            },
        }
    }
}

impl Conduct {
    fn name(&self) -> &'static str {
        match self {
            Self::Closes(_) => CONDUCTS[0],
            Self::Errs(..) => CONDUCTS[1],
            Self::FallsSilent => CONDUCTS[2],
            Self::Floods { reads: false } => CONDUCTS[3],
            Self::Floods { reads: true } => CONDUCTS[4],
            Self::Dribbles => CONDUCTS[5],
            Self::Breaks => CONDUCTS[6],
            Self::IsClosed { .. } => CONDUCTS[7],
        }
    }
}

/// Draws what a client must not send, and its close code (RFC 6455 §7.4.1).
fn draw_fault(dice: &mut Dice, limit: usize) -> (Vec<u8>, u16) {
    // In two bytes, as limits are less than 64 KiB.
    let too_long = (limit as u16 + 1).to_be_bytes();
    match dice.roll(9) {
        0 => (vec![0x82, 1, 7], 1002),
        1 => (vec![0xc2, 0x81, 0, 0, 0, 0, 7], 1002),
        2 => (vec![0x83, 0x80, 0, 0, 0, 0], 1002),
        3 => (vec![0x09, 0x80, 0, 0, 0, 0], 1002),
        4 => (vec![0x89, 0xfe, 0, 126], 1002),
        5 => (vec![0x82, 0xfe, 0, 7], 1002),
        6 => (vec![0x80, 0x80, 0, 0, 0, 0], 1002),
        7 => (vec![0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28], 1007),
        _ => ([&[0x82, 0xfe], &too_long[..]].concat(), 1009),
    }
}

/// The server's account.
#[derive(Default)]
struct Told {
    /// Messages that the application has sent, in order.
    pushed: Vec<Message>,
    /// The charge of those, and of those whose bytes have left the server.
    charged: usize,
    left: usize,
    closed: Vec<(Instant, CloseEvent)>,
    wrong: Option<String>,
}

impl Told {
    fn ensure(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.wrong.get_or_insert_with(what);
        }
    }

    /// Takes note of a message that was pushed, and of whether there was room for it in a queue of so many bytes.
    fn pushes(&mut self, message: Message, pushed: Result<(), PushError>, queue: usize) {
        let cost = message.as_bytes().len() + COST;
        // What actix has taken may be in the queue or not.
        let most = self.charged + cost - self.left;
        match pushed {
            Ok(()) => {
                self.ensure(most <= queue + IN_ACTIX, || {
                    format!("{most} bytes wait, of {queue}")
                });
                self.charged += cost;
                self.pushed.push(message);
            }
            Err(PushError::Full(_)) => self.ensure(most > queue, || {
                format!("the queue of {queue} refuses what makes it {most}")
            }),
            Err(_) => {}
        }
    }
}

#[derive(Clone, Default)]
struct Account(Arc<Mutex<Told>>);

impl Account {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts what leaves the server, and who has gone.
struct Counting {
    account: Account,
    /// Reads along what the server writes, and changes nothing.
    reads: Proxy,
    gone: Rc<[Cell<bool>; 2]>,
    trace: Rc<Trace>,
}

impl Tap for Counting {
    fn pass(&mut self, by: Side, bytes: &[u8], _: &mut Dice) -> (Vec<u8>, Vec<usize>) {
        self.trace.bytes(by as u64, bytes.len());
        if by == Side::Server {
            let messages = self.reads.watch(bytes);
            let left = messages.iter().map(|message| message.len() + COST);
            self.account.told().left += left.sum::<usize>();
        }
        (bytes.to_vec(), Vec::new())
    }

    fn read(&mut self, _: Side) {}

    fn dropped(&self, by: Side, _: Option<Instant>) {
        self.gone[by as usize].set(true);
    }
}

fn draw_limits(dice: &mut Dice) -> PlainLimits {
    PlainLimits {
        message: 1 << (12 + dice.roll(4)),
        // More than a stream and actix take of it.
        queue: 1 << (18 + dice.roll(2)),
        close_time: dice.wait(500, 4_000),
        heartbeat: dice.wait(2_000, 20_000),
        message_time: dice.wait(1_000, 10_000),
        write_time: dice.wait(1_000, 20_000),
    }
}

/// Makes the endpoint: it sends back what comes, and more or less if it is told to.
fn endpoint(account: &Account, limits: PlainLimits) -> Plain {
    let (heard, ended) = (account.clone(), account.clone());
    let push = move |connection: &Connection, message: Message| {
        let mut told = heard.told();
        let pushed = connection.push(message.clone());
        let is_taken = pushed.is_ok();
        told.pushes(message, pushed, limits.queue);
        is_taken
    };
    Plain::builder()
        .limits(limits)
        .on_message(move |connection, message| match message.text() {
            Some("flood") => while push(connection, Message::from(vec![7; 3_000])) {},
            Some(text) if text.starts_with("close ") => {
                let code = text[6..].parse().expect("it is a code");
                connection.disconnect(code, "as asked").expect("it is open");
            }
            _ => {
                push(connection, message);
            }
        })
        .on_close(move |_, event| ended.told().closed.push((Instant::now(), event)))
        .build()
}

/// A connection in which nothing was wrong.
pub(crate) struct Lived {
    /// How the client went on.
    pub(crate) conduct: &'static str,
    pub(crate) time: Duration,
    pub(crate) trace: u64,
}

/// Runs the connection of these dice; or tells what is wrong, and when.
pub(crate) async fn live(dice: Dice) -> Result<Lived, (Duration, String)> {
    let begun = Instant::now();
    let lived = run(dice).await;
    match lived {
        Ok((conduct, trace)) => Ok(Lived {
            conduct: conduct.name(),
            time: begun.elapsed(),
            trace,
        }),
        Err(what) => Err((begun.elapsed(), what)),
    }
}

async fn run(dice: Dice) -> Result<(Conduct, u64), String> {
    let dice = Rc::new(RefCell::new(dice));
    let (limits, conduct) = {
        let mut dice = dice.borrow_mut();
        let mut limits = draw_limits(&mut dice);
        let conduct = Conduct::draw(&mut dice, &limits);
        if let Conduct::Floods { .. } | Conduct::Dribbles = conduct {
            // Else it may be what gives the client up.
            limits.heartbeat = Duration::MAX;
        }
        (limits, conduct)
    };
    let (account, trace) = (Account::default(), Rc::new(Trace::new()));
    let gone = Rc::<[Cell<bool>; 2]>::default();
    let plain = endpoint(&account, limits);
    let tap = Counting {
        account: account.clone(),
        reads: Proxy::new(),
        gone: Rc::clone(&gone),
        trace: Rc::clone(&trace),
    };
    let (wire, client, server) = Wire::open(tap, &dice);
    spawn_local(serve(plain.at(PATH)).await(server));
    let mut peer = Peer::open(client, Rc::clone(&dice)).await?;
    peer.talk(limits.message).await?;
    let begun = Instant::now();
    if let Conduct::Breaks = conduct {
        wire.cut();
    }
    let expected = behave(&mut peer, &account, &conduct, &limits, begun).await;
    let expected = expected.map_err(|what| format!("{conduct:?}: {what}"))?;
    drop(peer);
    sleep(limits.close_time + LATE).await;
    let mut told = account.told();
    let closed = told.closed.first().cloned();
    told.ensure(gone[Side::Server as usize].get(), || {
        "the server keeps the connection".to_owned()
    });
    let is_right = closed.as_ref().is_some_and(|(at, event)| {
        let in_time = *at - begun <= expected.within;
        in_time && event.code == expected.code && event.clean == expected.clean
    });
    let times = told.closed.len();
    told.ensure(is_right && times == 1, || {
        format!("it is told {closed:?} after {begun:?}, which should be {expected:?}")
    });
    match told.wrong.take() {
        Some(wrong) => Err(format!("{conduct:?}: {wrong}")),
        None => Ok((conduct, trace.hash())),
    }
}

/// What the application is to be told, and within which time.
#[derive(Debug)]
struct Expected {
    code: u16,
    clean: bool,
    within: Duration,
}

/// Does as the client does, and checks what it gets; gives what the application is to be told.
async fn behave(
    peer: &mut Peer<Counting>,
    account: &Account,
    conduct: &Conduct,
    limits: &PlainLimits,
    begun: Instant,
) -> Result<Expected, String> {
    let expect = |code, clean, within| {
        Ok(Expected {
            code,
            clean,
            within: within + LATE,
        })
    };
    let at_once = Duration::ZERO;
    // Of a client that doesn't answer the close frame, and of actix.
    let closing = limits.close_time + Duration::from_secs(1);
    match conduct {
        Conduct::Closes(code) => {
            let payload = code.map(u16::to_be_bytes);
            peer.close(*code).await;
            peer.hears_close(payload.as_ref().map(|code| &code[..]))
                .await?;
            expect(code.unwrap_or(1005), true, at_once)
        }
        Conduct::Errs(bytes, code) => {
            peer.send(bytes).await;
            peer.hears_close(Some(&code.to_be_bytes())).await?;
            expect(*code, false, at_once)
        }
        Conduct::FallsSilent => {
            peer.is_pinged().await?;
            expect(1006, false, 2 * limits.heartbeat)
        }
        Conduct::Floods { reads: false } => {
            peer.text("flood").await;
            // Longer than it may take, as the client's going would end it.
            sleep(limits.write_time + 2 * LATE).await;
            expect(1006, false, limits.write_time)
        }
        Conduct::Floods { reads: true } => {
            reads_flood(peer, account, limits).await?;
            expect(1005, true, begun.elapsed())
        }
        Conduct::Dribbles => {
            dribbles(peer, limits, begun).await?;
            expect(1008, false, limits.message_time + closing)
        }
        Conduct::Breaks => {
            sleep(2 * limits.heartbeat + limits.write_time + 2 * LATE).await;
            expect(1006, false, 2 * limits.heartbeat + limits.write_time)
        }
        Conduct::IsClosed { code, answers } => {
            peer.text(&format!("close {code}")).await;
            peer.hears_close(Some(&code.to_be_bytes())).await?;
            if *answers {
                peer.close(Some(*code)).await;
            }
            sleep(closing + 2 * LATE).await;
            expect(*code, *answers, closing)
        }
    }
}

/// Asks for more than the queue takes, reads it late, and closes.
async fn reads_flood(
    peer: &mut Peer<Counting>,
    account: &Account,
    limits: &PlainLimits,
) -> Result<(), String> {
    let before = account.told().pushed.len();
    peer.text("flood").await;
    sleep(limits.write_time / 4).await;
    let flood = account.told().pushed.split_off(before);
    for message in &flood {
        peer.hears(2, message.as_bytes()).await?;
    }
    peer.close(None).await;
    peer.hears_close(None).await
}

/// Begins a message, and sends nothing but pings from then on.
async fn dribbles(
    peer: &mut Peer<Counting>,
    limits: &PlainLimits,
    begun: Instant,
) -> Result<(), String> {
    peer.begin_message().await;
    while begun.elapsed() < limits.message_time + LATE {
        sleep(limits.message_time / 5).await;
        if !peer.ping().await {
            break;
        }
    }
    peer.hears_close(Some(&1008u16.to_be_bytes())).await
}
