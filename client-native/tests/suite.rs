//! What a client must do, on tokio.

use suite::Platform;
use testkit::{Server, soon};
use twinwire_client_native::{Client, ConnectError, OpenError, Options, connect_with};

struct Native(Server);

impl Platform for Native {
    type Error = OpenError;

    fn url(&self) -> String {
        self.0.url("/ws")
    }

    async fn connect(&self, options: Options) -> Result<Client, ConnectError> {
        soon("the welcome", connect_with(options)).await
    }
}

suite::suite!(tokio::test, Native(testkit::wire::serve()));
