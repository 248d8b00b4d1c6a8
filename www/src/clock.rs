//! The page's clock.

use std::time::Duration;

use js_sys::Date;
use wasm_bindgen::JsValue;

/// Milliseconds since 1970.
pub(crate) fn now() -> u64 {
    Date::now() as u64
}

/// A time of the day as a person reads it where the page is shown, such as `09:05`.
pub(crate) fn time_of_day(at: u64) -> String {
    let date = Date::new(&JsValue::from_f64(at as f64));
    format!("{:02}:{:02}", date.get_hours(), date.get_minutes())
}

/// How long a round trip takes, as a person reads it. In whole numbers: those with a fraction bring
/// 5 KB of code with them.
pub(crate) fn in_milliseconds(time: Duration) -> String {
    let tenths = time.as_micros().div_ceil(100) as u64;
    format!("{}.{} ms", tenths / 10, tenths % 10)
}
