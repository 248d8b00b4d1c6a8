//! The command line: what can be asked for, and what is wrong with a request.

use std::fmt;
use std::net::IpAddr;

use crate::mutants::{Stratum, Wanted};
use crate::test::Suite;

/// The port of `start` when none is given.
const DEFAULT_PORT: u16 = 9501;

pub(crate) const USAGE: &str = "\
usage: cargo xtask VERB

  start [--port N] [--host ADDRESS]
                     set up what is missing, build the page, serve page and wire
                     (http://localhost:9501, or port N; 0 takes any free one; at
                     ADDRESS others reach it too, 0.0.0.0 is every network of this
                     machine's)
  test [SUITE…]      run the suites, or those named, and end with one table:
                     fmt lint doc unit vectors sim server conformance clients wasm
                     stories package npm npm-package tidy
  simulate [--seeds N] [--seed S] [--mutant NAME] [--mutants]
                     run sessions in a world of faults, against an oracle: 10,000
                     seeds, so many, or one; with a bug planted, by name, or with
                     each of them in turn, to see with which seed it is found, and
                     with each of the shells' in worlds
  worlds [--seeds N] [--seed S] [--bytes|--plain] [--tell] [--mutant NAME] [--mutants]
                     run client and server as they ship in worlds of faults, against
                     an oracle: 2,000 seeds, so many, or one, and print what happens
                     in it; over links in memory, or over WebSockets; or the plain
                     endpoint with one client; with a bug of the shells planted, or
                     each of them in turn
  conformance        run the 517 cases of the Autobahn test suite against the plain
                     endpoint; the suite of this name runs the quick sections
  bench              compare the browser's socket with gloo-net's, in three browsers:
                     messages a second and their ratio, printed and never judged
  bench cpu [--against COMMIT]
                     measure the server's CPU time per message, of typed calls and of a
                     topic's deliveries; with a commit both, in alternation, and their
                     ratio with its interval
  mutants --sample N --seed S [--stratum NAME]...
                     plant N changes of the code's that compile in each stratum (session
                     remote client server websocket client-wasm), one at a time in a copy,
                     and print those that no suite notices; a run that was ended goes on
  mutants --mutant TEXT
                     plant each change whose name has this text, such as its file:line
  npm                build the npm package into npm/dist, pack its archive, and print
                     what a page loads of it; above the budget is a failure
  types              write the TypeScript files anew that are generated of Rust types
  tidy               the house rules alone, as `test tidy`
  path               set up the page's tools and trunk, which takes minutes to compile,
                     and print their folders, to put before PATH and run `trunk serve`
  help               this text

environment:
  TWINWIRE_CACHE     where tools are kept (default: twinwire in $XDG_CACHE_HOME,
                     else in ~/.cache)
  CI                 when set, a skipped test or an empty suite is a failure";

/// What the user asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Help,
    Start {
        port: u16,
        /// None for both addresses of `localhost`.
        host: Option<IpAddr>,
    },
    Test {
        suites: Vec<Suite>,
    },
    Simulate {
        arguments: Vec<String>,
        mutants: bool,
    },
    Worlds {
        arguments: Vec<String>,
        mutants: bool,
    },
    Conformance,
    Bench,
    BenchCpu {
        /// The commit to compare with, as git names it.
        against: Option<String>,
    },
    Mutants(Wanted),
    Npm,
    Types,
    Tidy,
    Path,
}

/// A command line that asks for nothing we know.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Misuse {
    NoVerb,
    UnknownVerb(String),
    UnknownSuite(String),
    UnknownStratum(String),
    UnexpectedArgument(String),
    PortMissing,
    PortInvalid(String),
    HostInvalid(String),
    ValueMissing(String),
    OptionMissing(&'static str),
    NoNumber { of: String, value: String },
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoVerb => write!(f, "there is no verb: take one of those below"),
            Self::UnknownVerb(verb) => {
                write!(f, "there is no verb `{verb}`: take one of those below")
            }
            Self::UnknownSuite(suite) => {
                write!(f, "there is no suite `{suite}`: take one of those below")
            }
            Self::UnknownStratum(stratum) => write!(
                f,
                "there is no stratum `{stratum}`: take one of those below"
            ),
            Self::UnexpectedArgument(argument) => {
                write!(f, "`{argument}` is not expected here: leave it out")
            }
            Self::PortMissing => write!(f, "--port has no value: give a number from 0 to 65535"),
            Self::PortInvalid(port) => {
                write!(f, "--port takes a number from 0 to 65535, not `{port}`")
            }
            Self::HostInvalid(host) => {
                write!(
                    f,
                    "--host takes an IP address, such as 0.0.0.0, not `{host}`"
                )
            }
            Self::ValueMissing(option) => write!(f, "{option} has no value: give one behind it"),
            Self::OptionMissing(option) => write!(f, "{option} is missing: give it, and its value"),
            Self::NoNumber { of, value } => write!(f, "{of} takes a number, not `{value}`"),
        }
    }
}

/// Reads the arguments that follow `cargo xtask`.
pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Verb, Misuse> {
    let mut arguments = arguments.into_iter();
    let verb = arguments.next().ok_or(Misuse::NoVerb)?;
    let rest: Vec<String> = arguments.collect();
    if is_help(&verb) || rest.iter().any(|argument| is_help(argument)) {
        return Ok(Verb::Help);
    }
    match verb.as_str() {
        "start" => parse_start(rest),
        "test" => Ok(Verb::Test {
            suites: parse_suites(rest)?,
        }),
        "simulate" => parse_simulate(rest),
        "worlds" => parse_worlds(rest),
        "conformance" => nothing_more(rest, Verb::Conformance),
        "bench" if rest.first().is_some_and(|word| word == "cpu") => parse_bench_cpu(&rest[1..]),
        "bench" => nothing_more(rest, Verb::Bench),
        "mutants" => parse_mutants(rest),
        "npm" => nothing_more(rest, Verb::Npm),
        "types" => nothing_more(rest, Verb::Types),
        "tidy" => nothing_more(rest, Verb::Tidy),
        "path" => nothing_more(rest, Verb::Path),
        _ => Err(Misuse::UnknownVerb(verb)),
    }
}

fn is_help(argument: &str) -> bool {
    matches!(argument, "help" | "--help" | "-h")
}

fn nothing_more(rest: Vec<String>, verb: Verb) -> Result<Verb, Misuse> {
    match rest.into_iter().next() {
        None => Ok(verb),
        Some(argument) => Err(Misuse::UnexpectedArgument(argument)),
    }
}

fn parse_start(rest: Vec<String>) -> Result<Verb, Misuse> {
    let mut rest = rest.into_iter();
    let (mut port, mut host) = (DEFAULT_PORT, None);
    while let Some(argument) = rest.next() {
        let (option, attached) = match argument.split_once('=') {
            Some((option, value)) => (option.to_owned(), Some(value.to_owned())),
            None => (argument.clone(), None),
        };
        let value = attached.or_else(|| rest.next());
        match option.as_str() {
            "--port" => {
                let value = value.ok_or(Misuse::PortMissing)?;
                port = value.parse().map_err(|_| Misuse::PortInvalid(value))?;
            }
            "--host" => {
                let value = value.ok_or(Misuse::ValueMissing(option))?;
                host = Some(value.parse().map_err(|_| Misuse::HostInvalid(value))?);
            }
            _ => return Err(Misuse::UnexpectedArgument(argument)),
        }
    }
    Ok(Verb::Start { port, host })
}

fn parse_bench_cpu(rest: &[String]) -> Result<Verb, Misuse> {
    let against = match rest {
        [] => None,
        [option, commit] if option == "--against" => Some(commit.clone()),
        [option] if option == "--against" => return Err(Misuse::ValueMissing(option.clone())),
        [option, _, argument, ..] if option == "--against" => {
            return Err(Misuse::UnexpectedArgument(argument.clone()));
        }
        [argument, ..] => return Err(Misuse::UnexpectedArgument(argument.clone())),
    };
    Ok(Verb::BenchCpu { against })
}

/// The simulator's own arguments, looked through before anything is compiled for them.
fn parse_simulate(rest: Vec<String>) -> Result<Verb, Misuse> {
    Ok(Verb::Simulate {
        mutants: needs_mutants(&rest, false)?,
        arguments: rest,
    })
}

/// The arguments of worlds, looked through likewise.
fn parse_worlds(rest: Vec<String>) -> Result<Verb, Misuse> {
    Ok(Verb::Worlds {
        mutants: needs_mutants(&rest, true)?,
        arguments: rest,
    })
}

/// Looks arguments of the simulator or of worlds through, and returns true if bugs have to be compiled for them.
fn needs_mutants(rest: &[String], is_of_worlds: bool) -> Result<bool, Misuse> {
    let mut mutants = false;
    let mut words = rest.iter();
    while let Some(option) = words.next() {
        match option.as_str() {
            "--tell" | "--bytes" | "--plain" if is_of_worlds => {}
            "--mutants" => mutants = true,
            "--seeds" | "--seed" => number(option, words.next())?,
            "--mutant" => {
                let value = words.next();
                value.ok_or_else(|| Misuse::ValueMissing(option.clone()))?;
                mutants = true;
            }
            _ => return Err(Misuse::UnexpectedArgument(option.clone())),
        }
    }
    Ok(mutants)
}

/// Looks whether an option has a number.
fn number(option: &str, value: Option<&String>) -> Result<(), Misuse> {
    let of = option.to_owned();
    match value {
        None => Err(Misuse::ValueMissing(of)),
        Some(value) if value.parse::<u64>().is_err() => Err(Misuse::NoNumber {
            of,
            value: value.clone(),
        }),
        Some(_) => Ok(()),
    }
}

fn parse_mutants(rest: Vec<String>) -> Result<Verb, Misuse> {
    let (mut sample, mut seed, mut strata, mut mutant) = (None, None, Vec::new(), None);
    let mut words = rest.into_iter();
    while let Some(option) = words.next() {
        if !["--sample", "--seed", "--stratum", "--mutant"].contains(&option.as_str()) {
            return Err(Misuse::UnexpectedArgument(option));
        }
        let Some(value) = words.next() else {
            return Err(Misuse::ValueMissing(option));
        };
        let number = || {
            let (of, value) = (option.clone(), value.clone());
            value.parse().map_err(|_| Misuse::NoNumber { of, value })
        };
        match option.as_str() {
            "--sample" => sample = Some(number()?),
            "--seed" => seed = Some(number()?),
            "--stratum" => {
                let named = |stratum: &Stratum| stratum.name() == value;
                let found = Stratum::ALL.into_iter().find(named);
                strata.push(found.ok_or(Misuse::UnknownStratum(value))?);
            }
            _ => mutant = Some(value),
        }
    }
    let needed = |value: Option<u64>, option| match (value, &mutant) {
        (Some(value), _) => Ok(value),
        (None, Some(_)) => Ok(0),
        (None, None) => Err(Misuse::OptionMissing(option)),
    };
    let sample = needed(sample, "--sample")?;
    Ok(Verb::Mutants(Wanted {
        sample: usize::try_from(sample).unwrap_or(usize::MAX),
        seed: needed(seed, "--seed")?,
        strata,
        mutant,
    }))
}

/// All suites when none is named; in the order of a full run, each once, however they are named.
fn parse_suites(rest: Vec<String>) -> Result<Vec<Suite>, Misuse> {
    let mut named = Vec::new();
    for name in rest {
        match Suite::ALL.into_iter().find(|suite| suite.name() == name) {
            Some(suite) => named.push(suite),
            None if name.starts_with('-') => return Err(Misuse::UnexpectedArgument(name)),
            None => return Err(Misuse::UnknownSuite(name)),
        }
    }
    let wanted = |suite: &Suite| named.is_empty() || named.contains(suite);
    Ok(Suite::ALL.into_iter().filter(wanted).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expect: Result<Verb, Misuse>) {
        assert_eq!(
            parse(line.split_whitespace().map(str::to_owned)),
            expect,
            "{line}"
        );
    }

    #[test]
    fn start_takes_a_port_in_both_forms() {
        let start = |port, host| Ok(Verb::Start { port, host });
        check("start", start(9501, None));
        check("start --port 0", start(0, None));
        check("start --port=9600", start(9600, None));
    }

    #[test]
    fn start_takes_an_address() {
        let host = Some(IpAddr::from([0, 0, 0, 0]));
        check("start --host 0.0.0.0", Ok(Verb::Start { port: 9501, host }));
        check(
            "start --host=0.0.0.0 --port 1",
            Ok(Verb::Start { port: 1, host }),
        );
        check("start --host me", Err(Misuse::HostInvalid("me".into())));
        check("start --host", Err(Misuse::ValueMissing("--host".into())));
    }

    #[test]
    fn a_bad_port_is_named() {
        check("start --port", Err(Misuse::PortMissing));
        check(
            "start --port 70000",
            Err(Misuse::PortInvalid("70000".into())),
        );
        check("start --port=", Err(Misuse::PortInvalid(String::new())));
        check(
            "start --ports 1",
            Err(Misuse::UnexpectedArgument("--ports".into())),
        );
    }

    #[test]
    fn test_without_names_runs_every_suite() {
        check(
            "test",
            Ok(Verb::Test {
                suites: Suite::ALL.to_vec(),
            }),
        );
    }

    #[test]
    fn named_suites_run_once_and_in_the_order_of_a_full_run() {
        let suites = vec![Suite::Fmt, Suite::Tidy];
        check("test tidy fmt tidy", Ok(Verb::Test { suites }));
    }

    #[test]
    fn the_bench_of_the_server_takes_a_commit() {
        let cpu = |against: Option<&str>| {
            let against = against.map(str::to_owned);
            Ok(Verb::BenchCpu { against })
        };
        check("bench", Ok(Verb::Bench));
        check("bench cpu", cpu(None));
        check("bench cpu --against HEAD~1", cpu(Some("HEAD~1")));
        check(
            "bench cpu --against",
            Err(Misuse::ValueMissing("--against".into())),
        );
        for line in ["bench cpu 7", "bench cpu --against HEAD 7", "bench 7"] {
            check(line, Err(Misuse::UnexpectedArgument("7".into())));
        }
    }

    #[test]
    fn a_sample_of_mutants_has_a_size_and_a_seed() {
        let wanted = |strata: &[Stratum]| Wanted {
            sample: 40,
            seed: 7,
            strata: strata.to_vec(),
            mutant: None,
        };
        check(
            "mutants --sample 40 --seed 7",
            Ok(Verb::Mutants(wanted(&[]))),
        );
        check(
            "mutants --seed 7 --stratum client-wasm --sample 40 --stratum remote",
            Ok(Verb::Mutants(wanted(&[
                Stratum::ClientWasm,
                Stratum::Remote,
            ]))),
        );
        let mutant = Some("life.rs:7".to_owned());
        let named = Wanted {
            sample: 0,
            seed: 0,
            strata: Vec::new(),
            mutant,
        };
        check("mutants --mutant life.rs:7", Ok(Verb::Mutants(named)));
        check("mutants --sample 40", Err(Misuse::OptionMissing("--seed")));
        check(
            "mutants --all",
            Err(Misuse::UnexpectedArgument("--all".into())),
        );
        let (of, value) = ("--sample".into(), "few".into());
        check("mutants --sample few", Err(Misuse::NoNumber { of, value }));
    }

    #[test]
    fn unknown_words_are_refused() {
        check("", Err(Misuse::NoVerb));
        check("begin", Err(Misuse::UnknownVerb("begin".into())));
        check("test units", Err(Misuse::UnknownSuite("units".into())));
        check(
            "test --fast",
            Err(Misuse::UnexpectedArgument("--fast".into())),
        );
        check("tidy all", Err(Misuse::UnexpectedArgument("all".into())));
    }

    #[test]
    fn the_simulators_arguments_are_looked_through() {
        let simulate = |line: &str, mutants| {
            let arguments = line.split_whitespace().map(str::to_owned).collect();
            Ok(Verb::Simulate { arguments, mutants })
        };
        for (line, mutants) in [
            ("", false),
            ("--seeds 500", false),
            ("--seed 7 --mutant ack_ahead", true),
            ("--mutants --seeds 9", true),
        ] {
            check(&format!("simulate {line}"), simulate(line, mutants));
        }
        let (of, value) = ("--seeds".into(), "many".into());
        check("simulate --seeds many", Err(Misuse::NoNumber { of, value }));
        check(
            "simulate --seed",
            Err(Misuse::ValueMissing("--seed".into())),
        );
        check("simulate 7", Err(Misuse::UnexpectedArgument("7".into())));
        let tell = Misuse::UnexpectedArgument("--tell".into());
        check("simulate --tell", Err(tell));
    }

    #[test]
    fn the_arguments_of_worlds_are_looked_through() {
        let worlds = |line: &str, mutants| {
            let arguments = line.split_whitespace().map(str::to_owned).collect();
            Ok(Verb::Worlds { arguments, mutants })
        };
        for (line, mutants) in [
            ("", false),
            ("--plain --seeds 500", false),
            ("--bytes --seed 7 --tell", false),
            ("--seed 7 --mutant second_handler_unused", true),
            ("--mutants --seeds 9", true),
        ] {
            check(&format!("worlds {line}"), worlds(line, mutants));
        }
        let value = Misuse::ValueMissing("--seed".into());
        check("worlds --seed", Err(value));
        check("worlds 7", Err(Misuse::UnexpectedArgument("7".into())));
    }

    #[test]
    fn a_wrong_command_line_is_told_what_to_change() {
        const LIST: &str = include_str!("../../server/tests/errors.txt");
        let mut section = String::from("# command line of cargo xtask\n");
        for line in [
            "",
            "begin",
            "test units",
            "tidy all",
            "start --port",
            "start --port 70000",
            "start --host me",
            "simulate --seed",
            "simulate --seeds many",
            "mutants --seed 7",
            "mutants --stratum none",
        ] {
            let misuse = parse(line.split_whitespace().map(str::to_owned));
            let misuse = misuse.expect_err(line);
            // Each of them is in the list.
            match misuse {
                Misuse::NoVerb
                | Misuse::UnknownVerb(_)
                | Misuse::UnknownSuite(_)
                | Misuse::UnknownStratum(_)
                | Misuse::UnexpectedArgument(_)
                | Misuse::PortMissing
                | Misuse::PortInvalid(_)
                | Misuse::HostInvalid(_)
                | Misuse::ValueMissing(_)
                | Misuse::OptionMissing(_)
                | Misuse::NoNumber { .. } => {}
            }
            let command = format!("cargo xtask {line}");
            section += &format!("\n{}\n    {misuse}\n", command.trim());
        }
        assert!(
            LIST.contains(&section),
            "server/tests/errors.txt needs:\n{section}"
        );
    }

    #[test]
    fn help_wins_wherever_it_stands() {
        check("--help", Ok(Verb::Help));
        check("start --port --help", Ok(Verb::Help));
    }
}
