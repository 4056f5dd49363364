//! The rights of a scenario's user on the secured broker: those that `otp-stream topics plan` lists for the service.

use serde_json::Value;

use super::administrator::{Access, Administrator, Permission};
use super::process::otp_stream;
use super::scenario::Scenario;

pub(crate) struct Rights {
    administrator: Administrator,
    user: String,
    planned: Vec<Access>,
}

impl Rights {
    /// The rights of a user of the scenario's cluster. Grants nothing.
    pub(crate) fn of(scenario: &Scenario, user: &str) -> Self {
        let output = otp_stream(scenario.as_administrator(), &["topics", "plan", "--json"]);
        let plan: Value = serde_json::from_slice(&output.stdout).expect("a plan");
        let rules = plan["acls"].as_array().expect("access rules").iter();
        let planned = rules.filter(|rule| rule["who"] == "this service").flat_map(accesses).collect();
        let administrator = Administrator::of(&scenario.cluster.bootstrap);
        Self { administrator, user: user.to_owned(), planned }
    }

    pub(crate) fn grant(&self) {
        self.grant_those(|_| true);
    }

    /// Denies WRITE on a topic. What was granted stays.
    pub(crate) fn deny_write(&self, topic: &str) {
        self.administrator.add_access(&self.user, &write(topic), Permission::Deny);
    }

    /// Takes back WRITE on a topic. Other rights on it stay.
    pub(crate) fn withdraw_write(&self, topic: &str) {
        self.administrator.remove_access(&self.user, &write(topic), Permission::Allow);
    }

    /// Takes back every right on a topic: the user cannot even see that it exists.
    pub(crate) fn withdraw_all(&self, topic: &str) {
        let any = Access { operation: "Any".to_owned(), ..write(topic) };
        self.administrator.remove_access(&self.user, &any, Permission::Allow);
    }

    /// Undoes every change of the rights on a topic.
    pub(crate) fn restore(&self, topic: &str) {
        self.administrator.remove_access(&self.user, &write(topic), Permission::Deny);
        self.grant_those(|access| access.name == topic);
    }

    fn grant_those(&self, wanted: impl Fn(&Access) -> bool) {
        for access in self.planned.iter().filter(|access| wanted(access)) {
            self.administrator.add_access(&self.user, access, Permission::Allow);
        }
    }
}

/// One for each operation of a rule.
fn accesses(rule: &Value) -> Vec<Access> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let access = |operation: &Value| Access {
        resource: text(&rule["resource"]),
        pattern: text(&rule["pattern"]),
        name: text(&rule["name"]),
        operation: text(operation),
    };
    rule["operations"].as_array().expect("operations").iter().map(access).collect()
}

fn write(topic: &str) -> Access {
    Access {
        resource: "topic".to_owned(),
        pattern: "literal".to_owned(),
        name: topic.to_owned(),
        operation: "Write".to_owned(),
    }
}
