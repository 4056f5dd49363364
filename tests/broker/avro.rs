//! Topics in Avro, with a real schema registry: JSON requests with results in Avro, requests in Avro with JSON replies, and
//! what happens while the registry is away.

use std::collections::BTreeSet;

use otp_codec::EventSchema;
use serde_json::{Value, json};

use crate::harness::avro::{body, raw_request, request, text};
use crate::harness::event::{Request, TENANT, send, subject, validate};
use crate::harness::registry::{Registry, url_on};
use crate::harness::relay::Relay;
use crate::harness::scenario::{Scenario, Topics};

/// The events in Avro. The first caller writes JSON and reads Avro, the second one the other way round.
fn settings(name: &str, url: &str) -> String {
    let callers = Topics::of(name).callers("reply_format = \"avro\"\n", "request_format = \"avro\"\n");
    format!(
        r#"
[schema_registry]
urls = ["{url}"]
[formats]
sms = "avro"
email = "avro"
validation_result = "avro"
lifecycle = "avro"
signal = "avro"
[dead_letter]
payload = "copy"
{callers}"#
    )
}

/// The id that the registry has for the schema of the desk's requests.
fn request_id(scenario: &Scenario, registry: &Registry) -> u32 {
    let path = format!("/subjects/{}-value/versions/latest", scenario.topics.desk_requests);
    let (status, answer) = registry.request("GET", &path, "").expect("an answer");
    assert_eq!(status, 200, "{answer}");
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    answer["id"].as_u64().expect("an id") as u32
}

/// A `create` of the desk in Avro.
fn create(id: u32, number: &str) -> Request {
    let body = format!(
        r#"{{"operation":"create","RequestInfo":{{"apiId":"Rainmaker","ts":17}},"otp":{{"tenantId":"{TENANT}","identity":"{number}"}}}}"#
    );
    request(EventSchema::EgovRequest, id, &body).key(Some(&subject(number)))
}

#[test]
fn json_requests_have_results_in_avro_and_avro_requests_have_replies_in_json() {
    let registry = Registry::start();
    let mut scenario = Scenario::with("avro", &settings("avro", &registry.url()));
    let _process = scenario.run();
    let topics = scenario.topics.clone();
    // JSON in, Avro out.
    let sent = scenario.ask(send("9123450001").id("send-1"));
    let reply = body(&sent, &registry, EventSchema::EgovResponse);
    assert_eq!(
        (&reply["isSuccessful"], &reply["responseInfo"]["apiId"]),
        (&json!(true), &json!("Rainmaker"))
    );
    let sms = scenario.sms("send-1");
    let sms_body = body(&sms, &registry, EventSchema::Sms);
    assert_eq!((&sms_body["mobileNumber"], &sms_body["tenantId"]), (&json!("9123450001"), &json!(TENANT)));
    let message = sms_body["message"].as_str().expect("a text");
    let code: String = message.chars().filter(char::is_ascii_digit).collect();
    let validated = scenario.ask(validate("9123450001", &code).id("validate-1"));
    let reply = body(&validated, &registry, EventSchema::EgovResponse);
    assert_eq!(reply["otp"]["isValidationSuccessful"], json!(true), "{reply}");
    let result = scenario.tap.wait("the result", |e| e.topic == topics.results && e.cause() == "validate-1");
    let result = body(&result, &registry, EventSchema::ValidationResult);
    assert_eq!((&result["result"], &result["reason"]), (&json!("accepted"), &json!("verified")));
    let issued = scenario.tap.wait("an event", |e| e.topic == topics.lifecycle && e.cause() == "send-1");
    let issued = body(&issued, &registry, EventSchema::Lifecycle);
    assert_eq!((&issued["type"], &issued["channels"]), (&json!("issued"), &json!(["sms"])));
    assert_eq!(issued["challengeId"], result["challengeId"]);

    // A repeat gets the same bytes.
    let again = scenario.upstream.produce(&topics.requests, &send("9123450001").id("send-1"));
    let replies =
        scenario.tap.wait_many("two replies", 2, |e| e.topic == topics.replies && e.cause() == "send-1");
    assert_eq!(replies[0].payload, replies[1].payload, "{again:?}");

    // Avro in, JSON out.
    let id = request_id(&scenario, &registry);
    let created = scenario.ask_desk(create(id, "9123450002").id("create-1"));
    assert_eq!(created.text("content-type"), "application/json");
    let reply = created.body();
    let code = reply["otp"]["otp"].as_str().expect("the desk sees codes").to_owned();
    assert_eq!(reply["responseInfo"]["ts"], json!(17));
    check_evolution(&mut scenario, &registry, &code);
    check_bad_values(&mut scenario, id);
}

/// Requests under schemas that are newer and older than ours.
fn check_evolution(scenario: &mut Scenario, registry: &Registry, code: &str) {
    let mut newer: Value = serde_json::from_str(EventSchema::EgovRequest.text()).expect("JSON");
    let fields = newer["fields"].as_array_mut().expect("fields");
    fields.insert(0, json!({"name": "device", "type": {"type": "array", "items": "string"}, "default": []}));
    let newer = registry.register(&format!("{}-value", scenario.topics.desk_requests), &newer.to_string());
    let older = r#"{"type":"record","name":"Request","namespace":"org.digit.otp.egov","fields":[
        {"name":"otp","type":{"type":"record","name":"RequestOtp","fields":[
            {"name":"otp","type":"string"},{"name":"identity","type":"string"},{"name":"tenantId","type":"string"}]}},
        {"name":"operation","type":"string"}]}"#;
    let older = registry.register("somebody-value", older);

    // Device, operation, no RequestInfo, otp: tenant and identity.
    let nothing = |count: usize| vec![0; count];
    let some = |value: &str| [vec![2], text(value)].concat();
    let value = [
        vec![2],
        text("phone"),
        vec![0],
        some("search"),
        nothing(1),
        vec![2],
        some(TENANT),
        nothing(6),
        some("9123450002"),
        nothing(1),
        some("x"),
    ];
    let searched = scenario.ask_desk(raw_request(newer, &value.concat()).id("newer").key(Some("any")));
    assert_eq!(searched.body()["responseInfo"]["status"], json!("successful"), "{}", searched.body());

    let value = [text(code), text("9123450002"), text(TENANT), text("validate")];
    let validated = scenario.ask_desk(raw_request(older, &value.concat()).id("older").key(Some("any")));
    assert_eq!(validated.body()["otp"]["isValidationSuccessful"], json!(true), "{}", validated.body());
}

/// Values that cannot be decoded are dead letters with their own bytes, and the next one is served.
fn check_bad_values(scenario: &mut Scenario, id: u32) {
    let bad = [
        ("not_framed", Request::raw(br#"{"operation":"search"}"#)),
        ("not_avro", raw_request(id, &[2, 0x7f])),
        ("unknown_schema", raw_request(4_000_000, b"x")),
        ("null_value", Request::default().key(Some("k"))),
        ("too_long", Request::raw(&[0; 70_000])),
    ];
    for (at, (code, request)) in bad.into_iter().enumerate() {
        let (topics, payload) = (scenario.topics.clone(), request.payload.clone());
        let (partition, offset) = scenario.upstream.produce(&topics.desk_requests, &request.partition(1));
        let letter = scenario.tap.wait(code, |e| {
            e.topic == topics.dead_letters
                && e.text("__dlq.errors.topic") == topics.desk_requests
                && e.text("__dlq.errors.offset") == offset.to_string()
                && e.text("__dlq.errors.partition") == partition.to_string()
        });
        assert_eq!((letter.text("otp.error.stage"), letter.text("otp.error.code")), ("decode", code));
        assert_eq!(letter.payload, payload, "{code}");
        let good = create(id, &format!("912345100{at}")).id(&format!("after-{code}")).partition(1);
        assert_eq!(scenario.ask_desk(good).body()["responseInfo"]["status"], json!("successful"));
    }
}

#[test]
fn an_outage_of_the_registry_delays_what_is_unknown_and_loses_nothing() {
    let relay = Relay::shut();
    let mut scenario = Scenario::with("avro-outage", &settings("avro-outage", &url_on(relay.port())));
    // The start waits.
    let process = scenario.start();
    let said = process.await_not_ready(&["the schemas of topics in Avro are not registered", "-value"]);
    assert!(process.get("/livez").is_some_and(|(status, _)| status == 200), "{said}");
    let registry = Registry::start();
    relay.open(registry.port());
    let process = process.await_ready();
    let id = request_id(&scenario, &registry);
    scenario.ask_desk(create(id, "9123460000").id("before"));

    // Under load it dies: what is known goes on.
    let load = |scenario: &mut Scenario, round: usize| -> Vec<String> {
        let mut ids = Vec::new();
        for at in 0..150 {
            let (avro, json) = (format!("avro-{round}-{at}"), format!("json-{round}-{at}"));
            let topic = scenario.topics.desk_requests.clone();
            let number = format!("91{round}3{at:06}");
            scenario.produce_async_on(&topic, create(id, &number), &avro);
            scenario.produce_async(send(&number), &json);
            ids.extend([avro, json]);
        }
        ids
    };
    let mut asked = load(&mut scenario, 1);
    let schemas = registry.schemas();
    registry.kill_9();
    asked.extend(load(&mut scenario, 2));
    await_replies(&mut scenario, &asked);

    // What is unknown waits, and what lies behind it; the other partitions go on.
    let unknown = id + 100;
    let topic = scenario.topics.desk_requests.clone();
    let waits = scenario.produce_on(&topic, create(unknown, "9123460001").id("unknown").partition(0));
    let behind = scenario.produce_on(&topic, create(id, "9123460002").id("behind").partition(0));
    for at in 0..10 {
        scenario.ask_desk(create(id, &format!("912346001{at}")).id(&format!("beside-{at}")).partition(1));
    }
    let expected = [format!("schema id {unknown} of `{topic}` partition 0"), "is not known".to_owned()];
    process.await_not_ready(&[&expected[0], &expected[1]]);
    assert_eq!(process.metric("otp_stream_partitions_waiting_for_schema "), 1.0);
    assert!(scenario.tap.events.iter().all(|e| ![&waits, &behind].contains(&&e.cause().to_owned())));

    // A process that is killed meanwhile begins at the same record.
    process.kill_9();
    let process = scenario.start();
    process.await_not_ready(&["the schemas of topics in Avro are not registered"]);

    let registry = Registry::start();
    for (id, (subject, schema)) in schemas {
        assert_eq!(registry.register(&subject, &schema), id, "{subject}");
    }
    register_up_to(&registry, unknown);
    relay.open(registry.port());
    let process = process.await_ready();
    for id in [waits, behind] {
        let reply = scenario.reply(&id).body();
        assert_eq!(reply["responseInfo"]["status"], json!("successful"), "{reply}");
    }
    assert_eq!(process.metric("otp_stream_partitions_waiting_for_schema "), 0.0);
    check_log(&scenario);
}

/// Exactly one reply for each request.
fn await_replies(scenario: &mut Scenario, ids: &[String]) {
    let replies = [scenario.topics.replies.clone(), scenario.topics.desk_replies.clone()];
    let is_reply = |e: &crate::harness::event::Event| replies.contains(&e.topic) && e.cause() != "before";
    let found = scenario.tap.wait_many("replies", ids.len(), is_reply);
    let found: BTreeSet<_> = found.iter().map(|e| e.cause().to_owned()).collect();
    let expected: BTreeSet<_> = ids.iter().cloned().collect();
    assert_eq!(found, expected);
}

/// Registers schemas until this id, which is one of requests.
fn register_up_to(registry: &Registry, id: u32) {
    for at in 1.. {
        let other = format!(r#"{{"type":"record","name":"Other{at}","fields":[]}}"#);
        let given = registry.register(&format!("other-{at}-value"), &other);
        if given + 1 == id {
            break;
        }
        assert!(given < id, "the registry is at {given} already");
    }
    let mut schema: Value = serde_json::from_str(EventSchema::EgovRequest.text()).expect("JSON");
    schema["doc"] = json!("Of the caller.");
    assert_eq!(registry.register("unknown-value", &schema.to_string()), id);
}

/// An outage is one line, and its end another one.
fn check_log(scenario: &Scenario) {
    let log = std::fs::read_to_string(scenario.log()).expect("a log");
    let count = |text: &str| log.lines().filter(|line| line.contains(text)).count();
    // Before the first answer, after the kill, and at the second start.
    assert_eq!(count("the schema registry gives no answer"), 3, "{log}");
    assert_eq!(count("the schema registry answers again"), 2, "{log}");
}
