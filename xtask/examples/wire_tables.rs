//! Prints the tables of PROTOCOL.md as the code has them: `cargo run -p xtask --example wire_tables`.
//!
//! `cargo xtask test tidy` compares them with the document. It is a program of its own so that
//! xtask itself compiles in seconds, and also while the protocol doesn't.
#![forbid(unsafe_code)]

use twinwire::GoodbyeCode;
use twinwire::frame::{FrameSender, FrameType, Refusal};
use twinwire::session::{Admission, Role, State};

fn main() {
    let frames = FrameType::ALL
        .iter()
        .map(|(frame, name, sender, numbered)| {
            let number = format!("0x{:02x}", frame.number());
            let numbered = if *numbered { "yes" } else { "no" };
            vec![
                number,
                (*name).to_owned(),
                from(*sender).to_owned(),
                numbered.to_owned(),
            ]
        });
    print("frames", &["number", "frame", "from", "numbered"], frames);

    let states = State::ALL.iter();
    let states = states.map(|(_, name, meaning)| vec![(*name).to_owned(), (*meaning).to_owned()]);
    print("states", &["state", "meaning"], states);

    let columns: Vec<&str> = std::iter::once("frame")
        .chain(State::ALL.iter().map(|(_, name, _)| *name))
        .collect();
    let admissions = FrameType::ALL.iter().map(|(frame, name, ..)| {
        let cells = State::ALL
            .iter()
            .map(|(state, ..)| admission(*state, *frame));
        std::iter::once((*name).to_owned()).chain(cells).collect()
    });
    print("admissions", &columns, admissions);

    let goodbyes = GoodbyeCode::ALL.iter().map(|(code, name, retry, meaning)| {
        let (number, close) = (code.number().to_string(), code.close_code().to_string());
        vec![
            number,
            (*name).to_owned(),
            close,
            retry.to_string(),
            (*meaning).to_owned(),
        ]
    });
    print(
        "goodbyes",
        &["number", "goodbye", "close code", "retry", "meaning"],
        goodbyes,
    );

    let refusals = Refusal::ALL.iter().map(|(refusal, name, meaning)| {
        let (number, retry) = (refusal.number().to_string(), refusal.retry().to_string());
        vec![number, (*name).to_owned(), retry, (*meaning).to_owned()]
    });
    print(
        "refusals",
        &["status", "refusal", "retry", "meaning"],
        refusals,
    );
}

/// What becomes of a frame in a state; where the two roles differ, of which of them.
fn admission(state: State, frame: FrameType) -> String {
    let word = |role| match state.admit(role, frame) {
        Admission::Take => "take",
        Admission::Drop => "drop",
        Admission::Refuse => "–",
    };
    match (state.is_of(Role::Client), state.is_of(Role::Server)) {
        (true, true) if word(Role::Client) != word(Role::Server) => {
            let told = [
                ("client", word(Role::Client)),
                ("server", word(Role::Server)),
            ];
            let told = told.into_iter().filter(|(_, word)| *word != "–");
            let told: Vec<String> = told.map(|(role, word)| format!("{role}: {word}")).collect();
            told.join(", ")
        }
        (true, _) => word(Role::Client).to_owned(),
        (false, _) => word(Role::Server).to_owned(),
    }
}

fn from(sender: FrameSender) -> &'static str {
    match sender {
        FrameSender::Client => "client",
        FrameSender::Server => "server",
        FrameSender::Both => "both",
    }
}

fn print(name: &str, columns: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    println!("<!-- table: {name} -->");
    println!("| {} |", columns.join(" | "));
    println!("|{}", "---|".repeat(columns.len()));
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
        println!("| {} |", cells.join(" | "));
    }
    println!();
}
