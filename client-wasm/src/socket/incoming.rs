//! What a message event carries, on its one way into wasm's memory.

use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::prelude::*;

use super::message::Message;

#[wasm_bindgen]
extern "C" {
    /// The `data` of a message event: a string, or, because that is the socket's binary type, an
    /// `ArrayBuffer`. Which of them, its length tells together with its size: one call less a message.
    pub(super) type Data;

    /// Bytes of a buffer; a string has none.
    #[wasm_bindgen(method, getter, structural, js_name = byteLength)]
    fn byte_length(this: &Data) -> Option<u32>;

    /// UTF-16 units of a string; a buffer has none.
    #[wasm_bindgen(method, getter, structural)]
    fn length(this: &Data) -> Option<u32>;
}

impl Data {
    /// Copies the message, if its size is admitted: what is too large for us must not be allocated.
    ///
    /// A text's size is its UTF-16 units, which are at most as many as its bytes of UTF-8.
    pub(super) fn copy(&self, admits: impl FnOnce(usize) -> bool) -> Option<Message> {
        if let Some(bytes) = self.byte_length() {
            let buffer = self.unchecked_ref::<ArrayBuffer>();
            return admits(bytes as usize)
                .then(|| Message::Binary(Uint8Array::new(buffer).to_vec()));
        }
        let units = self.length()?;
        admits(units as usize)
            .then(|| self.as_string().map(Message::Text))
            .flatten()
    }
}
