//! What a server mounts, and says goodbye on.

use std::future::Future;
use std::pin::Pin;

use actix_web::web::ServiceConfig;

use crate::Twinwire;
use crate::plain::Plain;

/// A boxed future that ends once the clients of an endpoint are gone.
pub(super) type ShutDown = Pin<Box<dyn Future<Output = ()> + Send>>;

/// An endpoint that a [`Server`](crate::Server) mounts: [`Twinwire`] or [`Plain`].
pub trait Endpoint: sealed::Endpoint {}

impl<S: Send + Sync + 'static, I: Send + Sync + 'static> Endpoint for Twinwire<S, I> {}
impl Endpoint for Plain {}

pub(super) mod sealed {
    use super::{ServiceConfig, ShutDown};

    /// The methods by which a server mounts an endpoint and stops it.
    #[expect(
        unnameable_types,
        reason = "sealed: nobody else can have a goodbye said"
    )]
    pub trait Endpoint: Send + Sync + 'static {
        /// Adds the endpoint's route to an application.
        fn mount(&self, path: &str, config: &mut ServiceConfig);

        /// Says goodbye to every client; ready once all sockets have been closed.
        fn shut_down(&self) -> ShutDown;
    }
}

impl<S: Send + Sync + 'static, I: Send + Sync + 'static> sealed::Endpoint for Twinwire<S, I> {
    fn mount(&self, path: &str, config: &mut ServiceConfig) {
        config.configure(self.at(path));
    }

    fn shut_down(&self) -> ShutDown {
        let wire = self.clone();
        Box::pin(async move { wire.shut_down().await })
    }
}

impl sealed::Endpoint for Plain {
    fn mount(&self, path: &str, config: &mut ServiceConfig) {
        config.configure(self.at(path));
    }

    fn shut_down(&self) -> ShutDown {
        let plain = self.clone();
        Box::pin(async move { plain.shut_down().await })
    }
}
