//! A client's application: does what the plan says, and tells the oracle what it hears.

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use twinwire::frame::Start;
use twinwire::{End, Format};
use twinwire_client::test::WeakHandle;
use twinwire_client::{
    Client, ClientState, Options, ReconnectCause, SessionLost, Undeclared, start,
};

use crate::attended::spawn;
use crate::functions::Turn;
use crate::hearing::{hear, read, read_all};
use crate::kinds::{Ask, Build, Count, Counted, Current, Manner, Newest, Note, Older, Poke, Room};
use crate::oracle::{Asked, Asker, Class, Oracle, Outcome};
use crate::plan::{Act, Leave};
use crate::platform::Platform;
use crate::ticket::Ticket;
use crate::world::World;

/// A client, and what its application has of it.
pub(crate) struct User {
    world: Rc<World>,
    number: usize,
    pub(crate) life: usize,
    pub(crate) client: Client,
    driver: AbortHandle,
    /// The task that hears the server's events.
    listening: RefCell<Option<AbortHandle>>,
    /// The task that takes the topics that the server puts it into. It keeps the client.
    joining: RefCell<Option<AbortHandle>>,
}

/// Lives as the plan says, from the first client to the last.
pub(crate) async fn live(world: Rc<World>, number: usize) {
    let mut user = User::connect(&world, number).await;
    for (at, act) in world.plan.clients[number].clone() {
        sleep_until(world.begun + at).await;
        if let Act::Renew(leave) = act {
            user.leave(leave).await;
            drop(user);
            user = User::connect(&world, number).await;
        } else {
            user.act(act);
        }
    }
    user.reconnect_now();
}

/// Polls a task once, so that what it asks for is asked for in order, and lets it go on beside the others.
fn launch(task: impl Future<Output = ()> + 'static) {
    let mut task: Pin<Box<dyn Future<Output = ()>>> = Box::pin(task);
    let polled = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    if polled.is_pending() {
        spawn(task);
    }
}

impl User {
    async fn connect(world: &Rc<World>, number: usize) -> Rc<Self> {
        let life = {
            let mut account = world.oracle.account();
            let program = &world.plan.programs[number];
            if program.is_older {
                account.reach("older kinds");
            }
            if program.format == Format::Json {
                account.reach("JSON");
            }
            account.begin_life(number, program.is_older)
        };
        let platform = Platform {
            world: Rc::clone(world),
            number,
            life,
        };
        let options = match world.plan.programs[number].is_older {
            false => options::<Current>(world, number, life),
            true => options::<Older>(world, number, life),
        };
        let (connecting, driver) = start(platform, options);
        let polled = Rc::clone(world);
        let mut running = Box::pin(driver.run());
        let driver = spawn(poll_fn(move |cx| {
            let polls = &polled.seats[number].polls;
            polls.set(polls.get() + 1);
            running.as_mut().poll(cx)
        }));
        let client = match connecting.await {
            Ok(client) => client,
            Err(error) => {
                let what = format!("client {number} isn't connected: {error}");
                world.oracle.account().wrong(|| what);
                // The world ends.
                pending().await
            }
        };
        {
            let mut account = world.oracle.account();
            account.reach("connect");
            account.clients.push(WeakHandle::of(&client));
        }
        let user = Rc::new(Self {
            world: Rc::clone(world),
            number,
            life,
            client,
            driver: driver.abort_handle(),
            listening: RefCell::default(),
            joining: RefCell::default(),
        });
        user.watch();
        user.act(Act::Listen);
        match user.is_older() {
            false => user.join::<Current>(),
            true => user.join::<Older>(),
        }
        *world.seats[number].user.borrow_mut() = Some(Rc::clone(&user));
        user
    }

    /// Ends the client.
    async fn leave(&self, leave: Leave) {
        self.world.oracle.account().lives[self.life].is_closed = true;
        self.reach(match leave {
            Leave::Closes => "Client::close",
            Leave::Drops => "drop(Client)",
            Leave::Goes => "page goes",
        });
        let seat = &self.world.seats[self.number];
        seat.user.take();
        match leave {
            Leave::Closes => {
                let client = self.client.clone();
                self.lets_go();
                launch(async move {
                    client.close().await;
                });
            }
            Leave::Drops => self.lets_go(),
            Leave::Goes => {
                seat.goes.notify_waiters();
                // The time for last words.
                sleep(Duration::from_millis(1)).await;
                self.driver.abort();
                self.lets_go();
            }
        }
    }

    /// Goes into the browser's cache, where nothing runs, and comes back.
    fn hide(&self, time: Duration) {
        self.reach("page cached");
        let (world, number) = (Rc::clone(&self.world), self.number);
        world.seats[number].hides.notify_waiters();
        let now = Instant::now();
        world.oracle.account().hides(number, now, now + time);
        spawn(async move {
            sleep(Duration::from_millis(1)).await;
            world.freeze(number, time);
            sleep(Duration::from_millis(1)).await;
            world.seats[number].hints.notify_waiters();
        });
    }

    /// Notes when a goodbye has ended the session.
    fn watch(&self) {
        let (mut states, oracle, life) =
            (self.client.states(), self.world.oracle.clone(), self.life);
        spawn(async move {
            while let Some(state) = states.next().await {
                {
                    let mut account = oracle.account();
                    account.tell(|| format!("client {life} is {state:?}"));
                    account.is_open(life, matches!(state, ClientState::Open { .. }));
                }
                // A pause hides the cause.
                if let ClientState::Paused
                | ClientState::Resuming {
                    cause: ReconnectCause::Ended(End::Goodbye(_)),
                    ..
                } = state
                {
                    oracle.account().parts(life);
                }
            }
        });
    }

    /// Drops what hears the server.
    pub(crate) fn lets_go(&self) {
        let tasks = [self.listening.take(), self.joining.take()];
        tasks.into_iter().flatten().for_each(|task| task.abort());
    }

    fn reach(&self, what: &'static str) {
        self.world.oracle.account().reach(what);
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self.client.state(), ClientState::Open { .. })
    }

    fn asks(&self, class: Class, manner: Manner) -> Ticket {
        let by = Asker::Client(self.life);
        Ticket::new(&self.world.oracle, Asked { by, class, manner })
    }

    fn is_older(&self) -> bool {
        self.world.plan.programs[self.number].is_older
    }

    pub(crate) fn act(self: &Rc<Self>, act: Act) {
        match self.is_older() {
            false => self.act_as::<Current>(act),
            true => self.act_as::<Older>(act),
        }
    }

    fn act_as<B: Build>(self: &Rc<Self>, act: Act) {
        let user = Rc::clone(self);
        match act {
            Act::Ask { .. } => self.ask::<B>(act),
            Act::Count { .. } => self.count::<B>(act),
            Act::Note { .. } => self.note::<B>(act),
            Act::Newest => launch(async move {
                user.reach("Client::send_latest");
                let _waiting = user.world.oracle.waits("Client::send_latest");
                let id = user.asks(Class::Event, Manner::Answers).id();
                // Without a receipt, nobody learns what becomes of it.
                let _ = user.client.send_latest("", Newest { id }).await;
            }),
            Act::Subscribe {
                room,
                last,
                stays,
                pace,
            } => launch(user.subscribe::<B>(room, last, stays, pace)),
            Act::Publish { room } => launch(user.publish::<B>(room)),
            Act::Ping => launch(async move {
                user.reach("Client::ping");
                let _waiting = user.world.oracle.waits("Client::ping");
                if user.client.ping().await.is_none() {
                    user.world.oracle.account().no_pong(user.life);
                }
            }),
            Act::ReconnectNow => self.reconnect_now(),
            Act::Pause(time) => self.pause(time),
            Act::Hint => self.world.seats[self.number].hints.notify_waiters(),
            Act::Handle => self.handle(),
            Act::Hide(time) => self.hide(time),
            Act::Listen => self.listen::<B>(),
            Act::Rejoin => self.join::<B>(),
            Act::Renew(_) => {}
        }
    }

    fn reconnect_now(&self) {
        self.reach("Client::reconnect_now");
        self.world.oracle.account().lives[self.life].paused = None;
        self.client.reconnect_now();
    }

    fn pause(self: &Rc<Self>, time: Duration) {
        self.reach("Client::pause");
        self.world.oracle.account().lives[self.life].paused = Some(Instant::now());
        self.client.pause();
        let user = Rc::clone(self);
        spawn(async move {
            sleep(time).await;
            user.reconnect_now();
        });
    }

    fn handle(&self) {
        self.reach("Client::handle");
        let version = {
            let mut account = self.world.oracle.account();
            let handler = &mut account.lives[self.life].handler;
            *handler = (handler.0 + 1, Instant::now());
            handler.0
        };
        let handled = handle(&self.client, &self.world.oracle, self.life, version);
        handled.expect("the kind is declared");
    }

    /// Hears the server's events, in the place of what did.
    fn listen<B: Build>(&self) {
        let oracle = self.world.oracle.clone();
        let is_inbox = self.world.dice.borrow_mut().one_in(2);
        let listening = match is_inbox {
            true => {
                self.reach("Client::inbox");
                spawn(read_all::<B>(self.client.inbox(), oracle, self.life))
            }
            false => {
                self.reach("Client::events");
                let events = self.client.events::<B::Note>().expect("it is declared");
                spawn(read(events, oracle))
            }
        };
        let before = self.listening.replace(Some(listening.abort_handle()));
        if let Some(before) = before {
            self.reach("drop(Events)");
            before.abort();
        }
    }

    /// Takes the topics that the server puts it into.
    fn join<B: Build>(&self) {
        self.reach("Client::invitations");
        if let Some(before) = self.joining.take() {
            self.reach("drop(Invitations)");
            before.abort();
        }
        let mut invitations = self
            .client
            .invitations::<B::Room>()
            .expect("it is declared");
        let (world, life) = (Rc::clone(&self.world), self.life);
        let joining = spawn(async move {
            while let Some(joined) = invitations.next().await {
                if let Ok((room, subscription)) = joined {
                    world.oracle.account().reach("Invitations::next");
                    let (world, pace) = (Rc::clone(&world), Duration::ZERO);
                    let Room { number } = room.into();
                    spawn(hear(world, life, number, subscription, pace));
                }
            }
        });
        *self.joining.borrow_mut() = Some(joining.abort_handle());
    }

    fn ask<B: Build>(self: &Rc<Self>, act: Act) {
        let Act::Ask {
            manner,
            wait,
            in_order,
            patience,
        } = act
        else {
            return;
        };
        let (user, world) = (Rc::clone(self), Rc::clone(&self.world));
        let call = async move {
            user.reach("Client::call");
            let ticket = user.asks(Class::Call, manner);
            let id = ticket.id();
            let ask = Ask { id, manner, wait };
            let answer = match in_order {
                true => user.client.call(B::AskInOrder::from(ask)).await,
                false => user.client.call(B::Ask::from(ask)).await,
            };
            ticket.told(match answer {
                Ok(reply) => Outcome::Replied(reply.into()),
                Err(error) => Outcome::of_call(error, B::Id::into),
            });
        };
        match patience {
            None => launch(call),
            Some(time) => launch(async move {
                // Who waits no longer drops the call.
                if timeout(time, call).await.is_err() {
                    world.oracle.account().reach("drop(call)");
                }
            }),
        }
    }

    fn count<B: Build>(self: &Rc<Self>, act: Act) {
        let Act::Count {
            manner,
            wait,
            items,
            bytes,
            takes,
            pace,
        } = act
        else {
            return;
        };
        let user = Rc::clone(self);
        launch(async move {
            user.reach("Client::stream");
            let ticket = user.asks(Class::Stream, manner);
            let id = ticket.id();
            let ask = Ask { id, manner, wait };
            let count = Count { ask, items, bytes };
            let mut stream = match user.client.stream(B::Count::from(count)).await {
                Ok(stream) => stream,
                Err(error) => return ticket.told(Outcome::of_call(error, B::Id::into)),
            };
            for _ in 0..takes {
                match stream.next().await {
                    Some(Ok(item)) => {
                        let item: Counted = item.into();
                        let mut account = user.world.oracle.account();
                        account.item(id, item.id, item.place);
                    }
                    Some(Err(error)) => return ticket.told(Outcome::of_call(error, B::Id::into)),
                    None => return ticket.told(Outcome::Replied(id)),
                }
                sleep(pace).await;
            }
            user.reach("drop(Items)");
        });
    }

    fn note<B: Build>(self: &Rc<Self>, act: Act) {
        let Act::Note {
            manner,
            wait,
            bytes,
            tries,
            awaits,
        } = act
        else {
            return;
        };
        let user = Rc::clone(self);
        launch(async move {
            let ticket = user.asks(Class::Event, manner);
            let id = ticket.id();
            let ask = Ask { id, manner, wait };
            // Of one digit: JSON is to be twice as long, and no longer than a payload may be.
            let filling = vec![(id % 8) as u8; bytes as usize];
            let note = B::Note::from(Note { ask, filling });
            let sent = match tries {
                true => {
                    user.reach("Client::try_send");
                    user.client.try_send(note)
                }
                false => {
                    user.reach("Client::send");
                    user.client.send(note).await
                }
            };
            let sent = match sent {
                Ok(receipt) if awaits => receipt.await,
                Ok(_) => return user.reach("drop(Receipt)"),
                Err(error) => Err(error),
            };
            ticket.told(sent.map_or_else(Outcome::from, |()| Outcome::Accepted));
        });
    }

    async fn publish<B: Build>(self: Rc<Self>, number: u8) {
        self.reach("Client::publish");
        let ticket = self.asks(Class::Publication, Manner::Answers);
        let id = ticket.id();
        let room = B::Room::from(Room { number });
        let published = match self.client.publish(&room, id.into()).await {
            Ok(published) => published.await,
            Err(error) => Err(error),
        };
        ticket.told(match published {
            Ok(_) => Outcome::Replied(id),
            Err(error) => Outcome::of_call(error, |never| match never {}),
        });
    }

    async fn subscribe<B: Build>(
        self: Rc<Self>,
        number: u8,
        last: Option<u16>,
        stays: Option<Duration>,
        pace: Duration,
    ) {
        self.reach(match last {
            Some(_) => "Client::subscribe_from",
            None => "Client::subscribe",
        });
        let ticket = self.asks(Class::Join(number), Manner::Answers);
        let room = B::Room::from(Room { number });
        let subscribed = match last {
            Some(last) => {
                self.client
                    .subscribe_from(room, Start::Last(last.into()))
                    .await
            }
            None => self.client.subscribe(room).await,
        };
        let subscription = match subscribed {
            Ok(subscription) => subscription,
            Err(error) => return ticket.told(Outcome::of_call(error, |never| match never {})),
        };
        let id = ticket.id();
        self.world.oracle.account().answers(id, Ok(id));
        ticket.told(Outcome::Replied(id));
        let oracle = self.world.oracle.clone();
        let hearing = hear(
            Rc::clone(&self.world),
            self.life,
            number,
            subscription,
            pace,
        );
        // It keeps no client.
        drop(self);
        match stays {
            None => hearing.await,
            Some(time) => {
                // Who stays no longer drops the subscription.
                if timeout(time, hearing).await.is_err() {
                    oracle.account().reach("drop(Subscription)");
                }
            }
        }
    }
}

fn handle(client: &Client, oracle: &Oracle, life: usize, version: u32) -> Result<(), Undeclared> {
    let oracle = oracle.clone();
    client.handle(move |Poke { ask }: Poke| {
        {
            let mut account = oracle.account();
            account.begins(ask.id);
            account.handled_by(life, version);
        }
        let turn = Turn::begin(ask.manner, ask.wait);
        let oracle = oracle.clone();
        async move {
            turn.work().await;
            let reply = match turn.manner {
                Manner::Declines => Err(ask.id),
                _ => Ok(ask.id),
            };
            let mut account = oracle.account();
            account.goes_on(ask.id);
            account.answers(ask.id, reply);
            reply
        }
    })
}

fn options<B: Build>(world: &World, number: usize, life: usize) -> Options {
    let token = world.functions.token.clone();
    let on_session_replaced = world.functions.on_session_replaced.clone();
    let (oracle, registered) = (world.oracle.clone(), world.oracle.clone());
    Options::new("", B::KINDS)
        .format(world.plan.programs[number].format)
        .limits(world.plan.limits.clone())
        .connect_timeout(Duration::from_secs(600))
        .register(move |client| handle(client, &registered, life, 0))
        .token_from(move || {
            let turn = token.begin();
            async move {
                turn.work().await;
                (turn.manner != Manner::Declines).then(|| vec![life as u8, number as u8])
            }
        })
        .on_session_replaced(move |client, why| {
            {
                let mut account = oracle.account();
                account.tell(|| format!("{why:?}"));
                account.session_replaced(life);
                account.reach(match why {
                    SessionLost::Restarted => "SessionLost::Restarted",
                    SessionLost::Evicted => "SessionLost::Evicted",
                    SessionLost::Unknown => "SessionLost::Unknown",
                    SessionLost::Ended => "SessionLost::Ended",
                });
            }
            let oracle = oracle.clone();
            let turn = on_session_replaced.begin();
            async move {
                let manner = Manner::Answers;
                let asked = Asked {
                    by: Asker::SessionReplaced(life),
                    class: Class::Event,
                    manner,
                };
                let ticket = Ticket::new(&oracle, asked);
                let ask = Ask {
                    id: ticket.id(),
                    manner,
                    wait: 0,
                };
                let filling = Vec::new();
                let note = B::Note::from(Note { ask, filling });
                let sent = match client.send(note).await {
                    Ok(receipt) => receipt.await,
                    Err(error) => Err(error),
                };
                ticket.told(sent.map_or_else(Outcome::from, |()| Outcome::Accepted));
                turn.work().await;
            }
        })
}
