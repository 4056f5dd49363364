//! Plays the story: sends the requests of each step, prints the events that follow, and fails if an expected event does
//! not arrive.

use std::time::Duration;

use anyhow::bail;
use otp_topology::deployment::SourceKind;
use otp_topology::otp::LogTime;
use serde_json::{Value, json};

use super::deployment::{DemoDeployment, STOPPED};
use super::screen::{Screen, ShownEvent};
use super::story::{DemoRequest, EnteredCode, Expected, StoryStep};
use crate::cli::signals::Stop;
use crate::kafka::{Seen, Sender, Tail, TailPartition, ToSend};
use crate::runtime::wall;

/// How long the events of one request may take.
const STEP_MAX_MS: u64 = 20_000;
/// Events that arrive within this time after the last expected one belong to the same request.
const AFTER: Duration = Duration::from_millis(150);
const TENANT: &str = "pb.amritsar";

pub(super) struct Player<'a> {
    deployment: &'a DemoDeployment,
    screen: &'a Screen,
    sender: Sender,
    tail: Tail,
    /// Names of the topics that are read; the tail numbers them in this order.
    topics: Vec<String>,
    request_topic: String,
    /// The code of the latest SMS.
    code: String,
    stop: &'a Stop,
}

impl<'a> Player<'a> {
    pub(super) fn new(
        deployment: &'a DemoDeployment,
        screen: &'a Screen,
        stop: &'a Stop,
    ) -> anyhow::Result<Self> {
        let topology = &deployment.topology;
        let requests = topology.source_of(SourceKind::Requests(0)).expect("a configuration has a caller");
        let request_topic = topology.source(requests).name.clone();
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
        let sender = Sender::new(&deployment.properties, std::slice::from_ref(&request_topic))?;
        Ok(Self { deployment, screen, sender, tail, topics, request_topic, code: String::new(), stop })
    }

    pub(super) fn play(&mut self, steps: &[StoryStep]) -> anyhow::Result<()> {
        for (at, step) in steps.iter().enumerate() {
            self.screen.step(at + 1, step);
            let who = step.who;
            match step.request {
                DemoRequest::Send { mobile } => {
                    let sentence = format!("{who} asks for a code for {mobile}.");
                    self.request(&sentence, &sending(mobile), mobile, step.expected)?;
                }
                DemoRequest::Validate { mobile, entered, times } => {
                    for time in 1..=times {
                        let code = self.code_to_enter(entered);
                        let sentence = format!("{who} enters {code} for {mobile}.");
                        let expected = if time == times { step.expected } else { &step.expected[..1] };
                        self.request(&sentence, &validation(mobile, &code), mobile, expected)?;
                    }
                }
            }
            self.screen.end_of_step();
        }
        Ok(())
    }

    fn request(
        &mut self,
        sentence: &str,
        request: &Value,
        mobile: &str,
        expected: &[Expected],
    ) -> anyhow::Result<()> {
        let text = request.to_string();
        self.screen.request(sentence, &self.request_topic, &text);
        let key = format!("egov|pb|{mobile}");
        let (key, value) = (Some(key.as_bytes()), Some(text.as_bytes()));
        let partition = self.deployment.topology.home_of(&format!("egov|pb|{mobile}"));
        self.sender.send(ToSend { topic: 0, partition, key, value, headers: &[] })?;
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
                    self.note_code(&event);
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
        }))
    }

    fn note_code(&mut self, event: &ShownEvent) {
        if event.kind != "sms" {
            return;
        }
        let body: Value = serde_json::from_str(&event.value).unwrap_or_default();
        let message = body["message"].as_str().unwrap_or_default();
        self.code = message.chars().filter(char::is_ascii_digit).collect();
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
