//! The topics that configure a running service: policies, templates, clients, the directory.

use otp_topology::deployment::CallerSettings;
use otp_topology::otp::{ContractName, LogTime};
use otp_topology::testing;

use crate::house::{House, Seen, send, settings, shape};

fn has(seen: &[Seen], expected: &str) -> bool {
    shape(seen).iter().any(|it| it == expected)
}

#[test]
fn a_policy_reaches_every_task_and_a_bad_one_changes_nothing() {
    let mut house = House::new(3);
    house.feed("policies", 0, Some("egov/pb"), Some(br#"{"digits":8}"#), &[]);
    let refused = house.feed("policies", 0, Some("egov/pb"), Some(br#"{"digits":4}"#), &[]);
    assert!(has(&refused, "dead-letters:bad_policy"), "{refused:#?}");
    let long = format!("{{{}}}", " ".repeat(70_000));
    let refused = house.feed("policies", 0, Some("egov/pb"), Some(long.as_bytes()), &[]);
    assert!(has(&refused, "dead-letters:bad_policy"), "{refused:#?}");
    for mobile in ["9123456780", "9123456781", "9123456782", "9123456783"] {
        let sent = house.ask(&send(mobile));
        assert_eq!(crate::house::code_in(&sent).len(), 8, "{sent:#?}");
    }
    house.feed("policies", 0, Some("egov/pb"), None, &[]);
    assert_eq!(crate::house::code_in(&house.ask(&send("9123456785"))).len(), 6);
}

#[test]
fn a_template_changes_the_text_of_its_tenant() {
    let mut house = House::new(2);
    let key = Some("egov/pb/en_IN/sms.login.otp.msg");
    house.feed("templates", 0, key, Some(br#"{"text":"Code {otp}!","templateId":"T1"}"#), &[]);
    let refused = house.feed("templates", 0, key, Some(br#"{"text":"no placeholder"}"#), &[]);
    assert!(has(&refused, "dead-letters:bad_template"), "{refused:#?}");
    let sent = house.ask(&send("9123456789"));
    let sms = sent.iter().find(|it| it.topic == "sms").expect("an SMS");
    assert!(sms.body["message"].as_str().is_some_and(|text| text.starts_with("Code ")), "{sms:#?}");
    assert_eq!(sms.body["templateId"], "T1");
}

#[test]
fn a_client_reaches_every_task_and_a_bad_one_changes_nothing() {
    let caller = testing::caller("mosip", "requests", "replies");
    let mut settings = settings();
    settings.callers = vec![CallerSettings { contract: ContractName::Mosip, reveal_code: true, ..caller }];
    let mut house = House::with(settings, 3, |_| None);
    let hash = house.topology.keys.client_hash(LogTime::default(), "open sesame").expect("a client key");
    let clients = ["desk-1", "desk-2", "desk-3", "desk-4", "desk-5", "desk-6"];
    let homes = clients.map(|id| house.topology.home_of(&format!("mosip|default|{id}")));
    assert!((0..3).all(|home| homes.contains(&home)), "{homes:?}");
    let log_in = |house: &mut House, id: &str| {
        let seen = house.ask(&serde_json::json!({"id": "mosip.authentication.clientidsecretkey",
            "request": {"clientId": id, "secretKey": "open sesame"}}));
        seen.iter().find(|it| it.topic == "replies").expect("a reply").body["response"]["status"].clone()
    };
    for id in clients {
        let record = serde_json::json!({"clientId": id, "appId": "ida", "secretHash": hash.to_hex()});
        house.feed("clients", 0, Some(id), Some(record.to_string().as_bytes()), &[]);
        let refused = house.feed("clients", 0, Some(id), Some(br#"{"clientId":5}"#), &[]);
        assert_eq!(shape(&refused), ["dead-letters:bad_client"], "one, although every task judges");
        assert_eq!(log_in(&mut house, id), "Success", "{id}");
    }
    house.feed("clients", 0, Some("desk-2"), None, &[]);
    assert_eq!(log_in(&mut house, "desk-2"), serde_json::Value::Null);
    assert_eq!(log_in(&mut house, "desk-3"), "Success");
}

#[test]
fn only_users_of_the_directory_get_a_code() {
    let mut settings = settings();
    settings.contracts = testing::contracts(serde_json::json!({"egov": {"user_check": true}}));
    let mut house = House::with(settings, 2, |_| None);
    let unknown = house.ask(&send("9123456789"));
    let reply = unknown.iter().find(|it| it.topic == "replies").expect("a reply");
    assert_eq!(reply.body["error"]["fields"][0]["code"], "OTP.UNKNOWN_CREDENTIAL", "{unknown:#?}");
    let users = br#"{"users":[{"tenantId":"pb","userType":"CITIZEN","userName":"9123456789","mobileNumber":"9123456789",
        "countryCode":"+91","emailId":"a@b.in","locale":"en_IN","active":true,"uuid":"u"}]}"#;
    house.feed("directory", 0, Some("egov|pb|9123456789"), Some(users), &[]);
    let known = house.ask(&send("9123456789"));
    assert!(has(&known, "sms") && has(&known, "email"), "{known:#?}");
    let bad = house.feed("directory", 0, Some("9123456789"), Some(users), &[]);
    assert!(has(&bad, "dead-letters:bad_key"), "{bad:#?}");
    house.feed("directory", 0, Some("egov|pb|9123456789"), None, &[]);
    let gone = house.ask(&send("9123456789"));
    assert!(!has(&gone, "sms"), "{gone:#?}");
}
