//! Run with `cargo run --release -p twinwire-sim --example bank`.
//!
//! Handlers of one's own in the simulator: clients pay into a bank while connections break. Whatever
//! happens, what the bank has is what it was paid: each payment once, and none that was told not to have
//! been received.

use std::cell::Cell;
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use twinwire::session::{AnyEvent, Event, Outcome};
use twinwire::{Answer, Call, Format, Kinds, kinds};
use twinwire_sim::{Application, Dice, Phase, Plan, Port, Simulation};

#[derive(Serialize, Deserialize, Call)]
#[call(reply = u64)]
struct Pay {
    amount: u64,
}

const KINDS: Kinds = kinds![Pay];

/// What the two ends share only in this test: how much surely was, and how much may have been paid.
#[derive(Clone, Default)]
struct Books {
    bank: Rc<Cell<u64>>,
    paid: Rc<Cell<u64>>,
    unclear: Rc<Cell<u64>>,
}

struct Payer(Books);

impl Application for Payer {
    fn act(&mut self, port: &mut Port<'_>, _: &mut Dice) {
        if port.phase() == Phase::Busy && port.has_room(64) {
            // What becomes of it is heard later.
            let _ = port.ask(0, &Pay { amount: 1 });
        }
    }

    fn hear(&mut self, _: &mut Port<'_>, event: AnyEvent, _: &mut Dice) {
        let Books { paid, unclear, .. } = &self.0;
        match event {
            AnyEvent::Both(Event::Outcome {
                outcome: Outcome::Answered(Answer::Value(_)),
                ..
            }) => paid.set(paid.get() + 1),
            AnyEvent::Both(Event::Outcome {
                outcome: Outcome::NotReceived,
                ..
            }) => {}
            AnyEvent::Both(Event::Outcome { .. }) => unclear.set(unclear.get() + 1),
            _ => {}
        }
    }
}

struct Bank(Books);

impl Application for Bank {
    fn act(&mut self, _: &mut Port<'_>, _: &mut Dice) {}

    fn hear(&mut self, port: &mut Port<'_>, event: AnyEvent, _: &mut Dice) {
        if let AnyEvent::Both(Event::Request(request)) = event
            && let Ok(Pay { amount }) = Format::Postcard.decode(&request.payload)
        {
            let bank = &self.0.bank;
            bank.set(bank.get() + amount);
            let total = Format::Postcard.encode(&bank.get(), 16).unwrap_or_default();
            port.answer(request.number, Answer::Value(total));
        }
    }
}

fn main() {
    for seed in 0..200 {
        let books = Books::default();
        let (payer, bank) = (books.clone(), books.clone());
        let payers = move |_, _: &mut Dice| Payer(payer.clone());
        let simulation = Simulation::new(Plan::default(), KINDS, payers, move |_, _| {
            Bank(bank.clone())
        });
        let report = simulation.run(seed).expect("nothing is lost");
        let (has, paid, unclear) = (books.bank.get(), books.paid.get(), books.unclear.get());
        assert!(
            paid <= has && has <= paid + unclear,
            "seed {seed}: {paid} paid, {has} there"
        );
        if seed == 0 {
            println!(
                "{has} there, {paid} surely paid, {unclear} unclear; {} cuts",
                report.cuts
            );
        }
    }
    println!("the books of 200 banks are right");
}
