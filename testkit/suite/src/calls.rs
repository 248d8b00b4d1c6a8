use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::join;
use futures_util::join;
use twinwire::{End, Format, GoodbyeCode, Retry};
use twinwire_client::{CallError, ClientState, ConnectError, OpenFailure};

use crate::{
    Add, AskMe, Forget, Hang, KINDS, Locate, Platform, REASON, REFUSED, Subtract, WHY_REFUSED,
    client, options, patient, told,
};

/// In postcard and in JSON, of a number that JavaScript's don't hold.
pub async fn a_call_brings_its_reply_or_its_error_in_either_format(platform: &impl Platform) {
    for format in [Format::Postcard, Format::Json] {
        let options = options(platform.url(), KINDS).format(format);
        let client = platform.connect(options).await.expect("a welcome");
        assert!(matches!(client.state(), ClientState::Open { .. }));
        let left = u64::MAX - 1;
        let sum = client.call(Add { left, right: 1 }).await;
        assert_eq!(told(sum), u64::MAX.to_string());
        let overflow = client.call(Add { left, right: 5 }).await;
        assert_eq!(told(overflow), "error Overflow { by: 3 }");
    }
}

/// The second is answered while the first waits.
pub async fn calls_run_beside_each_other(platform: &impl Platform) {
    let client = client(platform).await;
    let sums = (0..100).map(|left| client.call(Add { left, right: 1 }));
    let sums = futures_util::future::join_all(sums);
    let hang = Box::pin(client.call(Hang {}));
    let (_, sums) = match futures_util::future::select(hang, sums).await {
        futures_util::future::Either::Right((sums, hang)) => (hang, sums),
        futures_util::future::Either::Left((hang, _)) => panic!("{hang:?}"),
    };
    for (left, sum) in (0_u64..).zip(sums) {
        assert_eq!(sum.expect("a sum"), left + 1);
    }
}

/// And nothing else is.
pub async fn a_kind_that_the_server_lacks_is_refused(platform: &impl Platform) {
    let client = client(platform).await;
    assert_eq!(told(client.call(Forget {}).await), "refused UnknownKind");
    assert_eq!(told(client.call(Add { left: 1, right: 1 }).await), "2");
}

/// In words that both ends have.
pub async fn a_kind_that_the_server_has_otherwise_is_explained(platform: &impl Platform) {
    let client = client(platform).await;
    let (from, what) = (2, 1);
    let refused = client.call(Subtract { from, what }).await;
    let error = refused.expect_err("the two differ");
    let difference = error.difference().expect("the server explains");
    assert_eq!(difference.here, ["reply: U64"]);
    assert_eq!(difference.there, ["reply: I64"]);
    assert_eq!((error.retry(), error.is_denied()), (Retry::Never, false));
    assert!(error.to_string().contains("`Subtract`"), "{error}");
    assert_eq!(told(client.call(Add { left: 1, right: 1 }).await), "2");
}

/// In the application's words.
pub async fn a_refused_token_says_why(platform: &impl Platform) {
    let options = options(platform.url(), KINDS).token(REFUSED);
    match platform.connect(options).await {
        Err(error) => {
            assert_eq!((error.is_denied(), error.reason()), (true, Some(REASON)));
            assert_eq!((error.retry(), error.status()), (Retry::Never, None));
        }
        other => panic!("refused, not {other:?}"),
    }
}

/// A server that may be there again soon, or a wrong path: it is tried until the time is up, and the answer is told
/// then, also where only a question by HTTP has brought it to light, some attempts before.
pub async fn what_an_address_answers_is_told_at_the_deadline(platform: &impl Platform) {
    let answer = async |path: &str| {
        let url = platform.url().replace("/ws", path);
        let options = options(url, KINDS).connect_timeout(Duration::from_secs(8));
        match platform.connect(options).await {
            Err(error) => error.status(),
            other => panic!("nobody is there, not {other:?}"),
        }
    };
    let (busy, elsewhere) = join(answer("/busy"), answer("/elsewhere")).await;
    assert_eq!((busy, elsewhere), (Some(503), Some(404)));
}

/// The error says what the server's developer has to change, as its answer does.
pub async fn why_an_address_refuses_is_told(platform: &impl Platform) {
    let refused = platform.url().replace("/ws", "/refused");
    let options = options(refused, KINDS).connect_timeout(Duration::from_secs(8));
    match platform.connect(options).await {
        Err(ConnectError::Open(error)) => {
            let text = error.to_string();
            assert!(text.ends_with(WHY_REFUSED), "{text}");
            assert!(text.contains("403"), "{text}");
        }
        other => panic!("refused, not {other:?}"),
    }
}

/// Trying again is of no use.
pub async fn an_address_that_is_no_url_is_an_error_at_once(platform: &impl Platform) {
    match platform.connect(options("ftp://there", KINDS)).await {
        Err(ConnectError::Open(error)) => assert!(error.is_final(), "{error}"),
        other => panic!("refused, not {other:?}"),
    }
}

/// Whatever was under way has an outcome.
pub async fn closing_ends_every_call_and_every_waiter(platform: &impl Platform) {
    let client = client(platform).await;
    let mut pending = Box::pin(client.call(Hang {}));
    // The call is under way before the close overtakes it.
    poll_fn(|cx| Poll::Ready(pending.as_mut().poll(cx).is_pending())).await;
    assert_eq!(told(client.call(Add { left: 1, right: 1 }).await), "2");
    let (end, closed, outcome) = join!(client.close(), client.closed(), pending);
    assert!(
        matches!(&end, End::Closed(goodbye) if goodbye.code == GoodbyeCode::Done),
        "{end:?}"
    );
    assert_eq!(end, closed);
    assert_eq!(told(outcome), "Unknown");
    assert_eq!(told(client.call(Hang {}).await), "Closed");
    assert_eq!(client.ping().await, None);
}

/// By the client's own clock.
pub async fn a_call_past_its_deadline_ends(platform: &impl Platform) {
    let limits = patient().call_deadline(Duration::from_millis(50));
    let options = options(platform.url(), KINDS).limits(limits);
    let client = platform.connect(options).await.expect("a welcome");
    let hang = client.call(Hang {}).await;
    assert!(matches!(hang, Err(CallError::Deadline)));
}

/// And is refused where nothing answers.
pub async fn the_server_calls_its_client(platform: &impl Platform) {
    let client = client(platform).await;
    let ask = async |whom: &str| {
        let whom = whom.to_owned();
        client.call(AskMe { whom }).await.expect("an answer")
    };
    assert_eq!(ask("Ada").await, "refused NoHandler");
    let handle = |locate: Locate| async move {
        match locate.whom.as_str() {
            "nobody" => Err("not here".to_owned()),
            whom => Ok(format!("{whom} is here")),
        }
    };
    client.handle(handle).expect("it is declared");
    let (ada, nobody) = join(ask("Ada"), ask("nobody")).await;
    assert_eq!(ada, "\"Ada is here\"");
    assert_eq!(nobody, "error \"not here\"");
}

/// From where the client stands to its end.
pub async fn states_are_told_as_they_change(platform: &impl Platform) {
    let client = client(platform).await;
    let mut states = client.states();
    assert!(matches!(
        states.next().await,
        Some(ClientState::Open { .. })
    ));
    assert!(client.ping().await.is_some());
    let (closed, _) = join(states.next(), client.close()).await;
    assert!(matches!(closed, Some(ClientState::Closed(_))), "{closed:?}");
    drop(client);
    assert_eq!(states.next().await, None);
}
