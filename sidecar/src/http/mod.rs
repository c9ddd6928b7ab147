//! What both directions need of HTTP.

pub mod answer;
pub mod client;
pub mod deadline;
pub mod grpc;
pub mod headers;
pub mod server;
pub mod tls;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;

pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A body on its way through, never held in memory as a whole.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;
