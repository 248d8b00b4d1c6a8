//! The server over a real socket, with the client for programs.

use shared::{Guests, KINDS, Sign, SignError};
use twinwire_client_native::{CallError, Start, Update, connect};
use twinwire_server::Server;

#[actix_web::test]
async fn a_guest_who_signs_is_seen_by_another() {
    let wire = server::wire().unwrap();
    let server = Server::bind(("127.0.0.1", 0)).unwrap().mount("/ws", &wire);
    let url = format!("ws://{}/ws", server.addrs()[0]);
    actix_web::rt::spawn(server.run());

    let ada = connect(url.clone(), KINDS).await.unwrap();
    ada.call(Sign {
        name: " Ada ".into(),
    })
    .await
    .unwrap();
    let refused = ada.call(Sign { name: " ".into() }).await;
    assert!(matches!(refused, Err(CallError::App(SignError::Empty))));

    let grace = connect(url, KINDS).await.unwrap();
    let mut guests = grace
        .subscribe_from(Guests {}, Start::Last(20))
        .await
        .unwrap();
    match guests.next().await {
        Some(Ok(Update::Item(guest))) => assert_eq!(guest.item, "Ada"),
        other => panic!("{other:?}"),
    }
}
