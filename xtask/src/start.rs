//! `start`: everything from a bare machine to a page in the browser.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, bail};

use crate::setup::{Setup, step};
use crate::workspace::Workspace;
use crate::{binaries, page};

/// Where `trunk serve` shows the page in development, by any loopback name; that page comes here for its wire.
const TRUNK_ORIGIN: &str = "http://localhost:8080";

/// Builds page and server, then becomes the server, which prints its address once it listens.
///
/// Becoming it leaves nothing between the user and the server: Ctrl-C, a signal and the exit code
/// are the server's own.
pub(crate) fn start(
    workspace: &Workspace,
    setup: &Setup,
    port: u16,
    host: Option<IpAddr>,
) -> Result<Infallible> {
    check_port(port, host)?;
    // Before minutes of compiling: nothing here works without it.
    setup.node()?;
    // Each of the three has minutes in which it keeps one core busy only.
    let (dist, server) = thread::scope(|scope| {
        let server = scope.spawn(|| binaries::quick_server(workspace));
        let dist = setup.wasm_std().and_then(|()| {
            scope.spawn(|| page::compile(workspace));
            page::build(workspace, setup)
        });
        (dist, server.join())
    });
    let dist = dist?;
    step("server, built beside the page", || {
        server.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    let server = binaries::program(workspace, binaries::QUICK, "twinwire-server");
    let error = Command::new(&server)
        .args(["--port", &port.to_string(), "--www"])
        .arg(dist)
        .arg(format!("--allow-origin={TRUNK_ORIGIN}"))
        .args(host.map(|host| format!("--host={host}")))
        .current_dir(workspace.root())
        .exec();
    Err(error).with_context(|| format!("can't run {}", server.display()))
}

/// Says at once, rather than after minutes of building, that the server could not listen.
fn check_port(port: u16, host: Option<IpAddr>) -> Result<()> {
    let loopback = [
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::LOCALHOST),
    ];
    let addresses = host.map_or_else(|| loopback.to_vec(), |host| vec![host]);
    for address in addresses {
        match TcpListener::bind((address, port)).map_err(|error| error.kind()) {
            Err(ErrorKind::AddrInUse) => bail!(
                "port {port} is taken: end the program that holds it, or choose another with --port"
            ),
            Err(ErrorKind::PermissionDenied) => {
                bail!("port {port} is reserved for root: choose another with --port")
            }
            // Anything else, such as a machine without IPv6, is for the server to judge.
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_told_before_anything_is_built() {
        let holder = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = holder.local_addr().unwrap().port();
        let error = check_port(port, None).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("port {port} is taken")),
            "{error}"
        );
        drop(holder);
        check_port(port, None).unwrap();
    }

    #[test]
    fn any_port_is_never_taken() {
        check_port(0, None).unwrap();
    }
}
