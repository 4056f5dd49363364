//! The application of one scenario: its own topics, keys, store and configuration, on the shared broker.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use otp_topology::deployment::TopicNames;
use serde_json::Value;

use super::administrator::Administrator;
use super::audit::{Produced, findings};
use super::cluster::{Cluster, cluster, free_port, scenario_directory, secured_cluster};
use super::event::{self, Event, Request};
use super::host::Host;
use super::kafka::{Tap, Upstream};
use super::process::{Process, otp_stream};
use super::rights::Rights;

pub(crate) const PARTITIONS: i32 = 3;

/// The password of the service's user on the secured broker.
pub(crate) const USER_PASSWORD: &str = "Canary-3";

pub(crate) struct Scenario {
    pub cluster: Arc<Cluster>,
    pub application: String,
    pub directory: PathBuf,
    pub configs: Vec<PathBuf>,
    pub topics: Topics,
    pub upstream: Upstream,
    pub tap: Tap,
    /// The requests produced so far, by request id.
    pub produced: BTreeMap<String, Produced>,
    http_port: u16,
}

/// The topics of a scenario by purpose.
#[derive(Clone, Debug)]
pub(crate) struct Topics {
    pub requests: String,
    pub replies: String,
    /// Topics of a second caller that may see codes.
    pub desk_requests: String,
    pub desk_replies: String,
    /// Topics of a caller of the contract `int`, and of one of `mosip`. Both may see codes.
    pub int_requests: String,
    pub int_replies: String,
    pub mosip_requests: String,
    pub mosip_replies: String,
    pub sms: String,
    pub email: String,
    pub results: String,
    pub lifecycle: String,
    pub dead_letters: String,
    pub directory: String,
    pub policies: String,
    pub templates: String,
    pub admin: String,
    pub changelog: String,
    pub repartition: String,
}

impl Scenario {
    pub(crate) fn new(name: &str) -> Self {
        Self::with(name, "")
    }

    /// `settings` is TOML that overrides the scenario's configuration.
    pub(crate) fn with(name: &str, settings: &str) -> Self {
        Self::on_cluster(cluster(), name, settings)
    }

    /// As [`Scenario::with`], on a cluster other than the shared broker.
    pub(crate) fn on_cluster(cluster: Arc<Cluster>, name: &str, settings: &str) -> Self {
        let directory = scenario_directory(name);
        fs::create_dir_all(&directory).expect("a directory for the scenario");
        let topics = Topics::of(name);
        let http_port = free_port();
        let keys = directory.join("keys.toml");
        let base = directory.join("base.toml");
        let over = directory.join("over.toml");
        let text =
            topics.configuration(name, &cluster.bootstrap, &directory.display().to_string(), http_port);
        fs::write(&base, text).expect("written");
        fs::write(&over, settings).expect("written");
        let configs = vec![base, over];
        run_ok(&configs, &["keys", "generate", "--out", &keys.display().to_string()]);
        run_ok(&configs, &["topics", "create"]);
        let tap = Tap::on(&cluster.bootstrap, &topics.outputs());
        let upstream = Upstream::new(&cluster.bootstrap);
        for topic in topics.requests_of_all() {
            upstream.await_topic(topic, PARTITIONS);
        }
        let application = name.to_owned();
        Self {
            cluster,
            application,
            directory,
            configs,
            topics,
            upstream,
            tap,
            produced: BTreeMap::new(),
            http_port,
        }
    }

    /// As [`Scenario::with`], on the secured broker: the service is a user of the application's name, with [`USER_PASSWORD`], and
    /// has the rights that it plans.
    pub(crate) fn secured(name: &str, settings: &str) -> Self {
        let secured = secured_cluster();
        let mut scenario = Self::on_cluster(secured.cluster.clone(), name, settings);
        Administrator::of(&scenario.cluster.bootstrap).set_password(name, USER_PASSWORD);
        Rights::of(&scenario, name).grant();
        let file = scenario.directory.join("user.toml");
        fs::write(&file, user_configuration(&secured.address, name)).expect("written");
        scenario.configs.push(file);
        scenario
    }

    /// The configuration of an administrator, who may do everything on the cluster.
    pub(crate) fn as_administrator(&self) -> &[PathBuf] {
        // Base and settings: what follows says who the service is.
        &self.configs[..2]
    }

    /// Starts `otp-stream run` on the first host and waits until it is ready.
    pub(crate) fn run(&self) -> Process {
        self.host().run()
    }

    /// Starts `otp-stream run` on the first host and does not wait.
    pub(crate) fn start(&self) -> Process {
        self.host().start()
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.host().log
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.host().store
    }

    /// The first host of the scenario.
    pub(crate) fn host(&self) -> Host {
        Host::of(&self.configs, &self.directory, self.http_port)
    }

    /// Another host. `settings` is TOML that overrides the scenario's configuration.
    pub(crate) fn another_host(&self, name: &str, settings: &str) -> Host {
        Host::additional(&self.configs, &self.directory.join(name), free_port(), settings)
    }

    /// Produces a request of the first caller and waits for its reply.
    pub(crate) fn ask(&mut self, request: Request) -> Event {
        let id = self.produce(request);
        self.reply(&id)
    }

    /// As [`Scenario::ask`], for the caller that may see codes.
    pub(crate) fn ask_desk(&mut self, request: Request) -> Event {
        let topic = self.topics.desk_requests.clone();
        let id = self.produce_on(&topic, request);
        self.reply(&id)
    }

    /// Produces a request of the first caller and returns its id.
    pub(crate) fn produce(&mut self, request: Request) -> String {
        let topic = self.topics.requests.clone();
        self.produce_on(&topic, request)
    }

    pub(crate) fn produce_on(&mut self, topic: &str, request: Request) -> String {
        let (partition, offset) = self.upstream.produce(topic, &request);
        let id = request.headers.iter().find(|(name, _)| name == "ce_id").map_or_else(
            || format!("{topic}/{partition}/{offset}"),
            |(_, value)| String::from_utf8_lossy(value).into_owned(),
        );
        self.produced.entry(id.clone()).or_default().count(&request);
        id
    }

    /// Produces a request with a `ce_id`. Does not wait for the broker.
    pub(crate) fn produce_async(&mut self, request: Request, id: &str) {
        let topic = self.topics.requests.clone();
        self.produce_async_on(&topic, request, id);
    }

    pub(crate) fn produce_async_on(&mut self, topic: &str, request: Request, id: &str) {
        let request = request.id(id);
        self.upstream.produce_async(topic, &request);
        self.produced.entry(id.to_owned()).or_default().count(&request);
    }

    pub(crate) fn reply(&mut self, id: &str) -> Event {
        let topics = self.topics.clone();
        self.tap.wait(&format!("a reply to {id}"), |e| topics.is_reply(e) && e.cause() == id)
    }

    /// The body of a request of another contract than `egov`.
    pub(crate) fn produced_body(&self, id: &str) -> Option<Value> {
        self.produced.get(id)?.body.clone()
    }

    /// Waits for the SMS of a request.
    pub(crate) fn sms(&mut self, id: &str) -> Event {
        let topic = self.topics.sms.clone();
        self.tap.wait(&format!("the SMS of {id}"), |e| e.topic == topic && e.cause() == id)
    }

    /// Waits for the validation result of a request.
    pub(crate) fn result(&mut self, id: &str) -> Value {
        let topic = self.topics.results.clone();
        self.tap.wait(&format!("the result of {id}"), |e| e.topic == topic && e.cause() == id).body()
    }

    /// Waits for the lifecycle event of this type and request.
    pub(crate) fn lifecycle(&mut self, kind: &str, cause: &str) -> Value {
        let topic = self.topics.lifecycle.clone();
        let what = format!("`{kind}` of {cause}");
        self.tap.wait(&what, |e| e.topic == topic && e.cause() == cause && e.body()["type"] == kind).body()
    }

    /// Sends a login code to a number and reads it from the SMS.
    pub(crate) fn code_for(&mut self, number: &str) -> String {
        let id = self.produce(event::send(number));
        let reply = self.reply(&id);
        assert_eq!(reply.body()["isSuccessful"], true, "{}", reply.error_code());
        self.sms(&id).code()
    }

    /// All events of a topic so far.
    pub(crate) fn events_of(&self, topic: &str) -> Vec<&Event> {
        self.tap.events.iter().filter(|e| e.topic == topic).collect()
    }

    /// Reads until no event arrives for a while, then audits all events.
    pub(crate) fn audit(&mut self) {
        self.tap.settle(Duration::from_millis(600));
        let findings = findings(&self.topics, &self.tap.events, &self.produced);
        let shown = &findings[..findings.len().min(20)];
        assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), shown.join("\n"));
    }
}

/// Runs the program to its end and returns its standard output. Panics if the program fails.
pub(crate) fn run_ok(configs: &[PathBuf], args: &[&str]) -> String {
    let output = otp_stream(configs, args);
    assert!(
        output.status.success(),
        "otp-stream {args:?} ended with {}:\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn user_configuration(address: &str, user: &str) -> String {
    format!(
        r#"
[kafka]
bootstrap_servers = "{address}"
[kafka.properties]
"security.protocol" = "SASL_PLAINTEXT"
"sasl.mechanism" = "SCRAM-SHA-256"
"sasl.username" = "{user}"
"sasl.password" = "{USER_PASSWORD}"
"#
    )
}

impl Topics {
    pub(crate) fn of(name: &str) -> Self {
        let of = |what: &str| format!("{name}.{what}");
        Self {
            requests: of("request"),
            replies: of("response"),
            desk_requests: of("desk-request"),
            desk_replies: of("desk-response"),
            int_requests: of("int-request"),
            int_replies: of("int-response"),
            mosip_requests: of("mosip-request"),
            mosip_replies: of("mosip-response"),
            sms: of("sms"),
            email: of("email"),
            results: of("result"),
            lifecycle: of("lifecycle"),
            dead_letters: of("dead-letter"),
            directory: of("user-directory"),
            policies: of("policy"),
            templates: of("template"),
            admin: of("admin"),
            changelog: format!("{name}-changelog"),
            repartition: format!("{name}-repartition"),
        }
    }

    /// Every topic that `topics create` creates.
    pub(crate) fn all(&self) -> Vec<String> {
        let prefix = self.changelog.strip_suffix("-changelog").expect("its name");
        let inputs = [&self.directory, &self.policies, &self.templates];
        let internal = [self.changelog.clone(), self.repartition.clone()];
        let unread =
            [self.admin.clone(), format!("{prefix}.client-registry"), format!("{prefix}.otp-signal")];
        let inputs = self.requests_of_all().into_iter().chain(inputs).cloned();
        let named = inputs.chain(self.outputs().map(str::to_owned));
        named.chain(internal).chain(unread).collect()
    }

    /// The request topics of all callers.
    pub(crate) fn requests_of_all(&self) -> [&String; 4] {
        [&self.requests, &self.desk_requests, &self.int_requests, &self.mosip_requests]
    }

    /// Whether an event is a reply to some caller.
    pub(crate) fn is_reply(&self, event: &Event) -> bool {
        [&self.replies, &self.desk_replies, &self.int_replies, &self.mosip_replies].contains(&&event.topic)
    }

    /// The topics that the service writes for others.
    pub(crate) fn outputs(&self) -> [&str; 9] {
        [
            &self.replies,
            &self.desk_replies,
            &self.int_replies,
            &self.mosip_replies,
            &self.sms,
            &self.email,
            &self.results,
            &self.lifecycle,
            &self.dead_letters,
        ]
    }

    /// A shared topic that no test names has its default name behind the scenario's.
    fn shared(&self, name: &str) -> TopicNames {
        let mut others = TopicNames::default();
        others.rename(|default| format!("{name}.{default}"));
        TopicNames {
            sms: self.sms.clone(),
            email: self.email.clone(),
            validation_result: self.results.clone(),
            lifecycle: self.lifecycle.clone(),
            dead_letter: self.dead_letters.clone(),
            user_directory: self.directory.clone(),
            otp_policy: self.policies.clone(),
            message_template: self.templates.clone(),
            otp_admin: self.admin.clone(),
            ..others
        }
    }

    /// The section `[[callers]]`. `egov`, `desk`: more lines of the first and of the second caller.
    pub(crate) fn callers(&self, egov: &str, desk: &str) -> String {
        let Self { requests, replies, desk_requests, desk_replies, .. } = self;
        let Self { int_requests, int_replies, mosip_requests, mosip_replies, .. } = self;
        format!(
            r#"
[[callers]]
name = "egov"
contract = "egov"
request_topic = "{requests}"
reply_topic = "{replies}"
{egov}[[callers]]
name = "desk"
contract = "egov"
request_topic = "{desk_requests}"
reply_topic = "{desk_replies}"
operations = ["create", "validate", "search"]
reveal_code = true
{desk}[[callers]]
name = "int"
contract = "int"
request_topic = "{int_requests}"
reply_topic = "{int_replies}"
reveal_code = true
[[callers]]
name = "mosip"
contract = "mosip"
request_topic = "{mosip_requests}"
reply_topic = "{mosip_replies}"
reveal_code = true
"#
        )
    }

    fn configuration(&self, name: &str, bootstrap: &str, directory: &str, http_port: u16) -> String {
        let names = self.shared(name);
        let callers = self.callers("", "");
        let topics: String =
            names.entries().map(|(row, topic)| format!("{} = \"{topic}\"\n", row.key)).collect();
        format!(
            r#"
[application]
id = "{name}"
[kafka]
bootstrap_servers = "{bootstrap}"
[kafka.create]
partitions = {PARTITIONS}
[kafka.topics]
{topics}[store]
directory = "{directory}/store"
[keys]
file = "{directory}/keys.toml"
[http]
listen = "127.0.0.1:{http_port}"
{callers}"#
        )
    }
}
