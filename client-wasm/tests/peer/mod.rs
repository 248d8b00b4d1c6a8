//! Where the peer listens that the tests talk to: testkit's `peer`, started by whoever runs them.

/// The URL of one of the peer's paths.
pub(crate) fn url(path: &str) -> String {
    let Some(port) = option_env!("TWINWIRE_TEST_PORT") else {
        panic!("no peer: its port is compiled in, so run these tests by `cargo xtask test wasm`");
    };
    format!("ws://127.0.0.1:{port}{path}")
}
