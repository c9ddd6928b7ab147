//! gRPC over HTTP/2: what a proxy and a small server need of it.

use std::convert::Infallible;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::decision::Refusal;
use crate::http::{Body, answer};

/// Status codes.
pub const INVALID_ARGUMENT: u16 = 3;
pub const DEADLINE_EXCEEDED: u16 = 4;
pub const PERMISSION_DENIED: u16 = 7;
pub const RESOURCE_EXHAUSTED: u16 = 8;
pub const UNIMPLEMENTED: u16 = 12;
pub const INTERNAL: u16 = 13;
pub const UNAVAILABLE: u16 = 14;
pub const UNAUTHENTICATED: u16 = 16;

/// What `grpc-message` has to encode.
const MESSAGE: &AsciiSet = &CONTROLS.add(b'%');

pub fn is_grpc(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("application/grpc"))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', ';']))
}

/// An answer that is a status and nothing else.
pub fn status(code: u16, message: &str) -> Response<Body> {
    let mut response = Response::new(answer::full(""));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert("grpc-status", HeaderValue::from(code));
    let message = utf8_percent_encode(message, MESSAGE).to_string();
    if let Ok(message) = HeaderValue::from_str(&message) {
        headers.insert("grpc-message", message);
    }
    response
}

/// A refusal as a gRPC client understands it.
pub fn refusal(refusal: &Refusal, message: &str) -> Response<Body> {
    let mut response = status(code(refusal.status), message);
    for (name, value) in &refusal.headers {
        if name == WWW_AUTHENTICATE {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

pub fn code(status: StatusCode) -> u16 {
    match status {
        StatusCode::UNAUTHORIZED => UNAUTHENTICATED,
        StatusCode::FORBIDDEN => PERMISSION_DENIED,
        StatusCode::BAD_REQUEST => INVALID_ARGUMENT,
        StatusCode::GATEWAY_TIMEOUT => DEADLINE_EXCEEDED,
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::BAD_GATEWAY => UNAVAILABLE,
        _ => INTERNAL,
    }
}

/// The message of a unary call; None when it is not exactly one that is not compressed.
pub fn unary(body: &Bytes) -> Option<Bytes> {
    let (prefix, message) = body.split_at_checked(5)?;
    let [0, a, b, c, d] = prefix else {
        return None;
    };
    let length = usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).ok()?;
    (message.len() == length).then(|| body.slice(5..))
}

/// The answer to a unary call.
pub fn answer(message: &impl prost::Message) -> Response<Body> {
    let length = message.encoded_len();
    let mut framed = BytesMut::with_capacity(length + 5);
    framed.put_u8(0);
    framed.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    if message.encode(&mut framed).is_err() {
        return status(INTERNAL, "the answer cannot be written");
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let frames = [Frame::data(framed.freeze()), Frame::trailers(trailers)];
    let frames = frames.map(Ok::<_, Infallible>);
    let mut response = Response::new(
        StreamBody::new(futures::stream::iter(frames))
            .map_err(|never| match never {})
            .boxed_unsync(),
    );
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}
