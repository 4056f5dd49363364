//! Producers and consumers of other projects.

use crate::harness::event::{TENANT, subject, wrong};
use crate::harness::scenario::Scenario;
use crate::harness::tools::{console_consume, console_produce, kcat_consume, kcat_produce};

#[test]
fn kcat_asks_and_reads() {
    let mut scenario = Scenario::new("kcat");
    let _process = scenario.run();
    let number = "9123456701";
    let body = format!(
        r#"{{"operation":"send","RequestInfo":{{"msgId":"20170310130900|en_IN"}},"otp":{{"mobileNumber":"{number}","type":"login","tenantId":"{TENANT}","userType":"CITIZEN"}}}}"#
    );
    kcat_produce(&scenario.topics.requests, &subject(number), &[("ce_id", "kcat-1")], &body);
    let code = scenario.sms("kcat-1").code();
    let messages = kcat_consume(&scenario.topics.sms);
    let payload: serde_json::Value =
        serde_json::from_str(messages[0]["payload"].as_str().expect("text")).expect("JSON");
    assert_eq!(payload["mobileNumber"], number);
    assert!(payload["message"].as_str().expect("a text").contains(&code));
    let headers: Vec<&str> =
        messages[0]["headers"].as_array().expect("headers").iter().filter_map(|h| h.as_str()).collect();
    assert!(headers.contains(&"ce_id") && headers.contains(&"ce_type"), "{headers:?}");
}

#[test]
fn the_java_console_clients_ask_and_read() {
    let mut scenario = Scenario::new("console");
    let _process = scenario.run();
    let number = "9123456702";
    let code = scenario.code_for(number);
    let line = |id: &str, code: &str| {
        let key = subject(number);
        format!(
            "ce_id:{id}\t{key}\t{{\"operation\":\"validate\",\"otp\":{{\"otp\":\"{code}\",\"identity\":\"{number}\",\"tenantId\":\"{TENANT}\"}}}}"
        )
    };
    console_produce(&scenario.topics.requests, &line("console-1", &wrong(&code)));
    assert_eq!(scenario.result("console-1")["reason"], "wrong_code");
    console_produce(&scenario.topics.requests, &line("console-2", &code));
    assert_eq!(scenario.result("console-2")["reason"], "verified");
    let read = console_consume(&scenario.topics.results, 2);
    for (line, reason) in read.iter().zip(["wrong_code", "verified"]) {
        assert!(line.contains("ce_type:") && line.contains(&format!("\"reason\":\"{reason}\"")), "{line}");
    }
}
