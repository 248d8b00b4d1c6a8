//! Which cells of the table of states and frames were visited.

use twinwire::frame::{FrameSender, FrameType};
use twinwire::session::{Admission, Role, State};

const STATES: usize = State::ALL.len();

/// The cells (role, state, frame) in which a frame arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage([[u32; STATES]; 2]);

impl Coverage {
    pub(crate) fn visit(&mut self, role: Role, state: State, frame: FrameType) {
        self.0[role as usize][state as usize] |= 1 << frame as u32;
    }

    /// Adds what another run visited.
    pub fn add(&mut self, other: &Self) {
        let rows = self.0.iter_mut().flatten();
        for (mine, theirs) in rows.zip(other.0.iter().flatten()) {
            *mine |= theirs;
        }
    }

    fn has(&self, role: Role, state: State, frame: FrameType) -> bool {
        self.0[role as usize][state as usize] & (1 << frame as u32) != 0
    }

    /// How many cells were visited, of those that two honest ends can visit.
    pub fn share(&self, role: Role) -> (usize, usize) {
        let all = cells(role);
        let visited = all
            .iter()
            .filter(|(state, frame, _)| self.has(role, *state, *frame));
        (visited.count(), all.len())
    }

    /// The cells that were not visited: `open: ping`, by the names of PROTOCOL.md.
    pub fn missed(&self, role: Role) -> Vec<String> {
        let all = cells(role).into_iter();
        let missed = all.filter(|(state, frame, _)| !self.has(role, *state, *frame));
        let state_name = |state| State::ALL.iter().find(|(of, ..)| *of == state);
        missed
            .map(|(state, _, frame)| {
                format!(
                    "{}: {frame}",
                    state_name(state).map_or("?", |(_, name, _)| name)
                )
            })
            .collect()
    }
}

/// What PROTOCOL.md's table takes or drops, of frames that an honest other end may send: after its goodbye
/// it sends nothing, and before it is welcomed only what belongs to that.
fn cells(role: Role) -> Vec<(State, FrameType, &'static str)> {
    let from_peer = |sender| match sender {
        FrameSender::Both => true,
        FrameSender::Client => role == Role::Server,
        FrameSender::Server => role == Role::Client,
    };
    let states = State::ALL.iter().map(|(state, ..)| *state);
    let states = states.filter(|state| state.is_of(role));
    let frames = FrameType::ALL
        .iter()
        .filter(|(_, _, sender, _)| from_peer(*sender));
    states
        .flat_map(|state| frames.clone().map(move |frame| (state, frame)))
        .filter(|(state, (frame, ..))| state.admit(role, *frame) != Admission::Refuse)
        .filter(|(state, (frame, ..))| is_honest(*state, *frame))
        .map(|(state, (frame, name, ..))| (state, *frame, *name))
        .collect()
}

fn is_honest(state: State, frame: FrameType) -> bool {
    use FrameType::{Goodbye, Hello, NeedTable, Table, Welcome};
    match state {
        State::PeerDraining | State::AwaitingClose => false,
        // Who closes without having heard a goodbye wasn't welcomed yet, or hasn't welcomed.
        State::Closing => matches!(frame, Goodbye | Hello | NeedTable | Table | Welcome),
        // A hello is the first of a connection, and asks for nothing of one that has a session.
        State::AwaitingHello => frame == Hello,
        State::Detached => !matches!(frame, Hello | Table),
        _ => true,
    }
}
