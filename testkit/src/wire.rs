//! The endpoint that the clients' suite talks to, natively and from browsers.

use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpResponse, HttpResponseBuilder, web};
use suite::{
    Add, AskMe, Count, Echo, Hang, Locate, Notice, Notify, OtherSubtract, Overflow, PutMe, REASON,
    REFUSED, Room, Stopped, WHY_REFUSED,
};
use tokio::sync::Semaphore;
use twinwire_server::{
    Access, CallError, Denied, HandlerContext as Context, StreamSender, Twinwire,
};

use crate::{Chaos, Server};

/// How often a stream of this client's was dropped.
type Drops = Arc<Semaphore>;
type Cx = Context<(), Drops>;

/// Starts it, at `/ws`; pages may read that there is nothing at `/elsewhere`, too much at `/busy` and that they are
/// refused at `/refused`, in the words of [`WHY_REFUSED`]. It takes pages of every origin, since a test's page has a
/// port of its own; the endpoint at `/own` takes none but its own.
///
/// # Panics
///
/// If it can't start.
#[must_use]
pub fn serve() -> Server {
    let wire = crate::builder(())
        .authenticate(|token, _| async move {
            if token == REFUSED.as_bytes() {
                Err(Denied::new(REASON))
            } else {
                Ok(Arc::new(Semaphore::new(0)))
            }
        })
        // Clients of the tests show no token.
        .may_resume(|_, _| true)
        .call(|_: Cx, Add { left, right }| async move {
            match left.overflowing_add(right) {
                (sum, false) => Ok(sum),
                (by, true) => Err(Overflow { by }),
            }
        })
        .call(|_: Cx, OtherSubtract { from, what }| async move {
            Ok(from.wrapping_sub(what).cast_signed())
        })
        .call(|_: Cx, _: Hang| std::future::pending())
        .call(|cx: Cx, AskMe { whom }| async move {
            Ok(match cx.peer().call(Locate { whom }).await {
                Ok(place) => format!("{place:?}"),
                Err(CallError::App(error)) => format!("error {error:?}"),
                Err(CallError::Refused(refused)) => format!("refused {:?}", refused.why),
                Err(other) => format!("{other:?}"),
            })
        })
        .call(put)
        .call(|cx: Cx, _: Stopped| async move {
            let dropped = cx.identity().acquire().await;
            dropped.expect("it is never closed").forget();
            Ok(())
        })
        .call(|cx: Cx, Notify { notices }| async move {
            for number in 0..notices {
                let sent = cx.peer().send(Notice { number }).await;
                sent.expect("the client has the kind");
            }
            Ok(())
        })
        .stream(count)
        .event(|cx: Cx, echo: Echo| async move {
            cx.peer().send(echo).await.expect("the client has the kind");
        })
        .topic(|_: Cx, room: Room| async move {
            match room.name.as_str() {
                "news" => Access::subscribe(),
                name if name.starts_with("private") => Access::none(),
                _ => Access::publish_and_subscribe(),
            }
        })
        .explain_mismatches(true)
        .allow_any_origin()
        .build()
        .expect("the kinds don't clash");
    mount(wire)
}

fn mount(wire: Twinwire<(), Drops>) -> Server {
    let own = crate::builder(()).build().expect("no kinds clash");
    Server::with_workers(2, move |config| {
        config.configure(wire.at("/ws")).configure(own.at("/own"));
        config.route("/refused", web::get().to(refused));
        config.route("/elsewhere", web::get().to(nothing));
        config.route("/busy", web::get().to(busy));
    })
}

async fn nothing() -> HttpResponse {
    readable(HttpResponse::NotFound())
}

async fn busy() -> HttpResponse {
    readable(HttpResponse::ServiceUnavailable())
}

async fn refused() -> HttpResponse {
    let mut answer = HttpResponse::Forbidden();
    answer.insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"));
    answer.insert_header(header::ContentType::plaintext());
    answer.body(format!("{WHY_REFUSED}\nand more"))
}

fn readable(mut answer: HttpResponseBuilder) -> HttpResponse {
    let all = (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    answer.insert_header(all).finish()
}

async fn put(cx: Cx, PutMe { room, inside }: PutMe) -> Result<(), String> {
    if inside {
        let put = cx.peer().invite(&room).await;
        put.map_err(|error| error.to_string())?;
    } else {
        cx.peer().unsubscribe(&room);
    }
    let published = cx.wire().publish(&room, &inside.to_string());
    published.expect("it is registered");
    Ok(())
}

/// A link to it whose connections break after a few messages, at any byte.
pub async fn breaking(server: &Server) -> Chaos {
    let chaos = Chaos::to(server.addr(), 4).await;
    chaos.breaks_after(600..4_000);
    chaos.slices(true);
    chaos
}

async fn count(cx: Cx, count: Count, mut sender: StreamSender<Count>) -> Result<(), String> {
    let dropped = Dropped(Arc::clone(cx.identity()));
    for number in 0..count.to {
        sender.send(number).await;
    }
    std::mem::forget(dropped);
    if count.fail {
        Err("out of numbers".to_owned())
    } else {
        Ok(())
    }
}

/// Says so when a handler's future is dropped half-way.
struct Dropped(Drops);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}
