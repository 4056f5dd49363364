//! Records that are shown as examples: the recording `tests/corpus/reference`, which a test replays to the byte.

use std::sync::LazyLock;

use otp_topology::wire::headers::{CE_CAUSATIONID, CE_ID, CE_TYPE};
use serde_json::Value;

use crate::tree::{Tree, map};

const INPUT: &str = include_str!("../../../tests/corpus/reference/input.jsonl");
const OUTPUT: &str = include_str!("../../../tests/corpus/reference/output.jsonl");

/// Most examples of one message.
const SHOWN_MAX: usize = 10;

/// One record.
struct Example {
    topic: String,
    key: Option<String>,
    headers: Vec<(String, String)>,
    /// `None`: it has no value, or one that is not JSON.
    value: Option<Tree>,
}

static RECORDED: LazyLock<Vec<Example>> =
    LazyLock::new(|| INPUT.lines().chain(OUTPUT.lines()).filter_map(example).collect());

/// The examples of a topic, by its default name, as AsyncAPI has them. `None`: there is none.
pub(crate) fn of(topic: &str) -> Option<Vec<Tree>> {
    let mut shown: Vec<(String, Tree)> = Vec::new();
    for example in RECORDED.iter().filter(|it| it.topic == topic) {
        let (name, summary) = (example.name(), example.summary());
        let is_new = shown.iter().all(|(it, _)| *it != name);
        if is_new && shown.len() < SHOWN_MAX {
            let headers = example.headers.iter().map(|(name, value)| (name.clone(), Tree::from(&**value)));
            let headers: Vec<_> = headers.collect();
            let tree = map! { "name" => name.clone(), "summary" => summary }
                .with("headers", (!headers.is_empty()).then_some(Tree::Map(headers)))
                .with("payload", Some(example.value.clone().unwrap_or(Tree::Null)));
            shown.push((name, tree));
        }
    }
    let trees: Vec<_> = shown.into_iter().map(|(_, tree)| tree).collect();
    (!trees.is_empty()).then_some(trees)
}

/// The key of the first example of a topic.
pub(crate) fn key_of(topic: &str) -> Option<&'static str> {
    RECORDED.iter().filter(|it| it.topic == topic).find_map(|it| it.key.as_deref())
}

/// A line as `replay` reads and prints it. `None`: no record, or a request that is not JSON.
fn example(line: &str) -> Option<Example> {
    let record: Value = serde_json::from_str(line).expect("a recorded line is JSON");
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let topic = text(&record["topic"])?;
    let headers: Vec<_> = record["headers"].as_array().into_iter().flatten().filter_map(text).collect();
    let headers = headers.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
    let value = match record["payload"].as_str() {
        Some(text) => Some(Tree::parse(text).ok()?),
        None => None,
    };
    Some(Example { topic, key: text(&record["key"]), headers, value })
}

impl Example {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    /// What distinguishes it from others of its topic: the type of a lifecycle event, what caused another event, the id of a
    /// request, and of other records the operation or the key.
    fn name(&self) -> String {
        let member = |name| self.value.as_ref().map(|value| value.text(name)).filter(|text| !text.is_empty());
        let cause = self.header(CE_CAUSATIONID).or_else(|| self.header(CE_ID));
        let name = member("type").or(cause).or_else(|| member("operation")).or(self.key.as_deref());
        name.unwrap_or(&self.topic).to_owned()
    }

    fn summary(&self) -> String {
        let key = self.key.as_deref().map_or("No record key".to_owned(), |key| format!("Record key {key}"));
        match self.header(CE_TYPE).and(self.header(CE_CAUSATIONID)) {
            Some(cause) => format!("{key}; caused by {cause}"),
            None => key,
        }
    }
}
