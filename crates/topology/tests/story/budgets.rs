//! Budgets of deliveries: by tenant root and prefix, within the clock hour, each partition with its share.

use otp_topology::deployment::Settings;
use otp_topology::state::Family;
use serde_json::json;

use crate::house::{House, START_MS, send, settings};

const HOUR_MS: u64 = 3_600_000;

fn put_policy(house: &mut House, key: &str, rules: &str) {
    assert!(house.feed("policies", 0, Some(key), Some(rules.as_bytes()), &[]).is_empty());
}

/// `sent`, or the reason why nothing was.
fn ask(house: &mut House, tenant: &str, mobile: &str) -> String {
    let mut body = send(mobile);
    body["otp"]["tenantId"] = json!(tenant);
    let seen = house.ask(&body);
    let reason = seen.iter().find_map(|it| it.body["reason"].as_str().map(str::to_owned));
    reason.unwrap_or_else(|| "sent".to_owned())
}

fn number(last: u32) -> String {
    format!("91234{last:05}")
}

#[test]
fn a_tenant_root_has_its_budget_within_a_clock_hour() {
    let mut house = House::new(1);
    put_policy(&mut house, "egov/pb", r#"{"sendsPerTenantHourMax":3}"#);
    let hour_end = START_MS - START_MS % HOUR_MS + HOUR_MS;
    house.now_ms = hour_end - 1;
    for (tenant, last) in [("pb", 0), ("pb.amritsar", 1), ("pb.moga", 2)] {
        assert_eq!(ask(&mut house, tenant, &number(last)), "sent");
    }
    assert_eq!(ask(&mut house, "pb.jalandhar", &number(3)), "tenant_limit");
    assert_eq!(ask(&mut house, "ka", &number(4)), "sent");
    house.now_ms = hour_end;
    assert_eq!(ask(&mut house, "pb", &number(5)), "sent");
    let kept = house.store_entries().into_iter().filter(|(key, _)| Family::of(key) == Some(Family::Budget));
    assert_eq!(kept.count(), 3, "the hour, the tenant root and the prefix");
}

#[test]
fn deliveries_of_tenants_without_the_rule_count_too() {
    let mut house = House::new(1);
    put_policy(&mut house, "egov/pb.amritsar", r#"{"sendsPerTenantHourMax":2}"#);
    assert_eq!(ask(&mut house, "pb", &number(0)), "sent");
    assert_eq!(ask(&mut house, "pb.moga", &number(1)), "sent");
    assert_eq!(ask(&mut house, "pb.moga", &number(2)), "sent");
    assert_eq!(ask(&mut house, "pb.amritsar", &number(3)), "tenant_limit");
}

#[test]
fn a_prefix_has_its_own_budget() {
    let mut house = House::new(1);
    put_policy(&mut house, "egov/*", r#"{"sendsPerPrefixHourMax":1}"#);
    assert_eq!(ask(&mut house, "pb", "9123400000"), "sent");
    assert_eq!(ask(&mut house, "pb", "9123500000"), "prefix_limit");
    assert_eq!(ask(&mut house, "pb", "9124000000"), "sent");
    assert_eq!(ask(&mut house, "ka", "9123400000"), "sent");
}

#[test]
fn what_is_refused_or_only_revealed_spends_nothing() {
    let mut settings: Settings = settings();
    settings.callers[0].reveal_code = true;
    let mut house = House::with(settings, 1, |_| None);
    put_policy(&mut house, "egov/pb", r#"{"sendsPerTenantHourMax":2}"#);
    let create = json!({"operation": "create", "otp": {"tenantId": "pb", "identity": number(0)}});
    for _ in 0..3 {
        assert!(house.ask(&create).iter().all(|it| it.body["type"] != "suppressed"));
    }
    assert_eq!(ask(&mut house, "pb", &number(1)), "sent");
    for _ in 0..3 {
        assert_eq!(ask(&mut house, "pb", &number(1)), "send_too_soon");
    }
    assert_eq!(ask(&mut house, "pb", &number(2)), "sent");
    assert_eq!(ask(&mut house, "pb", &number(3)), "tenant_limit");
}

#[test]
fn each_partition_has_its_share_rounded_up() {
    let mut house = House::new(3);
    put_policy(&mut house, "egov/*", r#"{"sendsPerTenantHourMax":4}"#);
    let homes: Vec<i32> =
        (0..60).map(|last| house.topology.home_of(&format!("egov|pb|{}", number(last)))).collect();
    let mut sent = [0; 3];
    for (last, home) in homes.into_iter().enumerate() {
        if ask(&mut house, "pb", &number(last as u32)) == "sent" {
            sent[home as usize] += 1;
        }
    }
    assert_eq!(sent, [2, 2, 2]);
}

#[test]
fn nothing_is_counted_where_no_policy_has_a_budget() {
    let mut house = House::new(1);
    put_policy(&mut house, "egov/pb", r#"{"digits":8}"#);
    assert_eq!(ask(&mut house, "pb", &number(0)), "sent");
    assert!(house.store_entries().iter().all(|(key, _)| Family::of(key) != Some(Family::Budget)));
}
