//! Lower-case hex digits, written at once: ids are on every event, and a formatter call for each byte is dear.

use std::fmt::{Display, Formatter, Result};

/// Shows bytes as hex digits, with hyphens before some of them.
pub struct Hex<'a> {
    pub bytes: &'a [u8],
    /// Places of bytes, ascending.
    pub hyphens_before: &'a [usize],
}

/// Enough for sixteen bytes and four hyphens.
const LEN_MAX: usize = 36;

impl Display for Hex<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; LEN_MAX];
        let mut end = 0;
        for (at, byte) in self.bytes.iter().enumerate() {
            if self.hyphens_before.contains(&at) {
                text[end] = b'-';
                end += 1;
            }
            text[end] = DIGITS[usize::from(byte >> 4)];
            text[end + 1] = DIGITS[usize::from(byte & 15)];
            end += 2;
        }
        f.write_str(std::str::from_utf8(&text[..end]).expect("digits and hyphens are ASCII"))
    }
}
