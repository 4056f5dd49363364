//! What has changed about the topics of a deployment since its topology was built.

use std::collections::BTreeMap;
use std::fmt;

use super::topics::SourceKind;
use super::topology::{Incarnation, TopicFacts, Topology};

/// A change that needs a new topology.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopicChange {
    /// Positions count in one creation of a topic.
    Recreated { topic: String },
    /// The group assigns the topic by the new count.
    Grown { topic: String, from: i32, to: i32 },
}

impl fmt::Display for TopicChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recreated { topic } => write!(f, "the topic {topic} was recreated"),
            Self::Grown { topic, from, to } => {
                write!(f, "the topic {topic} has {to} partitions instead of {from}")
            }
        }
    }
}

impl Topology {
    /// The first change. `cluster`: the changelog and the source topics, as they are. A topic that is gone changes nothing
    /// until its successor exists. A broker that lags behind may give a smaller count than there was before.
    pub fn change(&self, cluster: &BTreeMap<String, TopicFacts>) -> Option<TopicChange> {
        let recreated = |name: &str, known: Incarnation| {
            let is_another = cluster.get(name).is_some_and(|it| it.incarnation != known);
            is_another.then(|| TopicChange::Recreated { topic: name.to_owned() })
        };
        let grown = self.grown(cluster).find(|(kind, _)| kind.may_grow()).map(|(_, change)| change);
        recreated(&self.output(self.changelog).name, self.changelog_incarnation)
            .or_else(|| self.sources.iter().find_map(|it| recreated(&it.name, it.incarnation)))
            .or(grown)
    }

    /// Topics to which partitions were added although their count must stay. The next start is refused.
    pub fn grown_wrongly(&self, cluster: &BTreeMap<String, TopicFacts>) -> Vec<TopicChange> {
        self.grown(cluster).filter(|(kind, _)| !kind.may_grow()).map(|(_, change)| change).collect()
    }

    fn grown(
        &self,
        cluster: &BTreeMap<String, TopicFacts>,
    ) -> impl Iterator<Item = (SourceKind, TopicChange)> {
        self.sources.iter().filter_map(|source| {
            let (from, to) = (source.partitions, cluster.get(&source.name)?.partitions);
            let change = TopicChange::Grown { topic: source.name.clone(), from, to };
            (to > from).then_some((source.kind, change))
        })
    }
}

impl SourceKind {
    /// Whether partitions may be added to a topic of this kind: what it holds is forwarded to its home then.
    pub fn may_grow(self) -> bool {
        match self {
            Self::Requests(_) | Self::Admin => true,
            Self::Repartition | Self::Directory | Self::Broadcast(_) => false,
        }
    }
}
