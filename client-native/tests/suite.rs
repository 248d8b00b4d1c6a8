//! What a client must do, on tokio.

use std::time::Duration;

use suite::Platform;
use testkit::{Chaos, Server, soon};
use tokio::sync::OnceCell;
use twinwire_client_native::{Client, ConnectError, OpenError, Options, connect_with};

struct Native(Server, OnceCell<Chaos>);

impl Platform for Native {
    type Error = OpenError;

    fn url(&self) -> String {
        self.0.url("/ws")
    }

    async fn breaking_url(&self) -> String {
        let breaking = || testkit::wire::breaking(&self.0);
        self.1.get_or_init(breaking).await.url("/ws")
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    fn tell(&self, figures: &str) {
        println!("figures: {figures}");
    }

    async fn connect(&self, options: Options) -> Result<Client, ConnectError> {
        soon("the welcome", connect_with(options)).await
    }
}

suite::suite!(tokio::test, Native(testkit::wire::serve(), OnceCell::new()));
