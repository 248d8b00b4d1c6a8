//! How to connect.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use js_sys::Function;
use twinwire::{Class, Fingerprint, Format, Limits};
use twinwire_client::{Options, UntypedKind, UntypedKinds};
use twinwire_client_wasm::SocketOptions;
use twinwire_remote::channels::oneshot;
use wasm_bindgen::prelude::*;

use crate::core::{Asked, Core};
use crate::facade::{Facade, Told, What};

/// The options of a client, one after the other.
#[wasm_bindgen]
pub struct Config {
    facade: Facade,
    url: String,
    kinds: Vec<UntypedKind>,
    token: Vec<u8>,
    connect_timeout: Duration,
    max_backoff: Duration,
    call_deadline: Duration,
    reconnect: bool,
    carry_over: bool,
    socket: SocketOptions,
}

#[wasm_bindgen]
impl Config {
    /// Of a client whose facade has this number.
    #[wasm_bindgen(constructor)]
    pub fn new(facade: u32, url: String) -> Self {
        Self {
            facade: Facade(facade),
            url,
            kinds: Vec::new(),
            token: Vec::new(),
            connect_timeout: Duration::ZERO,
            max_backoff: Duration::ZERO,
            call_deadline: Duration::ZERO,
            reconnect: true,
            carry_over: true,
            socket: SocketOptions::default(),
        }
    }

    /// Declares a kind; says whether class and fingerprint are such.
    pub fn kind(
        &mut self,
        name: String,
        class: u8,
        fingerprint: &[u8],
        outline: Option<String>,
    ) -> bool {
        let class = Class::ALL.iter().find(|(of, _)| of.number() == class);
        let (Some((class, _)), Ok(fingerprint)) = (class, fingerprint.try_into()) else {
            return false;
        };
        self.kinds.push(UntypedKind {
            name,
            class: *class,
            fingerprint: Fingerprint::from_bytes(fingerprint),
            outline,
        });
        true
    }

    /// Sets the token.
    pub fn token(&mut self, token: Vec<u8>) {
        self.token = token;
    }

    /// Sets the times, in milliseconds.
    pub fn times(&mut self, connect: f64, backoff: f64, call: f64) {
        let time = |millis: f64| Duration::from_millis(millis as u64);
        self.connect_timeout = time(connect);
        self.max_backoff = time(backoff);
        self.call_deadline = time(call);
    }

    /// Sets what happens when a connection or a session is lost.
    pub fn absence(&mut self, reconnect: bool, carry_over: bool) {
        self.reconnect = reconnect;
        self.carry_over = carry_over;
    }

    /// Sets the constructor of WebSockets.
    pub fn web_socket(&mut self, constructor: Function) {
        self.socket = SocketOptions::default().constructor(constructor);
    }

    /// Starts the client, once times are set. None if the kinds can't be declared.
    pub fn connect(self, asks_token: bool, has_on_session_replaced: bool) -> Option<Core> {
        let facade = self.facade;
        let kinds = UntypedKinds::new(self.kinds).ok()?;
        let limits = Limits::default().call_deadline(self.call_deadline);
        let mut options = Options::untyped(self.url, kinds, Format::Json)
            .limits(limits)
            .token(self.token)
            .connect_timeout(self.connect_timeout)
            .max_backoff(self.max_backoff)
            .reconnect(self.reconnect)
            .carry_over(self.carry_over);
        let asked = Asked::default();
        if asks_token {
            let asked = asked.clone();
            options = options.token_from(move || {
                let (sender, token) = oneshot::channel();
                let id = asked.token(sender);
                facade.tell(What::Token, id, Told::default());
                async move { token.await.ok().flatten() }
            });
        }
        let first = Rc::new(RefCell::new(None));
        if has_on_session_replaced {
            let (asked, first) = (asked.clone(), Rc::clone(&first));
            options = options.on_session_replaced(move |client, why| {
                let (sender, done) = oneshot::channel();
                first.replace(Some(client.untyped()));
                let id = asked.session_replaced(sender);
                let code = crate::codes::session_lost(why);
                facade.tell(
                    What::SessionReplaced,
                    id,
                    Told {
                        code,
                        ..Told::default()
                    },
                );
                async move {
                    let _ = done.await;
                }
            });
        }
        Core::connect(facade, self.socket, options, asked, first)
    }
}
