//! Tokens: JSON claims signed with ES256 (ECDSA on P-256 with SHA-256, RFC 7518 §3.4) in the compact form of RFC 7515.
//!
//! The nonce of a signature is derived from key and message (RFC 6979), so the same claims under the same key always
//! give the same token. Claims are the contract's.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::json;

use super::keys::KeyId;

/// A key that signs tokens. Zeroized when dropped; never printed.
pub(super) struct TokenKey(SigningKey);

impl TokenKey {
    /// `None`: the number is zero or not below the order of the curve, which one random key in four thousand million is.
    pub(super) fn new(secret: &[u8; 32]) -> Option<Self> {
        SigningKey::from_slice(secret).ok().map(Self)
    }

    /// The compact JWT of these claims.
    pub(super) fn sign(&self, id: KeyId, claims: &[u8]) -> String {
        let head = format!(r#"{{"alg":"ES256","kid":"{}","typ":"JWT"}}"#, id.0);
        let mut token = String::with_capacity(512);
        URL_SAFE_NO_PAD.encode_string(head, &mut token);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let Self(key) = self;
        let signature: Signature = key.sign(token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature.to_bytes(), &mut token);
        token
    }

    /// The public key as a JSON Web Key (RFC 7517).
    pub(super) fn to_jwk(&self, id: KeyId) -> serde_json::Value {
        let Self(key) = self;
        let point = key.verifying_key().to_sec1_point(false);
        // Uncompressed: a tag, then both coordinates.
        let (x, y) = point.as_bytes()[1..].split_at(32);
        json!({
            "kty": "EC",
            "crv": "P-256",
            "alg": "ES256",
            "use": "sig",
            "kid": id.0.to_string(),
            "x": URL_SAFE_NO_PAD.encode(x),
            "y": URL_SAFE_NO_PAD.encode(y),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(hex: &str) -> [u8; 32] {
        let byte = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("hex digits");
        std::array::from_fn(byte)
    }

    /// RFC 6979, A.2.5: the key, and the signature of "sample" with SHA-256.
    #[test]
    fn signatures_are_those_of_rfc_6979() {
        let key = secret("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721");
        let TokenKey(key) = TokenKey::new(&key).expect("a good key");
        let signature: Signature = key.sign(b"sample");
        let hex: String = signature.to_bytes().iter().map(|byte| format!("{byte:02X}")).collect();
        let expected = "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716\
            F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8";
        assert_eq!(hex, expected);
    }

    /// RFC 7515, A.3: the key, and its public coordinates.
    #[test]
    fn a_public_key_has_the_coordinates_of_rfc_7515() {
        let bytes = URL_SAFE_NO_PAD.decode("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI").expect("base64url");
        let key = TokenKey::new(&bytes.try_into().expect("32 bytes")).expect("a good key");
        let jwk = key.to_jwk(KeyId(3));
        assert_eq!(jwk["x"], "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU");
        assert_eq!(jwk["y"], "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
        assert_eq!((&jwk["kty"], &jwk["kid"]), (&json!("EC"), &json!("3")));
    }

    #[test]
    fn a_number_that_is_no_key_is_refused() {
        assert!(TokenKey::new(&[0; 32]).is_none());
        assert!(TokenKey::new(&[0xff; 32]).is_none());
    }
}
