//! The list as it grows.

use std::error::Error;
use std::fmt::Write;

/// Headings, and under each the errors: a name, and below it the situation and the text.
#[derive(Default)]
pub(crate) struct List(String);

impl List {
    pub(crate) fn heading(&mut self, heading: &str) {
        let before = if self.0.is_empty() { "" } else { "\n" };
        self.write(format_args!("{before}# {heading}\n"));
    }

    /// Adds an error as a user prints it, with its sources.
    ///
    /// # Panics
    /// If a source says what was said before it.
    pub(crate) fn add(&mut self, name: &str, when: &str, error: &dyn Error) {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            assert!(!text.contains(&cause_text), "{name} says it twice: {text}");
            text = format!("{text}: {cause_text}");
            source = cause.source();
        }
        self.text(name, when, &text);
    }

    /// Adds the text of anything else.
    pub(crate) fn text(&mut self, name: &str, when: &str, text: &str) {
        // A pattern's fields are no part of the name.
        let name = name.split(['(', '{']).next().unwrap_or(name).trim();
        self.write(format_args!("\n{name}: {when}\n    {text}\n"));
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        // A string takes whatever is written.
        let _ = self.0.write_fmt(text);
    }

    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

/// Adds an error that has to match a pattern, whose name it has in the list.
macro_rules! listed {
    ($list:expr, $pattern:pat, $when:expr, $error:expr $(,)?) => {{
        let error = $error;
        assert!(matches!(error, $pattern), "{error:?}");
        $list.add(stringify!($pattern), $when, &error);
    }};
}

pub(crate) use listed;
