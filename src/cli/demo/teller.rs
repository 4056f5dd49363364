//! Plays the story: sends what a step asks, shows each event as it comes, and misses none that must come.

use std::time::Duration;

use anyhow::bail;
use otp_topology::otp::LogTime;
use otp_topology::task::SourceKind;
use serde_json::{Value, json};

use super::paper::{Paper, Shown};
use super::stage::Stage;
use super::story::{Ask, Expected, Step, Typed};
use crate::kafka::{Place, Seen, Sender, Tail, ToSend};
use crate::runtime::wall;

/// How long the events of one step may take.
const STEP_MAX_MS: u64 = 20_000;
/// What comes this long after the last expected event still belongs to the step.
const AFTER: Duration = Duration::from_millis(150);
const TENANT: &str = "pb.amritsar";

pub(super) struct Teller<'a> {
    stage: &'a Stage,
    paper: &'a Paper,
    sender: Sender,
    tail: Tail,
    /// Names of the topics that are read, as the tail numbers them.
    topics: Vec<String>,
    request_topic: String,
    /// Of the latest SMS.
    code: String,
}

/// An event as it was read.
struct Event {
    topic: String,
    kind: String,
    key: String,
    value: String,
    id: String,
}

impl<'a> Teller<'a> {
    pub fn new(stage: &'a Stage, paper: &'a Paper) -> anyhow::Result<Self> {
        let topology = &stage.topology;
        let requests = topology.source_of(SourceKind::Requests(0)).expect("a configuration has a caller");
        let request_topic = topology.source(requests).name.clone();
        let internal = [topology.changelog, topology.repartition];
        let outputs = topology.outputs.iter().enumerate();
        let shown = outputs.filter(|(at, _)| internal.iter().all(|it| usize::from(it.0) != *at));
        let (topics, places) =
            shown.fold((Vec::new(), Vec::new()), |(mut topics, mut places), (_, output)| {
                let topic = topics.len();
                topics.push(output.name.clone());
                places.extend((0..output.partitions).map(|partition| (Place { topic, partition }, 0)));
                (topics, places)
            });
        let tail = Tail::new(&stage.properties, &topology.application_id, &topics)?;
        tail.start(&places)?;
        let sender = Sender::new(&stage.properties, std::slice::from_ref(&request_topic))?;
        Ok(Self { stage, paper, sender, tail, topics, request_topic, code: String::new() })
    }

    pub fn tell(&mut self, steps: &[Step]) -> anyhow::Result<()> {
        for (at, step) in steps.iter().enumerate() {
            self.paper.step(at + 1, step);
            match step.ask {
                Ask::Guess { mobile, times } => {
                    for _ in 1..times {
                        self.play(&self.validation(mobile, Typed::Wrong), mobile, &[step.expected[0]])?;
                    }
                    self.play(&self.validation(mobile, Typed::Wrong), mobile, step.expected)?;
                }
                Ask::Send { mobile } => self.play(&sending(mobile), mobile, step.expected)?,
                Ask::Validate { mobile, typed } => {
                    self.play(&self.validation(mobile, typed), mobile, step.expected)?;
                }
            }
            self.paper.gap();
        }
        Ok(())
    }

    fn play(&mut self, request: &Value, mobile: &str, expected: &[Expected]) -> anyhow::Result<()> {
        let text = request.to_string();
        self.paper.asked(&self.request_topic, &text);
        let key = format!("egov|pb|{mobile}");
        let (key, value) = (Some(key.as_bytes()), Some(text.as_bytes()));
        let partition = self.stage.topology.home_of(&format!("egov|pb|{mobile}"));
        self.sender.send(ToSend { topic: 0, partition, key, value, headers: &[] })?;
        self.sender.flush(Duration::from_millis(STEP_MAX_MS))?;
        let mut missing: Vec<Expected> = expected.to_vec();
        let begun: LogTime = wall();
        loop {
            let wait = if missing.is_empty() { AFTER } else { Duration::from_millis(100) };
            match self.next(wait)? {
                Some(event) => {
                    self.note_code(&event);
                    missing.retain(|(kind, text)| event.kind != *kind || !event.value.contains(text));
                    self.paper.event(&Shown {
                        topic: &event.topic,
                        kind: &event.kind,
                        key: &event.key,
                        value: &event.value,
                        id: &event.id,
                    });
                }
                None if missing.is_empty() => return Ok(()),
                None if wall().since(begun) > STEP_MAX_MS => {
                    bail!("after {STEP_MAX_MS} ms these events have not come: {missing:?}");
                }
                None => {}
            }
        }
    }

    fn next(&self, wait: Duration) -> anyhow::Result<Option<Event>> {
        let record = match self.tail.look(wait)? {
            Seen::Record(record) => record,
            Seen::End(..) | Seen::Nothing => return Ok(None),
        };
        let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        let header =
            |wanted: &str| record.headers().find(|(name, _)| *name == wanted).map(|(_, value)| text(value));
        let kind = header("ce_type").unwrap_or_default();
        let kind = kind.trim_start_matches("org.digit.otp.").trim_end_matches(".v1").to_owned();
        Ok(Some(Event {
            topic: self.topics[record.place().topic].clone(),
            kind,
            key: text(record.key()),
            value: text(record.value()),
            id: header("ce_id").unwrap_or_default(),
        }))
    }

    fn note_code(&mut self, event: &Event) {
        if event.kind != "sms" {
            return;
        }
        let body: Value = serde_json::from_str(&event.value).unwrap_or_default();
        let message = body["message"].as_str().unwrap_or_default();
        self.code = message.chars().filter(char::is_ascii_digit).collect();
    }

    fn validation(&self, mobile: &str, typed: Typed) -> Value {
        let code = match typed {
            Typed::Right => self.code.clone(),
            Typed::Wrong => self.code.chars().map(|digit| if digit == '9' { '0' } else { '9' }).collect(),
        };
        json!({"operation": "validate", "otp": {"tenantId": TENANT, "identity": mobile, "otp": code}})
    }
}

fn sending(mobile: &str) -> Value {
    json!({
        "operation": "send",
        "RequestInfo": {"apiId": "Rainmaker", "msgId": "20170310130900|en_IN"},
        "otp": {"tenantId": TENANT, "mobileNumber": mobile, "type": "login", "userType": "CITIZEN"},
    })
}
