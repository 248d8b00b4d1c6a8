//! What a socket, its listeners and its futures share.
//!
//! The state is borrowed for moments only: never across an await, nor while calling into the browser
//! or waking a task, for both may come back here.

use std::cell::{Cell, RefCell};
use std::task::{Context, Poll, Waker};

use js_sys::Uint8Array;
use twinwire_remote::channels::wait_list::{WaitList, WaitTicket};
use wasm_bindgen::JsValue;
use web_sys::WebSocket;

use super::SocketOptions;
use super::close::{CloseEvent, NORMAL_CODE, QUEUE_FULL_CODE};
use super::error::{ReceiveError, SendError};
use super::incoming::Data;
use super::message::Message;
use super::queue::{Popped, ReceiveQueue};

pub(crate) struct SharedSocket {
    web_socket: WebSocket,
    high_water_mark: usize,
    /// Bytes that the browser held when last asked, and all that was sent since: never less than it holds
    /// now, so that it needn't be asked at each message.
    held: Cell<usize>,
    /// True once the browser has taken a copy where it took no view.
    copies: Cell<bool>,
    /// The browser held as much as the mark, and still holds three quarters of it.
    is_full: Cell<bool>,
    state: RefCell<SocketState>,
}

struct SocketState {
    phase: SocketPhase,
    queue: ReceiveQueue,
    /// Whoever waits for the next message, or for the connection to open.
    reader: Option<Waker>,
    /// True while a task is under way that will wake the reader.
    batch_under_way: bool,
    senders: WaitList,
    /// Whoever waits for the end.
    closing: WaitList,
}

/// The phase of a connection, by the events of it that were seen.
enum SocketPhase {
    Connecting,
    Open,
    /// Closed before it opened.
    Failed(CloseEvent),
    Closed(CloseEvent),
}

/// One of two lines to wait in.
#[derive(Clone, Copy)]
pub(super) enum Line {
    Senders,
    Closing,
}

impl SharedSocket {
    pub(super) fn new(web_socket: WebSocket, options: &SocketOptions) -> Self {
        Self {
            web_socket,
            high_water_mark: options.high_water_mark,
            held: Cell::new(0),
            copies: Cell::new(false),
            is_full: Cell::new(false),
            state: RefCell::new(SocketState {
                phase: SocketPhase::Connecting,
                queue: ReceiveQueue::new(options.queue),
                reader: None,
                batch_under_way: false,
                senders: WaitList::default(),
                closing: WaitList::default(),
            }),
        }
    }

    pub(crate) fn web_socket(&self) -> &WebSocket {
        &self.web_socket
    }
}

/// The questions of the futures.
impl SharedSocket {
    pub(crate) fn poll_open(&self, cx: &mut Context<'_>) -> Poll<Result<(), CloseEvent>> {
        let displaced;
        {
            let mut state = self.state.borrow_mut();
            match &state.phase {
                // One that has closed since was open: its stream tells how it ended.
                SocketPhase::Open | SocketPhase::Closed(_) => return Poll::Ready(Ok(())),
                SocketPhase::Failed(event) => return Poll::Ready(Err(event.clone())),
                SocketPhase::Connecting => displaced = state.reader.replace(cx.waker().clone()),
            }
        }
        drop(displaced);
        Poll::Pending
    }

    pub(crate) fn poll_message(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Message, ReceiveError>>> {
        let displaced;
        {
            let mut state = self.state.borrow_mut();
            match state.queue.pop() {
                Popped::Item(item) => return Poll::Ready(Some(item)),
                Popped::End => return Poll::Ready(None),
                Popped::Nothing => displaced = state.reader.replace(cx.waker().clone()),
            }
        }
        drop(displaced);
        Poll::Pending
    }

    pub(super) fn is_stream_done(&self) -> bool {
        self.state.borrow().queue.is_done()
    }

    pub(super) fn closed(&self) -> Option<CloseEvent> {
        match &self.state.borrow().phase {
            SocketPhase::Connecting | SocketPhase::Open => None,
            SocketPhase::Failed(event) | SocketPhase::Closed(event) => Some(event.clone()),
        }
    }

    /// Returns true if the browser would send a message. It is asked itself, because it knows of the peer's
    /// close frame before the event tells, and takes messages without sending them from then on.
    pub(crate) fn is_open(&self) -> bool {
        self.web_socket.ready_state() == WebSocket::OPEN
    }

    /// Returns the bytes that the browser holds unsent.
    pub(super) fn held(&self) -> usize {
        let held = self.web_socket.buffered_amount() as usize;
        self.held.set(held);
        held
    }

    /// Returns true if the browser holds less than the high-water mark; once it doesn't, if a quarter of
    /// that has left: many messages go for one wait.
    pub(crate) fn has_room(&self) -> bool {
        let mark = match self.is_full.get() {
            true => self.high_water_mark - self.high_water_mark / 4,
            false => self.high_water_mark,
        };
        // The browser is asked only when our own count says full: each question is a call out of the module.
        let has_room = self.held.get() < mark || self.held() < mark;
        self.is_full.set(!has_room);
        has_room
    }

    pub(crate) fn send(&self, message: &Message) -> Result<(), SendError> {
        let taken = match message {
            Message::Text(text) => self.web_socket.send_with_str(text),
            Message::Binary(bytes) => self.send_bytes(bytes),
        };
        taken.map_err(|_| SendError::Refused)?;
        self.held.set(self.held.get().saturating_add(message.len()));
        Ok(())
    }

    /// Sends wasm's own bytes, or a copy of them where its memory is shared by threads: browsers throw at a view of
    /// that (Web IDL, `[AllowShared]`).
    fn send_bytes(&self, bytes: &[u8]) -> Result<(), JsValue> {
        if !self.copies.get() && self.web_socket.send_with_u8_array(bytes).is_ok() {
            return Ok(());
        }
        let copy = Uint8Array::from(bytes);
        self.web_socket.send_with_js_u8_array(&copy)?;
        // Only now: a socket that refuses the copy too says nothing of views.
        self.copies.set(true);
        Ok(())
    }

    /// Closes with a code that pages may say, and a short reason; else, and a second time, this does nothing.
    pub(crate) fn close(&self, code: u16, reason: &str) {
        let _ = self.web_socket.close_with_code_and_reason(code, reason);
    }

    pub(super) fn is_turn(&self, line: Line, ticket: Option<WaitTicket>) -> bool {
        self.state.borrow_mut().line(line).is_turn(ticket)
    }

    pub(super) fn wait(&self, line: Line, ticket: &mut Option<WaitTicket>, waker: &Waker) {
        let displaced = self.state.borrow_mut().line(line).wait(ticket, waker);
        drop(displaced);
    }

    /// Leaves a line, and lets the next one know if it is first now.
    pub(super) fn leave(&self, line: Line, ticket: WaitTicket) {
        let left = self.state.borrow_mut().line(line).leave(ticket);
        left.done();
    }
}

/// The news of the listeners.
impl SharedSocket {
    pub(super) fn opened(&self) {
        let reader = {
            let mut state = self.state.borrow_mut();
            state.phase = SocketPhase::Open;
            state.reader.take()
        };
        wake(reader);
    }

    /// Queues a message. Says whether the reader waits.
    pub(super) fn received(&self, data: &Data) -> bool {
        // Asked before the copy: a message that won't fit isn't worth the memory that it would be copied into.
        let message = data.copy(|bytes| self.state.borrow().queue.admits(bytes));
        {
            let mut state = self.state.borrow_mut();
            if message.is_some_and(|message| state.queue.push(message)) {
                return state.reader.is_some();
            }
            state.queue.end(Some(ReceiveError::Overflow));
        }
        // No message comes after this, and the queue would admit none.
        self.close(QUEUE_FULL_CODE, "receive queue full");
        true
    }

    pub(super) fn wake_reader(&self) {
        let reader = {
            let mut state = self.state.borrow_mut();
            // Before the reader is woken: what it does may let a message in, which needs a task of its own.
            state.batch_under_way = false;
            state.reader.take()
        };
        wake(reader);
    }

    /// Says whether the caller is to start the task that wakes the reader.
    pub(super) fn begin_batch(&self) -> bool {
        !std::mem::replace(&mut self.state.borrow_mut().batch_under_way, true)
    }

    /// The connection has ended: every future and the stream learn of it.
    pub(super) fn finish(&self, event: CloseEvent) {
        let (reader, waiting) = {
            let mut state = self.state.borrow_mut();
            state.finish(event);
            let waiting = [state.senders.take(), state.closing.take()];
            (state.reader.take(), waiting)
        };
        wake(reader);
        let waiting = waiting.into_iter().flatten();
        waiting.for_each(|(_, waker)| waker.wake());
    }

    /// Closes a connection that nobody awaits the end of any more, and tells whoever still waits.
    pub(crate) fn abandon(&self) {
        self.close(NORMAL_CODE, "");
        // The listeners go with the socket, so the browser's own close event would find nobody.
        if self.closed().is_none() {
            self.finish(CloseEvent::unseen());
        }
    }
}

impl SocketState {
    fn line(&mut self, line: Line) -> &mut WaitList {
        match line {
            Line::Senders => &mut self.senders,
            Line::Closing => &mut self.closing,
        }
    }

    fn finish(&mut self, event: CloseEvent) {
        let error = (!event.clean).then(|| ReceiveError::Lost(event.clone()));
        self.queue.end(error);
        self.phase = match self.phase {
            SocketPhase::Connecting => SocketPhase::Failed(event),
            SocketPhase::Open | SocketPhase::Failed(_) | SocketPhase::Closed(_) => {
                SocketPhase::Closed(event)
            }
        };
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
