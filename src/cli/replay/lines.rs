//! Input lines with their numbers, each at most [`LINE_BYTES_MAX`] long.

use std::io::{self, BufRead, Read as _};

/// Longest line, in bytes. Enough for the largest record of a broker with default settings, with every byte escaped.
pub(super) const LINE_BYTES_MAX: u64 = 16 << 20;

pub(super) struct Lines<R> {
    input: R,
    number: u64,
    line: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, number: 0, line: Vec::new() }
    }

    /// The next line and its number, counted from 1. A longer line is cut, and then refused because it is not a JSON object.
    ///
    /// # Errors
    /// The input cannot be read.
    pub(super) fn next(&mut self) -> io::Result<Option<(u64, &[u8])>> {
        self.line.clear();
        if self.input.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut self.line)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        Ok(Some((self.number, &self.line)))
    }
}
