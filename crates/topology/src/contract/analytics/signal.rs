//! The stream `otp-signal`: what happened to the codes of one prefix in one window (docs/interface.md). Counts nothing: the
//! task does, from the [`Tally`]s of each request.

use crate::contract::events::{EventKind, Events};
use crate::otp::{LogTime, NoticeKind, NumberPrefix};
use crate::state::SIGNAL_KINDS;
use crate::wire::outbox::OutputTopic;

/// What signals count, in the order of their members. Pinned: the place of a kind in stored rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignalKind {
    Issued,
    Resent,
    Verified,
    Failed,
    Expired,
    Suppressed,
    Locked,
}

/// Something that a request did and that is counted by prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Of the number that the code went to, or would have gone to.
    pub prefix: Option<NumberPrefix>,
    pub what: TallyKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TallyKind {
    /// A lifecycle event.
    Signal(SignalKind),
    /// A delivery, for the budgets.
    Delivery,
}

/// One event of the stream.
#[derive(Clone, Copy, Debug)]
pub struct Signal<'a> {
    /// Contract and tenant root, `egov/pb`.
    pub group: &'a str,
    /// Four digits, [`OTHER`] or [`NONE`].
    pub prefix: &'a str,
    /// The home partition that counted.
    pub partition: i32,
    pub start: LogTime,
    /// By [`SignalKind`].
    pub counts: [u64; SIGNAL_KINDS],
    pub subjects: usize,
}

/// Stands for the prefixes beyond the most active ones.
pub const OTHER: &str = "other";
/// Stands for codes that went to no number.
pub const NONE: &str = "none";

const MEMBERS: [&str; SIGNAL_KINDS] =
    ["issued", "resent", "verified", "failed", "expired", "suppressed", "locked"];

impl SignalKind {
    /// `None`: signals do not count it.
    pub const fn of(kind: NoticeKind) -> Option<Self> {
        match kind {
            NoticeKind::Issued => Some(Self::Issued),
            NoticeKind::Resent => Some(Self::Resent),
            NoticeKind::Verified => Some(Self::Verified),
            NoticeKind::Failed => Some(Self::Failed),
            NoticeKind::Expired => Some(Self::Expired),
            NoticeKind::Suppressed(_) => Some(Self::Suppressed),
            NoticeKind::Locked => Some(Self::Locked),
            NoticeKind::Superseded | NoticeKind::Unlocked | NoticeKind::Forgotten => None,
        }
    }
}

impl Signal<'_> {
    /// `<contract>/<tenant root>/<prefix>`: the record key.
    fn key(&self) -> String {
        [self.group, self.prefix].join("/")
    }

    /// No other window of this prefix and partition begins at the same time.
    pub fn id(&self) -> String {
        format!("{}/{}/{}", self.key(), self.partition, self.start.ms())
    }

    /// Publishes the signal. The time of the envelope is the end of the window.
    pub fn publish(&self, events: &mut Events<'_>, topic: OutputTopic) {
        let (id, end) = (self.id(), events.envelope().time.ms());
        let (contract, root) = self.group.split_once('/').unwrap_or_default();
        events.publish(topic, Some(self.key().as_bytes()), &id, EventKind::SIGNAL, |object| {
            object
                .member("eventId", &*id)
                .member("contract", contract)
                .member("tenantId", root)
                .member("prefix", self.prefix)
                .member("partition", i64::from(self.partition))
                .member("windowStart", self.start.ms())
                .member("windowEnd", end);
            for (name, count) in MEMBERS.iter().zip(self.counts) {
                object.member(name, count);
            }
            object.member("subjects", self.subjects as u64).member("occurredAt", end);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::published;
    use super::*;

    #[test]
    fn a_signal_says_what_one_partition_saw_of_a_prefix() {
        let signal = Signal {
            group: "egov/pb",
            prefix: "9123",
            partition: 3,
            start: LogTime::from_ms(1_699_999_700_000),
            counts: [1, 2, 3, 4, 5, 6, 7],
            subjects: 8,
        };
        let found = published(|events| signal.publish(events, OutputTopic(0)));
        let expected = "egov/pb/9123 egov/pb/9123/3/1699999700000 org.digit.otp.signal.v1 \
            {\"eventId\":\"egov/pb/9123/3/1699999700000\",\"contract\":\"egov\",\"tenantId\":\"pb\",\"prefix\":\"9123\",\
            \"partition\":3,\"windowStart\":1699999700000,\"windowEnd\":1700000000000,\"issued\":1,\"resent\":2,\
            \"verified\":3,\"failed\":4,\"expired\":5,\"suppressed\":6,\"locked\":7,\"subjects\":8,\
            \"occurredAt\":1700000000000}";
        assert_eq!(found, expected);
    }
}
