//! A pause that grows: the longer something lasts, the less often it is tried again.

use super::limits::Limits;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct GrowingPause {
    /// 0: there was none yet.
    last_ms: u64,
}

impl GrowingPause {
    /// The next pause in milliseconds: twice the one before, within the limits.
    pub(super) fn next_ms(&mut self, limits: &Limits) -> u64 {
        self.last_ms = (2 * self.last_ms).clamp(limits.pause_min_ms, limits.pause_max_ms);
        self.last_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_doubles_up_to_its_limit() {
        let limits = Limits { pause_min_ms: 500, pause_max_ms: 3_000, ..Limits::DEFAULT };
        let mut pause = GrowingPause::default();
        let pauses: Vec<_> = (0..5).map(|_| pause.next_ms(&limits)).collect();
        assert_eq!(pauses, [500, 1_000, 2_000, 3_000, 3_000]);
    }
}
