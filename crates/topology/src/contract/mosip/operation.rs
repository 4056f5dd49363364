//! The operations of this contract, by the `id` of a request.

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
}

impl Operation {
    pub(super) const ALL: [Self; 4] = [Self::Generate, Self::Validate, Self::SendOtp, Self::UserIdOtp];
    /// In the order of [`Operation::ALL`].
    pub(super) const NAMES: &[&str] = &[
        "mosip.otp.generate",
        "mosip.otp.validate",
        "mosip.authentication.sendotp",
        "mosip.authentication.useridOTP",
    ];

    pub(super) const fn as_str(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// Exactly as written.
    pub(super) fn parse(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.as_str() == id)
    }
}
