//! The locks of channels. The crate `models` has others in their place, with which it tries the orders of threads.

pub(crate) use std::sync::{Mutex, MutexGuard};
