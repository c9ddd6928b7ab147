//! Time as an argument.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time in milliseconds since the epoch. Tests bring their own.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> i64 + Send + Sync>);

impl Clock {
    pub fn new(now_ms: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now_ms))
    }

    /// The machine's clock.
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place that asks the machine"
    )]
    pub fn system() -> Self {
        Self::new(|| {
            let since_epoch = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default();
            i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
        })
    }

    pub fn now_ms(&self) -> i64 {
        (self.0)()
    }

    pub fn now_seconds(&self) -> i64 {
        self.now_ms().div_euclid(1000)
    }

    /// Milliseconds since `then`; a clock that was set back counts as a long time, so that nothing
    /// waits for it to catch up.
    pub(crate) fn elapsed_ms(&self, then: i64) -> i64 {
        let elapsed = self.now_ms().saturating_sub(then);
        if elapsed < 0 { i64::MAX } else { elapsed }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
