//! One caller of one contract, and everything that is published for its requests.

use std::collections::BTreeMap;
use std::sync::Arc;

use otp_topology::deployment::{CallerSettings, Settings, Topology, fitting_cluster};
use otp_topology::otp::{ContractName, LogTime, PolicyPatch};
use otp_topology::testing;
use otp_topology::thread::in_memory::{Fed, InMemory, Published};
use otp_topology::wire::record::SourcePartition;
use serde_json::Value;

/// How a deployment differs from the defaults.
pub(crate) struct Plan<'a> {
    pub contract: ContractName,
    pub caller: CallerSettings,
    /// Sections of the configuration, by contract.
    pub sections: Value,
    /// Rules of the contract, as the configuration spells them.
    pub policy: &'a str,
}

impl Plan<'_> {
    /// The defaults, for a caller that may see codes or not.
    pub(crate) fn of(contract: ContractName, reveal_code: bool) -> Self {
        let caller = testing::caller("desk", "requests", "replies");
        Self {
            contract,
            caller: CallerSettings { contract, reveal_code, ..caller },
            sections: serde_json::json!({}),
            policy: "{}",
        }
    }
}

pub(crate) struct Desk {
    topology: Arc<Topology>,
    memory: InMemory,
    offsets: BTreeMap<SourcePartition, i64>,
    /// The last code that was sent or revealed.
    pub code: String,
}

/// What was published for one record.
pub(crate) struct Seen {
    /// The reply as it was written; empty if there is none.
    pub reply: String,
    pub reply_headers: Vec<(String, String)>,
    /// The other events, by topic and body, in order.
    pub events: Vec<(String, Value)>,
    /// Why records became dead letters, in order.
    pub reasons: Vec<String>,
}

impl Desk {
    pub(crate) fn new(plan: Plan<'_>) -> Self {
        let policy: PolicyPatch = serde_json::from_str(plan.policy).expect("a good patch");
        let settings = Settings {
            callers: vec![plan.caller],
            contracts: testing::contracts(plan.sections),
            policies: BTreeMap::from([(plan.contract, policy)]),
            ..testing::settings()
        };
        let cluster = fitting_cluster(&settings, 1, testing::INCARNATION);
        let topology = Topology::build(&settings, testing::keyring(), &cluster).expect("a fitting cluster");
        let topology = Arc::new(topology);
        let memory = InMemory::start(topology.clone(), LogTime::from_ms(0));
        Self { topology, memory, offsets: BTreeMap::new(), code: String::new() }
    }

    /// Asks at a log time, in milliseconds. `{code}` is the code seen last, `{wrong}` another one.
    pub(crate) fn ask(&mut self, at_ms: u64, request: &str) -> Seen {
        self.ask_with(at_ms, request, &[])
    }

    pub(crate) fn ask_with(&mut self, at_ms: u64, request: &str, headers: &[(&str, &str)]) -> Seen {
        self.feed("requests", at_ms, None, Some(self.filled_in(request).as_bytes()), headers)
    }

    pub(crate) fn feed(
        &mut self,
        topic: &str,
        at_ms: u64,
        key: Option<&str>,
        value: Option<&[u8]>,
        headers: &[(&str, &str)],
    ) -> Seen {
        let topic = self.topology.source_named(topic).expect("a source");
        let source = SourcePartition { topic, partition: 0 };
        let offset = self.offsets.entry(source).or_default();
        let time = LogTime::from_ms(at_ms);
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), Some(value.as_bytes().to_vec()));
        let record = Fed {
            source,
            offset: *offset,
            time,
            key: key.map(|key| key.as_bytes().to_vec()),
            value: value.map(<[u8]>::to_vec),
            headers: headers.iter().map(owned).collect(),
        };
        *offset += 1;
        let published = self.memory.feed(&record, time);
        self.see(&published)
    }

    fn filled_in(&self, request: &str) -> String {
        let turned = |c: char| char::from_digit(9 - c.to_digit(10).expect("a digit"), 10).expect("a digit");
        let wrong: String = self.code.chars().map(turned).collect();
        request.replace("{code}", &self.code).replace("{wrong}", &wrong)
    }

    fn see(&mut self, published: &[Published]) -> Seen {
        let mut seen =
            Seen { reply: String::new(), reply_headers: Vec::new(), events: Vec::new(), reasons: Vec::new() };
        for event in published {
            let topic = self.topology.output(event.topic).name.clone();
            let text = String::from_utf8(event.value.clone().unwrap_or_default()).unwrap_or_default();
            let body: Value = serde_json::from_str(&text).unwrap_or_default();
            let header = |(name, value): &(String, Option<Vec<u8>>)| {
                (name.clone(), String::from_utf8_lossy(value.as_deref().unwrap_or_default()).into_owned())
            };
            if let Some(code) = code_in(&topic, &body) {
                self.code = code;
            }
            match &*topic {
                "replies" => {
                    assert_eq!(seen.reply, "", "one reply");
                    seen.reply = text;
                    seen.reply_headers = event.headers.iter().map(header).collect();
                }
                "dead-letters" => {
                    let headers: BTreeMap<_, _> = event.headers.iter().map(header).collect();
                    let code = Value::String(headers["otp.error.code"].clone());
                    seen.events.push((topic, code));
                    seen.reasons.push(headers["__dlq.errors.message"].clone());
                }
                // What a window counted is told with any later record; `tests/story/signals` checks it.
                "signals" => {}
                name if name.starts_with("app-") => {}
                _ => seen.events.push((topic, body)),
            }
        }
        seen
    }
}

/// The code that a reply, a text message or an e-mail carries.
fn code_in(topic: &str, body: &Value) -> Option<String> {
    let whole = [&body["otp"], &body["response"]["otp"]].into_iter().find_map(Value::as_str);
    let digits = |text: &str| {
        let runs = text.split(|c: char| !c.is_ascii_digit());
        runs.map(str::to_owned).find(|run| run.len() >= 4)
    };
    match topic {
        "replies" => whole.and_then(digits),
        "sms" => body["message"].as_str().and_then(digits),
        "email" => body["email"]["body"].as_str().and_then(digits),
        _ => None,
    }
}

impl Seen {
    /// The events, each in a line with what a row of a contract says about it.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.events.iter().map(|(topic, body)| line(topic, body)).collect()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.reply_headers.iter().find(|(it, _)| it == name).map(|(_, value)| &**value)
    }
}

fn line(topic: &str, body: &Value) -> String {
    let text = |name: &str| body[name].as_str().map_or_else(|| body[name].to_string(), str::to_owned);
    match topic {
        "results" => format!("result {} {} {}", text("reason"), text("purpose"), text("attemptsRemaining")),
        "lifecycle" if body["reason"].is_null() => {
            format!("{} {} {}", text("type"), text("purpose"), body["channels"])
        }
        "lifecycle" => format!("{} {} {}", text("type"), text("purpose"), body["reason"]),
        "sms" => format!("sms {}{} {}", text("countryCode"), text("mobileNumber"), hidden(&text("message"))),
        "email" => {
            let email = &body["email"];
            format!("email {} {} {}", email["emailTo"], email["subject"], hidden(&email["body"].to_string()))
        }
        "dead-letters" => format!("dead letter {}", body.as_str().unwrap_or_default()),
        other => format!("{other} {body}"),
    }
}

/// A text with its digits hidden.
fn hidden(text: &str) -> String {
    text.replace(|c: char| c.is_ascii_digit(), "#")
}
