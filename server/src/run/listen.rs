//! From addresses to listening sockets.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use super::ServeError;

/// Connections that the kernel holds until they are accepted: after a restart all clients come at once.
const BACKLOG: i32 = 1024;

/// Attempts to find one port that is free on both loopback addresses.
const ATTEMPTS: u32 = 16;

/// Listens on each address that this machine has.
pub(super) fn all(addrs: impl Iterator<Item = SocketAddr>) -> Result<Vec<TcpListener>, ServeError> {
    let (mut listeners, mut missing) = (Vec::new(), None);
    for addr in addrs {
        match listen(addr) {
            Ok(listener) => listeners.push(listener),
            // `localhost` has an address of IPv6 also on a machine without IPv6.
            Err(error) if is_missing(&error) => missing = Some(ServeError::listen(addr, error)),
            // Another program answers there: with half of the addresses, some clients would reach it.
            Err(error) => return Err(ServeError::listen(addr, error)),
        }
    }
    if listeners.is_empty() {
        return Err(missing.unwrap_or(ServeError::NoAddress));
    }
    Ok(listeners)
}

/// Listens at one port on both addresses that `localhost` may mean.
pub(super) fn loopback(port: u16) -> Result<Vec<TcpListener>, ServeError> {
    let mut taken = None;
    for _ in 0..ATTEMPTS {
        let v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let v4 = listen(v4).map_err(|error| ServeError::listen(v4, error))?;
        let found = v4.local_addr().map_err(ServeError::Run)?.port();
        let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, found));
        match listen(v6) {
            Ok(v6) => return Ok(vec![v4, v6]),
            Err(error) if is_missing(&error) => {
                tracing::info!(%error, "no IPv6 here: listening on 127.0.0.1 only");
                return Ok(vec![v4]);
            }
            // The port that was free on one address is taken on the other: the next one may be free on both.
            Err(error) if error.kind() == ErrorKind::AddrInUse && port == 0 => {
                taken = Some(ServeError::listen(v6, error));
            }
            Err(error) => return Err(ServeError::listen(v6, error)),
        }
    }
    Err(taken.unwrap_or(ServeError::NoAddress))
}

/// Returns true if this machine has no such address, or doesn't know the address's family.
fn is_missing(error: &io::Error) -> bool {
    /// `EAFNOSUPPORT` of Linux, of the BSDs and macOS, and of Windows, which std has no kind for.
    const FAMILY: [i32; 3] = [97, 47, 10047];
    error.kind() == ErrorKind::AddrNotAvailable
        || error
            .raw_os_error()
            .is_some_and(|code| FAMILY.contains(&code))
}

fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    if cfg!(unix) {
        // Skips the wait for connections of an earlier process (RFC 9293 §3.6.1). On Windows it would let
        // two programs have one port.
        socket.set_reuse_address(true)?;
    }
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(listener: &TcpListener) -> u16 {
        listener.local_addr().expect("it listens").port()
    }

    #[test]
    fn loopback_has_one_port_on_both_addresses_and_names_the_one_that_is_taken() {
        let listeners = loopback(0).expect("some port is free");
        let taken = port(&listeners[0]);
        assert!(listeners.iter().all(|listener| port(listener) == taken));
        let error = loopback(taken).expect_err("it is taken");
        assert!(matches!(error, ServeError::InUse { addr } if addr.port() == taken));
    }

    #[test]
    fn a_port_that_is_taken_on_one_address_of_several_is_an_error() {
        let taken = listen((Ipv4Addr::LOCALHOST, 0).into()).expect("some port is free");
        let second = SocketAddr::from((Ipv4Addr::LOCALHOST, port(&taken)));
        let first = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let error = all([first, second].into_iter()).expect_err("it is taken");
        assert!(matches!(error, ServeError::InUse { addr } if addr == second));
        let told = error.to_string();
        assert!(
            told.contains(&second.to_string()) && told.contains("another port"),
            "{told}"
        );
    }

    #[test]
    fn an_address_that_this_machine_has_not_is_passed_over_unless_it_is_the_only_one() {
        // TEST-NET-1 (RFC 5737) is nobody's.
        let foreign = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 0));
        let own = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listeners = all([foreign, own].into_iter()).expect("one of them is there");
        assert_eq!(listeners.len(), 1);
        let error = all([foreign].into_iter()).expect_err("it isn't here");
        assert!(matches!(error, ServeError::Listen { addr, .. } if addr == foreign));
        let error = all([].into_iter()).expect_err("there is none");
        assert!(matches!(error, ServeError::NoAddress));
    }
}
