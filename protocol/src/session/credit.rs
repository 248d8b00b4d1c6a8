//! Windows: absolute limits in charged bytes, as MAX_DATA in QUIC (RFC 9000 §4.1).

use crate::limits::{FRAME_COST, MAX_PART};

/// Returns the charge of a frame with this much payload.
pub(super) fn charge(payload: usize) -> u64 {
    payload as u64 + FRAME_COST
}

/// Returns the charge of a whole message of this length, cut as this side cuts.
pub(super) fn charge_all(payload: usize) -> usize {
    // An empty message is a frame, too.
    let parts = payload.div_ceil(MAX_PART).max(1);
    payload + parts * FRAME_COST as usize
}

/// The peer sent past its window.
#[derive(Debug)]
pub(super) struct Overrun;

/// The window that this side grants its peer.
#[derive(Debug)]
pub(super) struct RecvWindow {
    window: u64,
    arrived: u64,
    /// Invariant: at most `arrived`.
    released: u64,
    /// The limit that the peer knows.
    told: u64,
    /// Bytes that take room in the window and never arrived under it.
    burden: u64,
}

impl RecvWindow {
    pub(super) fn new(window: u64) -> Self {
        Self {
            window,
            arrived: 0,
            released: 0,
            told: window,
            burden: 0,
        }
    }

    /// Makes a window of which the peer was `told` a limit, and `burden` bytes are taken by something else.
    pub(super) fn burdened(window: u64, told: u64, burden: u64) -> Self {
        Self {
            told,
            burden,
            ..Self::new(window)
        }
    }

    pub(super) fn check_invariants(&self) {
        assert!(
            self.released <= self.arrived,
            "no more is released than arrived: {self:?}"
        );
        assert!(self.told <= self.granted(), "a limit never falls: {self:?}");
    }

    /// Returns the bytes that take room besides those that have arrived.
    pub(super) fn burden(&self) -> u64 {
        self.burden
    }

    /// Frees the room that something else took.
    pub(super) fn unburden(&mut self) {
        self.burden = 0;
    }

    /// Returns the limit of the peer.
    pub(super) fn granted(&self) -> u64 {
        // An event in parts may be larger than the window. Left over, it leaves none of the next.
        self.released + self.window.saturating_sub(self.burden)
    }

    pub(super) fn arrive(&mut self, charge: u64) -> Result<(), Overrun> {
        let arrived = self.arrived + charge;
        if arrived > self.granted() {
            return Err(Overrun);
        }
        self.arrived = arrived;
        Ok(())
    }

    /// Gives the room of a charge back.
    pub(super) fn release(&mut self, charge: u64) {
        self.released += charge;
    }

    /// Returns true if so much credit is new that the peer should know at once.
    pub(super) fn is_worth_telling(&self) -> bool {
        // At a quarter: earlier, many frames would tell little; later, the sender would stand
        // still.
        self.granted() - self.told >= self.window / 4
    }

    /// Forgets that the peer was told: it may not have arrived. (The first limit has.)
    pub(super) fn tell_again(&mut self) {
        if self.released > 0 {
            self.told = 0;
        }
    }

    /// Returns the bytes that have arrived and still take room.
    pub(super) fn held(&self) -> u64 {
        self.arrived - self.released
    }

    /// Returns the bytes that have arrived so far.
    pub(super) fn arrived(&self) -> u64 {
        self.arrived
    }

    /// Returns the limit, as told now.
    pub(super) fn tell(&mut self) -> u64 {
        self.told = self.granted();
        self.told
    }
}

/// The window that the peer grants this side.
#[derive(Debug, Default)]
pub(super) struct SendWindow {
    limit: u64,
    /// Invariant: at most `limit`.
    used: u64,
}

impl SendWindow {
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, used: 0 }
    }

    /// Makes an allowance of which some is used.
    pub(super) fn used(limit: u64, used: u64) -> Self {
        Self { limit, used }
    }

    pub(super) fn check_invariants(&self) {
        assert!(self.used <= self.limit, "a window is overrun: {self:?}");
    }

    /// Takes a limit that the peer tells. The highest counts.
    pub(super) fn raise(&mut self, limit: u64) {
        plant!("window_relative", let limit = self.limit + limit);
        self.limit = self.limit.max(limit);
    }

    pub(super) fn fits(&self, charge: u64) -> bool {
        self.used + charge <= self.limit
    }

    pub(super) fn left(&self) -> u64 {
        self.limit - self.used
    }

    pub(super) fn spend(&mut self, charge: u64) {
        self.used += charge;
    }
}

// No panic can be caught there.
#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    #[test]
    #[should_panic = "a window is overrun"]
    fn a_window_that_is_overrun_is_found() {
        SendWindow::used(7, 8).check_invariants();
    }

    #[test]
    #[should_panic = "no more is released than arrived"]
    fn what_is_released_and_never_arrived_is_found() {
        let mut window = RecvWindow::new(7);
        window.release(1);
        window.check_invariants();
    }

    #[test]
    #[should_panic = "a limit never falls"]
    fn a_limit_that_falls_is_found() {
        RecvWindow::burdened(7, 8, 0).check_invariants();
    }
}
