//! How a cluster differs from a plan, and which differences prevent the service from starting.

use std::collections::BTreeMap;
use std::fmt;

use super::plan::{Demand, Partitions, Plan, Setting, TopicPlan};

/// A topic as the cluster has it.
#[derive(Clone, Debug, Default)]
pub(crate) struct ActualTopic {
    pub partitions: i32,
    pub settings: BTreeMap<String, String>,
}

/// One difference between plan and cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub topic: String,
    pub what: String,
    pub remedy: String,
    /// The service refuses to start: it would judge requests wrongly, or lose state.
    pub stops: bool,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.topic, self.what, self.remedy)
    }
}

impl Plan {
    /// How the cluster differs. A missing topic is one difference.
    pub(crate) fn differences(&self, actual: &BTreeMap<String, ActualTopic>) -> Vec<Difference> {
        let differences = self.topics.iter().map(|planned| planned.differences(actual.get(&planned.name)));
        differences.flatten().collect()
    }
}

impl TopicPlan {
    fn differences(&self, actual: Option<&ActualTopic>) -> Vec<Difference> {
        let differs = |stops: bool, what: String, remedy: String| Difference {
            topic: self.name.clone(),
            what,
            remedy,
            stops,
        };
        let Some(actual) = actual else {
            let remedy = "create it with `otp-stream topics create`".to_owned();
            return vec![differs(true, "does not exist".to_owned(), remedy)];
        };
        let mut found = Vec::new();
        if let Some((what, remedy)) = self.partitions.objection(actual.partitions) {
            found.push(differs(true, what, remedy));
        }
        for setting in &self.settings {
            let value = actual.settings.get(setting.name).map(String::as_str);
            if let Some(asked) = setting.objection(value) {
                let what = format!("{} is {}, {asked}", setting.name, value.unwrap_or("unknown"));
                let alter = format!("kafka-configs --alter --topic {} --add-config", self.name);
                let remedy = format!("{alter} {}={}", setting.name, setting.value);
                found.push(differs(setting.demand == Demand::Exactly, what, remedy));
            }
        }
        found
    }
}

impl Partitions {
    fn objection(self, actual: i32) -> Option<(String, String)> {
        match self {
            Self::Exactly(1) if actual != 1 => Some((
                format!("has {actual} partitions, exactly 1 is needed"),
                "delete it and recreate it with `otp-stream topics create`".to_owned(),
            )),
            Self::Exactly(count) if actual != count => Some((
                format!("has {actual} partitions, exactly {count} are needed"),
                "recreate it with that count; another count for the whole application requires a new application.id"
                    .to_owned(),
            )),
            Self::AtLeast(count) if actual < count => Some((
                format!("has {actual} partitions, at least {count} are needed"),
                format!("kafka-topics --alter --partitions {count}"),
            )),
            Self::Exactly(_) | Self::AtLeast(_) | Self::Any(_) => None,
        }
    }
}

impl Setting {
    /// What the plan asks of the actual value, if the value does not meet it.
    fn objection(&self, actual: Option<&str>) -> Option<String> {
        let number = |text: &str| text.parse::<i64>().ok();
        let (wanted, got) = (number(&self.value), actual.and_then(number));
        let good = match self.demand {
            Demand::Free => true,
            Demand::Exactly => actual == Some(self.value.as_str()),
            Demand::AtMost => got.is_some_and(|got| got >= 0) && got <= wanted,
            Demand::AtLeast => got.is_some_and(|got| got < 0) || got >= wanted,
        };
        (!good).then(|| match self.demand {
            Demand::Exactly | Demand::Free => format!("{} is needed", self.value),
            Demand::AtMost => format!("at most {} is allowed", self.value),
            Demand::AtLeast => format!("at least {} is needed", self.value),
        })
    }
}
