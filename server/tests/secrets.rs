//! Who may have a session back, by frames made by hand over real sockets.

mod by_hand;

use testkit::Server;
use twinwire::frame::{Continuity, Resume, Resumed};
use twinwire::{Alias, GoodbyeCode, Offset, Secret, SeqNo, SessionId};

use by_hand::{Greeter, Said, Socket, wants};

fn serve() -> Server {
    let builder = testkit::builder(())
        .authenticate(|token, _| async move { Ok(String::from_utf8_lossy(&token).into_owned()) })
        .user_key(|name: &String| name.clone());
    let (server, _) = testkit::serve(builder);
    server
}

async fn greet(server: &Server, user: &str, resume: Option<Resume>) -> (Socket, Said, usize) {
    Greeter::new(user).wants(resume).greet(server).await
}

#[tokio::test]
async fn only_the_right_secret_of_the_right_user_gets_a_session_back() {
    let server = serve();
    let (socket, said, _) = greet(&server, "Ada", None).await;
    let ada = said.welcome();
    drop(socket);
    let wrong = Resume {
        secret: Secret::from_bytes([0; 32]),
        ..wants(&ada, 1)
    };
    let other = Resume {
        session: SessionId::from_bytes([0; 16]),
        ..wants(&ada, 1)
    };
    let ahead = Resume {
        received: Some(SeqNo::FIRST),
        ..wants(&ada, 1)
    };
    let mut lengths = Vec::new();
    for (user, wanted) in [
        ("Ada", wrong),
        ("Ada", other),
        ("Eve", wants(&ada, 1)),
        ("Ada", ahead),
    ] {
        let (_socket, said, length) = greet(&server, user, Some(wanted)).await;
        let another = said.welcome();
        assert_eq!(another.continuity, Continuity::Unknown);
        assert_ne!((another.session, another.peer), (ada.session, ada.peer));
        lengths.push(length);
    }
    assert!(
        lengths.windows(2).all(|two| two[0] == two[1]),
        "they tell nothing apart"
    );
    // What was sent in postcard can't be sent again in JSON.
    let json = Greeter {
        format: "twinwire.0.json",
        ..Greeter::new("Ada")
    };
    let (_socket, said, _) = json.wants(Some(wants(&ada, 1))).greet(&server).await;
    assert_eq!(said.welcome().continuity, Continuity::Unknown);
    // All that took nothing away from who has it.
    let (_socket, said, _) = greet(&server, "Ada", Some(wants(&ada, 1))).await;
    let back = said.welcome();
    assert_eq!((back.session, back.peer), (ada.session, ada.peer));
    assert_eq!(back.continuity, Continuity::Resumed { received: None });
    assert_ne!(back.secret, ada.secret);
}

#[tokio::test]
async fn a_hello_that_comes_late_is_superseded_and_the_newest_has_the_session() {
    let server = serve();
    let (mut first, said, _) = greet(&server, "Ada", None).await;
    let ada = said.welcome();
    let (mut newest, said, _) = greet(&server, "Ada", Some(wants(&ada, 7))).await;
    let back = said.welcome();
    assert_eq!(back.session, ada.session);
    // The connection that had it is closed, though it did nothing wrong.
    let code = first.closed().await;
    assert_eq!(code, Some(GoodbyeCode::Superseded.close_code()));
    let (_socket, said, _) = greet(&server, "Ada", Some(wants(&ada, 7))).await;
    assert_eq!(said.goodbye().code, GoodbyeCode::Superseded);
    // The newest connection goes on.
    newest.pongs().await;
}

#[tokio::test]
async fn what_a_client_claims_of_topics_that_it_never_joined_is_nothing() {
    let server = serve();
    let (socket, said, _) = greet(&server, "Ada", None).await;
    let ada = said.welcome();
    drop(socket);
    let claim = |alias| Resumed {
        alias: Alias::new(alias),
        join: SeqNo::FIRST,
        next: Offset::FIRST,
        used: 0,
        limit: (1 << 53) - 1,
    };
    let wanted = Resume {
        subscriptions: (0..1024).map(claim).collect(),
        ..wants(&ada, 1)
    };
    let (_socket, said, _) = greet(&server, "Ada", Some(wanted)).await;
    let back = said.welcome();
    assert_eq!(back.continuity, Continuity::Resumed { received: None });
}
