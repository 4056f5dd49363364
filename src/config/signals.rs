//! `[signals]`: the length of their windows.

use super::Range;

pub(super) const RANGES: &[Range] = &[Range("signals.window_s", 60, 3_600)];
