//! Why a server couldn't begin, or ended by itself.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use thiserror::Error;

/// The error of [`Server`](crate::Server): its text names the address and the next step.
///
/// `Debug` writes the same text, as that is what a `main` shows that returns the error.
#[derive(Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Another program listens on the address.
    #[error("{addr} is in use: end the program that listens there, or choose another port")]
    InUse {
        /// The address, with the port that was asked for.
        addr: SocketAddr,
    },
    /// This process may not listen on the address.
    #[error(
        "this user may not listen on {addr}: choose a port from 1024 on, or give the program the right to \
         (on Linux the capability CAP_NET_BIND_SERVICE)"
    )]
    Forbidden {
        /// The address, with the port that was asked for.
        addr: SocketAddr,
    },
    /// The system refused the address for another reason: mostly this machine doesn't have it.
    #[error(
        "can't listen on {addr}: {error}; give an address of this machine, 0.0.0.0 for all of IPv4"
    )]
    Listen {
        /// The address that was asked for.
        addr: SocketAddr,
        /// The system's reason.
        error: io::Error,
    },
    /// The name of the address wasn't found.
    #[error("can't find the address to listen on: {0}; give it as numbers, such as 127.0.0.1:9501")]
    Resolve(io::Error),
    /// There is nothing to listen on.
    #[error("there is no address to listen on: give one, such as 127.0.0.1:9501")]
    NoAddress,
    /// The system gave no way to hear of signals; without it no client would hear a goodbye.
    #[error(
        "can't listen for the signals that stop the server: {0}; raise the limit of open files"
    )]
    Signals(io::Error),
    /// The server couldn't start its workers, or lost its sockets.
    #[error("the server ended: {0}; see the log for the cause")]
    Run(io::Error),
}

impl fmt::Debug for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl ServeError {
    /// Tells the causes that have a remedy of their own from all others.
    pub(super) fn listen(addr: SocketAddr, error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::AddrInUse => Self::InUse { addr },
            ErrorKind::PermissionDenied => Self::Forbidden { addr },
            // A system's other reasons have no remedy but the address.
            _ => Self::Listen { addr, error },
        }
    }
}
