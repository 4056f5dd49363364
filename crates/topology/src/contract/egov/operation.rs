//! The operations of this contract, and their names on the wire.

use crate::otp::Purpose;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Peer: POST /user-otp/v1/_send.
    Send,
    /// Peer: POST /otp/v1/_create.
    Create,
    /// Peer: POST /otp/v1/_validate.
    Validate,
    /// Peer: POST /otp/v1/_search.
    Search,
}

impl Operation {
    pub const ALL: [Self; 4] = [Self::Send, Self::Create, Self::Validate, Self::Search];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Create => "create",
            Self::Validate => "validate",
            Self::Search => "search",
        }
    }

    /// Lower case exactly.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.as_str() == name)
    }
}

/// The purposes that a `send` may name, by its `type`; case does not count.
pub(super) fn sendable(kind: &str) -> Option<Purpose> {
    [Purpose::Register, Purpose::Login, Purpose::PasswordReset]
        .into_iter()
        .find(|purpose| purpose.as_str().eq_ignore_ascii_case(kind))
}

/// The purposes that a `validate` may name.
pub(super) fn verifiable(kind: &str) -> Option<Purpose> {
    sendable(kind).or_else(|| {
        let generic = Purpose::Generic;
        generic.as_str().eq_ignore_ascii_case(kind).then_some(generic)
    })
}
