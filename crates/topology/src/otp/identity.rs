//! Whose request it is: contract, tenant root and canonical identity, and the pseudonym that replaces them.

use std::borrow::Cow;

use arrayvec::ArrayString;
use unicode_normalization::UnicodeNormalization;

use super::hex::hex;
use super::invisible::has_invisible;
use super::names::ContractName;

/// Why there is no subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSubject {
    #[error("the tenant root is empty, or has a | or an invisible character")]
    TenantRoot,
    #[error("the identity is empty, or has an invisible character")]
    Identity,
}

/// `<contract>|<tenant root>|<identity>`: the record key of requests and directory records, and the only input of
/// the partitioner.
///
/// The identity is canonical: surrounding blanks removed, NFC, an e-mail address in lower case. No tenant root
/// contains the separator, so two different subjects never have the same text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CanonicalSubject {
    text: String,
    contract: ContractName,
    identity_at: usize,
}

impl CanonicalSubject {
    /// Two identities that look alike are two subjects. One with an invisible character is none: its owner could not tell
    /// why a code is not theirs.
    ///
    /// # Errors
    /// See [`NoSubject`].
    pub fn new(contract: ContractName, tenant_root: &str, identity: &str) -> Result<Self, NoSubject> {
        let tenant_root = tenant_root.trim();
        if tenant_root.is_empty() || tenant_root.contains('|') || has_invisible(tenant_root) {
            return Err(NoSubject::TenantRoot);
        }
        let identity = canonical_identity(identity);
        if identity.is_empty() || has_invisible(&identity) {
            return Err(NoSubject::Identity);
        }
        let mut text = String::with_capacity(tenant_root.len() + identity.len() + 8);
        text.push_str(contract.as_str());
        text.push('|');
        text.push_str(tenant_root);
        text.push('|');
        let identity_at = text.len();
        text.push_str(&identity);
        Ok(Self { text, contract, identity_at })
    }

    /// Whether a text is an identity in canonical form.
    pub fn is_identity(text: &str) -> bool {
        !text.is_empty() && !has_invisible(text) && canonical_identity(text) == text
    }

    /// Reads a record key. `None` if it is not exactly the canonical form.
    pub fn parse(key: &str) -> Option<Self> {
        let mut parts = key.splitn(3, '|');
        let contract = ContractName::parse(parts.next()?)?;
        let subject = Self::new(contract, parts.next()?, parts.next()?).ok()?;
        (subject.text == key).then_some(subject)
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn contract(&self) -> ContractName {
        self.contract
    }

    pub fn identity(&self) -> &str {
        &self.text[self.identity_at..]
    }

    pub fn tenant_root(&self) -> &str {
        &self.text[self.contract.as_str().len() + 1..self.identity_at - 1]
    }
}

fn canonical_identity(identity: &str) -> Cow<'_, str> {
    let trimmed = identity.trim();
    if trimmed.is_ascii() {
        return if trimmed.contains('@') { trimmed.to_ascii_lowercase().into() } else { trimmed.into() };
    }
    let folded: String = trimmed.nfc().collect();
    if folded.contains('@') { folded.to_lowercase().nfc().collect() } else { folded.into() }
}

/// The keyed stand-in for the user whom a directory names as the holder of an identity: 128 bits of HMAC-SHA-256 under the
/// pseudonym key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Holder(pub [u8; 16]);

/// The keyed stand-in for a subject in store keys, event keys and analytic events: the first 128 bits of
/// HMAC-SHA-256 under the pseudonym key, written as 32 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pseudonym(pub [u8; 16]);

/// The keyed stand-in for a number to which messages go, whoever owns it: 128 bits of HMAC-SHA-256 under the pseudonym key.
/// It alone names the number's home.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NumberPseudonym(pub [u8; 16]);

impl Pseudonym {
    /// 32 lower-case hex digits.
    pub fn to_hex(self) -> ArrayString<32> {
        hex(&[&self.0])
    }
}
