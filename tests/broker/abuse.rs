//! Destinations, budgets, and the counts of `otp-signal`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::harness::event::{Event, send, validate, wrong};
use crate::harness::kafka::Tap;
use crate::harness::scenario::Scenario;

/// A window of a minute, the pause of the sweep, and time for a slow machine.
const TOLD_LIMIT: Duration = Duration::from_secs(150);

#[test]
fn forbidden_destinations_and_spent_budgets_are_refused_and_told() {
    let rules = "[policy.egov]\nblocked_prefixes = [\"91235\"]\nsends_per_prefix_hour_max = 1\n";
    let mut scenario = Scenario::with("abuse", rules);
    let _process = scenario.run();
    assert_eq!(scenario.ask(send("9123567890").id("barred")).error_code(), "OTP.DESTINATION_NOT_ALLOWED");
    assert_eq!(scenario.lifecycle("suppressed", "barred")["reason"], "destination_not_allowed");
    // Each of the three partitions has a share of one in each clock hour, and an hour may end meanwhile.
    let replies: Vec<String> = (0..20)
        .map(|last| scenario.ask(send(&format!("92340000{last:02}")).id(&format!("budget-{last}"))))
        .map(|reply| reply.error_code())
        .collect();
    assert!((3..=6).contains(&replies.iter().filter(|code| code.is_empty()).count()), "{replies:?}");
    assert!(replies.iter().all(|code| code.is_empty() || code == "OTP.SEND_LIMIT_EXCEEDED"), "{replies:?}");
    let reasons: BTreeSet<String> = scenario
        .events_of(&scenario.topics.lifecycle)
        .into_iter()
        .filter(|event| event.cause().starts_with("budget-"))
        .map(|event| event.body()["reason"].as_str().unwrap_or("issued").to_owned())
        .collect();
    assert_eq!(reasons.into_iter().collect::<Vec<_>>(), ["issued", "prefix_limit"]);
    scenario.audit();
}

#[test]
fn signals_add_up_to_what_happened_whatever_was_killed() {
    let mut scenario = Scenario::with("fraud", "[signals]\nwindow_s = 60\n");
    let topic = format!("{}.otp-signal", "fraud");
    let mut signals = Tap::on(&scenario.cluster.bootstrap, &[&topic]);
    let mut process = scenario.run();
    for round in 0..3 {
        for last in 0..8 {
            let number = format!("9{}45{round}{last:03}", 100 + last % 3);
            let sent = format!("sent-{round}-{last}");
            scenario.ask(send(&number).id(&sent));
            let code = scenario.sms(&sent).code();
            let code = if last % 4 == 0 { wrong(&code) } else { code };
            scenario.ask(validate(&number, &code).id(&format!("tried-{round}-{last}")));
        }
        process.kill_9();
        process = scenario.run();
    }
    let happened = happened(&scenario);
    let until = Instant::now() + TOLD_LIMIT;
    while told(&signals.events) != happened {
        assert!(Instant::now() < until, "told {:?}\nhappened {happened:?}", told(&signals.events));
        signals.poll(Duration::from_millis(200));
    }
    signals.settle(Duration::from_secs(1));
    assert_eq!(told(&signals.events), happened);
    let ids: BTreeSet<&str> = signals.events.iter().map(|event| event.text("ce_id")).collect();
    assert_eq!(ids.len(), signals.events.len(), "each window is told once");
    scenario.audit();
}

/// Counts by prefix and kind.
type Counts = BTreeMap<(String, &'static str), u64>;

const KINDS: [&str; 2] = ["issued", "verified"];

fn happened(scenario: &Scenario) -> Counts {
    let mut counts = Counts::new();
    for event in scenario.events_of(&scenario.topics.lifecycle) {
        let body = event.body();
        let issued = KINDS.into_iter().find(|kind| body["type"] == *kind);
        let prefix = body["prefix"].as_str().map(str::to_owned);
        if let (Some("issued"), Some(prefix)) = (issued, prefix) {
            *counts.entry((prefix, "issued")).or_default() += 1;
        }
    }
    // `verified` has no prefix of its own: of eight numbers in each round six are verified, two of each prefix.
    for prefix in ["9100", "9101", "9102"] {
        counts.insert((prefix.to_owned(), "verified"), 6);
    }
    counts
}

fn told(signals: &[Event]) -> Counts {
    let mut counts = Counts::new();
    for signal in signals {
        let body = signal.body();
        for kind in KINDS {
            let count = body[kind].as_u64().expect("a count");
            if count > 0 {
                *counts.entry((body["prefix"].as_str().expect("a prefix").to_owned(), kind)).or_default() +=
                    count;
            }
        }
    }
    counts
}
