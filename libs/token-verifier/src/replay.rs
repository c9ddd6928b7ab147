//! What was seen and must not be seen again.

use std::collections::HashSet;
use std::mem;
use std::sync::{Mutex, PoisonError};

/// Remembers digests for at least one window, in bounded memory. When it is full it says so instead
/// of forgetting: who can fill it must not gain a replay by it.
#[derive(Debug)]
pub(crate) struct ReplayGuard {
    window_ms: i64,
    capacity: usize,
    state: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    current: HashSet<[u8; 32]>,
    previous: HashSet<[u8; 32]>,
    started_ms: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    First,
    Again,
    Full,
}

impl ReplayGuard {
    /// `capacity` digests per window.
    pub(crate) fn new(window_ms: i64, capacity: usize) -> Self {
        Self {
            window_ms,
            capacity,
            state: Mutex::default(),
        }
    }

    pub(crate) fn see(&self, digest: [u8; 32], now_ms: i64) -> Seen {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let age = now_ms.saturating_sub(state.started_ms);
        if age >= self.window_ms.saturating_mul(2) {
            *state = Generations {
                started_ms: now_ms,
                ..Generations::default()
            };
        } else if age >= self.window_ms {
            state.previous = mem::take(&mut state.current);
            state.started_ms = now_ms;
        }
        if state.previous.contains(&digest) || state.current.contains(&digest) {
            return Seen::Again;
        }
        if state.current.len() >= self.capacity {
            return Seen::Full;
        }
        state.current.insert(digest);
        Seen::First
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_forgotten_within_its_window() {
        let guard = ReplayGuard::new(1000, 3);
        let digest = |byte| [byte; 32];
        assert_eq!(guard.see(digest(1), 10_000), Seen::First);
        assert_eq!(guard.see(digest(1), 10_000), Seen::Again);
        assert_eq!(guard.see(digest(2), 10_999), Seen::First);
        assert_eq!(guard.see(digest(3), 10_999), Seen::First);
        // Full: refused, and nothing was pushed out for it.
        assert_eq!(guard.see(digest(4), 10_999), Seen::Full);
        assert_eq!(guard.see(digest(1), 10_999), Seen::Again);
        // The next window remembers the one before.
        assert_eq!(guard.see(digest(2), 11_500), Seen::Again);
        assert_eq!(guard.see(digest(4), 11_500), Seen::First);
        assert_eq!(guard.see(digest(2), 12_600), Seen::First);
        // After a long silence everything is new.
        assert_eq!(guard.see(digest(4), 99_000), Seen::First);
    }
}
