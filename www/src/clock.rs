//! The page's clock.

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
