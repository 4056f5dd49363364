//! Signals: what one partition saw of a prefix in a window of log time, told once.

use std::collections::BTreeMap;

use otp_topology::deployment::{Settings, SignalSettings};
use otp_topology::state::Family;
use serde_json::{Value, json};

use crate::house::{House, START_MS, Seen, code_in, send, settings, validate};

const WINDOW_MS: u64 = 300_000;
const BEGIN_MS: u64 = START_MS - START_MS % WINDOW_MS;

/// `key: issued resent verified failed expired suppressed locked, subjects`, in the order of their publication.
fn signals(seen: &[Seen]) -> Vec<String> {
    let names = ["issued", "resent", "verified", "failed", "expired", "suppressed", "locked"];
    let line = |it: &Seen| {
        let counts: Vec<_> = names.iter().map(|name| it.body[*name].to_string()).collect();
        format!("{}: {}, {}", it.key.as_deref().unwrap_or_default(), counts.join(" "), it.body["subjects"])
    };
    seen.iter().filter(|it| it.topic == "signals").map(line).collect()
}

fn send_for(tenant: &str, mobile: &str) -> Value {
    let mut body = send(mobile);
    body["otp"]["tenantId"] = json!(tenant);
    body
}

#[test]
fn a_window_is_told_when_a_later_record_passes_its_end() {
    let mut house = House::new(1);
    let code = code_in(&house.ask(&send("9123456780")));
    house.ask(&validate("9123456780", &code));
    house.ask(&send("9123456781"));
    house.ask(&send("9123456781"));
    house.now_ms += 30_000;
    house.ask(&send("9123456781"));
    house.ask(&send_for("ka", "8000000000"));
    house.now_ms = BEGIN_MS + WINDOW_MS - 1;
    assert_eq!(signals(&house.ask(&validate("9999999999", "1"))), [""; 0]);
    house.now_ms += 1;
    let seen = house.ask(&validate("9999999999", "1"));
    assert_eq!(signals(&seen), ["egov/ka/8000: 1 0 0 0 0 0 0, 1", "egov/pb/9123: 2 1 1 0 0 1 0, 2"]);
    let (first, at) = (&seen[0], BEGIN_MS);
    let end = at + WINDOW_MS;
    let expected = json!({
        "eventId": format!("egov/ka/8000/0/{at}"), "contract": "egov", "tenantId": "ka", "prefix": "8000",
        "partition": 0, "windowStart": at, "windowEnd": end, "issued": 1, "resent": 0, "verified": 0, "failed": 0,
        "expired": 0, "suppressed": 0, "locked": 0, "subjects": 1, "occurredAt": end,
    });
    assert_eq!(first.body, expected);
    assert_eq!(first.header("ce_type"), "org.digit.otp.signal.v1");
    assert_eq!(first.header("ce_id"), format!("egov/ka/8000/0/{at}"));
    house.now_ms += WINDOW_MS;
    assert_eq!(signals(&house.ask(&validate("9999999999", "1"))), [""; 0], "nothing happened");
}

#[test]
fn the_sweep_tells_a_window_and_counts_what_expires() {
    let mut house = House::new(1);
    house.ask(&send("9123456780"));
    let told = house.pass_ms(WINDOW_MS);
    assert_eq!(signals(&told), ["egov/pb/9123: 1 0 0 0 0 0 0, 1"]);
    let expired = house.pass_ms(WINDOW_MS);
    assert_eq!(signals(&expired), [""; 0], "it expired in this window");
    assert_eq!(signals(&house.pass_ms(WINDOW_MS)), ["egov/pb/9123: 0 0 0 0 1 0 0, 1"]);
    assert_eq!(signals(&house.pass_ms(WINDOW_MS)), [""; 0]);
    let rows = house.store_entries().into_iter().filter(|(key, _)| Family::of(key) == Some(Family::Signal));
    assert_eq!(rows.count(), 1, "only the window is left");
}

#[test]
fn locks_failures_and_codes_without_a_number_are_counted() {
    let mut house = House::new(1);
    house.now_ms = BEGIN_MS + WINDOW_MS;
    for last in ["0", "1"] {
        let mobile = format!("912345678{last}");
        for _ in 0..2 {
            house.ask(&send(&mobile));
            for _ in 0..5 {
                house.ask(&validate(&mobile, "abc"));
            }
            house.now_ms += 31_000;
        }
    }
    house.ask(&json!({"operation": "create", "otp": {"tenantId": "pb", "identity": "a@b.in"}}));
    let told = signals(&house.pass_ms(WINDOW_MS));
    assert_eq!(told, ["egov/pb/9123: 4 0 0 4 0 0 2, 2", "egov/pb/none: 1 0 0 0 0 0 0, 1"]);
}

#[test]
fn the_most_active_prefixes_are_told_one_by_one_and_the_others_together() {
    let mut house = House::new(1);
    for prefix in 6000..6258 {
        house.ask(&send(&format!("{prefix}000000")));
    }
    // The last two are the most active ones.
    for prefix in [6256, 6257] {
        house.ask(&send(&format!("{prefix}000001")));
    }
    let told = signals(&house.pass_ms(WINDOW_MS));
    assert_eq!(told.len(), 257);
    assert_eq!(
        told[..3],
        [
            "egov/pb/6256: 2 0 0 0 0 0 0, 2",
            "egov/pb/6257: 2 0 0 0 0 0 0, 2",
            "egov/pb/6000: 1 0 0 0 0 0 0, 1"
        ]
    );
    assert_eq!(told[256], "egov/pb/other: 2 0 0 0 0 0 0, 2");
}

#[test]
fn a_window_begins_where_the_last_one_ended_although_an_older_record_comes() {
    let mut house = House::new(1);
    house.ask(&send("9123456780"));
    assert_eq!(signals(&house.pass_ms(WINDOW_MS)).len(), 1);
    house.now_ms = BEGIN_MS + 1_000;
    house.ask(&send("9123456781"));
    house.now_ms = BEGIN_MS + WINDOW_MS;
    assert_eq!(signals(&house.ask(&send("9123456782"))), [""; 0]);
    let told = house.pass_ms(2 * WINDOW_MS);
    let windows: Vec<_> =
        told.iter().filter(|it| it.topic == "signals").map(|it| &it.body["windowStart"]).collect();
    assert_eq!(windows, [&json!(BEGIN_MS + WINDOW_MS)]);
    assert_eq!(signals(&told), ["egov/pb/9123: 2 0 0 0 1 0 0, 2"], "the older one has expired");
}

#[test]
fn the_partitions_of_a_window_add_up() {
    let mut house = House::new(3);
    for last in 0..30 {
        house.ask(&send(&format!("91234000{last:02}")));
    }
    let mut sums: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for it in house.pass_ms(WINDOW_MS).iter().filter(|it| it.topic == "signals") {
        let sum = sums.entry(it.key.clone().unwrap_or_default()).or_default();
        *sum = (
            sum.0 + it.body["issued"].as_u64().unwrap_or(0),
            sum.1 + it.body["subjects"].as_u64().unwrap_or(0),
        );
    }
    assert_eq!(sums, BTreeMap::from([("egov/pb/9123".to_owned(), (30, 30))]));
}

#[test]
fn the_window_is_a_setting_and_signals_can_be_left_out() {
    let with = |signals: SignalSettings| House::with(Settings { signals, ..settings() }, 1, |_| None);
    let mut house = with(SignalSettings { enabled: true, window_s: 60 });
    house.ask(&send("9123456780"));
    let seen = house.pass_ms(60_000);
    let told = seen.iter().find(|it| it.topic == "signals").expect("a signal");
    assert_eq!(told.body["windowEnd"].as_u64(), Some(START_MS - START_MS % 60_000 + 60_000));
    let mut house = with(SignalSettings { enabled: false, window_s: 60 });
    house.ask(&send("9123456780"));
    assert!(house.topology.outputs.iter().all(|it| it.name != "signals"));
    assert_eq!(signals(&house.pass_ms(3_600_000)), [""; 0]);
}
