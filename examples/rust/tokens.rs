//! Verifies the service's tokens with its public keys. A service may take a library for JSON Web Tokens instead.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{Signature, VerifyingKey};
use serde_json::Value;

const ISSUER: &str = "otp-stream";

/// The public keys by their `kid`.
pub(crate) struct Tokens(BTreeMap<String, VerifyingKey>);

impl Tokens {
    /// Reads what `otp-stream keys public` prints.
    pub(crate) fn read(jwks: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(jwks).with_context(|| format!("reading {}", jwks.display()))?;
        let set: Value = serde_json::from_str(&text)?;
        let mut keys = BTreeMap::new();
        for key in set["keys"].as_array().context("`keys` is no list")? {
            let mut point = vec![4];
            point.extend(bytes(&key["x"])?);
            point.extend(bytes(&key["y"])?);
            let verifying = VerifyingKey::from_sec1_bytes(&point).context("a key is no point of P-256")?;
            keys.insert(text_of(&key["kid"])?.to_owned(), verifying);
        }
        Ok(Self(keys))
    }

    /// The claims of a token that one of the keys has signed, of this issuer, and that has not expired.
    pub(crate) fn verify(&self, token: &str) -> Result<Value> {
        let (signed, signature) = token.rsplit_once('.').context("a token has three parts")?;
        let (header, claims) = signed.split_once('.').context("a token has three parts")?;
        let header: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(header)?)?;
        if header["alg"] != "ES256" {
            bail!("the token is not signed with ES256");
        }
        let key = self.0.get(text_of(&header["kid"])?).context("no public key has this `kid`")?;
        let signature = Signature::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(signature)?)?;
        key.verify(signed.as_bytes(), &signature).context("the signature is wrong")?;
        let claims: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims)?)?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
        if claims["iss"] != ISSUER || claims["exp"].as_u64().is_none_or(|end| end <= now) {
            bail!("the token is of another issuer, or has expired");
        }
        Ok(claims)
    }
}

fn bytes(member: &Value) -> Result<Vec<u8>> {
    Ok(BASE64_URL_SAFE_NO_PAD.decode(text_of(member)?)?)
}

fn text_of(member: &Value) -> Result<&str> {
    member.as_str().context("a member is no text")
}
