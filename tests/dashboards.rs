//! The dashboard and the alert rules name only metrics that the program exports.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const FILES: [&str; 2] = ["docker/grafana/dashboards/otp-stream.json", "docker/prometheus/alerts.yml"];

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// All names of metrics in a text.
fn names(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("otp_stream_") || word.starts_with("process_")).collect()
}

/// All names that the program declares, with the suffixes of histograms.
fn declared() -> BTreeSet<String> {
    let source = read("src/telemetry/metrics.rs");
    let quoted = source.split('"').skip(1).step_by(2);
    let plain = quoted.filter(|text| names(text).contains(text)).map(str::to_owned);
    plain.flat_map(|name| ["", "_bucket", "_sum", "_count"].map(|suffix| format!("{name}{suffix}"))).collect()
}

#[test]
fn dashboards_and_alerts_name_only_declared_metrics() {
    let declared = declared();
    for file in FILES {
        let text = read(file);
        let used = names(&text);
        assert!(used.len() > 5, "{file} names metrics");
        let unknown: Vec<_> = used.into_iter().filter(|name| !declared.contains(*name)).collect();
        assert!(
            unknown.is_empty(),
            "{file} names {unknown:?}; src/telemetry/metrics.rs does not declare them"
        );
    }
}

#[test]
fn the_dashboard_is_json() {
    let dashboard: serde_json::Value = serde_json::from_str(&read(FILES[0])).expect("JSON");
    assert!(dashboard["panels"].as_array().is_some_and(|panels| panels.len() > 10));
}
