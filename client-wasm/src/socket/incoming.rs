//! What a message event carries, on its one way into wasm's memory.

use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::prelude::*;

use super::message::Message;

#[wasm_bindgen]
extern "C" {
    /// The `data` of a message event: a string, or, because that is the socket's binary type, an
    /// `ArrayBuffer`.
    pub(super) type Data;

    /// Returns the UTF-16 units of a string.
    #[wasm_bindgen(method, getter, structural)]
    fn length(this: &Data) -> u32;

    /// Copies as [`Uint8Array::copy_to`] does, which asks for the length once more.
    #[wasm_bindgen(js_namespace = Uint8Array, js_name = "prototype.set.call")]
    fn fill(bytes: &mut [u8], from: &Uint8Array);
}

impl Data {
    /// Copies the message, if its size is admitted: what is too large for us must not be allocated.
    ///
    /// A text's size is its UTF-16 units, which are at most as many as its bytes of UTF-8.
    pub(super) fn copy(&self, admits: impl FnOnce(usize) -> bool) -> Option<Message> {
        if self.is_string() {
            let units = self.length() as usize;
            return admits(units)
                .then(|| self.as_string().map(Message::Text))
                .flatten();
        }
        // A view, which copies nothing yet.
        let view = Uint8Array::new(self.unchecked_ref::<ArrayBuffer>());
        let length = view.length() as usize;
        admits(length).then(|| {
            let mut bytes = vec![0; length];
            fill(&mut bytes, &view);
            Message::Binary(bytes)
        })
    }
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    fn copy(value: &JsValue) -> Option<Message> {
        value.unchecked_ref::<Data>().copy(|_| true)
    }

    #[wasm_bindgen_test]
    fn texts_of_every_length_and_script_come_whole() {
        for piece in ["x", "é", "端", "😀", "x😀", "xxxxxxx端"] {
            for count in [0, 1, 100, 10_000] {
                let text = piece.repeat(count);
                let value = JsValue::from_str(&text);
                assert_eq!(copy(&value), Some(Message::Text(text)));
            }
        }
    }

    #[wasm_bindgen_test]
    fn buffers_come_whole() {
        for length in [0, 1, 128, 10_000] {
            let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(length).collect();
            let buffer = Uint8Array::from(bytes.as_slice()).buffer();
            assert_eq!(copy(&buffer), Some(Message::Binary(bytes)));
        }
    }

    #[wasm_bindgen_test]
    fn size_is_asked_for_and_heeded() {
        let buffer = Uint8Array::new_with_length(7).buffer();
        for (value, size) in [(JsValue::from_str("端端端"), 3), (buffer.into(), 7)] {
            let data = value.unchecked_ref::<Data>();
            assert!(data.copy(|asked| asked != size).is_none());
        }
    }
}
