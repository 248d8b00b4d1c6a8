//! Who a client is, judged anew each time it comes back.

mod by_hand;

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use actix_web::http::header;
use http::header::HeaderName;
use serde::{Deserialize, Serialize};
use testkit::{Chaos, Log, Server, hurry, serve, soon};
use twinwire::frame::{Continuity, Resume, Welcome};
use twinwire::{Call, Goodbye, GoodbyeCode, Kinds, Retry, kinds};
use twinwire_client_native::connect_with;
use twinwire_server::{Builder, HandlerContext};

use by_hand::{Greeter, wants};

#[derive(Serialize, Deserialize, Call)]
#[call(reply = String)]
struct WhoAmI {}

const KINDS: Kinds = kinds![WhoAmI];

/// Identities are `user:role`, of the token or of a cookie.
fn builder() -> Builder<(), String> {
    testkit::builder(()).authenticate(|token, request| async move {
        let cookie = request.headers().get("cookie");
        let shown = cookie.map_or(token, |cookie| cookie.as_bytes().to_vec());
        Ok(String::from_utf8_lossy(&shown).into_owned())
    })
}

fn user(identity: &str) -> &str {
    identity.split_once(':').map_or(identity, |(user, _)| user)
}

async fn greet(server: &Server, greeter: Greeter, resume: Option<Resume>) -> Welcome {
    // Its connection is lost as soon as it is welcome.
    let (_socket, said, _) = greeter.wants(resume).greet(server).await;
    said.welcome()
}

/// Comes as one, comes back as another: whether that is the same session.
async fn is_kept(server: &Server, first: &Greeter, then: &Greeter) -> bool {
    let welcome = greet(server, first.clone(), None).await;
    let back = greet(server, then.clone(), Some(wants(&welcome, 1))).await;
    let is_kept = back.session == welcome.session;
    let continuity = match is_kept {
        true => Continuity::Resumed { received: None },
        false => Continuity::Unknown,
    };
    assert_eq!(back.continuity, continuity);
    if !is_kept {
        // It stays its owner's.
        let owners = greet(server, first.clone(), Some(wants(&welcome, 2))).await;
        assert_eq!(owners.session, welcome.session);
    }
    is_kept
}

#[tokio::test]
async fn other_credentials_begin_another_session() {
    let (server, _) = serve(builder());
    let admin = Greeter::new("ada:admin");
    let (guest, eve) = (Greeter::new("ada:guest"), Greeter::new("eve:guest"));
    assert!(is_kept(&server, &admin, &admin).await);
    assert!(!is_kept(&server, &admin, &guest).await);
    assert!(!is_kept(&server, &admin, &eve).await);
    let cookie = |cookie| Greeter::new("").cookie(cookie);
    assert!(is_kept(&server, &cookie("ada:admin"), &cookie("ada:admin")).await);
    assert!(!is_kept(&server, &cookie("ada:admin"), &cookie("eve:guest")).await);
    assert!(!is_kept(&server, &cookie("ada:admin"), &Greeter::new("")).await);
}

/// An application that goes by what the library doesn't know for a credential.
fn by_header() -> Builder<(), String> {
    testkit::builder(()).authenticate(|_, request| async move {
        let user = request.headers().get("x-user");
        let user = user.and_then(|user| user.to_str().ok());
        Ok(user.unwrap_or("guest").to_owned())
    })
}

#[tokio::test]
async fn who_shows_no_credentials_has_a_session_back_only_if_the_application_says_so() {
    let as_user = |user| Greeter::new("").header(HeaderName::from_static("x-user"), user);
    let (ada, eve, guest) = (as_user("ada"), as_user("eve"), Greeter::new(""));
    let (server, _) = serve(by_header());
    for (first, then) in [(&ada, &eve), (&ada, &guest), (&guest, &guest)] {
        let welcome = greet(&server, first.clone(), None).await;
        let back = greet(&server, then.clone(), Some(wants(&welcome, 1))).await;
        assert_ne!(back.session, welcome.session);
        assert_eq!(back.continuity, Continuity::Unknown);
    }
    let (server, _) = serve(by_header().may_resume(|kept, new| kept == new));
    assert!(is_kept(&server, &ada, &ada).await && is_kept(&server, &guest, &guest).await);
    assert!(!is_kept(&server, &ada, &eve).await && !is_kept(&server, &ada, &guest).await);
}

#[tokio::test]
async fn without_authenticate_the_secret_is_enough() {
    let (server, _) = serve(testkit::builder(()));
    let (one, other) = (Greeter::new("one"), Greeter::new("other").cookie("a=b"));
    assert!(is_kept(&server, &one, &other).await);
}

#[tokio::test]
async fn where_identities_tell_nobody_apart_the_secret_is_enough() {
    let (server, _) = serve(testkit::builder(()).authenticate(|_, _| async { Ok(()) }));
    let (one, other) = (Greeter::new("one"), Greeter::new("other").cookie("a=b"));
    assert!(is_kept(&server, &one, &other).await);
}

#[tokio::test]
async fn the_same_user_keeps_the_session_and_has_the_new_identity() {
    let key = |identity: &String| user(identity).to_owned();
    let closed = Log::default();
    let told = closed.clone();
    let builder = builder()
        .keep_headers([header::HeaderName::from_static("x-user")])
        .user_key(key)
        .on_close(move |cx: HandlerContext<_, String>, _| {
            told.push(cx.identity().clone());
            async {}
        });
    let (server, wire) = serve(builder);
    let admin = Greeter::new("ada:admin");
    let welcome = greet(&server, admin.clone(), None).await;
    let guest = Greeter::new("ada:guest").cookie("ada:guest");
    let guest = guest.header(HeaderName::from_static("x-user"), "ada");
    let back = greet(&server, guest, Some(wants(&welcome, 1))).await;
    assert_eq!(back.session, welcome.session);
    let ada = wire.user("ada");
    assert_eq!(ada.len(), 1);
    assert_eq!(ada[0].identity(), "ada:guest");
    let headers = ada[0].headers().iter();
    let headers: Vec<_> = headers
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    assert_eq!(headers, [("x-user", &b"ada"[..])], "of the last handshake");
    assert!(!is_kept(&server, &admin, &Greeter::new("eve:admin")).await);
    ada[0].close(Goodbye::new(GoodbyeCode::Done, ""));
    assert_eq!(closed.count(1).await, ["ada:guest"]);
}

#[tokio::test]
async fn the_application_may_say_which_identity_keeps_the_session() {
    let key = |identity: &String| user(identity).to_owned();
    let rule = |kept: &String, new: &String| new == kept || new == "ada:guest" || new == "grace";
    let (server, wire) = serve(builder().user_key(key).may_resume(rule));
    let (admin, guest) = (Greeter::new("ada:admin"), Greeter::new("ada:guest"));
    assert!(is_kept(&server, &admin, &guest).await);
    assert!(!is_kept(&server, &guest, &admin).await);
    assert_eq!(
        wire.user("ada").len(),
        3,
        "one of the first, two of the second"
    );
    // It is found under the user that it is now.
    assert!(is_kept(&server, &admin, &Greeter::new("grace")).await);
    assert_eq!((wire.user("ada").len(), wire.user("grace").len()), (3, 1));
}

#[tokio::test]
async fn handlers_see_the_newest_identity() {
    let key = |identity: &String| user(identity).to_owned();
    let builder = builder().user_key(key);
    let builder = builder
        .call(|cx: HandlerContext<(), String>, _: WhoAmI| async move { Ok(cx.identity().clone()) });
    let (server, _) = serve(builder);
    let chaos = Chaos::to(server.addr(), 1).await;
    let roles = AtomicU32::new(0);
    let options = testkit::options(chaos.url("/ws"), KINDS).token_from(move || {
        let role = roles.fetch_add(1, Ordering::Relaxed);
        async move { Some(format!("ada:{role}").into_bytes()) }
    });
    let client = soon("the welcome", connect_with(options)).await;
    let client = client.expect("everyone is welcome");
    let asked = client.call(WhoAmI {}).await.expect("an answer");
    assert_eq!(asked, "ada:0");
    let hurrying = tokio::spawn(hurry(client.clone(), || {}));
    chaos.cut();
    let asked = soon("an answer", async {
        loop {
            let asked = client.call(WhoAmI {}).await.expect("the session goes on");
            if asked != "ada:0" {
                return asked;
            }
        }
    });
    assert!(asked.await.starts_with("ada:"));
    hurrying.abort();
}

#[tokio::test]
async fn a_verdict_on_an_owner_of_before_counts_for_nothing() {
    let (is_armed, judged) = (Arc::new(AtomicBool::new(false)), Log::default());
    let (judging, told) = (Arc::clone(&is_armed), judged.clone());
    let (go_on, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let rule = move |kept: &String, new: &String| {
        if judging.swap(false, Ordering::Relaxed) {
            told.push(());
            let gate = gate.lock().expect("no panic");
            // It keeps its worker waiting, and nobody else.
            let _ = gate.recv_timeout(Duration::from_secs(60));
        }
        user(kept) == user(new)
    };
    let (server, _) = serve(builder().may_resume(rule));
    let welcome = greet(&server, Greeter::new("ada:1"), None).await;
    is_armed.store(true, Ordering::Relaxed);
    let late = Greeter::new("ada:2").wants(Some(wants(&welcome, 2)));
    let meanwhile = async {
        judged.count(1).await;
        let back = greet(&server, Greeter::new("ada:3"), Some(wants(&welcome, 1))).await;
        go_on.send(()).expect("it waits");
        back
    };
    let ((_socket, said, _), back) = tokio::join!(late.greet(&server), meanwhile);
    assert_eq!(back.session, welcome.session);
    // It loses nothing, and tries again.
    let goodbye = said.goodbye();
    assert_eq!(
        (goodbye.code, goodbye.retry),
        (GoodbyeCode::Internal, Retry::Now)
    );
    let again = greet(&server, Greeter::new("ada:2"), Some(wants(&back, 3))).await;
    assert_eq!(again.session, welcome.session);
}
