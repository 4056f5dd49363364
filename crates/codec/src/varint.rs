//! Avro's whole numbers: zigzag, then seven bits a byte, the lowest first (Avro 1.12, "Binary encoding").

/// Most bytes of a 64-bit number.
const BYTES_MAX: u32 = 10;

pub(crate) fn write(number: i64, out: &mut Vec<u8>) {
    let mut rest = ((number << 1) ^ (number >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// The number at the start of `bytes`, and what follows it. `None`: it ends too early, or has more than 64 bits.
pub(crate) fn read(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (mut number, mut shift) = (0_u64, 0);
    for (at, byte) in bytes.iter().enumerate() {
        let bits = u64::from(byte & 0x7f);
        if shift == 7 * (BYTES_MAX - 1) && bits > 1 {
            return None;
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(((number >> 1) as i64 ^ -((number & 1) as i64), &bytes[at + 1..]));
        }
        shift += 7;
        if shift == 7 * BYTES_MAX {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_written_as_the_specification_says() {
        let check = |number: i64, expected: &[u8]| {
            let mut out = Vec::new();
            write(number, &mut out);
            assert_eq!(out, expected, "{number}");
            out.push(7);
            assert_eq!(read(&out), Some((number, &[7][..])), "{number}");
        };
        check(0, &[0]);
        check(-1, &[1]);
        check(1, &[2]);
        check(-64, &[0x7f]);
        check(64, &[0x80, 1]);
        check(i64::MAX, &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]);
        check(i64::MIN, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]);
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for bytes in [&[][..], &[0x80], &[0xff; 9], &[0xff; 10], &[0xff; 11]] {
            assert_eq!(read(bytes), None, "{bytes:?}");
        }
        let mut too_large = [0xff; 10];
        too_large[9] = 2;
        assert_eq!(read(&too_large), None);
    }

    proptest! {
        #[test]
        fn a_number_is_read_back(number: i64) {
            let mut out = Vec::new();
            write(number, &mut out);
            prop_assert_eq!(read(&out), Some((number, &[][..])));
        }
    }
}
