//! Decides which pages may connect: a browser sends cookies and tells the page's origin with every
//! WebSocket handshake, and asks nobody (RFC 6455 §10.2).

mod address;
mod error;
mod guard;
mod parse;

use std::net::IpAddr;

use ipnet::IpNet;

pub use error::OriginError;
pub(crate) use guard::OriginGuard;
use parse::Origin;

/// The origins whose pages may connect to an endpoint, and the proxies that say how a page reached it.
///
/// The default is the endpoint's own origin: the host and port that the request's `Host` names. A server that
/// ends TLS itself takes `https:` only; else the scheme doesn't count, as a proxy may end TLS. What
/// tells no origin may connect, and no browser does that.
///
/// A page can point a name of its own at the server's address and then passes for the server's own page.
/// [`Origins::only`] is safe against that, and so is a proxy that answers for its own names alone.
///
/// ```
/// use twinwire_server::plain::Plain;
/// use twinwire_server::{Origins, Twinwire};
///
/// # fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let origins = Origins::only(["https://chat.example"])?;
/// let wire = Twinwire::builder(()).origins(origins.clone()).build()?;
/// let plain = Plain::builder().origins(origins).build();
/// # Ok(())
/// # }
/// # run().expect("an origin");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Origins {
    rule: Rule,
    /// The networks of the proxies whose headers count.
    proxies: Vec<IpNet>,
}

#[derive(Clone, Debug)]
enum Rule {
    /// The request's own host, and these.
    SameHostAnd(Vec<Origin>),
    Only(Vec<Origin>),
    Any,
}

impl Default for Rule {
    fn default() -> Self {
        Self::SameHostAnd(Vec::new())
    }
}

impl Origins {
    /// Allows exactly these origins, each as [`allow`](Self::allow) takes it. The request's `Host` doesn't count,
    /// so that a server behind any proxy names its own public origin here.
    ///
    /// # Errors
    /// [`OriginError`] for the first that is none.
    pub fn only<O: AsRef<str>>(origins: impl IntoIterator<Item = O>) -> Result<Self, OriginError> {
        let origins = origins.into_iter();
        let origins: Result<_, _> = origins
            .map(|origin| Origin::parse(origin.as_ref()))
            .collect();
        Ok(Self {
            rule: Rule::Only(origins?),
            proxies: Vec::new(),
        })
    }

    /// Allows all origins. Right where clients are known by a token of their first message alone; with cookies, any
    /// page that a user visits could then speak in the user's name.
    #[must_use]
    pub fn any() -> Self {
        Self {
            rule: Rule::Any,
            proxies: Vec::new(),
        }
    }

    /// Adds an origin: scheme, host and port, such as `"http://localhost:8080"`. Case, spaces around it, the scheme's own
    /// port, a slash at the end and names in other alphabets become what a browser sends.
    ///
    /// `localhost` stands for the loopback names of its port: `localhost`, `127.0.0.1` and `[::1]`. All of them are the
    /// user's own machine (RFC 6761 §6.3), and tools print now one, now another. An address stands for itself alone.
    ///
    /// # Errors
    /// [`OriginError`] if it is none; its text says how to write it.
    pub fn allow(mut self, origin: &str) -> Result<Self, OriginError> {
        self.add(origin)?;
        Ok(self)
    }

    pub(crate) fn add(&mut self, origin: &str) -> Result<(), OriginError> {
        let origin = Origin::parse(origin)?;
        match &mut self.rule {
            Rule::SameHostAnd(origins) | Rule::Only(origins) => origins.push(origin),
            Rule::Any => {}
        }
        Ok(())
    }

    /// Lets all origins connect, and keeps the proxies.
    pub(crate) fn allow_any(&mut self) {
        self.rule = Rule::Any;
    }

    /// Names the proxies in front of the server, by address (`"10.0.0.7"`) or network (`"10.0.0.0/8"`), whose `Forwarded`
    /// (RFC 7239), or else `X-Forwarded-Host` and `X-Forwarded-Proto`, say by which origin a page reached them. Those
    /// headers count from no other peer (default: none).
    ///
    /// Of several values the last counts, which the nearest proxy has added; further ones of a `Forwarded` count as long as its
    /// `for` names a listed proxy.
    ///
    /// # Errors
    /// [`OriginError::Proxy`] for the first that is neither address nor network.
    pub fn trusted_proxies<A: AsRef<str>>(
        mut self,
        addresses: impl IntoIterator<Item = A>,
    ) -> Result<Self, OriginError> {
        for address in addresses {
            let address = address.as_ref().trim();
            let network = address
                .parse::<IpNet>()
                .or_else(|_| address.parse::<IpAddr>().map(IpNet::from));
            let network = network.map_err(|_| OriginError::Proxy {
                value: address.to_owned(),
            })?;
            self.proxies.push(network);
        }
        Ok(self)
    }
}
