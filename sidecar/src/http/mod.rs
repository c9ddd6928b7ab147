//! What both directions need of HTTP/1.1.

pub mod answer;
pub mod client;
pub mod headers;
pub mod server;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;

pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A body on its way through, never held in memory as a whole.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;
