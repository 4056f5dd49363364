//! Plays the story: sends the requests of each step, prints the events that follow, and fails if an expected event does
//! not arrive.

use std::time::Duration;

use anyhow::bail;
use otp_topology::deployment::SourceKind;
use otp_topology::otp::{ContractName, LogTime};
use otp_topology::wire::rfc3339;
use serde_json::{Value, json};

use super::deployment::{DemoDeployment, STOPPED};
use super::screen::{Screen, ShownEvent};
use super::story::{DemoRequest, EnteredCode, Expected, OtherContract, StoryStep};
use crate::cli::signals::Stop;
use crate::kafka::{Seen, Sender, Tail, TailPartition, ToSend};
use crate::runtime::wall;

/// How long the events of one request may take.
const STEP_MAX_MS: u64 = 20_000;
/// Events that arrive within this time after the last expected one belong to the same request.
const AFTER: Duration = Duration::from_millis(150);
const TENANT: &str = "pb.amritsar";
/// The contracts to whose request topics the player writes.
const REQUESTS_OF: [ContractName; 3] = [ContractName::Egov, ContractName::Int, ContractName::Mosip];

pub(super) struct Player<'a> {
    deployment: &'a DemoDeployment,
    screen: &'a Screen,
    sender: Sender,
    tail: Tail,
    /// Names of the topics that are read; the tail numbers them in this order.
    topics: Vec<String>,
    /// In the order of the sender's topics.
    request_topics: Vec<String>,
    /// The code that was sent or revealed last.
    code: String,
    /// The log time of the last event.
    last_time: LogTime,
    stop: &'a Stop,
}

impl<'a> Player<'a> {
    pub(super) fn new(
        deployment: &'a DemoDeployment,
        screen: &'a Screen,
        stop: &'a Stop,
    ) -> anyhow::Result<Self> {
        let topology = &deployment.topology;
        let request_topics = REQUESTS_OF.map(|contract| {
            let caller = topology.callers.iter().position(|it| it.contract.name() == contract);
            let caller = caller.expect("the demo has a caller of each contract");
            let source = topology.source_of(SourceKind::Requests(caller)).expect("it has a request topic");
            topology.source(source).name.clone()
        });
        let internal = [topology.changelog, topology.repartition];
        let outputs = topology.outputs.iter().enumerate();
        let shown = outputs.filter(|(at, _)| internal.iter().all(|it| usize::from(it.0) != *at));
        let (topics, places) =
            shown.fold((Vec::new(), Vec::new()), |(mut topics, mut places), (_, output)| {
                let topic = topics.len();
                topics.push(output.name.clone());
                places
                    .extend((0..output.partitions).map(|partition| (TailPartition { topic, partition }, 0)));
                (topics, places)
            });
        let tail = Tail::new(&deployment.properties, &topology.application_id, &topics)?;
        tail.start(&places)?;
        let sender = Sender::new(&deployment.properties, &request_topics)?;
        let request_topics = request_topics.to_vec();
        Ok(Self {
            deployment,
            screen,
            sender,
            tail,
            topics,
            request_topics,
            code: String::new(),
            last_time: LogTime::default(),
            stop,
        })
    }

    pub(super) fn play(&mut self, steps: &[StoryStep]) -> anyhow::Result<()> {
        for (at, step) in steps.iter().enumerate() {
            self.screen.step(at + 1, step);
            let who = step.who;
            match step.request {
                DemoRequest::Send { mobile } => {
                    let sentence = format!("{who} asks for a code for {mobile}.");
                    self.request(&sentence, &Asked::egov(mobile, sending(mobile)), step.expected)?;
                }
                DemoRequest::Validate { mobile, entered, times } => {
                    for time in 1..=times {
                        let code = self.code_to_enter(entered);
                        let sentence = format!("{who} enters {code} for {mobile}.");
                        let expected = if time == times { step.expected } else { &step.expected[..1] };
                        let asked = Asked::egov(mobile, validation(mobile, &code));
                        self.request(&sentence, &asked, expected)?;
                    }
                }
                DemoRequest::GenerateAndValidate { contract, identity } => {
                    let (generated, validated) = step.expected.split_at(2);
                    // Both requests of INT name the same window. It begins by the brokers' clock.
                    let from = self.last_time;
                    let sentence = format!("{who} asks for a code for {identity}.");
                    self.request(&sentence, &Asked::of(contract, identity, from, None), generated)?;
                    let code = self.code_to_enter(EnteredCode::Right);
                    let sentence = format!("{who} enters {code} for {identity}.");
                    self.request(&sentence, &Asked::of(contract, identity, from, Some(&code)), validated)?;
                }
            }
            self.screen.end_of_step();
        }
        Ok(())
    }

    fn request(&mut self, sentence: &str, asked: &Asked, expected: &[Expected]) -> anyhow::Result<()> {
        let text = asked.body.to_string();
        self.screen.request(sentence, &self.request_topics[asked.topic], &text);
        let (key, value) = (Some(asked.subject.as_bytes()), Some(text.as_bytes()));
        let partition = self.deployment.topology.home_of(&asked.subject);
        self.sender.send(ToSend { topic: asked.topic, partition, key, value, headers: &[] })?;
        self.sender.flush(Duration::from_millis(STEP_MAX_MS))?;
        let mut missing: Vec<Expected> = expected.to_vec();
        let mut seen = Vec::new();
        let begun: LogTime = wall();
        loop {
            let wait = if missing.is_empty() { AFTER } else { Duration::from_millis(100) };
            if self.stop.is_asked() {
                bail!(STOPPED);
            }
            match self.next(wait)? {
                Some(event) => {
                    self.note(&event);
                    missing.retain(|(kind, text)| event.kind != *kind || !event.value.contains(text));
                    self.screen.event(&event);
                    seen.push(event);
                }
                None if missing.is_empty() => break,
                None if wall().since(begun) > STEP_MAX_MS => {
                    bail!("after {STEP_MAX_MS} ms these events have not arrived: {missing:?}");
                }
                None => {}
            }
        }
        self.screen.outcome(&seen);
        Ok(())
    }

    fn next(&self, wait: Duration) -> anyhow::Result<Option<ShownEvent>> {
        let record = match self.tail.poll(wait)? {
            Seen::Record(record) => record,
            Seen::End(..) | Seen::Nothing => return Ok(None),
        };
        let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        let header =
            |wanted: &str| record.headers().find(|(name, _)| *name == wanted).map(|(_, value)| text(value));
        let kind = header("ce_type").unwrap_or_default();
        let kind = kind.trim_start_matches("org.digit.otp.").trim_end_matches(".v1").to_owned();
        Ok(Some(ShownEvent {
            topic: self.topics[record.partition().topic].clone(),
            kind,
            key: text(record.key()),
            value: text(record.value()),
            id: header("ce_id").unwrap_or_default(),
            time: header("ce_time").and_then(|time| rfc3339::parse(&time)).unwrap_or_default(),
        }))
    }

    fn note(&mut self, event: &ShownEvent) {
        self.last_time = event.time;
        let body: Value = serde_json::from_str(&event.value).unwrap_or_default();
        let shown = [&body["message"], &body["otp"], &body["response"]["otp"]].map(Value::as_str);
        let shown = match (event.kind.as_str(), shown) {
            ("sms", [message, ..]) => message,
            ("response", [_, of_int, of_mosip]) => of_int.or(of_mosip),
            (_, _) => None,
        };
        if let Some(text) = shown {
            self.code = text.chars().filter(char::is_ascii_digit).collect();
        }
    }

    fn code_to_enter(&self, entered: EnteredCode) -> String {
        match entered {
            EnteredCode::Right => self.code.clone(),
            EnteredCode::Wrong => {
                self.code.chars().map(|digit| if digit == '9' { '0' } else { '9' }).collect()
            }
        }
    }
}

/// A request, where it goes, and whose it is.
struct Asked {
    /// The index of its contract in [`REQUESTS_OF`].
    topic: usize,
    subject: String,
    body: Value,
}

impl Asked {
    fn egov(mobile: &str, body: Value) -> Self {
        Self { topic: 0, subject: format!("egov|pb|{mobile}"), body }
    }

    /// `code`: to validate. `None`: generates one.
    fn of(contract: OtherContract, identity: &str, from: LogTime, code: Option<&str>) -> Self {
        match contract {
            OtherContract::Int => {
                Self { topic: 1, subject: format!("int|default|{identity}"), body: int(identity, from, code) }
            }
            OtherContract::Mosip => {
                Self { topic: 2, subject: format!("mosip|default|{identity}"), body: mosip(identity, code) }
            }
        }
    }
}

fn int(mobile: &str, from: LogTime, code: Option<&str>) -> Value {
    let mut buffer = [0; rfc3339::LEN];
    let start_time = rfc3339::write(from, &mut buffer)[..19].replace('T', " ");
    let operation = if code.is_some() { "VALIDATE" } else { "GENERATE" };
    let mut body = json!({"operationType": operation, "channel": "Partner", "startTime": start_time,
        "duration": 180, "digit": 6, "mobile": mobile});
    if let Some(code) = code {
        body["generatedOtp"] = code.into();
    }
    body
}

fn mosip(key: &str, code: Option<&str>) -> Value {
    match code {
        None => json!({"id": "mosip.otp.generate", "version": "1.0", "request": {"key": key}}),
        Some(code) => {
            json!({"id": "mosip.otp.validate", "version": "1.0", "request": {"key": key, "otp": code}})
        }
    }
}

fn validation(mobile: &str, code: &str) -> Value {
    json!({"operation": "validate", "otp": {"tenantId": TENANT, "identity": mobile, "otp": code}})
}

fn sending(mobile: &str) -> Value {
    json!({
        "operation": "send",
        "RequestInfo": {"apiId": "Rainmaker", "msgId": "20170310130900|en_IN"},
        "otp": {"tenantId": TENANT, "mobileNumber": mobile, "type": "login", "userType": "CITIZEN"},
    })
}
