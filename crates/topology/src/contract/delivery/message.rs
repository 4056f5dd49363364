//! One delivery of one code, by any channel.

use crate::contract::events::EventKind;
use crate::otp::ChallengeView;

#[derive(Clone, Copy)]
pub(super) struct CodeMessage<'a> {
    pub challenge: &'a ChallengeView,
    /// The digits.
    pub code: &'a str,
    /// The values of the templates' variables, by name.
    pub variables: &'a [(&'a str, &'a str)],
    /// The number of this delivery of the challenge.
    pub send_number: u8,
    /// As the request gave it.
    pub tenant: &'a str,
    /// The record key: the subject's pseudonym.
    pub key: &'a str,
}

impl CodeMessage<'_> {
    /// One event per kind and delivery of a challenge.
    pub(super) fn event_id(&self, kind: EventKind) -> String {
        let mut number = itoa::Buffer::new();
        let number = number.format(self.send_number);
        [&self.challenge.code.challenge.to_uuid(), kind.0, number].join("-")
    }
}
