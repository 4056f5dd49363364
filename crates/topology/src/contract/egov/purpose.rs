//! What a code is for, by the `type` of a request.

use crate::otp;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EgovPurpose {
    Register,
    Login,
    PasswordReset,
    /// Of `create`.
    Generic,
}

impl EgovPurpose {
    /// The stored purpose.
    pub(super) const fn pinned(self) -> otp::Purpose {
        match self {
            Self::Register => otp::Purpose::Register,
            Self::Login => otp::Purpose::Login,
            Self::PasswordReset => otp::Purpose::PasswordReset,
            Self::Generic => otp::Purpose::Generic,
        }
    }

    /// What the `type` of a `send` names. Case does not count.
    pub(super) fn sendable(kind: &str) -> Option<Self> {
        Self::find(&[Self::Register, Self::Login, Self::PasswordReset], kind)
    }

    /// What the `type` of a `validate` names. Case does not count.
    pub(super) fn verifiable(kind: &str) -> Option<Self> {
        Self::find(&[Self::Register, Self::Login, Self::PasswordReset, Self::Generic], kind)
    }

    fn find(purposes: &[Self], kind: &str) -> Option<Self> {
        purposes.iter().copied().find(|purpose| purpose.pinned().as_str().eq_ignore_ascii_case(kind))
    }
}
