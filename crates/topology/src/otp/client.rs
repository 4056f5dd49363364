//! The secrets of clients: kept as hashes under a key, compared in constant time.
//!
//! A secret is drawn at random and long, so no slow hash is needed: a check costs microseconds.

use subtle::{Choice, ConstantTimeEq};

use super::hex::hex;
use super::keys::{Keyring, UnknownKey};
use super::time::LogTime;

/// HMAC-SHA-256 of a client's secret under a key of the purpose `client`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SecretHash(pub(super) [u8; 32]);

/// The hashes that a client's secret may have: two, so that a secret is changed without a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretHashes {
    hashes: [SecretHash; SecretHashes::COUNT_MAX],
    count: usize,
}

impl SecretHash {
    /// Reads 64 hex digits of any case.
    pub fn parse(digits: &str) -> Option<Self> {
        let digits = <[u8; 64]>::try_from(digits.as_bytes()).ok()?;
        let mut hash = [0; 32];
        for (byte, [high, low]) in hash.iter_mut().zip(digits.as_chunks().0) {
            let value = |digit: u8| char::from(digit).to_digit(16).and_then(|it| u8::try_from(it).ok());
            *byte = value(*high)? << 4 | value(*low)?;
        }
        Some(Self(hash))
    }

    /// 64 lower-case hex digits.
    pub fn to_hex(self) -> String {
        hex::<64>(&[&self.0]).to_string()
    }
}

impl std::fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

impl SecretHashes {
    pub const COUNT_MAX: usize = 2;
    /// No secret has one of them.
    pub const NONE: Self = Self { hashes: [SecretHash([0; 32]); Self::COUNT_MAX], count: 0 };

    /// `None`: there are none, or more than [`SecretHashes::COUNT_MAX`].
    pub fn new(hashes: &[SecretHash]) -> Option<Self> {
        let mut own = Self { count: hashes.len(), ..Self::NONE };
        own.hashes.get_mut(..hashes.len()).filter(|it| !it.is_empty())?.copy_from_slice(hashes);
        Some(own)
    }
}

impl Keyring {
    /// The hash of a secret under the client key that is active at a log time.
    ///
    /// # Errors
    /// There is no client key.
    pub fn client_hash(&self, at: LogTime, secret: &str) -> Result<SecretHash, UnknownKey> {
        let (_, key) = self.client()?.active(at);
        Ok(SecretHash(*key.hash_of(secret.as_bytes())))
    }

    /// Whether a secret has one of these hashes under any client key. The work is the same for every secret and for any
    /// hashes, [`SecretHashes::NONE`] included.
    ///
    /// # Errors
    /// There is no client key.
    pub fn is_client_secret(&self, secret: &str, hashes: &SecretHashes) -> Result<bool, UnknownKey> {
        let mut found = Choice::from(0);
        for key in self.client()?.iter() {
            let own = key.hash_of(secret.as_bytes());
            for (at, SecretHash(hash)) in hashes.hashes.iter().enumerate() {
                found |= own.ct_eq(hash) & Choice::from(u8::from(at < hashes.count));
            }
        }
        Ok(found.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otp::{KeyId, KeyParts, KeyPurpose};
    use crate::testing::keyring_with;

    const ACTIVE_MS: u64 = 100;

    /// Two client keys; the second one is active from [`ACTIVE_MS`] on.
    fn keyring() -> Keyring {
        let second: KeyParts = (KeyPurpose::Client, KeyId(2), LogTime::from_ms(ACTIVE_MS), [9; 32]);
        keyring_with(&[second])
    }

    fn hash(at_ms: u64, secret: &str) -> SecretHash {
        keyring().client_hash(LogTime::from_ms(at_ms), secret).expect("a client key")
    }

    #[test]
    fn a_hash_is_the_plain_hmac_that_other_programs_compute() {
        // printf secret | openssl dgst -sha256 -mac HMAC -macopt hexkey:0606…
        let pinned = "0ca8785362dc3c50e566326fd36e2952edb849eb9164b8ce2daf70a95b6caf50";
        assert_eq!(hash(0, "secret").to_hex(), pinned);
        assert_ne!(hash(ACTIVE_MS, "secret"), hash(0, "secret"));
    }

    #[test]
    fn a_secret_is_judged_by_all_hashes_under_all_keys() {
        let check = |secret: &str, hashes: SecretHashes, expected: bool| {
            assert_eq!(keyring().is_client_secret(secret, &hashes), Ok(expected), "{secret}");
        };
        let of = |hashes: &[SecretHash]| SecretHashes::new(hashes).expect("one hash or two");
        let (first, second) = (hash(0, "first"), hash(ACTIVE_MS, "second"));
        check("first", of(&[first]), true);
        check("second", of(&[second]), true);
        check("first", of(&[second, first]), true);
        check("second", of(&[second, first]), true);
        check("second", of(&[first]), false);
        check("First", of(&[first]), false);
        check("", of(&[first, second]), false);
        check("first", SecretHashes::NONE, false);
        assert_eq!(SecretHashes::new(&[]), None);
        assert_eq!(SecretHashes::new(&[first; 3]), None);
    }

    #[test]
    fn a_hash_has_64_hex_digits() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(SecretHash::parse(text).map(SecretHash::to_hex).as_deref(), expected, "{text}");
        };
        let digits = "0123456789abcdef".repeat(4);
        check(&digits, Some(&digits));
        check(&digits.to_uppercase(), Some(&digits));
        check(&digits[1..], None);
        check(&format!("{digits}0"), None);
        check(&format!("+{}", &digits[1..]), None);
        check("", None);
        assert_eq!(format!("{:?}", hash(0, "secret")), "SecretHash(…)");
    }

    #[test]
    fn without_a_client_key_nobody_is_judged() {
        let key = |purpose| (purpose, KeyId(1), LogTime::default(), [purpose as u8 + 1; 32]);
        let others = KeyPurpose::ALL.into_iter().filter(|it| *it != KeyPurpose::Client).map(key);
        let keyring = Keyring::new(others.collect()).expect("the client key is optional");
        assert!(!keyring.has(KeyPurpose::Client));
        let missing = keyring.is_client_secret("first", &SecretHashes::NONE).expect_err("no key");
        assert_eq!(missing.to_string(), "no client key with id 1: add it to the key file of this instance");
    }
}
