//! Rejected requests and dead letters leak no secret.

use std::collections::BTreeSet;

use crate::harness::event::{self, Request, validate};
use crate::harness::scenario::Scenario;
use crate::harness::secrets::assert_no_leaks;

#[test]
fn rejected_requests_leak_no_secret() {
    let mut scenario = Scenario::with("secrets", "[policy.egov]\ndigits = 10\n");
    let process = scenario.run();
    let mut codes = BTreeSet::new();
    let numbers = ["9345678901", "9345678902"];
    for (n, number) in numbers.into_iter().enumerate() {
        let code = scenario.code_for(number);
        // A verification that is cut off behind a valid code.
        let cut = format!(r#"{{"operation":"validate","otp":{{"identity":"{number}","otp":"{code}""#);
        let request = Request::raw(cut.as_bytes()).key(Some(&event::subject(number))).id(&format!("cut-{n}"));
        scenario.produce(request);
        let odd = serde_json::json!({"operation": "validate", "otp": {"otp": [code], "identity": number, "tenantId": "pb"}});
        scenario.produce(Request::of("", &odd).id(&format!("odd-{n}")));
        scenario.ask(validate(number, &code).id(&format!("good-{n}")));
        codes.insert(code);
    }
    scenario.audit();
    assert_no_leaks(&mut scenario, &process, &codes, &numbers.map(str::to_owned).into());
}
