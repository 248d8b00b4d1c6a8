//! `wasm`: the crates of the browser in Node and in three browsers, against a real server.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::counts::{self, Counts};
use super::report::Row;
use super::{Bench, LIMIT};
use crate::port_server::{self, PortServer};
use crate::run;
use crate::setup::{
    CHROMEDRIVER, CHROMIUM, FIREFOX, Program, Setup, WEBKIT_DRIVER, XAUTH, XVFB_RUN, step,
};
use crate::workspace::Workspace;
use crate::{binaries, workspace};

const TARGET: &str = "wasm32-unknown-unknown";

/// One browser's run.
const BROWSER_LIMIT: Duration = Duration::from_secs(10 * 60);

/// Seconds for one test program in a browser, and for a browser to start: by default 20 and 5,
/// which a busy machine exceeds.
const TEST_SECONDS: &str = "120";
const DRIVER_SECONDS: &str = "60";

/// Any of these would make the test runner take another browser than the one it is told.
const DRIVERS: [&str; 4] = [
    "CHROMEDRIVER",
    "GECKODRIVER",
    "SAFARIDRIVER",
    "MSEDGEDRIVER",
];

#[derive(Clone, Copy)]
enum Browser {
    Chromium,
    Firefox,
    WebKit,
}

impl Browser {
    const ALL: [Self; 3] = [Self::Chromium, Self::Firefox, Self::WebKit];

    fn row_name(self) -> &'static str {
        match self {
            Self::Chromium => "wasm-chromium",
            Self::Firefox => "wasm-firefox",
            Self::WebKit => "wasm-webkit",
        }
    }

    fn programs(self) -> &'static [&'static Program] {
        match self {
            Self::Chromium => &[&CHROMIUM, &CHROMEDRIVER],
            Self::Firefox => &[&FIREFOX],
            Self::WebKit => &[&WEBKIT_DRIVER, &XVFB_RUN, &XAUTH],
        }
    }

    /// The variable that tells the test runner its driver, and the driver.
    fn driver(self, bench: &Bench) -> Result<(&'static str, PathBuf)> {
        let setup = bench.setup;
        setup.programs(self.programs())?;
        Ok(match self {
            Self::Chromium => ("CHROMEDRIVER", setup.program(&CHROMEDRIVER)?),
            Self::Firefox => ("GECKODRIVER", setup.geckodriver()?.join("geckodriver")),
            Self::WebKit => ("SAFARIDRIVER", setup.program(&WEBKIT_DRIVER)?),
        })
    }

    /// WebKit's driver hangs without a display.
    fn wraps(self, cargo: Command) -> Command {
        match self {
            Self::Chromium | Self::Firefox => cargo,
            Self::WebKit => {
                let mut wrapped = Command::new("xvfb-run");
                wrapped
                    .arg("-a")
                    .arg(cargo.get_program())
                    .args(cargo.get_args());
                workspace::copy_surroundings(&cargo, &mut wrapped);
                wrapped
            }
        }
    }
}

pub(super) fn programs() -> Vec<&'static Program> {
    let all = Browser::ALL.iter();
    all.flat_map(|browser| browser.programs())
        .copied()
        .collect()
}

pub(super) fn run(bench: &Bench) -> Vec<Row> {
    let mut rows = vec![bench.row("wasm-node", || in_node(bench))];
    let mut served = None;
    let built = bench.row("wasm-build", || {
        let peer = serve(bench)?;
        let mut counts = bench.check(tests(bench, &peer)?.arg("--no-run"))?;
        // The examples in its documentation need a server, so they only have to compile.
        counts += bench.check(in_page(bench, &peer, "test")?.arg("--doc"))?;
        served = Some(peer);
        Ok(counts)
    });
    let failed = built.counts.failed > 0;
    rows.push(built);
    if let (Some(peer), false) = (served, failed) {
        rows.extend(Browser::ALL.map(|browser| in_browser(bench, browser, &peer)));
    }
    rows
}

/// The protocol has no browser in it; Node proves that its code behaves on wasm32 as natively, and the
/// simulator that it does so byte for byte.
fn in_node(bench: &Bench) -> Result<Counts> {
    bench.setup.node()?;
    let mut cargo = on_wasm(bench, "test")?;
    cargo.args(["--no-fail-fast", "-p", "twinwire", "-p", "twinwire-sim"]);
    cargo.args(["--lib", "--tests"]);
    bench.counted(&mut cargo, LIMIT, counts::of_libtest)
}

/// Prints the figures of each browser; those that can't be set up are named.
pub(super) fn bench(bench: &Bench) -> Result<bool> {
    step("peer", || binaries::release_peer(bench.workspace))?;
    let peer = binaries::program(bench.workspace, "release", "peer");
    let peer = PortServer::start(&mut Command::new(peer))?;
    let mut everywhere = true;
    for browser in Browser::ALL {
        println!("\n== {}", browser.row_name());
        let (variable, driver) = match browser.driver(bench) {
            Ok(driver) => driver,
            Err(missing) => {
                println!("skipped, {missing:#}");
                everywhere = false;
                continue;
            }
        };
        let mut cargo = in_page(bench, &peer, "bench")?;
        cargo.args(["--bench", "socket"]).env(variable, driver);
        let finished = run::run(&mut browser.wraps(cargo), BROWSER_LIMIT)?;
        println!("{}", finished.output);
        everywhere &= finished.require("the bench").is_ok();
    }
    Ok(everywhere)
}

/// The means of the browser's crate's tests in Chromium: its driver, and the servers that they talk to.
pub(crate) struct Chromium {
    peer: PortServer,
    driver: PathBuf,
}

impl Chromium {
    pub(crate) fn start(workspace: &Workspace, setup: &Setup) -> Result<Self> {
        let bench = Bench { workspace, setup };
        let (_, driver) = Browser::Chromium.driver(&bench)?;
        let peer = serve(&bench)?;
        Ok(Self { peer, driver })
    }

    /// The command that runs them.
    pub(crate) fn tests(&self, workspace: &Workspace, setup: &Setup) -> Result<Command> {
        let bench = Bench { workspace, setup };
        let mut cargo = in_page(&bench, &self.peer, "test")?;
        let variable = DRIVERS[0];
        cargo.args(["--lib", "--tests"]).env(variable, &self.driver);
        Ok(cargo)
    }
}

fn serve(bench: &Bench) -> Result<PortServer> {
    step("programs for the tests", || {
        binaries::test_programs(bench.workspace)
    })?;
    PortServer::start(&mut Command::new(binaries::program(
        bench.workspace,
        "debug",
        "peer",
    )))
}

fn in_browser(bench: &Bench, browser: Browser, peer: &PortServer) -> Row {
    let mut note = None;
    let mut row = bench.row(browser.row_name(), || {
        let (variable, driver) = match browser.driver(bench) {
            Ok(driver) => driver,
            Err(missing) => {
                note = Some(format!("skipped, {missing:#}"));
                return Ok(Counts::SKIPPED);
            }
        };
        let run = || {
            let mut cargo = tests(bench, peer)?;
            // Their figures are among what they log.
            cargo.env(variable, &driver).args(["--", "--nocapture"]);
            bench.told(&mut browser.wraps(cargo), BROWSER_LIMIT, counts::of_libtest)
        };
        let (counts, output) = run()?;
        if counts.failed == 0 || !engine_crashed(&output) {
            return Ok(counts);
        }
        note = Some("ran twice: the browser's own process crashed".to_owned());
        run().map(|(counts, _)| counts)
    });
    row.note = note;
    row
}

/// Whether WebKit's own process died under a test program: seen once in some twenty runs of the same
/// program, and not again. That is the engine's fault, and none of its tests has an outcome. Such a
/// run counts for nothing, and the row says so; the next one counts, whatever comes of it.
fn engine_crashed(output: &str) -> bool {
    output.contains("WebProcess CRASHED")
}

/// The browser's tests. The test runner hands nothing to a page, so the ports of the servers are
/// compiled in; they stay the same for all browsers, which therefore share one build.
fn tests(bench: &Bench, peer: &PortServer) -> Result<Command> {
    let mut cargo = in_page(bench, peer, "test")?;
    cargo.args(["--no-fail-fast", "--lib", "--tests"]);
    Ok(cargo)
}

/// `cargo test` or `cargo bench` of the browser's crate.
fn in_page(bench: &Bench, peer: &PortServer, verb: &str) -> Result<Command> {
    let mut cargo = on_wasm(bench, verb)?;
    cargo.args(["-p", "twinwire-client-wasm"]);
    for (name, port) in &peer.ports {
        cargo.env(port_server::variable(name), port.to_string());
    }
    for driver in DRIVERS {
        cargo
            .env_remove(driver)
            .env_remove(format!("{driver}_REMOTE"));
    }
    let capabilities = bench.workspace.root().join("client-wasm/webdriver.json");
    ensure!(
        capabilities.is_file(),
        "{} is missing",
        capabilities.display()
    );
    cargo
        .env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", capabilities)
        .env("WASM_BINDGEN_TEST_TIMEOUT", TEST_SECONDS)
        .env("WASM_BINDGEN_TEST_DRIVER_TIMEOUT", DRIVER_SECONDS)
        // An isolated page could not fetch from our server, which sets no headers for it.
        .env("WASM_BINDGEN_TEST_NO_ORIGIN_ISOLATION", "1");
    Ok(cargo)
}

fn on_wasm(bench: &Bench, verb: &str) -> Result<Command> {
    bench.setup.wasm_std()?;
    let runner = bench.setup.wasm_bindgen()?.join("wasm-bindgen-test-runner");
    let mut cargo = bench.workspace.cargo();
    cargo
        .args([verb, "--target", TARGET])
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", runner);
    Ok(cargo)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_of_the_engine_is_told_from_a_test_that_failed() {
        let crash = "** (MiniBrowser:23956): WARNING **: 11:59:34.743: WebProcess CRASHED";
        assert!(engine_crashed(crash));
        assert!(!engine_crashed(
            "test result: FAILED. 34 passed; 1 failed; 0 ignored"
        ));
    }
}
