//! One installation for many states: the notifications of a tenant go to the topics of its schema.

use serde::Deserialize;

use crate::contract::findings::SettingsFindings;
use crate::wire::topic_name;

const POSITION_MAX: u64 = 16;

/// `central_instance` of a contract's section.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CentralInstance {
    pub enabled: bool,
    /// Which segment of a tenant names its schema, from 0. The last segment, if the tenant is shorter.
    pub position: usize,
    pub schemas: Vec<String>,
}

impl CentralInstance {
    /// The topics that a notification topic stands for: itself, or one for each schema.
    pub fn notification_topics(&self, base: &str) -> Vec<String> {
        if !self.enabled {
            return vec![base.to_owned()];
        }
        self.schemas.iter().map(|schema| format!("{schema}-{base}")).collect()
    }

    /// The index of a tenant's topic in [`CentralInstance::notification_topics`]. `None`: the tenant's schema is not
    /// listed.
    pub fn topic_of(&self, tenant: &str) -> Option<usize> {
        if !self.enabled {
            return Some(0);
        }
        let last = tenant.split('.').count() - 1;
        let schema = tenant.split('.').nth(self.position.min(last))?;
        self.schemas.iter().position(|it| it == schema)
    }

    /// Objects to settings that cannot work, under the key `central_instance`.
    pub fn check(&self, findings: &mut SettingsFindings) {
        findings.check_range("central_instance.position", self.position as u64, 0, POSITION_MAX);
        if self.enabled && self.schemas.is_empty() {
            findings.add(
                "central_instance.schemas",
                "a central instance without schemas has no notification topic",
                "list the schemas that exist, as in schemas = [\"pb\"], or set enabled = false",
            );
        }
        for (at, schema) in self.schemas.iter().enumerate() {
            let key = format!("central_instance.schemas[{at}]");
            if let Some(fault) = topic_name::fault(schema) {
                findings.add(&key, format!("topic names begin with it, and {fault}"), topic_name::REMEDY);
            } else if schema.contains('.') {
                findings.add(&key, "a schema is one segment of a tenant", "write it without dots");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_has_the_topics_of_its_schema() {
        let check = |position: usize, tenant: &str, expected: Option<usize>| {
            let schemas = vec!["pb".to_owned(), "ka".to_owned()];
            let central = CentralInstance { enabled: true, position, schemas };
            assert_eq!(central.topic_of(tenant), expected, "{tenant} at {position}");
        };
        check(1, "pb", Some(0));
        check(1, "in.ka", Some(1));
        check(1, "in.ka.mysuru", Some(1));
        check(1, "pb.amritsar", None);
        check(0, "pb.amritsar", Some(0));
        check(9, "in.x.pb", Some(0));
        check(1, "", None);
    }
}
