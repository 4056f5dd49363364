//! How many files this process may have open, how many it needs, and how many each store gets.
//!
//! ```text
//! need = FIXED + clients × addresses × 3 + stores × files of a store
//!                │         │           │   │        └ 32 … 256: as many as the limit leaves
//!                │         │           │   └ partitions: one instance may own all of them
//!                │         │           └ a socket and a pipe
//!                │         └ brokers, bootstrap servers, and two that stand for a coordinator and the client itself
//!                └ 4 + 7 × stream threads
//! ```
//!
//! The soft limit is what an account gets by default, often 1,024; the hard limit is what it may have. The soft one is raised to
//! the need, within the hard one. Sockets count, so a process without files left can neither write nor reach a broker.

use std::io;

use rlimit::Resource;

use crate::rocks::{OPEN_FILES_MAX, OPEN_FILES_MIN};

/// Standard streams, HTTP port and its 64 connections, lock and key files, and what compactions, flushes and scans pin for a
/// moment beyond the files of a store.
const FIXED: u64 = 192;
const CLIENTS_OF_PROCESS: u64 = 4;
/// Consumer, producer and its successor, worker (offsets, admin, watermarks, changelog).
const CLIENTS_PER_THREAD: u64 = 7;
const FILES_PER_ADDRESS: u64 = 3;
/// Addresses of a client that are no broker.
const OWN_ADDRESSES: u64 = 2;

/// What the number of open files depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileDemand {
    /// Home partitions, each with a store.
    pub stores: u64,
    pub threads: u64,
    pub brokers: u64,
    pub bootstrap_servers: u64,
}

/// The process may not open as many files as it needs.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "{stores} partitions need {need} open files, and this process may open {limit} (hard limit); allow {need} or more: \
     LimitNOFILE= of systemd, docker run --ulimit nofile=, `ulimit -Hn` as root, or /etc/security/limits.conf"
)]
pub(crate) struct TooFewFiles {
    stores: u64,
    need: u64,
    limit: u64,
}

impl FileDemand {
    /// Raises the soft limit as far as it helps, and returns how many files each store may keep open.
    ///
    /// # Errors
    /// The hard limit is below the need.
    pub(crate) fn provide(self) -> Result<u32, TooFewFiles> {
        // A system that does not tell its limit is taken to have none.
        let (soft, hard) = Resource::NOFILE.get().unwrap_or((u64::MAX, u64::MAX));
        let wanted = self.total(OPEN_FILES_MAX).min(hard);
        let limit = if soft >= wanted { soft } else { raise(wanted, hard).unwrap_or(soft) };
        let per_store = self.per_store(limit)?;
        tracing::debug!(soft, hard, limit, need = self.total(OPEN_FILES_MIN), per_store, "open files");
        Ok(per_store)
    }

    fn total(self, per_store: u32) -> u64 {
        self.without_stores() + self.stores * u64::from(per_store)
    }

    fn without_stores(self) -> u64 {
        let clients = CLIENTS_OF_PROCESS + CLIENTS_PER_THREAD * self.threads;
        FIXED + clients * (self.brokers + self.bootstrap_servers + OWN_ADDRESSES) * FILES_PER_ADDRESS
    }

    fn per_store(self, limit: u64) -> Result<u32, TooFewFiles> {
        let need = self.total(OPEN_FILES_MIN);
        if limit < need {
            return Err(TooFewFiles { stores: self.stores, need, limit });
        }
        let share = (limit - self.without_stores()) / self.stores.max(1);
        Ok(u32::try_from(share).unwrap_or(OPEN_FILES_MAX).min(OPEN_FILES_MAX))
    }
}

/// Raises the soft limit and returns it.
fn raise(soft: u64, hard: u64) -> io::Result<u64> {
    Resource::NOFILE.set(soft, hard)?;
    tracing::info!(limit = soft, "raised the limit of open files");
    Ok(soft)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE_BROKER: FileDemand = FileDemand { stores: 48, threads: 1, brokers: 1, bootstrap_servers: 1 };

    #[test]
    fn each_store_gets_what_the_limit_leaves_or_the_start_is_refused() {
        let without = ONE_BROKER.without_stores();
        assert_eq!(without, 192 + 11 * 4 * 3);
        let need = without + 48 * 32;
        for (limit, expected) in [
            (u64::MAX, Ok(256)),
            (without + 48 * 256, Ok(256)),
            (without + 48 * 100 + 47, Ok(100)),
            (need, Ok(32)),
            (need - 1, Err(TooFewFiles { stores: 48, need, limit: need - 1 })),
            (0, Err(TooFewFiles { stores: 48, need, limit: 0 })),
        ] {
            assert_eq!(ONE_BROKER.per_store(limit), expected, "{limit}");
        }
    }

    #[test]
    fn a_refusal_names_need_limit_and_remedies() {
        let text = ONE_BROKER.per_store(256).expect_err("too few").to_string();
        for part in
            ["48 partitions need 1860 open files", "may open 256", "ulimit", "LimitNOFILE", "--ulimit nofile"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn more_of_anything_needs_more_files() {
        let need = |demand: FileDemand| demand.total(OPEN_FILES_MIN);
        for more in [
            FileDemand { stores: 49, ..ONE_BROKER },
            FileDemand { threads: 2, ..ONE_BROKER },
            FileDemand { brokers: 3, ..ONE_BROKER },
            FileDemand { bootstrap_servers: 3, ..ONE_BROKER },
        ] {
            assert!(need(more) > need(ONE_BROKER), "{more:?}");
        }
    }
}
