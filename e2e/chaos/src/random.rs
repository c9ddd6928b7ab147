//! Numbers from a seed (splitmix64), so that a campaign's faults can be had again.

use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Random(u64);

/// A seed that nobody chose.
pub fn seed() -> u64 {
    uuid::Uuid::new_v4().as_u64_pair().0
}

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end.max(1)
    }

    /// An index below `length`.
    pub fn index(&mut self, length: usize) -> usize {
        let below = self.below(u64::try_from(length).unwrap_or(u64::MAX));
        usize::try_from(below).unwrap_or_default()
    }

    /// Waits for so many milliseconds, at least and at most.
    pub async fn pause(&mut self, least: u64, most: u64) {
        let time = least + self.below(most.saturating_sub(least) + 1);
        tokio::time::sleep(Duration::from_millis(time)).await;
    }
}
