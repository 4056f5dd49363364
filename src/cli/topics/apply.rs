//! Applies a plan to the cluster: creates missing topics, finds differences.

use std::collections::BTreeMap;

use super::difference::{ActualTopic, Difference};
use super::plan::{Plan, TopicPlan};
use crate::cli::cluster::TIMEOUT;
use crate::config::Config;
use crate::kafka::{Admin, EdgeError, NewTopic, TopicOutcome};

/// The result for one missing topic.
pub(super) struct Creation {
    pub name: String,
    pub partitions: i32,
    pub failure: Option<EdgeError>,
}

/// The plan for the partition count of the application's changelog, if that exists; otherwise for the configured one.
///
/// # Errors
/// The cluster does not respond.
pub(super) fn plan_on(config: &Config, admin: &Admin) -> Result<Plan, EdgeError> {
    let mut plan = Plan::of(config);
    let existing = admin.describe(&[plan.changelog().to_owned()], TIMEOUT)?;
    if let Some(Some(changelog)) = existing.first() {
        plan = Plan::for_partitions(config, changelog.partitions);
    }
    Ok(plan)
}

/// Creates the missing topics; changes no existing one.
///
/// # Errors
/// The cluster does not respond. Whether each topic was created is in the result.
pub(super) fn create_missing(plan: &Plan, admin: &Admin) -> Result<Vec<Creation>, EdgeError> {
    let existing = admin.describe(&names(plan), TIMEOUT)?;
    let missing: Vec<NewTopic> = plan
        .topics
        .iter()
        .zip(existing)
        .filter(|(_, actual)| actual.is_none())
        .map(|(planned, _)| new_topic(planned))
        .collect();
    let outcomes = admin.create(&missing, TIMEOUT)?;
    let created = missing.into_iter().zip(outcomes).map(|(topic, outcome)| Creation {
        name: topic.name,
        partitions: topic.partitions,
        failure: match outcome {
            TopicOutcome::Created | TopicOutcome::Existed => None,
            TopicOutcome::Failed(err) => Some(err),
        },
    });
    Ok(created.collect())
}

/// How the cluster differs from the plan.
///
/// # Errors
/// The cluster does not respond.
pub(super) fn differences(plan: &Plan, admin: &Admin) -> Result<Vec<Difference>, EdgeError> {
    let facts = admin.describe(&names(plan), TIMEOUT)?;
    let existing = |(planned, facts): (&TopicPlan, Option<_>)| Some((planned.name.clone(), facts?));
    let (names, facts): (Vec<_>, Vec<_>) = plan.topics.iter().zip(facts).filter_map(existing).unzip();
    let settings = admin.settings(&names, TIMEOUT)?;
    let actual: BTreeMap<String, ActualTopic> = names
        .into_iter()
        .zip(facts.into_iter().zip(settings))
        .map(|(name, (facts, settings))| {
            let partitions = facts.partitions;
            (name, ActualTopic { partitions, settings })
        })
        .collect();
    Ok(plan.differences(&actual))
}

fn names(plan: &Plan) -> Vec<String> {
    plan.topics.iter().map(|planned| planned.name.clone()).collect()
}

fn new_topic(planned: &TopicPlan) -> NewTopic {
    let settings = planned.settings.iter();
    NewTopic {
        name: planned.name.clone(),
        partitions: planned.partitions.count(),
        replication: (planned.replication_factor > 0).then_some(planned.replication_factor),
        settings: settings.map(|it| (it.name.to_owned(), it.value.clone())).collect(),
    }
}
