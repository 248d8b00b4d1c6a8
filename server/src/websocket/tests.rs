//! A whole connection, with a payload of known bytes and a body that is polled by hand.

use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use actix_http::BoxedPayloadStream;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev;
use actix_web::http::header;
use actix_web::test::TestRequest;
use actix_web::web::{Bytes, Payload};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use futures_util::stream::{self, Stream, StreamExt};
use testkit::raw;
use twinwire::limits::MAX_MESSAGE;

use super::body::ZERO_COPY_FROM;
use super::{AcceptOptions, Accepted, Close, NotQueued, ReadEnd, Timeouts, accept};

/// A handshake's request, of a peer that sends these bytes.
pub(crate) fn handshake(bytes: impl Stream<Item = Bytes> + 'static) -> (HttpRequest, Payload) {
    let request = TestRequest::default()
        .insert_header((header::CONNECTION, "upgrade"))
        .insert_header((header::UPGRADE, "websocket"))
        .insert_header((header::SEC_WEBSOCKET_VERSION, "13"))
        .insert_header((header::SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ=="))
        .insert_header((header::SEC_WEBSOCKET_PROTOCOL, "unknown, spoken"))
        .to_http_request();
    let stream: BoxedPayloadStream = Box::pin(bytes.map(Ok));
    let payload = Payload::from_request(&request, &mut dev::Payload::Stream { payload: stream });
    (
        request,
        payload.into_inner().expect("a payload can be extracted"),
    )
}

/// A connection whose peer has sent `bytes` and stays.
pub(crate) fn connection(queue: usize, bytes: Vec<u8>) -> (Accepted, BoxBody) {
    let bytes = stream::iter([Bytes::from(bytes)]).chain(stream::pending());
    accepted(bytes, queue, None)
}

/// A connection whose peer sends these bytes, with room for 1 MiB to be sent.
pub(crate) fn connection_of(
    bytes: impl Stream<Item = Bytes> + 'static,
    timeouts: Option<Timeouts>,
) -> (Accepted, BoxBody) {
    accepted(bytes, 1 << 20, timeouts)
}

fn accepted(
    bytes: impl Stream<Item = Bytes> + 'static,
    queue: usize,
    timeouts: Option<Timeouts>,
) -> (Accepted, BoxBody) {
    let options = AcceptOptions {
        protocols: vec!["spoken".to_owned()],
        message: 1 << 20,
        queue,
        close_time: Duration::from_secs(60),
        timeouts,
    };
    let (request, payload) = handshake(bytes);
    let mut accepted = accept(&request, payload, &options, "").expect("a proper handshake");
    let response = mem::replace(&mut accepted.response, HttpResponse::Ok().finish());
    (accepted, response.into_body())
}

/// Returns what the body hands over now, if anything; empty at its end.
pub(crate) fn handed_over(body: &mut BoxBody) -> Option<Bytes> {
    let cx = &mut Context::from_waker(Waker::noop());
    match Pin::new(body).poll_next(cx) {
        Poll::Ready(Some(Ok(bytes))) => Some(bytes),
        Poll::Ready(Some(Err(error))) => panic!("a body doesn't fail: {error}"),
        Poll::Ready(None) => Some(Bytes::new()),
        Poll::Pending => None,
    }
}

/// Counts how often it is woken.
#[derive(Default)]
pub(crate) struct Woken(AtomicUsize);

impl Woken {
    pub(crate) fn times(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[actix_web::test]
async fn the_handshake_is_answered_with_key_and_subprotocol() {
    let (accepted, _) = connection(1000, Vec::new());
    assert_eq!(accepted.protocol.as_deref(), Some("spoken"));
}

#[actix_web::test]
async fn many_small_messages_are_handed_over_together() {
    let (accepted, mut body) = connection(1 << 20, Vec::new());
    for _ in 0..1000 {
        accepted.outbound.try_send("0123456789").expect("room");
    }
    let bytes = handed_over(&mut body).expect("messages");
    assert!(bytes == b"\x81\x0a0123456789".repeat(1000)[..]);
    assert_eq!(handed_over(&mut body), None);
}

#[actix_web::test]
async fn more_small_messages_than_a_slice_takes_all_come_out() {
    let (accepted, mut body) = connection(1 << 20, Vec::new());
    let mut expected = Vec::<u8>::new();
    for number in 0..10_000 {
        let message = format!("{number:010}");
        expected.extend(b"\x81\x0a");
        expected.extend(message.as_bytes());
        accepted.outbound.try_send(message).expect("room");
    }
    let mut all = Vec::new();
    while let Some(bytes) = handed_over(&mut body) {
        assert!(bytes.len() <= 64 * 1024);
        all.extend_from_slice(&bytes);
    }
    assert!(all == expected);
}

#[actix_web::test]
async fn what_fills_a_slice_is_charged_no_longer_than_that() {
    let (accepted, mut body) = connection(70_000, Vec::new());
    // With their headers 4 KiB each.
    for _ in 0..16 {
        accepted.outbound.try_send(vec![7; 4092]).expect("room");
    }
    accepted.outbound.try_send("last").expect("room");
    let next = || accepted.outbound.try_send(vec![8; 10_000]);
    assert_eq!(next(), Err(NotQueued::Full));
    let slice = handed_over(&mut body).expect("a slice");
    assert_eq!(slice.len(), 64 * 1024);
    assert_eq!(next(), Ok(()));
}

#[actix_web::test]
async fn large_messages_are_handed_over_in_slices() {
    let (accepted, mut body) = connection(1 << 20, Vec::new());
    accepted.outbound.try_send(vec![7; 200_000]).expect("room");
    accepted.outbound.close(Close::known(1000, ""));
    let mut sizes = Vec::new();
    let mut all = Vec::new();
    while let Some(bytes) = handed_over(&mut body) {
        sizes.push(bytes.len());
        all.extend_from_slice(&bytes);
    }
    let mut expected = b"\x82\x7f\0\0\0\0\0\x03\x0d\x40".to_vec();
    expected.resize(200_010, 7);
    expected.extend(b"\x88\x02\x03\xe8");
    assert!(all == expected);
    assert_eq!(sizes.iter().max(), Some(&(64 * 1024)), "{sizes:?}");
}

#[actix_web::test]
async fn a_large_message_is_handed_over_as_it_is() {
    for (len, header) in [
        (ZERO_COPY_FROM, &b"\x82\x7e\x10\x00"[..]),
        (0xffff, b"\x82\x7e\xff\xff"),
        (MAX_MESSAGE, b"\x82\x7f\0\0\0\0\0\x01\0\0"),
    ] {
        let (accepted, mut body) = connection(1 << 20, Vec::new());
        let message = Bytes::from(vec![7; len]);
        let sent = [Bytes::from_static(b"first"), message.clone()];
        for message in sent {
            accepted.outbound.try_send(message).expect("room");
        }
        accepted.outbound.try_send("last").expect("room");
        let small = [b"\x82\x05first", header].concat();
        assert_eq!(handed_over(&mut body).as_deref(), Some(&small[..]));
        let large = handed_over(&mut body).expect("the message");
        assert!(large == message && large.as_ptr() == message.as_ptr());
        assert_eq!(
            handed_over(&mut body).as_deref(),
            Some(&b"\x81\x04last"[..])
        );
        assert_eq!(handed_over(&mut body), None);
    }
}

#[actix_web::test]
async fn a_message_is_charged_until_all_of_it_is_handed_over() {
    let (accepted, mut body) = connection(200_000, Vec::new());
    accepted.outbound.try_send(vec![7; 150_000]).expect("room");
    for _ in 0..3 {
        assert_eq!(
            accepted.outbound.try_send(vec![8; 60_000]),
            Err(NotQueued::Full)
        );
        assert!(handed_over(&mut body).is_some());
    }
    assert_eq!(
        accepted.outbound.try_send(vec![8; 60_000]),
        Err(NotQueued::Full)
    );
    assert!(handed_over(&mut body).is_some());
    assert_eq!(accepted.outbound.try_send(vec![8; 60_000]), Ok(()));
}

#[actix_web::test]
async fn what_came_before_tcp_ended_is_read_and_after_an_abort_it_is_not() {
    let bytes = [raw::frame(0x82, b"1"), raw::frame(0x82, b"2")].concat();
    let (mut accepted, body) = connection(1000, bytes.clone());
    drop(body);
    for expected in [b"1", b"2"] {
        let frame = accepted.inbound.next().await.expect("it came");
        assert_eq!(&frame.data[..], expected);
    }
    assert_eq!(accepted.inbound.next().await, Err(ReadEnd::Lost));

    let (mut accepted, _body) = connection(1000, bytes);
    accepted.outbound.abort();
    assert_eq!(accepted.inbound.next().await, Err(ReadEnd::Lost));
}
