//! A network that can be made as bad as networks are.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use twinwire_sim::Dice;

/// A TCP link to a server, on a port of its own: what goes through can be delayed, cut to slices,
/// stalled and cut. What is set holds for connections from then on, but for [`cut`](Self::cut) and
/// [`stall`](Self::stall). Dropping it cuts everything.
#[derive(Debug)]
pub struct Chaos {
    addr: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    weather: Mutex<Weather>,
    /// How often everything was cut.
    cut: watch::Sender<u64>,
    stalled: watch::Sender<bool>,
    cuts: AtomicU64,
    connections: AtomicU64,
}

#[derive(Debug)]
struct Weather {
    dice: Dice,
    target: SocketAddr,
    /// After how many bytes of both directions a connection breaks.
    breaks_after: Option<Range<u64>>,
    slices: bool,
    delay: Duration,
    doors: Doors,
}

/// What becomes of a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doors {
    /// It goes through.
    Open,
    /// It is closed at once.
    Closed,
    /// It is accepted, and nothing comes.
    Silent,
}

impl Shared {
    fn weather(&self) -> MutexGuard<'_, Weather> {
        self.weather.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Chaos {
    /// A link to `target` that does nothing bad yet.
    ///
    /// # Panics
    ///
    /// If there is no free port.
    pub async fn to(target: SocketAddr, seed: u64) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a free port");
        let addr = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared {
            weather: Mutex::new(Weather {
                dice: Dice::new(seed),
                target,
                breaks_after: None,
                slices: false,
                delay: Duration::ZERO,
                doors: Doors::Open,
            }),
            cut: watch::Sender::new(0),
            stalled: watch::Sender::new(false),
            cuts: AtomicU64::new(0),
            connections: AtomicU64::new(0),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self {
            addr,
            shared,
            accepting,
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The `ws:` address of a path, which begins with a slash.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("ws://{}{path}", self.addr)
    }

    /// Connections go to another server from now on.
    pub fn leads_to(&self, target: SocketAddr) {
        self.shared.weather().target = target;
    }

    /// Each connection breaks after as many bytes, of both directions together, as the dice say.
    pub fn breaks_after(&self, bytes: Range<u64>) {
        self.shared.weather().breaks_after = Some(bytes);
    }

    /// Connections don't break by themselves any more.
    pub fn is_fine(&self) {
        self.shared.weather().breaks_after = None;
    }

    /// Whether what goes through is cut to slices, many of one byte.
    pub fn slices(&self, yes: bool) {
        self.shared.weather().slices = yes;
    }

    /// Each piece waits up to so long before it goes on.
    pub fn delay(&self, most: Duration) {
        self.shared.weather().delay = most;
    }

    /// What becomes of new connections.
    pub fn doors(&self, doors: Doors) {
        self.shared.weather().doors = doors;
    }

    /// Breaks all connections now.
    pub fn cut(&self) {
        self.shared.cut.send_modify(|cut| *cut += 1);
    }

    /// Whether nothing goes through for now, over connections that look alive: not even their end.
    pub fn stall(&self, yes: bool) {
        self.shared.stalled.send_replace(yes);
    }

    /// How many connections were broken.
    #[must_use]
    pub fn cuts(&self) -> u64 {
        self.shared.cuts.load(Ordering::Relaxed)
    }

    /// How many connections came.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Chaos {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        shared.connections.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(carry(client, Arc::clone(&shared)));
    }
}

/// What one connection may still carry.
struct Budget(Mutex<Option<u64>>);

impl Budget {
    /// As many of `bytes` as may go, and whether the connection breaks after them.
    fn take(&self, bytes: usize) -> (usize, bool) {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *left {
            None => (bytes, false),
            Some(left) => {
                let taken = (*left).min(bytes as u64);
                *left -= taken;
                (taken as usize, *left == 0)
            }
        }
    }
}

async fn carry(client: TcpStream, shared: Arc<Shared>) {
    let mut cut = shared.cut.subscribe();
    let (target, doors, budget, reset) = {
        let mut weather = shared.weather();
        let budget = weather.breaks_after.clone();
        let budget = budget.map(|range| range.start + weather.dice.roll(range.end - range.start));
        let reset = weather.dice.roll(2) == 0;
        (weather.target, weather.doors, budget, reset)
    };
    match doors {
        Doors::Open => {}
        Doors::Closed => return,
        Doors::Silent => {
            // Until everything is cut, or the link is gone.
            let _ = cut.changed().await;
            return;
        }
    }
    let Ok(server) = TcpStream::connect(target).await else {
        return;
    };
    for stream in [&client, &server] {
        let _ = stream.set_nodelay(true);
        if reset {
            // Closing is a reset then, which may overtake what was sent.
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
        }
    }
    let budget = Budget(Mutex::new(budget));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = pump(from_client, to_server, &shared, &budget) => {}
        () = pump(from_server, to_client, &shared, &budget) => {}
        _ = cut.changed() => {
            shared.cuts.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Carries one direction, until the connection breaks or ends.
async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, shared: &Shared, budget: &Budget) {
    let mut stalled = shared.stalled.subscribe();
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let (most, wait) = {
            let mut weather = shared.weather();
            let most = if weather.slices {
                let size = weather.dice.roll(10);
                1 + weather.dice.roll(1 << size)
            } else {
                u64::MAX
            };
            let delay = weather.delay.as_micros() as u64;
            (most, Duration::from_micros(weather.dice.roll(delay + 1)))
        };
        let most = usize::try_from(most).map_or(buffer.len(), |most| most.min(buffer.len()));
        let read = from.read(&mut buffer[..most]).await.unwrap_or(0);
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        // The sender lives as long as the connection.
        let _ = stalled.wait_for(|stalled| !stalled).await;
        let (taken, breaks) = budget.take(read);
        if read == 0 || to.write_all(&buffer[..taken]).await.is_err() {
            return;
        }
        if breaks {
            shared.cuts.fetch_add(1, Ordering::Relaxed);
            return;
        }
    }
}
