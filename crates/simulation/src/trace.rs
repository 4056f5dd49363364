//! What happened, as one number always and as lines on demand.

use std::hash::Hasher;

/// FNV-1a: the same on every machine and every build.
#[derive(Clone)]
pub struct Fnv(pub u64);

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
pub struct Trace {
    hash: Fnv,
    lines: Option<Vec<String>>,
}

impl Trace {
    pub fn new(is_told: bool) -> Self {
        Self { hash: Fnv::default(), lines: is_told.then(Vec::new) }
    }

    /// `what` and the numbers go into the hash; the line is made only if somebody reads it.
    pub fn note(&mut self, what: &'static str, numbers: [i64; 3], line: impl FnOnce() -> String) {
        self.hash.write(what.as_bytes());
        for number in numbers {
            self.hash.write_i64(number);
        }
        if let Some(lines) = &mut self.lines {
            lines.push(line());
        }
    }

    pub fn hash(&self) -> u64 {
        self.hash.finish()
    }

    pub fn lines(self) -> Vec<String> {
        self.lines.unwrap_or_default()
    }
}
