//! The client's half: the native client's WebSocket, looked at from above.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use twinwire_client_native::{OpenError, test};
use twinwire_remote::{Inbound, Link, LinkLost};

use super::serving::PATH;
use super::stream::{Stream, Wire};
use crate::platform::NotOpened;
use crate::world::World;

/// A client's WebSocket.
pub(crate) struct Socket {
    socket: test::Socket<Stream>,
    wire: Rc<RefCell<Wire>>,
}

/// Shakes hands over a stream.
pub(crate) async fn open(
    stream: Stream,
    subprotocol: &'static str,
    world: &World,
) -> Result<Socket, NotOpened> {
    let wire = stream.wire();
    let url = format!("ws://localhost{PATH}");
    match test::open(stream, &url, subprotocol).await {
        Ok(socket) => Ok(Socket { socket, wire }),
        Err(OpenError::WebSocket(_)) => Err(NotOpened::Lost),
        Err(error) => {
            world.oracle.account().wrong(|| error.to_string());
            Err(NotOpened::Lost)
        }
    }
}

impl Link for Socket {
    type Message = Vec<u8>;

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Inbound<Vec<u8>>, LinkLost>> {
        Poll::Ready(match ready!(self.socket.poll_receive(cx)) {
            Ok(Inbound::Binary(message)) => {
                self.wire.borrow_mut().tap().receives(&message);
                Ok(Inbound::Binary(message.into()))
            }
            Ok(Inbound::Text) => Ok(Inbound::Text),
            Err(LinkLost) => Err(LinkLost),
        })
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkLost>> {
        self.socket.poll_ready(cx)
    }

    fn send(&mut self, message: Vec<u8>) {
        self.wire.borrow_mut().tap().sends(&message);
        self.socket.send(message);
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkLost>> {
        self.socket.poll_flush(cx)
    }

    async fn close(self, code: u16) {
        self.wire.borrow_mut().tap().closes(code);
        self.socket.close(code).await;
    }
}
