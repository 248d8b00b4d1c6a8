//! Listening on this machine only.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};

/// Attempts to find one port that is free on both addresses.
const ATTEMPTS: u32 = 16;

/// Listens on both addresses that `localhost` may mean, 127.0.0.1 and `[::1]`, at one port: browsers
/// try either first. Port 0 takes a free one. A machine without IPv6 has one address.
///
/// Hand each listener to [`HttpServer::listen`](actix_web::HttpServer::listen).
///
/// # Errors
/// [`io::ErrorKind::AddrInUse`] when another program holds the port on either address.
pub fn loopback(port: u16) -> io::Result<(u16, Vec<TcpListener>)> {
    for _ in 0..ATTEMPTS {
        let v4 = TcpListener::bind((IpAddr::from(Ipv4Addr::LOCALHOST), port))?;
        let taken = v4.local_addr()?.port();
        match TcpListener::bind((IpAddr::from(Ipv6Addr::LOCALHOST), taken)) {
            Ok(v6) => return Ok((taken, vec![v4, v6])),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && port == 0 => {}
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
            Err(error) => {
                tracing::info!(%error, "no IPv6 here: listening on 127.0.0.1 only");
                return Ok((taken, vec![v4]));
            }
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::loopback;

    #[test]
    fn a_taken_port_is_an_error_and_a_free_one_is_found() {
        let (port, listeners) = loopback(0).expect("some port is free");
        for listener in &listeners {
            assert_eq!(listener.local_addr().expect("it listens").port(), port);
        }
        assert_eq!(
            loopback(port).map_err(|error| error.kind()).err(),
            Some(ErrorKind::AddrInUse)
        );
    }
}
