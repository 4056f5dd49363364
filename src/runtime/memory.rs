//! How much memory this process may use, and how much it needs.
//!
//! ```text
//! at rest = PROGRAM + what all stores share + stores × STORE
//! peak    = at rest + stream threads × (a run of a restore + the queues of the clients)
//! ```
//!
//! The limit is the lowest of those of the process's control groups (version 1 or 2) and the memory of the machine. Beyond it the
//! kernel kills the process: in the middle of a restore, and again after each start. Measures nothing of what is in use.

use std::fs;
use std::path::{Path, PathBuf};

use super::restore::RUN_BYTES;
use crate::rocks::SHARED_BYTES;

const MIB: u64 = 1 << 20;
/// Program, threads, clients of the cluster, allocator.
const PROGRAM_BYTES: u64 = 32 * MIB;
/// An empty store: a memtable's first blocks and bloom filter.
const STORE_BYTES: u64 = 640 << 10;

/// What the need of memory depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MemoryDemand {
    /// Home partitions, each with a store.
    pub stores: u64,
    pub threads: u64,
    /// Most bytes in the queues of one stream thread's clients.
    pub queues: u64,
}

/// What the limit allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    Good,
    /// Enough at rest and not in every case under load or during a restore.
    Tight,
    TooSmall,
}

/// The process may not even use the memory that it needs at rest.
#[derive(Debug, thiserror::Error)]
#[error(
    "{stores} partitions need {} MiB of memory at rest and up to {} MiB under load, and this process may use {} MiB; allow more: \
     docker run --memory, resources.limits.memory of Kubernetes, MemoryMax= of systemd",
    .need / MIB, .peak / MIB, .limit / MIB
)]
pub(crate) struct TooLittleMemory {
    stores: u64,
    need: u64,
    peak: u64,
    limit: u64,
}

impl MemoryDemand {
    /// Compares the need with the limit of this process. Warns if the limit allows less than the peak.
    ///
    /// # Errors
    /// It allows less than what the process needs at rest.
    pub(crate) fn check(self) -> Result<(), TooLittleMemory> {
        let Some(limit) = limit_below(Path::new("/")) else { return Ok(()) };
        let (need, peak) = (self.at_rest(), self.peak());
        match self.fit(limit) {
            Fit::Good => Ok(()),
            Fit::Tight => {
                tracing::warn!(
                    limit_mib = limit / MIB,
                    peak_mib = peak / MIB,
                    rest_mib = need / MIB,
                    "the memory limit is below what a restore or a high load may need: the kernel may kill this process; allow \
                     more, or use fewer threads"
                );
                Ok(())
            }
            Fit::TooSmall => Err(TooLittleMemory { stores: self.stores, need, peak, limit }),
        }
    }

    fn fit(self, limit: u64) -> Fit {
        if limit >= self.peak() {
            Fit::Good
        } else if limit >= self.at_rest() {
            Fit::Tight
        } else {
            Fit::TooSmall
        }
    }

    fn at_rest(self) -> u64 {
        PROGRAM_BYTES + SHARED_BYTES as u64 + self.stores * STORE_BYTES
    }

    fn peak(self) -> u64 {
        self.at_rest() + self.threads * (RUN_BYTES as u64 + self.queues)
    }
}

/// The lowest limit, in bytes, as the files below `root` tell it.
fn limit_below(root: &Path) -> Option<u64> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let of_groups = groups.lines().filter_map(|line| limit_of_group(root, line)).min();
    of_groups.into_iter().chain(memory_of_machine(root)).min()
}

/// The lowest limit of a control group and of those that contain it. A line is `number:controllers:path`. Inside a container
/// the path may be the host's; the top directory is the container's own then.
fn limit_of_group(root: &Path, line: &str) -> Option<u64> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (controllers, path) = (parts.next()?, parts.next()?);
    let (mount, file) = match controllers {
        "" => ("sys/fs/cgroup", "memory.max"),
        names if names.split(',').any(|it| it == "memory") => {
            ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
        }
        _ => return None,
    };
    let group = PathBuf::from(path.trim_start_matches('/'));
    let limits = group.ancestors().filter_map(|it| {
        // Without a limit version 2 says `max`, and version 1 a number above every memory.
        fs::read_to_string(root.join(mount).join(it).join(file)).ok()?.trim().parse().ok()
    });
    limits.min()
}

fn memory_of_machine(root: &Path) -> Option<u64> {
    let text = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let kib = text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"))?;
    Some(kib.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEMAND: MemoryDemand = MemoryDemand { stores: 48, threads: 1, queues: 96 * MIB };

    #[test]
    fn the_limit_is_good_tight_or_too_small() {
        let (rest, peak) = (DEMAND.at_rest(), DEMAND.peak());
        for (limit, expected) in [
            (u64::MAX, Fit::Good),
            (peak, Fit::Good),
            (peak - 1, Fit::Tight),
            (rest, Fit::Tight),
            (rest - 1, Fit::TooSmall),
        ] {
            assert_eq!(DEMAND.fit(limit), expected, "{limit}");
        }
        let error = TooLittleMemory { stores: 48, need: rest, peak, limit: 64 * MIB };
        assert!(error.to_string().starts_with("48 partitions need 88 MiB of memory at rest"), "{error}");
    }

    /// The files of a system, and the limit that they tell.
    fn check(name: &str, files: &[(&str, &str)], expected: Option<u64>) {
        let root = std::env::temp_dir().join(format!("otp-stream-memory-{name}-{}", std::process::id()));
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().expect("below the root")).expect("writable");
            fs::write(path, text).expect("writable");
        }
        assert_eq!(limit_below(&root), expected, "{name}");
        fs::remove_dir_all(&root).unwrap_or_default();
    }

    #[test]
    fn the_lowest_limit_counts() {
        const MACHINE: (&str, &str) = ("proc/meminfo", "MemTotal:        4194304 kB\nMemFree: 1 kB\n");
        const V2: (&str, &str) = ("proc/self/cgroup", "0::/pod/app\n");
        const V1: (&str, &str) = ("proc/self/cgroup", "9:name=systemd:/\n4:cpu,memory:/docker/abc\n0::/\n");
        check("nothing", &[], None);
        check("machine", &[MACHINE], Some(4 << 30));
        check(
            "v2",
            &[
                MACHINE,
                V2,
                ("sys/fs/cgroup/pod/app/memory.max", "max\n"),
                ("sys/fs/cgroup/pod/memory.max", "268435456\n"),
                ("sys/fs/cgroup/memory.max", "536870912\n"),
            ],
            Some(256 << 20),
        );
        check("v2-container", &[V2, ("sys/fs/cgroup/memory.max", "1048576\n")], Some(1 << 20));
        check("v2-no-limit", &[MACHINE, V2, ("sys/fs/cgroup/memory.max", "max\n")], Some(4 << 30));
        check(
            "v1",
            &[
                MACHINE,
                V1,
                ("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "134217728\n"),
                ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ],
            Some(128 << 20),
        );
        check(
            "v1-container",
            &[MACHINE, V1, ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")],
            Some(4 << 30),
        );
    }
}
