//! The consumer group: classic protocol, eager rebalances, range assignor. Generations, members, and who is fenced.

use otp_topology::deployment::Topology;
use otp_topology::wire::record::{SourcePartition, SourceTopic};

use super::Credentials;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct MemberId(pub u64);

/// The coordinator's reply to a heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeartbeatReply {
    Fine,
    /// The member must release its partitions and join again.
    Rebalance,
    /// The generation has ended, or the member was removed.
    Lost {
        is_member: bool,
    },
    /// Another process uses this static identity.
    FencedIdentity,
}

/// The member, its generation or its identity is not the current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GroupError;

#[derive(Clone, Debug)]
struct Member {
    id: MemberId,
    instance: usize,
    is_static: bool,
    joined: bool,
    beat_at: u64,
    assigned: Vec<SourcePartition>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Stable,
    Rebalancing { deadline: u64 },
}

pub(crate) struct Group {
    pub generation: i32,
    phase: Phase,
    members: Vec<Member>,
    /// The number of member ids given out.
    last_id: u64,
    rebalance_ms: u64,
    session_ms: u64,
}

impl Group {
    pub(crate) fn new(rebalance_ms: u64, session_ms: u64) -> Self {
        Self {
            generation: 0,
            phase: Phase::Stable,
            members: Vec::new(),
            last_id: 0,
            rebalance_ms,
            session_ms,
        }
    }

    /// Adds a member, or lets a known one join again.
    pub(crate) fn join(
        &mut self,
        instance: usize,
        is_static: bool,
        id: Option<MemberId>,
        now: u64,
    ) -> MemberId {
        if let Some(known) = id.and_then(|id| self.member_mut(id)) {
            (known.joined, known.beat_at) = (true, now);
            let id = known.id;
            self.rebalance(now);
            return id;
        }
        self.last_id += 1;
        let (id, rebalancing) = (MemberId(self.last_id), self.is_rebalancing());
        let namesake =
            self.members.iter_mut().find(|it| is_static && it.is_static && it.instance == instance);
        if let Some(member) = namesake {
            // A static identity comes back: it keeps its partitions, without a rebalance.
            (member.id, member.beat_at, member.joined) = (id, now, rebalancing);
            return id;
        }
        let assigned = Vec::new();
        self.members.push(Member { id, instance, is_static, joined: true, beat_at: now, assigned });
        self.rebalance(now);
        id
    }

    pub(crate) fn rebalance(&mut self, now: u64) {
        if self.phase == Phase::Stable {
            self.phase = Phase::Rebalancing { deadline: now + self.rebalance_ms };
        }
    }

    pub(crate) fn leave(&mut self, id: MemberId, now: u64) {
        self.members.retain(|it| it.id != id);
        self.rebalance(now);
    }

    /// Removes a member that still runs, as after missed heartbeats. Returns whether there was one.
    pub(crate) fn remove_instance(&mut self, instance: usize, now: u64) -> bool {
        let before = self.members.len();
        self.members.retain(|it| it.instance != instance);
        let removed = self.members.len() < before;
        if removed {
            self.rebalance(now);
        }
        removed
    }

    /// Removes members whose session has timed out. Returns whether there were any.
    pub(crate) fn expire(&mut self, now: u64) -> bool {
        let before = self.members.len();
        let session_ms = self.session_ms;
        self.members.retain(|it| now.saturating_sub(it.beat_at) <= session_ms);
        let expired = self.members.len() < before;
        if expired {
            self.rebalance(now);
        }
        expired
    }

    /// Ends a rebalance if all members have joined or its deadline has passed. Returns whether it did.
    pub(crate) fn complete(&mut self, topology: &Topology, now: u64) -> bool {
        let Phase::Rebalancing { deadline } = self.phase else { return false };
        if self.members.iter().any(|it| !it.joined) && now < deadline {
            return false;
        }
        self.members.retain(|it| it.joined);
        self.generation += 1;
        self.phase = Phase::Stable;
        self.assign(topology);
        for member in &mut self.members {
            (member.joined, member.beat_at) = (false, now);
        }
        true
    }

    pub(crate) fn is_rebalancing(&self) -> bool {
        self.phase != Phase::Stable
    }

    /// The generation and the partitions of a member that has joined. `None`: the rebalance has not ended.
    pub(crate) fn assignment(&self, id: MemberId) -> Option<(i32, Vec<SourcePartition>)> {
        let member = self.members.iter().find(|it| it.id == id)?;
        (self.phase == Phase::Stable).then(|| (self.generation, member.assigned.clone()))
    }

    pub(crate) fn beat(
        &mut self,
        id: MemberId,
        generation: i32,
        identity: Option<usize>,
        now: u64,
    ) -> HeartbeatReply {
        let rebalancing = self.is_rebalancing();
        let current = self.generation;
        let has_namesake = self.has_namesake(identity);
        match self.member_mut(id) {
            None if has_namesake => HeartbeatReply::FencedIdentity,
            None => HeartbeatReply::Lost { is_member: false },
            Some(member) => {
                member.beat_at = now;
                if generation != current {
                    HeartbeatReply::Lost { is_member: true }
                } else if rebalancing && !member.joined {
                    HeartbeatReply::Rebalance
                } else {
                    HeartbeatReply::Fine
                }
            }
        }
    }

    /// Checks a transactional offset commit as Kafka does. Credentials without a member and generation pass unchecked.
    ///
    /// # Errors
    /// The credentials are not those of a current member.
    pub(crate) fn check(&self, by: Credentials) -> Result<(), GroupError> {
        match by.member {
            None if by.generation < 0 && by.identity.is_none() => Ok(()),
            None => Err(GroupError),
            Some(id) if by.generation == self.generation && self.members.iter().any(|it| it.id == id) => {
                Ok(())
            }
            Some(_) => Err(GroupError),
        }
    }

    /// Whether this member owns a source partition in the current generation.
    pub(crate) fn owns(&self, id: MemberId, generation: i32, source: SourcePartition) -> bool {
        generation == self.generation
            && self.members.iter().any(|it| it.id == id && it.assigned.contains(&source))
    }

    pub(crate) fn knows(&self, id: MemberId) -> bool {
        self.members.iter().any(|it| it.id == id)
    }

    /// Keeps the session of a member that waits for its assignment.
    pub(crate) fn touch(&mut self, id: MemberId, now: u64) {
        if let Some(member) = self.member_mut(id) {
            member.beat_at = now;
        }
    }

    fn has_namesake(&self, identity: Option<usize>) -> bool {
        identity.is_some_and(|instance| self.members.iter().any(|it| it.is_static && it.instance == instance))
    }

    fn member_mut(&mut self, id: MemberId) -> Option<&mut Member> {
        self.members.iter_mut().find(|it| it.id == id)
    }

    /// Kafka's range assignor: topic by topic, consecutive partitions to members in the order of their instances.
    fn assign(&mut self, topology: &Topology) {
        self.members.sort_by_key(|it| (it.instance, it.id));
        let count = self.members.len() as i32;
        for member in &mut self.members {
            member.assigned.clear();
        }
        for (at, source) in topology.sources.iter().enumerate() {
            let topic = SourceTopic(at as u16);
            let (each, extra) = (source.partitions / count.max(1), source.partitions % count.max(1));
            let mut next = 0;
            for (rank, member) in self.members.iter_mut().enumerate() {
                let share = each + i32::from((rank as i32) < extra);
                for partition in next..next + share {
                    member.assigned.push(SourcePartition { topic, partition });
                }
                next += share;
            }
        }
    }
}
