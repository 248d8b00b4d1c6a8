//! Work that a handler leaves behind.

mod by_hand;

use serde::{Deserialize, Serialize};
use testkit::Log;
use twinwire::{Call, Kinds, kinds};
use twinwire_server::HandlerContext;

use by_hand::Greeter;

#[derive(Serialize, Deserialize, Call)]
struct Nod {}

const KINDS: Kinds = kinds![Nod];

#[tokio::test]
async fn detached_work_runs_from_any_thread() {
    let log = Log::default();
    let builder = testkit::builder(log.clone());
    let builder = builder.call(|cx: HandlerContext<Log<&'static str>>, _: Nod| async move {
        let inside = cx.state().clone();
        cx.detach(async move { inside.push("on the worker") });
        let elsewhere = std::thread::spawn(move || {
            let log = cx.state().clone();
            cx.detach(async move {
                tokio::task::yield_now().await;
                log.push("on a thread");
            });
        });
        assert!(elsewhere.join().is_ok());
        Ok(())
    });
    let (server, _) = testkit::serve(builder);
    let (mut socket, said, _) = Greeter::new("").kinds(KINDS).greet(&server).await;
    said.welcome();
    let call = socket.call(0, b"").await;
    assert_eq!(socket.reply(call).await, Ok(()));
    log.count(2).await;
}
