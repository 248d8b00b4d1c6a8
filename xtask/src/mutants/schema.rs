//! A mutant schema: one text of a file that has many mutants in it, of which a variable activates one while a program runs.
//!
//! A build for each mutant would take most of the time; all of a schema's mutants take one.

use std::cmp::Reverse;
use std::ops::Range;

use anyhow::Result;

use super::mutant::{Genre, Mutant};
use super::nodes::{self, Node, Obstacle};

/// Has the number of the mutant that is active; not `plant!`'s variable.
pub(super) const VARIABLE: &str = "TWINWIRE_SCHEMA_MUTANT";

/// Names the file that gets the number of each mutant whose place is reached, a line each.
pub(super) const REACHED: &str = "TWINWIRE_SCHEMA_REACHED";

/// The switch, at the end of each crate's root that has mutants.
pub(super) const SWITCH: &str = r#"
#[doc(hidden)]
pub(crate) fn __schema_mutant(number: usize) -> bool {
    use std::sync::atomic::{AtomicBool, Ordering};
    static ACTIVE: std::sync::OnceLock<Option<usize>> = std::sync::OnceLock::new();
    static REACHED: std::sync::OnceLock<Option<std::fs::File>> = std::sync::OnceLock::new();
    static SEEN: [AtomicBool; 1 << 14] = [const { AtomicBool::new(false) }; 1 << 14];
    let reached = || {
        let file = std::env::var_os("TWINWIRE_SCHEMA_REACHED")?;
        std::fs::File::options().create(true).append(true).open(file).ok()
    };
    if let Some(mut reached) = REACHED.get_or_init(reached).as_ref()
        && !SEEN[number].swap(true, Ordering::Relaxed)
    {
        // One write: other threads and programs write lines of their own.
        let line = format!("{number}\n");
        std::io::Write::write_all(&mut reached, line.as_bytes()).expect("the file takes a line");
    }
    let active = || std::env::var("TWINWIRE_SCHEMA_MUTANT").ok()?.parse().ok();
    *ACTIVE.get_or_init(active) == Some(number)
}
"#;

/// A file with mutants in it.
#[derive(Debug, Default)]
pub(super) struct Schema {
    pub(super) text: String,
    pub(super) pieces: Vec<Piece>,
    pub(super) left_out: Vec<(usize, LeftOut)>,
}

impl Schema {
    /// A file without mutants.
    pub(super) fn plain(text: String) -> Self {
        Self {
            text,
            ..Self::default()
        }
    }

    /// Returns the mutants within a range of the text that are guards of arms.
    pub(super) fn guards_within(&self, range: Range<usize>) -> impl Iterator<Item = usize> {
        let pieces = self.pieces.iter();
        let guards = pieces.filter(move |piece| {
            let Range { start, end } = piece.branch;
            let branch = self.text[start..end].trim_start();
            let is_guard = branch.starts_with("if !crate::") || branch.starts_with("!crate::");
            is_guard && range.start <= start && end <= range.end
        });
        guards.map(|piece| piece.mutant)
    }
}

/// The place of a mutant in a schema's text.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) mutant: usize,
    /// What runs while the mutant is active.
    pub(super) branch: Range<usize>,
    /// The choice between that, other mutants of the place, and what is there without.
    pub(super) choice: Range<usize>,
}

/// The reason why a mutant isn't in a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeftOut {
    /// It wouldn't compile alone either.
    NotCompiled,
    /// It may compile where nothing else does in its place.
    Alone,
}

/// Makes the schema of a file and these mutants of it, each with its number.
pub(super) fn of(text: &str, mutants: &[(usize, &Mutant)]) -> Result<Schema> {
    let nodes = nodes::find(text)?;
    let mut writer = Writer {
        text,
        schema: Schema::default(),
    };
    let mut choices: Vec<Choice> = Vec::new();
    for &(number, mutant) in mutants {
        let span = mutant.span(text)?;
        let node = nodes.get(&(mutant.genre, span.start));
        match change(text, mutant, &span, node) {
            Err(left_out) => writer.schema.left_out.push((number, left_out)),
            Ok(choice) => {
                let place = (choice.range.clone(), choice.how);
                let there = choices
                    .iter_mut()
                    .find(|c| (c.range.clone(), c.how) == place);
                match there {
                    Some(there) => there.changes.push((number, choice.changed)),
                    None => choices.push(Choice {
                        range: choice.range,
                        how: choice.how,
                        changes: vec![(number, choice.changed)],
                    }),
                }
            }
        }
    }
    choices.sort_by_key(Choice::order);
    writer.write(0..text.len(), &choices);
    Ok(writer.schema)
}

/// A place with what can be there.
struct Choice {
    range: Range<usize>,
    how: How,
    changes: Vec<(usize, String)>,
}

impl Choice {
    /// A body's begin comes before its first expression, else what is round others before those inside.
    fn order(&self) -> (usize, bool, Reverse<usize>, How) {
        let Range { start, end } = self.range;
        (start, start < end, Reverse(end), self.how)
    }
}

/// How a mutant is put beside what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum How {
    /// A guard of an arm that had none.
    NewGuard,
    /// A condition besides the arm's guard.
    Guard,
    /// Another value of an expression.
    Expression,
    /// A return before all else.
    Return,
}

struct Change {
    range: Range<usize>,
    how: How,
    changed: String,
}

fn change(
    text: &str,
    mutant: &Mutant,
    span: &Range<usize>,
    node: Option<&Node>,
) -> Result<Change, LeftOut> {
    let node = node.ok_or(LeftOut::Alone)?;
    match node.obstacle {
        None => {}
        Some(Obstacle::OneBody) => return Err(LeftOut::Alone),
        Some(Obstacle::LetChain) => return Err(LeftOut::NotCompiled),
    }
    let (range, how) = match (mutant.genre, &node.guard) {
        (Genre::FnValue, _) => (node.range.clone(), How::Return),
        (Genre::MatchArm, Some(guard)) => (guard.clone(), How::Guard),
        (Genre::MatchArm, None) => (node.range.end..node.range.end, How::NewGuard),
        _ => (node.range.clone(), How::Expression),
    };
    let changed = match how {
        How::Guard | How::NewGuard => String::new(),
        How::Return => mutant.replacement().to_owned(),
        // Its operands stay what they are: as text alone, `a && b && c` would become `a || (b && c)`.
        How::Expression => mutant.apply_within(text, &range, span),
    };
    // Such as `a as usize < b`, whose `<` begins a type's parameters.
    if how == How::Expression && syn::parse_str::<syn::Expr>(&changed).is_err() {
        return Err(LeftOut::NotCompiled);
    }
    Ok(Change {
        range,
        how,
        changed,
    })
}

struct Writer<'a> {
    text: &'a str,
    schema: Schema,
}

impl Writer<'_> {
    /// Writes a range of the text with all choices that lie in it.
    fn write(&mut self, range: Range<usize>, mut choices: &[Choice]) {
        let text = self.text;
        let mut at = range.start;
        while let Some((choice, after)) = choices.split_first() {
            self.add(&text[at..choice.range.start]);
            let within = after
                .iter()
                .take_while(|next| next.range.end <= choice.range.end);
            let (inside, after) = after.split_at(within.count());
            self.choice(choice, inside);
            at = choice.range.end;
            choices = after;
        }
        self.add(&text[at..range.end]);
    }

    fn choice(&mut self, choice: &Choice, inside: &[Choice]) {
        let (begin, first) = (self.schema.text.len(), self.schema.pieces.len());
        if choice.how == How::Expression {
            self.add("(");
        }
        for (number, changed) in &choice.changes {
            let active = format!("crate::__schema_mutant({number})");
            let branch = self.schema.text.len();
            self.add(&match choice.how {
                How::NewGuard => format!(" if !{active}"),
                How::Guard => format!("!{active} && "),
                How::Expression => format!("if {active} {{ ("),
                How::Return => format!("if {active} {{ return "),
            });
            self.add(changed);
            self.add(match choice.how {
                How::NewGuard | How::Guard => "",
                How::Expression => ") } else ",
                How::Return => "; } ",
            });
            self.schema.pieces.push(Piece {
                mutant: *number,
                branch: branch..self.schema.text.len(),
                choice: 0..0,
            });
        }
        let (before, after) = match choice.how {
            How::NewGuard | How::Return => ("", ""),
            How::Guard => ("(", ")"),
            How::Expression => ("{ (", ") })"),
        };
        let pieces = self.schema.pieces.len();
        self.add(before);
        self.write(choice.range.clone(), inside);
        self.add(after);
        let end = self.schema.text.len();
        for piece in &mut self.schema.pieces[first..pieces] {
            piece.choice = begin..end;
        }
    }

    fn add(&mut self, text: &str) {
        self.schema.text.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes the schema of `text`, of which each mutant has the number of its place in the list.
    fn schema(text: &str, mutants: &[(Genre, &str, &str)]) -> Schema {
        let mutants = mutants.iter();
        let mutants = mutants.map(|(genre, words, new)| Mutant::example(*genre, text, words, new));
        let mutants: Vec<Mutant> = mutants.collect();
        let numbered: Vec<(usize, &Mutant)> = mutants.iter().enumerate().collect();
        of(text, &numbered).unwrap()
    }

    #[track_caller]
    fn check(text: &str, mutants: &[(Genre, &str, &str)], expect: &str) {
        let schema = schema(text, mutants);
        assert_eq!(schema.left_out, []);
        assert_eq!(schema.text.replace("crate::__schema_mutant", "is"), expect);
        syn::parse_file(&schema.text).unwrap();
        for piece in &schema.pieces {
            let switch = format!("crate::__schema_mutant({})", piece.mutant);
            assert!(schema.text[piece.branch.clone()].contains(&switch));
            assert!(schema.text[piece.choice.clone()].contains(&switch));
        }
    }

    #[track_caller]
    fn check_left_out(text: &str, mutant: (Genre, &str, &str), why: LeftOut) {
        let schema = schema(text, &[mutant]);
        assert_eq!(schema.left_out, [(0, why)]);
        assert_eq!(schema.text, text);
    }

    #[test]
    fn a_body_returns_at_its_begin() {
        check(
            "async fn é(a: u8) -> u8 { a == 1; 2 }",
            &[
                (Genre::FnValue, "a == 1; 2", "0"),
                (Genre::FnValue, "a == 1; 2", "1"),
                (Genre::BinaryOperator, "==", "!="),
            ],
            "async fn é(a: u8) -> u8 { if is(0) { return 0; } if is(1) { return 1; } \
             (if is(2) { (a != 1) } else { (a == 1) }); 2 }",
        );
    }

    #[test]
    fn mutants_of_one_operator_share_what_is_there_and_those_inside_stay_apart() {
        check(
            "fn f() { a - b > c }",
            &[
                (Genre::BinaryOperator, ">", "=="),
                (Genre::BinaryOperator, "-", "+"),
                (Genre::BinaryOperator, ">", "<"),
            ],
            "fn f() { (if is(0) { (a - b == c) } else if is(2) { (a - b < c) } else { \
             ((if is(1) { (a + b) } else { (a - b) }) > c) }) }",
        );
    }

    #[test]
    fn operators_that_assign_and_those_of_one_operand_have_a_choice() {
        check(
            "fn f() { a += 1; !b }",
            &[
                (Genre::BinaryOperator, "+=", "-="),
                (Genre::UnaryOperator, "!", ""),
            ],
            "fn f() { (if is(0) { (a -= 1) } else { (a += 1) }); (if is(1) { (b) } else { (!b) }) }",
        );
    }

    #[test]
    fn a_guard_has_a_choice_inside_that_of_its_arm() {
        check(
            "fn f() { match a { A if !b => 1, B => 2, _ => 3 } }",
            &[
                (Genre::MatchArm, "A if !b => 1,", ""),
                (Genre::MatchArmGuard, "!b", "true"),
                (Genre::UnaryOperator, "!", ""),
                (Genre::MatchArm, "B => 2,", ""),
            ],
            "fn f() { match a { A if !is(0) && ((if is(1) { (true) } else if is(2) { (b) } else { (!b) })) => 1, \
             B if !is(3) => 2, _ => 3 } }",
        );
    }

    #[test]
    fn a_field_goes_from_the_whole_expression() {
        check(
            "fn f() -> A { A { a, b: 1 + 2, ..A::new() } }",
            &[
                (Genre::StructField, "a,", ""),
                (Genre::BinaryOperator, "+", "-"),
            ],
            "fn f() -> A { (if is(0) { (A {  b: 1 + 2, ..A::new() }) } else { \
             (A { a, b: (if is(1) { (1 - 2) } else { (1 + 2) }), ..A::new() }) }) }",
        );
    }

    #[test]
    fn what_can_have_no_choice_is_left_out() {
        let addition = (Genre::BinaryOperator, "+", "-");
        check_left_out("const A: u8 = 1 + 2;", addition, LeftOut::Alone);
        check_left_out("const fn f() -> u8 { 1 + 2 }", addition, LeftOut::Alone);
        check_left_out("fn f(a: [u8; 1 + 2]) {}", addition, LeftOut::Alone);
        let body = (Genre::FnValue, "g()", "empty()");
        let text = "fn f() -> Option<impl Iterator> { g() }";
        check_left_out(text, body, LeftOut::Alone);
        let and = (Genre::BinaryOperator, "&&", "||");
        let text = "fn f() { if let A = a && b {} }";
        check_left_out(text, and, LeftOut::NotCompiled);
        let greater = (Genre::BinaryOperator, ">", "<");
        let text = "fn f() { a as u8 > b }";
        check_left_out(text, greater, LeftOut::NotCompiled);
    }

    #[test]
    fn the_switch_reads_the_variables() {
        assert!(SWITCH.contains(&format!("\"{VARIABLE}\"")));
        assert!(SWITCH.contains(&format!("\"{REACHED}\"")));
        assert!(SWITCH.contains("fn __schema_mutant("));
    }
}
