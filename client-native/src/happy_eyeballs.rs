//! One TCP connection to a name with several addresses (RFC 8305, "Happy Eyeballs").

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{Either, select};
use futures_util::stream::FuturesUnordered;
use tokio::net::{TcpStream, lookup_host};

/// The pause before the next address is tried beside those under way (RFC 8305 §5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Opens a TCP connection to the first address of a host that takes one.
///
/// # Errors
/// If the name has no address, or none of its addresses takes a connection: then the error is the last one.
pub(crate) async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let addresses = lookup_host((host, port)).await?;
    race(interleaved(addresses.collect())).await
}

/// Returns the addresses with the families by turns, beginning with the resolver's first (RFC 8305 §4): a family that
/// doesn't work delays the other by one attempt only.
fn interleaved(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_ipv6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let is_first = |address: &SocketAddr| address.is_ipv6() == first_is_ipv6;
    let (first, second): (Vec<_>, Vec<_>) = addresses.into_iter().partition(is_first);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut ordered = Vec::new();
    loop {
        let pair = [first.next(), second.next()];
        if pair == [None, None] {
            return ordered;
        }
        ordered.extend(pair.into_iter().flatten());
    }
}

/// Tries one address after the other. The next one's turn comes when an attempt fails, or after
/// [`ATTEMPT_DELAY`] beside those under way. The first connection wins, and the other attempts are dropped.
async fn race(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut addresses = addresses.into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    loop {
        let next = addresses.next();
        let is_last = next.is_none();
        attempts.extend(next.map(TcpStream::connect));
        let delay = pin!(tokio::time::sleep(ATTEMPT_DELAY));
        match select(attempts.next(), delay).await {
            Either::Left((Some(Ok(stream)), _)) => return Ok(stream),
            Either::Left((Some(Err(error)), _)) => failure = error,
            Either::Left((None, _)) if is_last => return Err(failure),
            Either::Left((None, _)) | Either::Right(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use tokio::net::{TcpListener, TcpSocket, TcpStream};

    use super::{interleaved, race};

    fn loopback(last: u8) -> SocketAddr {
        (Ipv4Addr::new(127, 0, 0, last), 0).into()
    }

    /// Returns an address that swallows every attempt to connect, for as long as the rest lives.
    async fn swallowing() -> (SocketAddr, (TcpListener, [TcpStream; 2])) {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(loopback(2)).expect("a free port");
        let listener = socket.listen(1).expect("it listens");
        let address = listener.local_addr().expect("it listens");
        // A backlog of one holds two connections that nobody accepts; after that the system drops what comes.
        let first = TcpStream::connect(address).await.expect("room");
        let second = TcpStream::connect(address).await.expect("room");
        (address, (listener, [first, second]))
    }

    /// Returns an address where nobody listens.
    fn refusing() -> SocketAddr {
        let socket = std::net::TcpListener::bind(loopback(3)).expect("a free port");
        socket.local_addr().expect("it is bound")
    }

    #[tokio::test]
    async fn an_address_that_swallows_everything_hides_no_other() {
        let (swallowing, _full) = swallowing().await;
        let listener = TcpListener::bind(loopback(1)).await.expect("a free port");
        let answering = listener.local_addr().expect("it listens");
        for addresses in [
            vec![swallowing, answering],
            vec![swallowing, refusing(), swallowing, answering],
            vec![refusing(), swallowing, answering],
        ] {
            let stream = race(addresses).await.expect("a connection");
            assert_eq!(stream.peer_addr().expect("it is connected"), answering);
        }
    }

    #[tokio::test]
    async fn the_first_address_that_answers_wins() {
        let listener = TcpListener::bind(loopback(1)).await.expect("a free port");
        let other = TcpListener::bind(loopback(2)).await.expect("a free port");
        let [first, second] = [&listener, &other].map(|at| at.local_addr().expect("it listens"));
        let stream = race(vec![first, second]).await.expect("a connection");
        assert_eq!(stream.peer_addr().expect("it is connected"), first);
    }

    #[tokio::test]
    async fn where_nobody_answers_the_error_says_so() {
        let refused = race(vec![refusing(), refusing()]).await;
        let kind = refused.expect_err("nobody is there").kind();
        assert_eq!(kind, std::io::ErrorKind::ConnectionRefused);
        let none = race(Vec::new()).await;
        assert_eq!(
            none.expect_err("nobody is there").to_string(),
            "the name has no address"
        );
    }

    #[test]
    fn the_families_take_turns_and_the_resolvers_first_begins() {
        let addresses = |list: &[&str]| -> Vec<SocketAddr> {
            let each = list.iter().map(|one| one.parse().expect("an address"));
            each.collect()
        };
        let check = |given: &[&str], ordered: &[&str]| {
            assert_eq!(interleaved(addresses(given)), addresses(ordered));
        };
        check(
            &["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "2.2.2.2:1"],
            &["[::1]:1", "1.1.1.1:1", "[::2]:1", "2.2.2.2:1", "[::3]:1"],
        );
        check(
            &["1.1.1.1:1", "2.2.2.2:1", "[::1]:1"],
            &["1.1.1.1:1", "[::1]:1", "2.2.2.2:1"],
        );
        check(&["1.1.1.1:1"], &["1.1.1.1:1"]);
        check(&[], &[]);
    }
}
