//! Twinwire beside the routes that an application has: `cargo run --example embed_in_existing_app`.
//!
//! An ordinary handler publishes to the topic `Orders`; a client that is subscribed hears it at once. Here
//! is the server alone.
#![forbid(unsafe_code)]

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use twinwire::Topic;
use twinwire_server::{Access, HandlerContext, Server, Twinwire};

#[derive(Debug, Serialize, Deserialize, Topic)]
#[topic(item = String)]
struct Orders {}

type Wire = Twinwire<(), ()>;

/// A route as the application has had it all along; the second line of it is new.
async fn order(wire: web::Data<Wire>, what: web::Path<String>) -> HttpResponse {
    let what = what.into_inner();
    match wire.publish(&Orders {}, &what) {
        Ok(place) => HttpResponse::Created().body(format!("{what} is order {place}\n")),
        Err(error) => HttpResponse::InternalServerError().body(format!("{error}\n")),
    }
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let wire = Twinwire::builder(())
        .topic(|_: HandlerContext, _: Orders| async move { Access::subscribe() })
        .build()?;
    let server = Server::bind(("127.0.0.1", 9501))?.mount("/ws", &wire);
    println!("curl -X POST http://localhost:9501/order/tea");
    let routes = move |app: &mut web::ServiceConfig| {
        app.app_data(web::Data::new(wire.clone()))
            .route("/order/{what}", web::post().to(order));
    };
    server.configure(routes).run().await?;
    Ok(())
}
