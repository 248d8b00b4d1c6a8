//! A server's process that stands still, goes on, and is killed, under a client that goes on sending.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use suite::{KINDS, Notice};
use testkit::{Chaos, Log, soon};
use twinwire_client_native::{Client, ClientState, EventError, Receipt, SessionLost, connect_with};

/// A server in a process of its own, and the numbers that its handlers got.
struct Tally {
    child: Child,
    port: u16,
    numbers: Log<u32>,
    reading: Option<JoinHandle<()>>,
}

impl Tally {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tally"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it was built for this test");
        let output = child.stdout.take().expect("it is piped");
        let numbers = Log::default();
        let (found, port) = mpsc::channel();
        let heard = numbers.clone();
        let reading = thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                match line.strip_prefix("port ") {
                    // Nobody waits for a second one.
                    Some(port) => drop(found.send(port.parse())),
                    None => heard.push(line.parse().expect("a number")),
                }
            }
        });
        let port = port.recv_timeout(Duration::from_secs(20));
        let port = port.expect("it serves").expect("a port");
        Self {
            child,
            port,
            numbers,
            reading: Some(reading),
        }
    }

    fn signal(&self, name: &str) {
        let signalled = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status();
        assert!(signalled.expect("kill runs").success());
    }

    fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it was killed");
        // What it wrote before is still in the pipe.
        let reading = self.reading.take().expect("it is killed once");
        reading.join().expect("its lines are numbers");
    }

    fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        // One that is gone already can't be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn send(client: &Client, numbers: std::ops::Range<u32>) -> Vec<Receipt> {
    let mut receipts = Vec::new();
    for number in numbers {
        let sent = client.send(Notice { number }).await;
        receipts.push(sent.expect("there is room"));
    }
    receipts
}

#[tokio::test]
async fn a_process_that_stands_still_and_goes_on_loses_nothing() {
    let server = Tally::start();
    let url = format!("ws://{}/ws", server.addr());
    // A second of silence is asked about, two are too many.
    let limits = testkit::patient().heartbeat(Duration::from_secs(1));
    let losses = Log::default();
    let told = losses.clone();
    let options = testkit::options(url, KINDS).limits(limits);
    let options = options.on_session_replaced(move |_, why: SessionLost| {
        told.push(why);
        async {}
    });
    let client = soon("a welcome", connect_with(options))
        .await
        .expect("welcome");
    let mut receipts = send(&client, 0..50).await;
    server.signal("STOP");
    receipts.extend(send(&client, 50..100).await);
    let mut states = client.states();
    let lost =
        async { while !matches!(states.next().await, Some(ClientState::Resuming { .. })) {} };
    soon("the client to find out", lost).await;
    receipts.extend(send(&client, 100..150).await);
    server.signal("CONT");
    client.reconnect_now();
    for receipt in receipts {
        soon("its receipt", receipt).await.expect("it has arrived");
    }
    let numbers = server.numbers.count(150).await;
    assert!(numbers.iter().copied().eq(0..150), "{numbers:?}");
    assert_eq!(losses.events(), []);
}

/// Counts how often each number occurs.
fn count_each(numbers: Vec<u32>) -> HashMap<u32, u32> {
    let mut counts = HashMap::new();
    for number in numbers {
        *counts.entry(number).or_default() += 1;
    }
    counts
}

/// Checks that the next server's numbers come in order, each once, and weren't handled before.
fn check_carried_over(handled: &HashMap<u32, u32>, carried: &[u32]) {
    assert!(carried.is_sorted(), "out of order: {carried:?}");
    for number in carried {
        let before = handled.get(number).copied().unwrap_or(0);
        let here = carried.iter().filter(|of| *of == number).count();
        assert_eq!((before, here), (0, 1), "{number} was handled twice");
    }
}

#[tokio::test]
async fn after_a_kill_the_servers_tally_agrees_with_every_verdict() {
    let (mut accepted, mut lost, mut unknown, mut carried_over) = (0, 0, 0, 0);
    for round in 0..5_usize {
        let mut server = Tally::start();
        let chaos = Chaos::to(server.addr(), round as u64).await;
        let options = testkit::options(chaos.url("/ws"), KINDS);
        let client = soon("a welcome", connect_with(options))
            .await
            .expect("welcome");
        let mut receipts = send(&client, 0..200).await;
        // Some have arrived, some are under way.
        server.numbers.count(1 + 40 * round).await;
        server.kill();
        receipts.extend(send(&client, 200..300).await);
        let mut states = client.states();
        let gone =
            async { while !matches!(states.next().await, Some(ClientState::Resuming { .. })) {} };
        soon("the loss", gone).await;
        receipts.extend(send(&client, 300..310).await);
        let next = Tally::start();
        chaos.leads_to(next.addr());
        client.reconnect_now();
        let mut verdicts = Vec::new();
        for receipt in receipts {
            verdicts.push(soon("a verdict", receipt).await);
        }
        let handled = count_each(server.numbers.events());
        for (number, verdict) in (0..).zip(verdicts) {
            let times = handled.get(&number).copied().unwrap_or(0);
            match verdict {
                Ok(()) => {
                    // Its handler runs behind those before it: the kill may have come between.
                    assert!(times <= 1);
                    accepted += 1;
                }
                Err(EventError::NotReceived) => {
                    assert_eq!(
                        times, 0,
                        "{number} was handled, and said not to be received"
                    );
                    lost += 1;
                }
                Err(EventError::Unknown) => {
                    assert!(times <= 1);
                    unknown += 1;
                }
                Err(other) => panic!("{other}"),
            }
        }
        // What was never sent is the next server's.
        let last = |numbers: &[u32]| numbers.last() == Some(&309);
        let carried = next.numbers.wait("the last", last).await;
        check_carried_over(&handled, &carried);
        carried_over += carried.len();
    }
    println!(
        "figures: 5 kills: {accepted} accepted, {unknown} unknown, {lost} not received, {carried_over} carried over"
    );
    assert!(
        carried_over >= 50,
        "what was asked for without a server: {carried_over}"
    );
}
