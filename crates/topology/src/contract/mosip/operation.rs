//! The operations of this contract, by the `id` of a request.

use crate::otp::KeyPurpose;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// Peer: POST /v1/otpmanager/otp/generate.
    Generate,
    /// Peer: GET /v1/otpmanager/otp/validate.
    Validate,
    /// Peer: POST /v1/authmanager/authenticate/sendotp.
    SendOtp,
    /// Peer: POST /v1/authmanager/authenticate/useridOTP.
    UserIdOtp,
    /// Peer: POST /v1/authmanager/authenticate/clientidsecretkey.
    ClientIdSecretKey,
}

impl Operation {
    pub(super) const ALL: [Self; 5] =
        [Self::Generate, Self::Validate, Self::SendOtp, Self::UserIdOtp, Self::ClientIdSecretKey];
    /// In the order of [`Operation::ALL`].
    pub(super) const NAMES: &[&str] = &[
        "mosip.otp.generate",
        "mosip.otp.validate",
        "mosip.authentication.sendotp",
        "mosip.authentication.useridOTP",
        "mosip.authentication.clientidsecretkey",
    ];

    pub(super) const fn as_str(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// The keys that it needs besides those of every contract.
    pub(super) const fn keys(self) -> &'static [KeyPurpose] {
        match self {
            Self::Generate | Self::Validate | Self::SendOtp => &[],
            Self::UserIdOtp => &[KeyPurpose::Token],
            Self::ClientIdSecretKey => &[KeyPurpose::Token, KeyPurpose::Client],
        }
    }

    /// Exactly as written.
    pub(super) fn parse(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.as_str() == id)
    }
}
