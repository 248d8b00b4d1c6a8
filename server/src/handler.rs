//! The application's handlers, with their types folded away.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;

use twinwire::limits::MAX_PAYLOAD;
use twinwire::{Answer, Call, DecodeError, EncodeError, Fingerprint, Format, KindEntry, Refusal};

use crate::Cx;

/// What a call becomes. It stays on the worker where the call arrived, so it need not be `Send`.
pub(crate) type Handling = Pin<Box<dyn Future<Output = Answer<Vec<u8>>>>>;

type Handler<S, I> = dyn Fn(Cx<S, I>, Format, Vec<u8>) -> Handling + Send + Sync;

/// One kind that the server answers.
pub(crate) struct Registered<S, I> {
    pub(crate) fingerprint: Fingerprint,
    handler: Box<Handler<S, I>>,
}

impl<S: 'static, I: 'static> Registered<S, I> {
    pub(crate) fn call<C, F, R>(handler: F) -> Self
    where
        C: Call,
        F: Fn(Cx<S, I>, C) -> R + Send + Sync + 'static,
        R: Future<Output = Result<C::Reply, C::Error>> + 'static,
    {
        let handler = Arc::new(handler);
        let handler = move |cx, format: Format, payload: Vec<u8>| -> Handling {
            let handler = Arc::clone(&handler);
            Box::pin(async move {
                let request = match format.decode(&payload) {
                    Ok(request) => request,
                    Err(error) => return unreadable(C::NAME, &error),
                };
                drop(payload);
                let answer = match handler(cx, request).await {
                    Ok(reply) => format.encode(&reply, MAX_PAYLOAD).map(Answer::Value),
                    Err(error) => format.encode(&error, MAX_PAYLOAD).map(Answer::Error),
                };
                answer.unwrap_or_else(|error| unwritable(C::NAME, &error))
            })
        };
        Self {
            fingerprint: C::FINGERPRINT,
            handler: Box::new(handler),
        }
    }

    /// Reads the request, runs its handler and writes the answer, when polled: the application's
    /// code runs nowhere else.
    pub(crate) fn handle(&self, cx: Cx<S, I>, format: Format, payload: Vec<u8>) -> Handling {
        (self.handler)(cx, format, payload)
    }
}

fn unreadable(kind: &str, error: &DecodeError) -> Answer<Vec<u8>> {
    // At the peer's pace, so not louder.
    tracing::debug!(kind, %error, "a call's payload can't be read");
    Answer::Refused(Refusal::Undecodable.into())
}

/// The handler answered with what can't be written.
fn unwritable(kind: &str, error: &EncodeError) -> Answer<Vec<u8>> {
    tracing::error!(kind, %error, "an answer can't be written");
    let refusal = match error {
        EncodeError::TooLarge { .. } => Refusal::TooLarge,
        _ => Refusal::Unwritable,
    };
    Answer::Refused(refusal.into())
}

/// All kinds by name.
pub(crate) type Registry<S, I> = HashMap<&'static str, Registered<S, I>>;

/// A client's table against the server's: what each of its kinds means here.
pub(crate) fn judge<S, I>(
    registry: &Registry<S, I>,
    table: &[KindEntry],
) -> (Vec<Option<&'static str>>, Vec<(u32, Refusal)>) {
    let mut refused = Vec::new();
    let mut differing = Vec::new();
    let known = (0..).zip(table).map(|(place, entry)| {
        let refusal = match registry.get_key_value(entry.name.as_str()) {
            Some((name, kind)) if kind.fingerprint == entry.fingerprint => return Some(*name),
            Some((name, _)) => {
                differing.push(*name);
                Refusal::KindDiffers
            }
            None => {
                tracing::debug!(kind = ?entry.name, "a client has a kind that no handler answers");
                Refusal::UnknownKind
            }
        };
        refused.push((place, refusal));
        None
    });
    let known = known.collect();
    if !differing.is_empty() {
        tracing::warn!(
            kinds = ?differing,
            "a client has these kinds with another structure: one of the two is older"
        );
    }
    (known, refused)
}
