//! Why a request is refused, as a table (docs/contracts/int-otp.md). Numbers are never changed and never reused.

use crate::otp::{Refusal, Verdict};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The sentence names the member.
    Malformed(&'static str),
    WindowOver,
    /// Of `VALIDATE`.
    NotYetValid,
    /// Of `GENERATE`.
    TooFarAhead,
    WrongCode,
    /// Unknown, used, out of tries, or issued under other values.
    NoSuchCode,
    Locked,
    SendLimit,
    NumberLimit,
    SendTooSoon,
    /// This partition's share of an hour's budget for the number's first digits is spent.
    PrefixLimit,
    /// This partition's share of an hour's budget is spent.
    TenantLimit,
    StaleRequest,
    NotAllowed,
    DestinationNotAllowed,
}

pub(super) const NOT_JSON: Fault = Fault::Malformed("The request is not a JSON object with distinct members");
pub(super) const NO_OPERATION: Fault = Fault::Malformed("operationType must be GENERATE or VALIDATE");
pub(super) const REPLY_HEADERS: Fault =
    Fault::Malformed("kafka_replyTopic or kafka_replyPartition cannot be honoured");

impl Fault {
    /// `errorCode`, the sentence, and what a metric calls it.
    pub(super) const fn row(self) -> (u8, &'static str, &'static str) {
        match self {
            Self::Malformed(sentence) => (1, sentence, "invalid_request"),
            Self::WindowOver => (2, "The validity of the OTP is over", "window_over"),
            Self::NotYetValid => (3, "The OTP is not yet valid", "not_yet_valid"),
            Self::TooFarAhead => (3, "startTime is too far in the future", "too_far_ahead"),
            Self::WrongCode => (4, "The OTP is wrong", "wrong_code"),
            Self::NoSuchCode => (5, "No valid OTP was generated with these values", "no_such_code"),
            Self::Locked => (6, "Too many wrong attempts, try again later", "locked"),
            Self::SendLimit => (7, "Too many OTPs were sent, try again later", "send_limit"),
            Self::PrefixLimit => (7, "Too many OTPs were sent, try again later", "prefix_limit"),
            Self::TenantLimit => (7, "Too many OTPs were sent, try again later", "tenant_limit"),
            Self::NumberLimit => (7, "Too many OTPs were sent, try again later", "number_limit"),
            Self::SendTooSoon => (7, "An OTP was sent a moment ago, try again later", "send_too_soon"),
            Self::StaleRequest => (8, "The request came too late", "stale_request"),
            Self::NotAllowed => (9, "operationType is not allowed for this caller", "operation_not_allowed"),
            Self::DestinationNotAllowed => (10, "No OTP is sent to this mobile", "destination_not_allowed"),
        }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Locked => Self::Locked,
            Refusal::SendTooSoon => Self::SendTooSoon,
            Refusal::SendLimit => Self::SendLimit,
            Refusal::DestinationNotAllowed => Self::DestinationNotAllowed,
            Refusal::PrefixLimit => Self::PrefixLimit,
            Refusal::TenantLimit => Self::TenantLimit,
            Refusal::NumberLimit => Self::NumberLimit,
        }
    }
}

/// What a verification says. `is_locked`: the subject is locked after it.
pub(super) const fn fault_of(verdict: Verdict, is_locked: bool) -> Option<Fault> {
    match verdict {
        Verdict::Accepted => None,
        Verdict::Locked => Some(Fault::Locked),
        Verdict::WrongCode if is_locked => Some(Fault::Locked),
        Verdict::WrongCode => Some(Fault::WrongCode),
        Verdict::NotYetValid => Some(Fault::NotYetValid),
        Verdict::Expired => Some(Fault::WindowOver),
        Verdict::NoChallenge | Verdict::AlreadyUsed | Verdict::Ended | Verdict::Mismatch => {
            Some(Fault::NoSuchCode)
        }
    }
}
