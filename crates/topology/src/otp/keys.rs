//! The secret keys, by purpose, each with an id and the log time from which it is active.
//!
//! Reads no file. The edge that does passes plain parts to [`Keyring::new`].

use aes::Aes256Enc;
use aes_gcm_siv::AesGcmSiv;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use super::identity::{CanonicalSubject, Holder, NumberPseudonym, Pseudonym};
use super::names::ContractName;
use super::time::LogTime;
use super::token::TokenKey;

const PSEUDONYM_TAG: &[u8] = b"otp-stream pseudonym v1";
const HOLDER_TAG: &[u8] = b"otp-stream holder v1";
const NUMBER_TAG: &[u8] = b"otp-stream number v1";

/// What a key is for. No key has two purposes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyPurpose {
    Code,
    Id,
    Pseudonym,
    Directory,
    /// Signs tokens. Optional: without it no operation makes any.
    Token,
    /// Hashes the secrets of clients. Optional: without it no client is known.
    Client,
}

impl KeyPurpose {
    pub const ALL: [Self; 6] =
        [Self::Code, Self::Id, Self::Pseudonym, Self::Directory, Self::Token, Self::Client];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Id => "id",
            Self::Pseudonym => "pseudonym",
            Self::Directory => "directory",
            Self::Token => "token",
            Self::Client => "client",
        }
    }
}

impl std::fmt::Display for KeyPurpose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The number of a key within its purpose. Stored beside everything that the key made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub u32);

/// A record was made with a key that is not in the ring.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("no {purpose} key with id {}: add it to the key file of this instance", id.0)]
pub struct UnknownKey {
    pub purpose: KeyPurpose,
    pub id: KeyId,
}

/// Why keys do not make a keyring. Contains nothing of their secrets.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeyringError {
    #[error("no {0} key")]
    Missing(KeyPurpose),
    #[error("two {0} keys with id {id}", id = .1.0)]
    DuplicateId(KeyPurpose, KeyId),
    #[error("the {0} keys {first} and {second} have the same active_from", first = .1.0, second = .2.0)]
    SameActiveFrom(KeyPurpose, KeyId, KeyId),
    #[error(
        "{0} pseudonym keys: only one is allowed, because locks and limits are stored under the names that it makes"
    )]
    PseudonymRotates(usize),
    #[error("the token key {id} is no private key of the curve P-256", id = .0.0)]
    NotOnCurve(KeyId),
}

/// A key as a key file gives it: purpose, id, the log time from which it is active, 32 secret bytes.
pub type KeyParts = (KeyPurpose, KeyId, LogTime, [u8; 32]);

/// AES-256-GCM-SIV. Decryption only encrypts blocks, so the decryption round keys are never computed.
pub(crate) type Cipher = AesGcmSiv<Aes256Enc>;

/// A secret of 32 bytes, ready for its uses. Zeroized when dropped; never printed.
pub struct Key {
    cipher: Box<Cipher>,
    /// Cloned for each use.
    keyed: Hmac<Sha256>,
}

impl Key {
    fn new(secret: &[u8; 32]) -> Self {
        Self {
            cipher: Box::new(Cipher::new(secret.into())),
            keyed: Hmac::new_from_slice(secret).expect("HMAC takes keys of any length"),
        }
    }

    /// The cipher under this key.
    pub(crate) fn cipher(&self) -> &Cipher {
        &self.cipher
    }

    /// HMAC-SHA-256 of exactly this text, as other programs compute it.
    pub(super) fn hash_of(&self, text: &[u8]) -> Zeroizing<[u8; 32]> {
        let mut hash = self.keyed.clone();
        hash.update(text);
        KeyedHash(hash).finish()
    }

    /// An HMAC-SHA-256 under this key, for texts of several parts.
    pub(super) fn hmac(&self) -> KeyedHash {
        KeyedHash(self.keyed.clone())
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

/// An HMAC-SHA-256 over parts. The length of each part precedes it, so different lists of parts give different texts.
#[derive(Clone)]
pub(super) struct KeyedHash(Hmac<Sha256>);

impl KeyedHash {
    #[must_use]
    pub(super) fn part(mut self, part: &[u8]) -> Self {
        let length = u32::try_from(part.len()).expect("the parts of a record are short");
        self.0.update(&length.to_be_bytes());
        self.0.update(part);
        self
    }

    pub(super) fn finish(self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.finalize().into_bytes().into())
    }

    /// The first 128 bits.
    pub(super) fn finish_128(self) -> [u8; 16] {
        let whole = self.finish();
        let mut first = [0; 16];
        first.copy_from_slice(&whole[..16]);
        first
    }
}

/// The keys of one purpose; at least one.
pub struct Ring<K = Key> {
    purpose: KeyPurpose,
    /// By `active_from`.
    keys: Vec<(KeyId, LogTime, K)>,
}

impl Ring {
    fn new(purpose: KeyPurpose, parts: &[KeyParts]) -> Result<Self, KeyringError> {
        Self::made(purpose, parts, |_, secret| Ok(Key::new(secret)))
    }
}

impl<K> Ring<K> {
    /// `None`: the file has no key of the purpose.
    fn optional(
        purpose: KeyPurpose,
        parts: &[KeyParts],
        make: impl Fn(KeyId, &[u8; 32]) -> Result<K, KeyringError>,
    ) -> Result<Option<Self>, KeyringError> {
        match Self::made(purpose, parts, make) {
            Err(KeyringError::Missing(_)) => Ok(None),
            ring => ring.map(Some),
        }
    }

    fn made(
        purpose: KeyPurpose,
        parts: &[KeyParts],
        make: impl Fn(KeyId, &[u8; 32]) -> Result<K, KeyringError>,
    ) -> Result<Self, KeyringError> {
        let mut own: Vec<&KeyParts> = parts.iter().filter(|it| it.0 == purpose).collect();
        if own.is_empty() {
            return Err(KeyringError::Missing(purpose));
        }
        own.sort_by_key(|it| it.1);
        if let Some(pair) = own.windows(2).find(|pair| pair[0].1 == pair[1].1) {
            return Err(KeyringError::DuplicateId(purpose, pair[0].1));
        }
        own.sort_by_key(|it| it.2);
        if let Some(pair) = own.windows(2).find(|pair| pair[0].2 == pair[1].2) {
            return Err(KeyringError::SameActiveFrom(purpose, pair[0].1, pair[1].1));
        }
        let keys = own.into_iter().map(|(_, id, from, secret)| Ok((*id, *from, make(*id, secret)?)));
        Ok(Self { purpose, keys: keys.collect::<Result<_, _>>()? })
    }

    /// The active key at a log time: the last one whose `active_from` is not later, otherwise the first.
    pub fn active(&self, at: LogTime) -> (KeyId, &K) {
        let serving = self.keys.iter().rev().find(|(_, from, _)| *from <= at);
        let (id, _, key) = serving.unwrap_or(&self.keys[0]);
        (*id, key)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &K> {
        self.keys.iter().map(|(_, _, key)| key)
    }

    /// # Errors
    /// No key of that id.
    pub fn get(&self, id: KeyId) -> Result<&K, UnknownKey> {
        let found = self.keys.iter().find(|(it, _, _)| *it == id);
        let (_, _, key) = found.ok_or(UnknownKey { purpose: self.purpose, id })?;
        Ok(key)
    }
}

/// The keys of an instance, one ring per purpose.
pub struct Keyring {
    code: Ring,
    id: Ring,
    pseudonym: Ring,
    directory: Ring,
    token: Option<Ring<TokenKey>>,
    client: Option<Ring>,
}

impl Keyring {
    /// Builds the rings and wipes the parts.
    ///
    /// # Errors
    /// A purpose without a key, two keys of a purpose with one id or one `active_from`, a second pseudonym key.
    pub fn new(mut parts: Vec<KeyParts>) -> Result<Self, KeyringError> {
        let keyring = Self::of(&parts);
        for (_, _, _, secret) in &mut parts {
            secret.zeroize();
        }
        keyring
    }

    fn of(parts: &[KeyParts]) -> Result<Self, KeyringError> {
        let token_key = |id, secret: &[u8; 32]| TokenKey::new(secret).ok_or(KeyringError::NotOnCurve(id));
        let keyring = Self {
            code: Ring::new(KeyPurpose::Code, parts)?,
            id: Ring::new(KeyPurpose::Id, parts)?,
            pseudonym: Ring::new(KeyPurpose::Pseudonym, parts)?,
            directory: Ring::new(KeyPurpose::Directory, parts)?,
            token: Ring::optional(KeyPurpose::Token, parts, token_key)?,
            client: Ring::optional(KeyPurpose::Client, parts, |_, secret| Ok(Key::new(secret)))?,
        };
        match keyring.pseudonym.keys.len() {
            1 => Ok(keyring),
            several => Err(KeyringError::PseudonymRotates(several)),
        }
    }

    /// The stand-in for a subject in store keys and events.
    pub fn pseudonym(&self, subject: &CanonicalSubject) -> Pseudonym {
        let (_, _, key) = &self.pseudonym.keys[0];
        let hash = key.hmac().part(PSEUDONYM_TAG).part(subject.as_str().as_bytes());
        Pseudonym(hash.finish_128())
    }

    /// The stand-in for the user with this id in the directory.
    pub fn holder(&self, contract: ContractName, user_id: &str) -> Holder {
        let (_, _, key) = &self.pseudonym.keys[0];
        let hash = key.hmac().part(HOLDER_TAG).part(contract.as_str().as_bytes()).part(user_id.as_bytes());
        Holder(hash.finish_128())
    }

    /// The stand-in for a national number of a country. A number without a country is one of its own.
    pub fn number(&self, country_code: Option<&str>, number: &str) -> NumberPseudonym {
        let (_, _, key) = &self.pseudonym.keys[0];
        let country_code = country_code.unwrap_or_default();
        let hash = key.hmac().part(NUMBER_TAG).part(country_code.as_bytes()).part(number.as_bytes());
        NumberPseudonym(hash.finish_128())
    }

    /// Whether there is a key of this purpose.
    pub fn has(&self, purpose: KeyPurpose) -> bool {
        match purpose {
            KeyPurpose::Code | KeyPurpose::Id | KeyPurpose::Pseudonym | KeyPurpose::Directory => true,
            KeyPurpose::Token => self.token.is_some(),
            KeyPurpose::Client => self.client.is_some(),
        }
    }

    /// The key that signs tokens at a log time.
    ///
    /// # Errors
    /// There is no token key.
    pub fn token_key(&self, at: LogTime) -> Result<KeyId, UnknownKey> {
        let none = UnknownKey { purpose: KeyPurpose::Token, id: KeyId(1) };
        self.token.as_ref().map(|ring| ring.active(at).0).ok_or(none)
    }

    /// The token of these claims, which are a JSON object.
    ///
    /// # Errors
    /// No token key of that id.
    pub fn sign(&self, id: KeyId, claims: &[u8]) -> Result<String, UnknownKey> {
        let unknown = UnknownKey { purpose: KeyPurpose::Token, id };
        Ok(self.token.as_ref().ok_or(unknown)?.get(id)?.sign(id, claims))
    }

    /// The public halves of the token keys, as a JSON Web Key Set (RFC 7517). Contains no secret.
    pub fn token_jwks(&self) -> serde_json::Value {
        let keys = self.token.iter().flat_map(|ring| &ring.keys);
        let keys: Vec<_> = keys.map(|(id, _, key)| key.to_jwk(*id)).collect();
        serde_json::json!({ "keys": keys })
    }

    pub fn directory(&self) -> &Ring {
        &self.directory
    }

    pub(super) fn client(&self) -> Result<&Ring, UnknownKey> {
        self.client.as_ref().ok_or(UnknownKey { purpose: KeyPurpose::Client, id: KeyId(1) })
    }

    pub(super) fn code(&self) -> &Ring {
        &self.code
    }

    pub(super) fn id(&self) -> &Ring {
        &self.id
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyring(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otp::ContractName;

    fn part(purpose: KeyPurpose, id: u32, from: u64) -> KeyParts {
        (purpose, KeyId(id), LogTime::from_ms(from), [id as u8; 32])
    }

    fn one_of_each() -> Vec<KeyParts> {
        KeyPurpose::ALL.map(|purpose| part(purpose, 1, 100)).to_vec()
    }

    #[test]
    fn keys_that_do_not_make_a_ring_are_refused() {
        use KeyPurpose::{Client, Code, Directory, Id, Pseudonym, Token};
        let check = |parts: Vec<KeyParts>, expected: Option<KeyringError>| {
            assert_eq!(Keyring::new(parts).err(), expected);
        };
        let with = |more: KeyParts| [one_of_each(), vec![more]].concat();
        let without = |gone: KeyPurpose| one_of_each().into_iter().filter(|it| it.0 != gone).collect();
        check(one_of_each(), None);
        check(with(part(Code, 2, 50)), None);
        for purpose in [Code, Id, Pseudonym, Directory] {
            check(without(purpose), Some(KeyringError::Missing(purpose)));
        }
        check(with(part(Id, 1, 50)), Some(KeyringError::DuplicateId(Id, KeyId(1))));
        let twins = KeyringError::SameActiveFrom(Directory, KeyId(1), KeyId(2));
        check(with(part(Directory, 2, 100)), Some(twins));
        check(with(part(Pseudonym, 2, 50)), Some(KeyringError::PseudonymRotates(2)));
        check(without(Token), None);
        check(without(Client), None);
        check(with(part(Client, 1, 50)), Some(KeyringError::DuplicateId(Client, KeyId(1))));
        check(with(part(Token, 0, 50)), Some(KeyringError::NotOnCurve(KeyId(0))));
        check(with(part(Token, 1, 50)), Some(KeyringError::DuplicateId(Token, KeyId(1))));
    }

    #[test]
    fn a_key_is_active_from_its_time_on_and_the_first_before_that() {
        let parts = [one_of_each(), vec![part(KeyPurpose::Code, 7, 300), part(KeyPurpose::Code, 3, 200)]];
        let keyring = Keyring::new(parts.concat()).expect("three code keys");
        let check = |at: u64, expected: u32| {
            assert_eq!(keyring.code().active(LogTime::from_ms(at)).0, KeyId(expected), "at {at}");
        };
        check(0, 1);
        check(100, 1);
        check(199, 1);
        check(200, 3);
        check(300, 7);
        check(u64::MAX, 7);
        assert!(keyring.code().get(KeyId(3)).is_ok());
        let unknown = keyring.code().get(KeyId(9)).expect_err("no such key");
        assert_eq!(unknown.to_string(), "no code key with id 9: add it to the key file of this instance");
    }

    #[test]
    fn a_pseudonym_depends_on_its_subject_and_its_key() {
        let subject =
            |identity| CanonicalSubject::new(ContractName::Egov, "pb", identity).expect("a subject");
        let keyring = Keyring::new(one_of_each()).expect("a key of each purpose");
        let pinned = keyring.pseudonym(&subject("9123456789"));
        assert_eq!(&*pinned.to_hex(), "685580c09ab02944f6b94fb3faed70f6");
        assert_ne!(pinned, keyring.pseudonym(&subject("9123456780")));
        let mut other = one_of_each();
        other[2].3 = [9; 32];
        let other = Keyring::new(other).expect("a key of each purpose");
        assert_ne!(pinned, other.pseudonym(&subject("9123456789")));
    }

    #[test]
    fn a_token_names_the_key_that_signed_it() {
        let keyring = Keyring::new(one_of_each()).expect("a key of each purpose");
        let key = keyring.token_key(LogTime::default()).expect("a token key");
        let token = keyring.sign(key, br#"{"iss":"otp-stream"}"#).expect("its key is there");
        let (signed, _) = token.rsplit_once('.').expect("three parts");
        assert_eq!(signed, "eyJhbGciOiJFUzI1NiIsImtpZCI6IjEiLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJvdHAtc3RyZWFtIn0");
        assert_eq!(keyring.token_jwks()["keys"][0]["kid"], "1");
        let unknown = keyring.sign(KeyId(9), b"{}").expect_err("no such key");
        assert_eq!(unknown.to_string(), "no token key with id 9: add it to the key file of this instance");
        let none = one_of_each().into_iter().filter(|it| it.0 != KeyPurpose::Token).collect();
        let none = Keyring::new(none).expect("the token key is optional");
        assert!(!none.has(KeyPurpose::Token) && none.token_key(LogTime::default()).is_err());
        assert_eq!(none.token_jwks().to_string(), r#"{"keys":[]}"#);
    }

    #[test]
    fn secrets_do_not_print() {
        let keyring = Keyring::new(one_of_each()).expect("a key of each purpose");
        let (_, key) = keyring.directory().active(LogTime::default());
        assert_eq!(format!("{key:?} {keyring:?}"), "Key(…) Keyring(…)");
    }
}
