//! The steps of a run: always as one hash, on request also as lines of text.

use std::hash::Hasher;

/// The hash FNV-1a, which is the same on every machine and in every build.
#[derive(Clone)]
pub(crate) struct Fnv(pub u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

#[derive(Default)]
pub(crate) struct Trace {
    hash: Fnv,
    lines: Option<Vec<String>>,
}

impl Trace {
    pub(crate) fn new(has_lines: bool) -> Self {
        Self { hash: Fnv::default(), lines: has_lines.then(Vec::new) }
    }

    /// Adds `what` and the numbers to the hash. Calls `line` only if the trace has lines.
    pub(crate) fn note(&mut self, what: &'static str, numbers: [i64; 3], line: impl FnOnce() -> String) {
        self.hash.write(what.as_bytes());
        for number in numbers {
            self.hash.write_i64(number);
        }
        if let Some(lines) = &mut self.lines {
            lines.push(line());
        }
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash.finish()
    }

    pub(crate) fn lines(self) -> Vec<String> {
        self.lines.unwrap_or_default()
    }
}
