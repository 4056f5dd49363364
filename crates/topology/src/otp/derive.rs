//! Challenge ids and codes, derived and never stored.
//!
//! ```text
//! id   = HMAC(id key,   contract, tenant, subject, purpose, topic, partition, offset, append time)   128 bits
//! code = digits of HMAC(code key, tag, id, subject, purpose, digits, rotation, block)
//! ```
//!
//! The length of every part precedes it. No value that a caller may choose freely enters an id, so one request id sent
//! for two numbers never gives two people the same code.

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::challenge::{ChallengeId, CodeRef};
use super::decide::Rules;
use super::identity::CanonicalSubject;
use super::keys::{Keyring, UnknownKey};
use super::names::Purpose;
use super::terms::Digits;

const CODE_TAG: &[u8] = b"otp-stream code v1";

/// The digits of a code, including leading zeros. Zeroized when dropped; prints as stars.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Code {
    ascii: [u8; Digits::MAX as usize],
    length: u8,
}

impl Code {
    /// Derives the code of a challenge.
    ///
    /// # Errors
    /// Its key is not in the ring.
    pub fn derive(keys: &Keyring, who: &CanonicalSubject, of: CodeRef) -> Result<Self, UnknownKey> {
        let base = keys
            .code()
            .get(of.key)?
            .hmac()
            .part(CODE_TAG)
            .part(&of.challenge.0)
            .part(who.as_str().as_bytes())
            .part(of.purpose.as_str().as_bytes())
            .part(&[of.digits.get()])
            .part(&[of.rotation]);
        let mut block_number: u32 = 0;
        loop {
            let block = base.clone().part(&block_number.to_be_bytes()).finish();
            let draws = block.chunks_exact(8).map(|chunk| {
                u64::from_be_bytes(chunk.try_into().expect("a chunk of eight bytes is eight bytes"))
            });
            if let Some(number) = unbiased(of.digits, draws) {
                return Ok(Self::of_number(of.digits, number));
            }
            block_number += 1;
        }
    }

    fn of_number(digits: Digits, mut number: u64) -> Self {
        let mut code = Self { ascii: [b'0'; Digits::MAX as usize], length: digits.get() };
        for place in code.ascii[..usize::from(digits.get())].iter_mut().rev() {
            *place = b'0' + (number % 10) as u8;
            number /= 10;
        }
        code
    }

    pub fn digits(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).expect("digits are ASCII")
    }

    /// Compares in constant time. A text of another length never matches.
    pub fn matches(&self, typed: &str) -> bool {
        self.as_bytes().ct_eq(typed.as_bytes()).into()
    }

    fn as_bytes(&self) -> &[u8] {
        &self.ascii[..usize::from(self.length)]
    }
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&"**********"[..usize::from(self.length)])
    }
}

/// The first draw below the largest multiple of 10^digits, modulo 10^digits. Every number is equally likely.
fn unbiased(digits: Digits, draws: impl Iterator<Item = u64>) -> Option<u64> {
    let range = 10_u64.pow(u32::from(digits.get()));
    let excess = (u64::MAX % range + 1) % range;
    let mut fair = draws.filter(|draw| *draw <= u64::MAX - excess);
    fair.next().map(|draw| draw % range)
}

/// The id of the challenge that this request makes for a purpose.
pub(super) fn challenge_id(rules: &Rules<'_>, purpose: Purpose) -> ChallengeId {
    let origin = &rules.origin;
    let (_, key) = rules.keys.id().active(origin.time);
    let hash = key
        .hmac()
        .part(rules.who.contract().as_str().as_bytes())
        .part(rules.tenant.as_bytes())
        .part(rules.who.as_str().as_bytes())
        .part(purpose.as_str().as_bytes())
        .part(origin.topic.as_bytes())
        .part(&origin.partition.to_be_bytes())
        .part(&origin.offset.to_be_bytes())
        .part(&origin.time.ms().to_be_bytes());
    let mut id = hash.finish_128();
    id[6] = (id[6] & 0x0f) | 0x80;
    id[8] = (id[8] & 0x3f) | 0x80;
    ChallengeId(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otp::tests::{keyring, origin, rules, who};
    use crate::otp::{ContractName, KeyId, Origin, Policy};
    use proptest::prelude::*;

    fn code_ref(challenge: u128, digits: u8) -> CodeRef {
        CodeRef {
            challenge: ChallengeId(challenge.to_be_bytes()),
            purpose: Purpose::Login,
            key: KeyId(1),
            digits: Digits::new(digits).expect("4 to 10"),
            rotation: 0,
        }
    }

    fn derive(of: CodeRef) -> Code {
        Code::derive(&keyring(), &who(), of).expect("the key is there")
    }

    #[test]
    fn codes_are_pinned() {
        let check = |of: CodeRef, expected: &str| assert_eq!(derive(of).digits(), expected);
        check(code_ref(1, 4), "7020");
        check(code_ref(1, 6), "774357");
        check(code_ref(1, 10), "9931853840");
        let rotated = CodeRef { rotation: 1, ..code_ref(1, 6) };
        check(rotated, "094676");
        let padded = (0..).map(|id| code_ref(id, 6)).find(|of| derive(*of).digits().starts_with("00"));
        check(padded.expect("one in a hundred"), "007716");
    }

    #[test]
    fn every_input_of_a_code_matters() {
        let base = derive(code_ref(1, 10));
        let check = |of: CodeRef, subject: &CanonicalSubject| {
            let other = Code::derive(&keyring(), subject, of).expect("the key is there");
            assert_ne!(base.digits(), other.digits(), "{of:?}");
        };
        let of = code_ref(1, 10);
        check(code_ref(2, 10), &who());
        check(CodeRef { rotation: 1, ..of }, &who());
        check(CodeRef { key: KeyId(2), ..of }, &who());
        let purpose = Purpose::Register;
        check(CodeRef { purpose, ..of }, &who());
        let other = CanonicalSubject::new(ContractName::Egov, "pb", "9000000000").expect("a subject");
        check(of, &other);
        assert_ne!(&base.digits()[4..], derive(code_ref(1, 6)).digits());
    }

    #[test]
    fn an_unknown_key_is_an_error_and_not_a_code() {
        let of = CodeRef { key: KeyId(99), ..code_ref(1, 6) };
        assert_eq!(Code::derive(&keyring(), &who(), of).expect_err("no key").id, KeyId(99));
    }

    #[test]
    fn a_code_matches_itself_alone() {
        let code = Code::of_number(Digits::new(6).expect("six"), 12_345);
        assert_eq!(code.digits(), "012345");
        assert_eq!(format!("{code:?}"), "******");
        let check = |typed: &str, expected: bool| assert_eq!(code.matches(typed), expected, "{typed:?}");
        check("012345", true);
        for wrong in ["", "12345", "012346", "0123450", " 012345", "०१२३४५", "******"] {
            check(wrong, false);
        }
    }

    #[test]
    fn draws_above_the_last_full_range_are_skipped() {
        let check = |digits: u8, draws: &[u64], expected: Option<u64>| {
            let digits = Digits::new(digits).expect("4 to 10");
            assert_eq!(unbiased(digits, draws.iter().copied()), expected, "{digits:?} {draws:?}");
        };
        // 2^64 = 18446744073709551616: the last 551616 values are not a full range of a million.
        let first_unfair = 18_446_744_073_709_000_000;
        check(6, &[first_unfair - 1], Some(999_999));
        check(6, &[first_unfair, 7], Some(7));
        check(6, &[u64::MAX, first_unfair, u64::MAX], None);
        check(4, &[u64::MAX - 1616], Some(9_999));
        check(4, &[u64::MAX - 1615, 1], Some(1));
        check(10, &[18_446_744_070_000_000_000, 3], Some(3));
        check(10, &[18_446_744_069_999_999_999], Some(9_999_999_999));
    }

    #[test]
    fn every_digit_is_equally_frequent() {
        const CODES: u32 = 20_000;
        let mut counts = [[0_u32; 10]; 6];
        for id in 0..CODES {
            for (place, digit) in derive(code_ref(u128::from(id), 6)).digits().bytes().enumerate() {
                counts[place][usize::from(digit - b'0')] += 1;
            }
        }
        let expected = f64::from(CODES) / 10.0;
        for (place, counts) in counts.iter().enumerate() {
            let chi: f64 = counts.iter().map(|it| (f64::from(*it) - expected).powi(2) / expected).sum();
            // Nine degrees of freedom: one fair place in ten thousand exceeds 33.7.
            assert!(chi < 33.7, "place {place}: chi-square {chi} of {counts:?}");
        }
    }

    #[test]
    fn ids_are_pinned_and_every_input_matters() {
        let policy = Policy::built_in();
        let (keys, who) = (keyring(), who());
        let base = rules(&policy, &keys, &who, origin(5, 1000));
        let pinned = challenge_id(&base, Purpose::Login);
        assert_eq!(pinned.to_string(), "4759e8a5-5da7-8b55-b34e-20fa3eda312f");
        assert_eq!(challenge_id(&Rules { ..base }, Purpose::Login), pinned);
        let check = |origin: Origin<'static>| {
            let other = challenge_id(&rules(&policy, &keys, &who, origin), Purpose::Login);
            assert_ne!(other, pinned, "{origin:?}");
        };
        check(origin(6, 1000));
        check(origin(5, 1001));
        let (topic, partition) = ("elsewhere", 9);
        check(Origin { topic, ..origin(5, 1000) });
        check(Origin { partition, ..origin(5, 1000) });
        let tenant = "pb";
        assert_ne!(challenge_id(&Rules { tenant, ..base }, Purpose::Login), pinned);
        assert_ne!(challenge_id(&base, Purpose::Register), pinned);
    }

    proptest! {
        #[test]
        fn the_same_inputs_always_give_the_same_code(challenge: u128, digits in 4_u8..=10, rotation: u8) {
            let of = CodeRef { rotation, ..code_ref(challenge, digits) };
            let code = derive(of);
            prop_assert_eq!(code.digits().len(), usize::from(digits));
            prop_assert!(code.digits().bytes().all(|it| it.is_ascii_digit()));
            let again = derive(of);
            prop_assert_eq!(again.digits(), code.digits());
            prop_assert!(again.matches(code.digits()));
        }
    }
}
