//! The application's functions, that are slow, panic, or never end.

use std::cell::RefCell;
use std::panic::panic_any;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::kinds::Manner;
use crate::oracle::Oracle;
use crate::plan::{Manners, Plan};

/// The payload of a panic that belongs to the world.
struct AsPlanned;

thread_local! {
    /// The panics of this thread's world that don't belong to it. None outside a world.
    static PANICS: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Panics, as the plan says.
pub(crate) fn panics() -> ! {
    panic_any(AsPlanned)
}

/// Has the panics of worlds be told by their report, instead of on stderr.
pub(crate) fn watch_panics() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let is_told = PANICS.with_borrow_mut(|panics| match panics {
                Some(_) if info.payload().is::<AsPlanned>() => true,
                Some(panics) => {
                    panics.push(info.to_string());
                    true
                }
                None => false,
            });
            if !is_told {
                before(info);
            }
        }));
    });
    PANICS.set(Some(Vec::new()));
}

/// Returns the panics since [`watch_panics`].
pub(crate) fn take_panics() -> Vec<String> {
    PANICS.take().unwrap_or_default()
}

/// Returns the first panic since [`watch_panics`].
pub(crate) fn first_panic() -> Option<String> {
    PANICS.with_borrow(|panics| panics.as_ref()?.first().cloned())
}

/// A function that the application gives to the library. A cheap clone, of which all count the calls together.
#[derive(Clone)]
pub(crate) struct Function(Arc<Called>);

struct Called {
    /// The oracle's name of its failures.
    fails: &'static str,
    manners: Manners,
    times: AtomicUsize,
    oracle: Oracle,
}

impl Function {
    fn new(fails: &'static str, manners: &Manners, oracle: &Oracle) -> Self {
        Self(Arc::new(Called {
            fails,
            manners: manners.clone(),
            times: AtomicUsize::new(0),
            oracle: oracle.clone(),
        }))
    }

    /// Begins one more call, which panics here if it is to.
    pub(crate) fn begin(&self) -> Turn {
        let nth = self.0.times.fetch_add(1, Ordering::Relaxed);
        let Manners(manners) = &self.0.manners;
        let (manner, wait) = manners.get(nth).copied().unwrap_or((Manner::Answers, 0));
        if manner != Manner::Answers {
            self.0.oracle.account().reach(self.0.fails);
        }
        Turn::begin(manner, wait)
    }
}

/// One call of a function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    pub(crate) manner: Manner,
    wait: u32,
}

impl Turn {
    /// Begins a call; panics if that is its manner.
    pub(crate) fn begin(manner: Manner, wait: u32) -> Self {
        if manner == Manner::PanicsAtOnce {
            panics();
        }
        Self { manner, wait }
    }

    /// Takes the call's time; panics, or never ends, if that is its manner.
    pub(crate) async fn work(self) {
        if self.wait > 0 {
            tokio::time::sleep(Duration::from_millis(u64::from(self.wait))).await;
        }
        match self.manner {
            Manner::PanicsLater => panics(),
            Manner::Hangs => std::future::pending().await,
            Manner::Answers | Manner::Declines | Manner::PanicsAtOnce | Manner::CallsBack => {}
        }
    }
}

/// All of them.
#[derive(Clone)]
pub(crate) struct Functions {
    pub(crate) authenticate: Function,
    pub(crate) access: Function,
    pub(crate) on_open: Function,
    pub(crate) token: Function,
    pub(crate) on_session_replaced: Function,
    pub(crate) may_resume: Option<Function>,
}

impl Functions {
    pub(crate) fn new(plan: &Plan, oracle: &Oracle) -> Self {
        Self {
            authenticate: Function::new("authenticate fails", &plan.authenticate, oracle),
            access: Function::new("access fails", &plan.access, oracle),
            on_open: Function::new("on_open fails", &plan.on_open, oracle),
            token: Function::new("token fails", &plan.token, oracle),
            on_session_replaced: Function::new(
                "on_session_replaced fails",
                &plan.on_session_replaced,
                oracle,
            ),
            may_resume: plan
                .may_resume
                .as_ref()
                .map(|manners| Function::new("may_resume declines", manners, oracle)),
        }
    }
}
