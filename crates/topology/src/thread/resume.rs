//! Where one source partition resumes after an assignment, from what the group, the state and the log say of it.
//!
//! Pure rules: nothing is read here.

use super::ids::OffsetRange;
use super::limits::Start;
use crate::deployment::{SourceKind, Topology};
use crate::wire::record::SourcePartition;

pub(super) struct ResumePoint {
    pub at: i64,
    /// The position was never committed, or retention has moved it. It must be committed before the first record is read.
    pub is_decided: bool,
    /// Records that retention removed before they were read.
    pub lost: i64,
}

/// What is known of a source partition.
pub(super) struct KnownOffsets {
    /// The group's stable offset.
    pub stable: Option<i64>,
    /// The position in the state.
    pub position: Option<i64>,
    pub range: OffsetRange,
    /// The topic was recreated, or the cluster is another one: earlier offsets mean nothing.
    pub is_void: bool,
}

/// # Errors
/// The offsets contradict each other: records were lost, or somebody moved the group's offset.
pub(super) fn resume_point(
    source: SourcePartition,
    known: &KnownOffsets,
    start: Start,
    topology: &Topology,
) -> Result<ResumePoint, String> {
    let KnownOffsets { stable, position, range, is_void } = *known;
    let kind = topology.source(source.topic).kind;
    let next = match kind {
        SourceKind::Directory | SourceKind::Broadcast(_) => position,
        SourceKind::Requests(_) | SourceKind::Admin | SourceKind::Repartition => position.max(stable),
    };
    if let (Some(position), Some(stable)) = (position, stable)
        && next == Some(stable)
        && stable > position.max(range.start)
    {
        return Err(format!(
            "the group stands at {stable} of `{}` partition {}, past the position {position} of the state: the changelog \
             has lost its newest records, or somebody moved the group's offset. Restore those records; or set the group's \
             offset to {position}, and the records between are served again with the same ids and codes",
            topology.source(source.topic).name,
            source.partition
        ));
    }
    // Forwarders wait for the group's offset of a broadcast topic, so a lost one is committed again.
    let is_awaited = matches!(kind, SourceKind::Broadcast(_)) && stable.is_none();
    let Some(at) = next else {
        let is_request = matches!(kind, SourceKind::Requests(_) | SourceKind::Admin);
        let from_beginning = is_void || !is_request || topology.is_added(source);
        let at = match start {
            Start::Latest if !from_beginning => range.end,
            Start::Latest | Start::Earliest => range.start,
        };
        return Ok(ResumePoint { at, is_decided: is_request || is_void || is_awaited, lost: 0 });
    };
    if at > range.end {
        return Err(format!(
            "`{}` partition {} ends at {}, before the position {at}: the topic was truncated. Records up to {at} would be \
             skipped as already applied; recreate the topic, or wait until it has passed that offset",
            topology.source(source.topic).name,
            source.partition,
            range.end
        ));
    }
    let is_purged = matches!(kind, SourceKind::Repartition);
    let lost = if is_purged { 0 } else { (range.start - at).max(0) };
    // The start behind the gap is committed, so that the next start does not count the gap again.
    Ok(ResumePoint { at: at.max(range.start), is_decided: is_awaited || lost > 0, lost })
}
