//! Every bound of the listeners in one place.

use std::time::Duration;

/// Time for the head of a request to arrive; an idle connection is closed after it, too.
pub const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for a TLS handshake.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for the body of a request to arrive and the answer to be made.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Header fields of a request.
pub const HEADERS: usize = 100;
/// Size of the head of a request, in bytes.
pub const HEADER_BYTES: usize = 64 * 1024;
/// Size of the body of a request, in bytes.
pub const BODY_BYTES: usize = 1024 * 1024;
/// The same below `/admin`, where whole realms are imported.
pub const ADMIN_BODY_BYTES: usize = 32 * 1024 * 1024;
/// Connections to the management listener.
pub const MANAGEMENT_CONNECTIONS: usize = 64;
/// Time between two looks at the certificate files.
pub const CERTIFICATE_CHECK: Duration = Duration::from_secs(10);
/// Time between two removals of what has expired.
pub const EXPIRY_INTERVAL: Duration = Duration::from_secs(60);
/// Sessions removed in one transaction.
pub const EXPIRY_CHUNK: i64 = 500;
/// Pause after a connection could not be accepted (no file descriptors left).
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long a starting server waits for its database.
pub const DATABASE_WAIT: Duration = Duration::from_secs(60);
/// Pause between two tries.
pub const DATABASE_PAUSE: Duration = Duration::from_secs(1);
/// What readiness waits for the database's answer.
pub const DATABASE_PROBE: Duration = Duration::from_secs(3);
/// Seconds that failed logins are remembered after the last one: longer than any sensible
/// `maxDeltaTimeSeconds`.
pub const LOGIN_FAILURES_KEPT: i64 = 30 * 86_400;
