//! The server's half: actix's dispatcher as it ships, on a stream in memory.

use std::pin::Pin;
use std::time::Duration;

use actix_http::HttpService;
use actix_service::{Service, ServiceFactory, map_config};
use actix_web::App;
use actix_web::dev::AppConfig;
use actix_web::web::ServiceConfig;
use twinwire_server::test;

use super::stream::{Stream, Tap};

/// The URL's path at which the endpoint is.
pub(crate) const PATH: &str = "/ws";

/// Carries one connection to its end.
pub(crate) type Serve<T> = dyn Fn(Stream<T>) -> Pin<Box<dyn Future<Output = ()>>>;

/// Makes what a worker has of the application, with the times that an `HttpServer` has.
pub(crate) async fn serve<T: Tap + 'static>(
    configure: impl FnOnce(&mut ServiceConfig),
) -> Box<Serve<T>> {
    let app = App::new().configure(configure);
    let service = HttpService::build()
        .client_request_timeout(Duration::from_secs(5))
        .client_disconnect_timeout(Duration::from_secs(1))
        .on_connect_ext(|stream: &Stream<T>, data| {
            let switch = stream.switch();
            test::on_connect(data, move |how| switch.flip(how));
        })
        .h1(map_config(app, |()| AppConfig::default()))
        .new_service(())
        .await
        .expect("an application without state begins");
    Box::new(move |stream| {
        let dispatcher = service.call((stream, None));
        Box::pin(async move {
            // A connection that breaks is no news here.
            let _ = dispatcher.await;
        })
    })
}
