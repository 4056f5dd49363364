//! The claims of an authentication token.

use super::session::MosipSession;
use crate::wire::json::writer::Object;

/// What a token says about its bearer.
pub(super) struct Claims<'a> {
    /// The canonical userId or clientId.
    pub subject: &'a str,
    pub app_id: &'a str,
    /// The claim `jti`.
    pub id: &'a str,
    pub bearer: Bearer<'a>,
}

pub(super) enum Bearer<'a> {
    /// A person who got a code.
    User,
    /// A program that has a secret.
    Client { roles: &'a [&'a str] },
}

impl Claims<'_> {
    /// The claims as JSON. Times are in seconds (RFC 7519, `NumericDate`).
    pub(super) fn to_json(&self, mosip: &MosipSession<'_>) -> Vec<u8> {
        let tokens = &mosip.mosip.shared.tokens;
        let issued_at_s = mosip.envelope.time.ms() / 1000;
        let mut claims = Vec::with_capacity(256);
        Object::write(&mut claims, |object| {
            object
                .member("iss", &*tokens.issuer)
                .member("sub", self.subject)
                .member("appId", self.app_id)
                .member("iat", issued_at_s)
                .member("exp", issued_at_s + tokens.lifetime_s)
                .member("jti", self.id);
            match self.bearer {
                Bearer::User => {
                    object.member("isOtpVerified", true);
                }
                Bearer::Client { roles: [] } => {}
                Bearer::Client { roles } => {
                    object.member("roles", roles);
                }
            }
        });
        claims
    }
}
