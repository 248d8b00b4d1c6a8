//! A name, as the system's resolver knows it.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};

use suite::{Add, KINDS};
use testkit::soon;
use tokio::net::{TcpListener, TcpSocket, TcpStream, lookup_host};
use twinwire_client_native::connect_with;

/// Takes an address, and doesn't listen there: whoever connects to it is refused.
fn taken(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.bind(address)?;
    Ok(socket)
}

/// Listens at one address only, on a port that is nobody's at the others.
async fn listen_only_at(address: IpAddr, all: &[IpAddr]) -> (TcpListener, Vec<TcpSocket>) {
    loop {
        let listener = TcpListener::bind((address, 0)).await.expect("a free port");
        let port = listener.local_addr().expect("it listens").port();
        let others = all.iter().filter(|other| **other != address);
        let others = others.map(|other| taken((*other, port).into()));
        if let Ok(others) = others.collect() {
            return (listener, others);
        }
    }
}

/// Leads whoever connects to the server.
async fn lead(listener: TcpListener, server: SocketAddr) {
    while let Ok((mut from, _)) = listener.accept().await {
        tokio::spawn(async move {
            let mut to = TcpStream::connect(server).await.expect("it runs");
            // Either end may go at any time.
            let _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
        });
    }
}

#[tokio::test]
async fn localhost_is_found_at_whichever_of_its_addresses_the_server_listens() {
    let server = testkit::wire::serve();
    let found = lookup_host(("localhost", 0)).await.expect("it has a name");
    let found: BTreeSet<IpAddr> = found.map(|address| address.ip()).collect();
    // A resolver may know `::1` where the machine has no IPv6: nobody can listen there.
    let (here, nowhere): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|ip| taken((*ip, 0).into()).is_ok());
    println!("localhost is {here:?}, and {nowhere:?} that this machine doesn't have");
    assert!(!here.is_empty(), "localhost is no address of this machine");
    for address in &here {
        let (listener, _others) = listen_only_at(*address, &here).await;
        let port = listener.local_addr().expect("it listens").port();
        let leading = tokio::spawn(lead(listener, server.addr()));
        let url = format!("ws://localhost:{port}/ws");
        let client = soon("the welcome", connect_with(testkit::options(url, KINDS))).await;
        let client = client.unwrap_or_else(|error| panic!("{address}: {error}"));
        let sum = client.call(Add { left: 1, right: 2 }).await;
        assert_eq!(sum.expect("an answer"), 3);
        client.close().await;
        leading.abort();
    }
}
