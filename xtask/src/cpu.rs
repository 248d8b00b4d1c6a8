//! `bench cpu`: the server's CPU time per message, of this clone or of this and an earlier commit in alternation.
//!
//! Both sides build the one program of this clone (`testkit/examples/cpu.rs`), each against its own libraries, so that
//! a commit can be measured that had no such program. Server and client are of one side: the wire may differ between
//! the two.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::port_server::PortServer;
use crate::run::run;
use crate::setup::{Did, step};
use crate::workspace::{Workspace, stdout_of};

/// The loads, as the program names them, and what a message is in each.
const LOADS: [(&str, &str); 2] = [
    ("echo", "call and its answer"),
    ("fan_out", "delivery to a subscriber"),
];

/// Measurements of each side.
const ROUNDS: usize = 12;

/// Student's t for 95 % and `ROUNDS` - 1 degrees of freedom.
const T: f64 = 2.201;

const BUILD_LIMIT: Duration = Duration::from_secs(30 * 60);
const LOAD_LIMIT: Duration = Duration::from_secs(2 * 60);

/// The dependencies of the program besides the libraries of its side.
const DEPENDENCIES: &str = r#"
actix-web = { version = "4", default-features = false, features = ["macros"] }
nix = { version = "0.31", default-features = false, features = ["resource"] }
serde = { version = "1", features = ["derive"] }
tokio = { version = "1", default-features = false, features = ["net", "rt", "time"] }
"#;

/// A built program, and where its measurements go.
struct Side {
    title: String,
    program: PathBuf,
    /// µs per message: of each load, those of each round.
    micros: [Vec<f64>; LOADS.len()],
}

/// Measures this clone, and the commit `against` with it; prints both, their ratio and its interval.
pub(crate) fn bench(workspace: &Workspace, against: Option<&str>) -> Result<bool> {
    let folder = workspace.target_dir().join("cpu");
    let mut sides = vec![build(workspace, &folder, "new", workspace.root())?];
    if let Some(commit) = against {
        let tree = check_out(workspace, &folder, commit)?;
        sides.push(build(workspace, &folder, "old", &tree)?);
    }
    for round in 0..ROUNDS {
        // Neither side is always the one that finds the machine warm.
        let count = sides.len();
        for turn in 0..count {
            sides[(round + turn) % count].measure()?;
        }
        eprint!(".");
    }
    eprintln!();
    for (load, (name, message)) in LOADS.into_iter().enumerate() {
        println!("{name}: the server's CPU time in µs per {message}");
        for side in &sides {
            let Interval { low, middle, high } = interval(&side.micros[load]);
            println!("  {}: {middle:.2} ({low:.2} to {high:.2})", side.title);
        }
        if let [new, old] = &sides[..] {
            let pairs = new.micros[load].iter().zip(&old.micros[load]);
            let ratios: Vec<f64> = pairs.map(|(new, old)| new / old).collect();
            let Interval { low, middle, high } = interval(&ratios);
            println!("  new / old: {middle:.3} ({low:.3} to {high:.3})");
        }
    }
    println!("{ROUNDS} rounds; in brackets the interval of 95 %");
    Ok(true)
}

/// Brings the commit's files into a worktree of its own, which stays for the next time.
fn check_out(workspace: &Workspace, folder: &Path, commit: &str) -> Result<PathBuf> {
    let git = |arguments: &[&str]| {
        stdout_of(
            Command::new("git")
                .args(arguments)
                .current_dir(workspace.root()),
        )
    };
    // A name such as HEAD~1 moves; the folder has the commit's own.
    let id = git(&["rev-parse", "--verify", &format!("{commit}^{{commit}}")])?;
    let id = id.trim();
    let tree = folder.join(id);
    if !tree.join("Cargo.toml").is_file() {
        let place = tree
            .to_str()
            .context("the target folder's path is no UTF-8")?;
        git(&["worktree", "add", "--force", "--detach", place, id])?;
    }
    Ok(tree)
}

/// Builds the program against the libraries in `tree`.
fn build(workspace: &Workspace, folder: &Path, side: &str, tree: &Path) -> Result<Side> {
    // Cargo tells the two apart by their names; all that is from the registry they share.
    let package = folder.join(side);
    fs::create_dir_all(&package).with_context(|| format!("can't make {}", package.display()))?;
    let source = workspace.root().join("testkit/examples/cpu.rs");
    fs::write(package.join("Cargo.toml"), manifest(side, tree, &source))?;
    let lock = fs::copy(tree.join("Cargo.lock"), package.join("Cargo.lock"));
    lock.context("there is no Cargo.lock to take the dependencies' versions from")?;
    let mut cargo = workspace.cargo();
    cargo
        .args(["build", "--release", "--manifest-path"])
        .arg(package.join("Cargo.toml"))
        .env("CARGO_TARGET_DIR", folder.join("target"));
    step(&format!("cpu, {side}"), || {
        run(&mut cargo, BUILD_LIMIT)?.require("cargo build")?;
        Ok(Did::Work)
    })?;
    let mut git = Command::new("git");
    git.args(["describe", "--always", "--dirty"])
        .current_dir(tree);
    Ok(Side {
        title: format!("{side} {}", stdout_of(&mut git)?.trim()),
        program: folder.join("target/release").join(format!("cpu-{side}")),
        micros: Default::default(),
    })
}

fn manifest(side: &str, tree: &Path, source: &Path) -> String {
    let library =
        |(name, folder): (&str, &str)| format!("{name} = {{ path = {:?} }}\n", tree.join(folder));
    let libraries = [
        ("twinwire", "protocol"),
        ("twinwire-client-native", "client-native"),
        ("twinwire-server", "server"),
    ];
    let libraries: String = libraries.map(library).concat();
    format!(
        "[workspace]\n\n[package]\nname = \"cpu-{side}\"\nedition = \"2024\"\n\n\
         [[bin]]\nname = \"cpu-{side}\"\npath = {source:?}\n\n\
         [dependencies]\n{libraries}{DEPENDENCIES}"
    )
}

impl Side {
    /// Starts a server, and puts each load on it once.
    fn measure(&mut self) -> Result<()> {
        let server = PortServer::start(Command::new(&self.program).arg("serve"))?;
        let mut load = Command::new(&self.program);
        load.args(["load", &server.port()?.to_string()]);
        let finished = run(&mut load, LOAD_LIMIT)?;
        finished.require(&format!("the load of {}", self.title))?;
        for ((name, _), micros) in LOADS.into_iter().zip(&mut self.micros) {
            let told = figure(&finished.output, name);
            micros.push(told.with_context(|| format!("the load told no figure of {name}"))?);
        }
        Ok(())
    }
}

fn figure(output: &str, name: &str) -> Option<f64> {
    let mut lines = output.lines().filter_map(|line| line.split_once(' '));
    let (_, figure) = lines.find(|(of, _)| *of == name)?;
    figure.parse().ok()
}

#[derive(Debug)]
struct Interval {
    low: f64,
    middle: f64,
    high: f64,
}

/// Returns the geometric mean of what [`ROUNDS`] rounds measured, and its interval of 95 %: both
/// are of logarithms, where half and twice as much are equally far from the same.
fn interval(measured: &[f64]) -> Interval {
    let logs: Vec<f64> = measured.iter().map(|value| value.ln()).collect();
    let count = f64::from(u32::try_from(logs.len()).expect("some rounds"));
    let mean = logs.iter().sum::<f64>() / count;
    let squares = logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>();
    let half = T * (squares / (count - 1.0) / count).sqrt();
    Interval {
        low: (mean - half).exp(),
        middle: mean.exp(),
        high: (mean + half).exp(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_that_measured_the_same_leave_no_doubt() {
        let Interval { low, middle, high } = interval(&[2.0; ROUNDS]);
        for value in [low, middle, high] {
            assert!((value - 2.0).abs() < 1e-9, "{value}");
        }
    }

    #[test]
    fn the_interval_is_students() {
        // Logarithms of -1 and 1, six each: their deviation is the root of 12/11.
        let measured: Vec<f64> = (0..ROUNDS)
            .map(|round| {
                if round % 2 == 0 {
                    1.0_f64.exp()
                } else {
                    (-1.0_f64).exp()
                }
            })
            .collect();
        let Interval { low, middle, high } = interval(&measured);
        let half = 2.201 * (12.0_f64 / 11.0).sqrt() / 12.0_f64.sqrt();
        assert!((middle - 1.0).abs() < 1e-9, "{middle}");
        assert!((high.ln() - half).abs() < 1e-9, "{high}");
        assert!((low.ln() + half).abs() < 1e-9, "{low}");
    }

    #[test]
    fn a_figure_is_found_by_its_name() {
        let printed = "echo 12.5\nfan_out 1.25\n";
        assert_eq!(figure(printed, "fan_out"), Some(1.25));
        assert_eq!(figure(printed, "fan"), None);
    }

    #[test]
    fn one_program_is_built_against_the_libraries_of_its_side() {
        let manifest = manifest("old", Path::new("/old"), Path::new("/new/cpu.rs"));
        for line in [
            "name = \"cpu-old\"",
            "path = \"/new/cpu.rs\"",
            "twinwire-server = { path = \"/old/server\" }",
        ] {
            assert!(manifest.lines().any(|found| found == line), "{manifest}");
        }
    }
}
