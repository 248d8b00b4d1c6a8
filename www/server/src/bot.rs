//! A bot without a model: it says what a stream is, one word after the other.

use std::time::Duration;

use chat::{Ask, AskError, Word, check_text};
use twinwire_server::StreamSender;

use crate::chat::Cx;

/// Between two words: about the pace of a large model.
const PACE: Duration = Duration::from_millis(80);

/// The most characters of a question that are quoted.
const QUOTED: usize = 120;

const EXPLANATION: &str = "I am a small bot with no model behind me, so I can't tell you. But I can \
    show you how an answer travels. Your page made one call, and what comes back is a stream: one \
    typed value for each word, as soon as there is one. If your page reads slowly, I wait, and I hold \
    up nobody else. If you press Stop, your page drops the stream; I am cancelled at my next word, and \
    what I would have said is never sent. Meanwhile, the rooms and the private messages go on over the \
    same connection.";

pub(crate) async fn answer(
    cx: Cx,
    ask: Ask,
    mut sender: StreamSender<Ask>,
) -> Result<(), AskError> {
    let prompt = check_text(&ask.prompt).map_err(AskError::Text)?;
    if !cx.state().knows(cx.id()) {
        return Err(AskError::NotJoined);
    }
    let mut progress = Progress::default();
    for text in words(prompt) {
        tokio::time::sleep(PACE).await;
        sender.send(Word { text }).await;
        progress.words += 1;
    }
    progress.complete = true;
    Ok(())
}

/// The words of an answer, each with the space before it.
fn words(prompt: &str) -> Vec<String> {
    let quoted: String = prompt.chars().take(QUOTED).collect();
    let rest = if quoted.len() < prompt.len() {
        "…"
    } else {
        ""
    };
    let answer = format!("You asked: “{quoted}{rest}” {EXPLANATION}");
    let words = answer.split_whitespace().enumerate();
    words
        .map(|(place, word)| {
            if place == 0 {
                word.to_owned()
            } else {
                format!(" {word}")
            }
        })
        .collect()
}

/// How far an answer is; says so when it is dropped before its end.
#[derive(Debug, Default)]
struct Progress {
    words: usize,
    complete: bool,
}

impl Drop for Progress {
    fn drop(&mut self) {
        if !self.complete {
            tracing::info!("the bot was stopped after {} words", self.words);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_quotes_its_question_and_no_more_of_it_than_fits() {
        let answer = words("Why\nnot?").concat();
        assert!(answer.starts_with("You asked: “Why not?” I am"), "{answer}");
        let answer = words(&"é".repeat(QUOTED + 1)).concat();
        assert!(
            answer.contains(&format!("“{}…”", "é".repeat(QUOTED))),
            "{answer}"
        );
    }
}
