//! What the tests of both streams share.

use crate::contract::events::{About, Envelope, Events};
use crate::otp::{ContractName, LogTime, PolicyVersion, Pseudonym};
use crate::wire::outbox::Outbox;

pub(super) const ABOUT: About<'_> = About {
    contract: ContractName::Egov,
    tenant: Some("pb.amritsar"),
    subject: Some(Pseudonym([0xab; 16])),
    request_id: Some("r-1"),
    caller: Some("egov"),
    client_ref: None,
    policy_version: Some(PolicyVersion([1; 8])),
};

pub(super) fn published(write: impl FnOnce(&mut Events<'_>)) -> String {
    published_from("base", write)
}

pub(super) fn published_from(event_base: &str, write: impl FnOnce(&mut Events<'_>)) -> String {
    let mut outbox = Outbox::default();
    let envelope = Envelope {
        source: "otp-stream",
        time: LogTime::from_ms(1_700_000_000_000),
        correlation_id: "c",
        causation_id: "r-1",
        subject: None,
        traceparent: None,
        tracestate: None,
        event_base,
    };
    write(&mut Events::new(&mut outbox, &[1], envelope));
    assert_eq!(outbox.len(), 1);
    let event = outbox.iter().next().expect("one event");
    let header = |name: &str| {
        let found = event.headers().find(|(it, _)| *it == name).and_then(|(_, value)| value);
        String::from_utf8_lossy(found.unwrap_or_default()).into_owned()
    };
    let value = String::from_utf8_lossy(event.value().unwrap_or_default()).into_owned();
    let key = String::from_utf8_lossy(event.key().unwrap_or_default()).into_owned();
    format!("{key} {} {} {value}", header("ce_id"), header("ce_type"))
}
