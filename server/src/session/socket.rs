//! A typed connection's socket as its shell's link.

use std::task::{Context, Poll, ready};

use actix_web::web::Bytes;
use twinwire::limits::MAX_MESSAGE;
use twinwire_remote::{Inbound as Message, Link, LinkLost};

use crate::websocket::{
    Assembler, Close, InboundFrames, Message as Whole, NotQueued, Opcode, Outbound,
};

/// Frames that are taken before anything else gets its turn, while they make no message.
const FRAMES_AT_ONCE: usize = 32;

/// The two halves of a WebSocket.
pub(crate) struct SocketLink {
    inbound: InboundFrames,
    outbound: Outbound,
    assembler: Assembler,
}

impl SocketLink {
    /// The bytes that may wait: one message on its way and one behind it. What waits longer waits in
    /// the session.
    pub(crate) const QUEUE: usize = 2 * (MAX_MESSAGE + 64);

    pub(crate) fn new(inbound: InboundFrames, outbound: Outbound) -> Self {
        Self {
            inbound,
            outbound,
            assembler: Assembler::new(MAX_MESSAGE),
        }
    }
}

impl Link for SocketLink {
    type Message = Bytes;

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message<Bytes>, LinkLost>> {
        for _ in 0..FRAMES_AT_ONCE {
            let frame = ready!(self.inbound.poll_next(cx)).map_err(|_| LinkLost)?;
            // A text is a fault of the peer's, so the rest of it isn't waited for.
            if frame.opcode == Opcode::Text {
                return Poll::Ready(Ok(Message::Text));
            }
            match self.assembler.push(frame) {
                Some(Whole::Binary(bytes)) => return Poll::Ready(Ok(Message::Binary(bytes))),
                Some(Whole::Text(_)) => return Poll::Ready(Ok(Message::Text)),
                None => {}
            }
        }
        // Fragments without end must not keep timers and handlers waiting.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkLost>> {
        let ready = self.outbound.poll_room(MAX_MESSAGE, cx);
        ready.map_err(|_| LinkLost)
    }

    fn send(&mut self, message: Vec<u8>) {
        match self.outbound.try_send(message) {
            // A closed connection shows in `poll_receive`.
            Ok(()) | Err(NotQueued::Closed) => {}
            Err(refused @ (NotQueued::Full | NotQueued::TooLarge)) => {
                debug_assert!(false, "`poll_ready` has found room: {refused}");
                // Rather no connection than one that left something out.
                self.outbound.abort();
            }
        }
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LinkLost>> {
        // The response's body takes what is queued.
        Poll::Ready(Ok(()))
    }

    async fn close(mut self, code: u16) {
        match Close::new(code, "") {
            Ok(frame) => {
                self.outbound.close(frame);
            }
            Err(error) => {
                debug_assert!(false, "goodbye codes can be sent: {error}");
                self.outbound.abort();
            }
        }
        // Only a socket that is read notices the peer's close.
        while self.inbound.next().await.is_ok() {}
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::{Context, Poll, Waker};

    use testkit::raw;
    use tokio::task::coop;
    use twinwire::limits::MAX_MESSAGE;
    use twinwire_remote::Link;

    use super::SocketLink;
    use crate::websocket::tests::{Woken, connection, handed_over};

    /// Sends messages of `len` bytes for as long as the socket takes them; how many those were.
    fn fill(socket: &mut SocketLink, len: usize) -> usize {
        let cx = &mut Context::from_waker(Waker::noop());
        let mut taken = 0;
        while let Poll::Ready(ready) = socket.poll_ready(cx) {
            ready.expect("the socket is open");
            socket.send(vec![7; len]);
            taken += 1;
        }
        taken
    }

    #[actix_web::test]
    async fn what_a_peer_does_not_read_is_bounded_in_bytes() {
        for len in [0, 1, 1000, MAX_MESSAGE] {
            let (accepted, mut body) = connection(SocketLink::QUEUE, Vec::new());
            let mut socket = SocketLink::new(accepted.inbound, accepted.outbound);
            let bound = SocketLink::QUEUE / (len + 64);
            // Each round, what actix has taken makes room for as much again, and for no more.
            for _ in 0..10 {
                let taken = fill(&mut socket, len);
                assert!((1..=bound).contains(&taken), "{taken} messages of {len}");
                assert_eq!(fill(&mut socket, len), 0);
                let mut handed = 0;
                while let Some(bytes) = handed_over(&mut body) {
                    handed += bytes.len();
                }
                assert!((taken * len..taken * (len + 64)).contains(&handed));
            }
        }
    }

    #[actix_web::test]
    async fn fragments_without_end_leave_others_their_turn() {
        let mut bytes = raw::frame(0x02, b"");
        bytes.extend(raw::frame(0x00, b"").repeat(10_000));
        let (accepted, _body) = connection(SocketLink::QUEUE, bytes);
        let mut socket = SocketLink::new(accepted.inbound, accepted.outbound);
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let cx = &mut Context::from_waker(&waker);
        assert!(socket.poll_receive(cx).is_pending());
        assert_eq!(woken.times(), 1, "it goes on");
        assert!(coop::has_budget_remaining());
    }

    #[actix_web::test]
    async fn who_waits_for_room_is_woken_by_what_actix_takes() {
        let (accepted, mut body) = connection(SocketLink::QUEUE, Vec::new());
        let mut socket = SocketLink::new(accepted.inbound, accepted.outbound);
        fill(&mut socket, MAX_MESSAGE);
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let cx = &mut Context::from_waker(&waker);
        assert!(socket.poll_ready(cx).is_pending());
        assert_eq!(woken.times(), 0);
        while handed_over(&mut body).is_some() {}
        assert_ne!(woken.times(), 0);
        assert!(socket.poll_ready(cx).is_ready());
    }
}
