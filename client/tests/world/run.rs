//! A client in its world, run until nothing is left to do at a moment.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use twinwire::Time;
use twinwire::session::{Input, SessionLost};
use twinwire_client::{Client, ClientState, ConnectError, Connecting, Options, start};

use super::{Ask, Failure, World};

/// The most virtual time that a test waits for anything.
const LATEST: Duration = Duration::from_secs(1000);

/// The answer of the server, or the error's words, once there is either.
pub(crate) type Asked = Arc<Mutex<Option<Result<u32, String>>>>;

/// A client in its world.
pub(crate) struct Run {
    pub(crate) world: World,
    driver: Option<Pin<Box<dyn Future<Output = ()>>>>,
    connecting: Option<Pin<Box<Connecting<Failure>>>>,
    outcome: Option<Result<(), ConnectError<Failure>>>,
    client: Option<Client>,
    /// The futures that the application waits for.
    tasks: Vec<Pin<Box<dyn Future<Output = ()>>>>,
    losses: Arc<Mutex<Vec<SessionLost>>>,
}

impl Run {
    pub(crate) fn start(world: World, options: Options) -> Self {
        let losses = Arc::<Mutex<Vec<SessionLost>>>::default();
        let told = Arc::clone(&losses);
        let options = options.on_session_replaced(move |_, why| {
            told.lock().expect("nobody panics").push(why);
            async {}
        });
        Self {
            losses,
            ..Self::plain(world, options)
        }
    }

    /// As [`start`](Self::start), with the `on_session_replaced` of the options.
    pub(crate) fn plain(world: World, options: Options) -> Self {
        let (connecting, driver) = start(world.clone(), options);
        Self {
            world,
            driver: Some(Box::pin(driver.run())),
            connecting: Some(Box::pin(connecting)),
            outcome: None,
            client: None,
            tasks: Vec::new(),
            losses: Arc::default(),
        }
    }

    pub(crate) fn connected(world: World, options: Options) -> Self {
        let mut run = Self::start(world, options);
        run.pass(Duration::ZERO);
        assert!(matches!(run.outcome(), Some(Ok(()))), "{:?}", run.outcome());
        run
    }

    pub(crate) fn now(&self) -> Duration {
        self.world.inner().now
    }

    pub(crate) fn client(&self) -> &Client {
        self.client.as_ref().expect("it is connected")
    }

    pub(crate) fn state(&self) -> ClientState {
        self.client().state()
    }

    pub(crate) fn outcome(&self) -> Option<Result<(), &ConnectError<Failure>>> {
        self.outcome
            .as_ref()
            .map(|outcome| outcome.as_ref().copied())
    }

    pub(crate) fn losses(&self) -> Vec<SessionLost> {
        self.losses.lock().expect("nobody panics").clone()
    }

    pub(crate) fn close(&mut self) {
        let client = self.client().clone();
        self.spawn(async move { client.close().await });
    }

    /// Has the application do something, and returns the place of what comes of it.
    pub(crate) fn spawn<T: 'static>(
        &mut self,
        work: impl Future<Output = T> + 'static,
    ) -> Arc<Mutex<Option<T>>> {
        let place = Arc::<Mutex<Option<T>>>::default();
        let done = Arc::clone(&place);
        self.tasks.push(Box::pin(async move {
            let outcome = work.await;
            *done.lock().expect("nobody panics") = Some(outcome);
        }));
        place
    }

    /// Drops the application's client.
    pub(crate) fn drop_client(&mut self) {
        self.client = None;
    }

    /// Has the application ask the server.
    pub(crate) fn call(&mut self, question: u32) -> Asked {
        let client = self.client().clone();
        self.spawn(async move {
            let answer = client.call(Ask(question)).await;
            answer.map_err(|error| error.to_string())
        })
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, time: Duration) {
        let until = self.now() + time;
        self.settle();
        while self.step(until) {
            self.settle();
        }
        self.world.inner().now = until;
        self.settle();
    }

    /// Lets time pass while the client's program stands still.
    pub(crate) fn stand_still(&mut self, time: Duration) {
        self.world.inner().now += time;
        self.settle();
    }

    /// Lets time pass until the client's state is the one, and returns both.
    pub(crate) fn until(
        &mut self,
        what: &str,
        reached: impl Fn(&ClientState) -> bool,
    ) -> (Duration, ClientState) {
        let latest = self.now() + LATEST;
        self.settle();
        loop {
            let state = self.state();
            if reached(&state) {
                return (self.now(), state);
            }
            assert!(self.step(latest), "waited in vain for {what}: {state:?}");
            self.settle();
        }
    }

    /// Goes to the next moment that is waited for, if there is one by then.
    fn step(&self, until: Duration) -> bool {
        let mut inner = self.world.inner();
        let now = inner.now;
        let timers = inner.timers.values().copied();
        let wake = inner.wake.map(Time::since_origin);
        let next = timers
            .chain(wake)
            .filter(|at| *at > now && *at <= until)
            .min();
        let Some(next) = next else {
            return false;
        };
        inner.now = next;
        if wake.is_some_and(|wake| wake <= next) {
            inner.wake = None;
            inner.feed(Input::Tick);
        }
        true
    }

    /// Runs all that can run at this moment.
    fn settle(&mut self) {
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..10_000 {
            let before = self.world.inner().activity;
            self.work(&mut cx);
            if let Some(driver) = &mut self.driver
                && driver.as_mut().poll(&mut cx).is_ready()
            {
                self.driver = None;
            }
            self.work(&mut cx);
            if let Some(connecting) = &mut self.connecting
                && let Poll::Ready(outcome) = connecting.as_mut().poll(&mut cx)
            {
                self.connecting = None;
                self.outcome = Some(outcome.map(|client| self.client = Some(client)));
            }
            if self.world.inner().activity == before {
                return;
            }
        }
        panic!("it never comes to rest");
    }

    /// Goes on with what the application waits for.
    fn work(&mut self, cx: &mut Context<'_>) {
        let before = self.tasks.len();
        self.tasks
            .retain_mut(|task| task.as_mut().poll(cx).is_pending());
        let done = before - self.tasks.len();
        self.world.inner().activity += done as u64;
    }
}
