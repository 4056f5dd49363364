//! Lower-case hex digits on the stack. Every event has ids, and `format!` or an allocation for each would be slow.

use arrayvec::ArrayString;

/// The two digits of each byte.
const PAIRS: [[u8; 2]; 256] = {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [DIGITS[byte >> 4], DIGITS[byte & 15]];
        byte += 1;
    }
    pairs
};

/// The digits of the groups, with a hyphen between any two groups. `LEN`: the length of the whole text.
pub(super) fn hex<const LEN: usize>(groups: &[&[u8]]) -> ArrayString<LEN> {
    let mut text = [b'-'; LEN];
    let mut rest = &mut text[..];
    for group in groups {
        let (digits, after) = rest.split_at_mut(2 * group.len());
        for (place, byte) in digits.as_chunks_mut().0.iter_mut().zip(*group) {
            *place = PAIRS[usize::from(*byte)];
        }
        rest = after.get_mut(1..).unwrap_or_default();
    }
    ArrayString::from_byte_string(&text).expect("digits and hyphens are ASCII")
}
