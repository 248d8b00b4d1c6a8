//! The signals that ask a process to stop.

use std::io;

#[cfg(unix)]
mod system {
    use std::io;

    use tokio::signal::unix::{Signal, SignalKind, signal};

    /// SIGTERM, by which service managers stop, and SIGINT, which is Ctrl-C.
    pub(super) struct Source {
        terminate: Signal,
        interrupt: Signal,
    }

    impl Source {
        pub(super) fn listen() -> io::Result<Self> {
            Ok(Self {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
            })
        }

        pub(super) async fn next(&mut self) -> &'static str {
            tokio::select! {
                _ = self.terminate.recv() => "SIGTERM",
                _ = self.interrupt.recv() => "SIGINT",
            }
        }
    }
}

#[cfg(windows)]
mod system {
    use std::io;

    use tokio::signal::windows::{CtrlC, ctrl_c};

    pub(super) struct Source(CtrlC);

    impl Source {
        pub(super) fn listen() -> io::Result<Self> {
            ctrl_c().map(Self)
        }

        pub(super) async fn next(&mut self) -> &'static str {
            self.0.recv().await;
            "Ctrl-C"
        }
    }
}

/// The stop signals of this process, beginning with [`listen`](Self::listen).
pub(super) struct Signals(system::Source);

impl Signals {
    /// Takes the signals from the system's default, which would end the process at once.
    pub(super) fn listen() -> io::Result<Self> {
        system::Source::listen().map(Self)
    }

    /// Waits for the next signal and returns its name.
    pub(super) async fn next(&mut self) -> &'static str {
        self.0.next().await
    }
}
