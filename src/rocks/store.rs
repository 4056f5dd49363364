//! One task's RocksDB: sorted bytes, one atomic write per commit, no fsync (design: engine §5).
//!
//! Knows no key family and no record. Memory is shared by all stores of the process, see [`Memory`].

use std::path::{Path, PathBuf};

use otp_topology::state::{Rows, StateStore, StoreError, WriteBatch};
use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, Cache, DB, DBCompressionType, DBRecoveryMode, Error, ErrorKind,
    IteratorMode, Options, ReadOptions, WriteBatch as NativeBatch, WriteBufferManager, WriteOptions,
};

/// Block cache of the process, in bytes. Holds write buffers, indexes and filters as well.
const CACHE_BYTES: usize = 64 << 20;
/// Write buffers of the process, in bytes, accounted for in the cache.
const WRITE_BUFFERS_BYTES: usize = 32 << 20;
/// One store's write buffer, in bytes.
const WRITE_BUFFER_BYTES: usize = 16 << 20;
/// Flushed files before they are merged into the rest. Keys are spread evenly, so that each merge writes all of a store
/// again: twice the files of twice the size cost a quarter of the work, and a look-up a few more bloom filters.
const FILES_PER_COMPACTION: i32 = 8;
const BLOCK_BYTES: usize = 4 << 10;
/// About one false positive in a hundred look-ups.
const BLOOM_BITS_PER_KEY: f64 = 10.0;
const OPEN_FILES_MAX: i32 = 256;
/// Write-ahead log of one store, in bytes, before it is flushed: what a restart has to read.
const WAL_BYTES: u64 = 32 << 20;

/// The memory that all stores of a process share.
#[derive(Clone)]
pub struct Memory {
    cache: Cache,
    write_buffers: WriteBufferManager,
}

impl Memory {
    pub fn new() -> Self {
        let cache = Cache::new_lru_cache(CACHE_BYTES);
        let write_buffers = WriteBufferManager::new_write_buffer_manager_with_cache(
            WRITE_BUFFERS_BYTES,
            false,
            cache.clone(),
        );
        Self { cache, write_buffers }
    }

    /// Bytes of the cache in use, write buffers included.
    pub fn used_bytes(&self) -> usize {
        self.cache.get_usage()
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

/// A task's open store.
pub struct TaskStore {
    db: DB,
    directory: PathBuf,
    write: WriteOptions,
}

impl TaskStore {
    /// Opens the store in `directory`, and makes it if there is none.
    ///
    /// # Errors
    /// The directory cannot be written, another process has it open, or what lies there is damaged; the reason names
    /// the remedy.
    pub fn open(directory: &Path, memory: &Memory) -> Result<Self, StoreError> {
        std::fs::create_dir_all(directory).map_err(|error| StoreError {
            place: directory.display().to_string(),
            reason: format!("cannot make the directory: {error}"),
        })?;
        refuse_without_beginning(directory)?;
        let db = open(directory, memory).map_err(|error| explained(directory, &error))?;
        let mut write = WriteOptions::default();
        write.set_sync(false);
        Ok(Self { db, directory: directory.to_owned(), write })
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Brings everything written so far safely to the disk.
    ///
    /// # Errors
    /// The disk failed.
    pub fn flush(&self) -> Result<(), StoreError> {
        let flushed = self.db.flush_wal(true).and_then(|()| self.db.flush());
        flushed.map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &Error) -> StoreError {
        explained(&self.directory, error)
    }
}

impl StateStore for TaskStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let found = self.db.get_pinned(key).map_err(|error| self.failed(&error))?;
        Ok(found.map(|value| value.to_vec()))
    }

    fn scan(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Rows, StoreError> {
        if from >= to {
            return Ok(Vec::new());
        }
        let mut bounds = ReadOptions::default();
        bounds.set_iterate_lower_bound(from);
        bounds.set_iterate_upper_bound(to);
        self.db
            .iterator_opt(IteratorMode::Start, bounds)
            .take(limit)
            .map(|entry| {
                let (key, value) = entry.map_err(|error| self.failed(&error))?;
                Ok((key.into_vec(), value.into_vec()))
            })
            .collect()
    }

    fn write(&self, batch: &WriteBatch) -> Result<(), StoreError> {
        let mut native = NativeBatch::default();
        for (key, value) in &batch.writes {
            match value {
                Some(value) => native.put(key, value),
                None => native.delete(key),
            }
        }
        self.db.write_opt(native, &self.write).map_err(|error| self.failed(&error))
    }
}

/// Removes a task's store, which must not be open. What is not there is already removed.
///
/// # Errors
/// The directory cannot be removed, or is in use.
pub fn wipe(directory: &Path) -> Result<(), StoreError> {
    DB::destroy(&Options::default(), directory).map_err(|error| explained(directory, &error))?;
    match std::fs::remove_dir_all(directory) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(StoreError {
            place: directory.display().to_string(),
            reason: format!("cannot remove the directory: {error}"),
        }),
    }
}

fn options(memory: &Memory, recovery: DBRecoveryMode) -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(&memory.cache);
    blocks.set_block_size(BLOCK_BYTES);
    blocks.set_bloom_filter(BLOOM_BITS_PER_KEY, false);
    blocks.set_index_type(BlockBasedIndexType::BinarySearch);
    blocks.set_cache_index_and_filter_blocks(true);
    blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);

    // Each write-ahead log names the one before it. Without that, a lost part of the manifest, or a lost log, could
    // leave a hole: later writes without earlier ones, under a position that counts both.
    let mut options = Options::default()
        .get_options_from_string("track_and_verify_wals=true")
        .expect("RocksDB knows this option, as a test shows");
    options.create_if_missing(true);
    options.set_wal_recovery_mode(recovery);
    options.set_block_based_table_factory(&blocks);
    options.set_write_buffer_manager(&memory.write_buffers);
    options.set_write_buffer_size(WRITE_BUFFER_BYTES);
    options.set_max_write_buffer_number(2);
    options.set_memtable_whole_key_filtering(true);
    options.set_memtable_prefix_bloom_ratio(0.02);
    options.set_compression_type(DBCompressionType::Lz4);
    options.set_max_open_files(OPEN_FILES_MAX);
    options.set_max_total_wal_size(WAL_BYTES);
    options.set_level_zero_file_num_compaction_trigger(FILES_PER_COMPACTION);
    options.set_max_background_jobs(2);
    options.set_keep_log_file_num(2);
    options.set_max_log_file_size(1 << 20);
    options.set_paranoid_checks(true);
    options
}

/// A write-ahead log may end in the middle of a write, or be damaged: what was before is an earlier commit, and the
/// changelog has the rest. A log that is missing is none of these.
fn open(directory: &Path, memory: &Memory) -> Result<DB, Error> {
    let torn = DBRecoveryMode::TolerateCorruptedTailRecords;
    match DB::open(&options(memory, torn), directory) {
        Err(error) if is_within_a_log(&error) => {
            tracing::warn!(
                directory = %directory.display(),
                %error,
                "the write-ahead log is damaged: the store goes back to an earlier commit, and on from the changelog"
            );
            DB::open(&options(memory, DBRecoveryMode::PointInTime), directory)
        }
        opened => opened,
    }
}

/// RocksDB names the file of every other damage.
fn is_within_a_log(error: &Error) -> bool {
    let text = error.as_ref();
    error.kind() == ErrorKind::Corruption
        && !["MANIFEST", "CURRENT", ".sst", "WAL"].iter().any(|it| text.contains(it))
}

/// A directory without CURRENT is a blank one to RocksDB, whatever else lies there: it would wipe it.
fn refuse_without_beginning(directory: &Path) -> Result<(), StoreError> {
    let failed = |reason: String| StoreError { place: directory.display().to_string(), reason };
    let entries = std::fs::read_dir(directory)
        .map_err(|error| failed(format!("cannot read the directory: {error}; check its rights")))?;
    let names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
    let holds = |what: &dyn Fn(&str) -> bool| names.iter().filter_map(|name| name.to_str()).any(what);
    let has_content =
        holds(&|name| name.starts_with("MANIFEST-") || name.ends_with(".sst") || name.ends_with(".log"));
    if has_content && !holds(&|name| name == "CURRENT") {
        return Err(failed(format!("the file CURRENT is missing; remedy: {DAMAGED}")));
    }
    Ok(())
}

const DAMAGED: &str =
    "the store is damaged; remove this directory, and the task is restored from its changelog";

/// An error with the directory and what to do about it. RocksDB's texts name files, never keys or values.
fn explained(directory: &Path, error: &Error) -> StoreError {
    let text = error.as_ref();
    let remedy = match error.kind() {
        ErrorKind::Corruption => DAMAGED,
        ErrorKind::InvalidArgument | ErrorKind::NotSupported => {
            "the store has a format that this version does not know; use the version that wrote it, or remove this \
             directory, and the task is restored from its changelog"
        }
        ErrorKind::IOError if text.contains("lock") => {
            "another process has the store open; stop it, or set another store.directory"
        }
        ErrorKind::IOError if text.contains("No such file") => DAMAGED,
        ErrorKind::IOError if text.contains("No space left") => "the disk is full; make room",
        _ => "see the system's log for what the disk says",
    };
    StoreError { place: directory.display().to_string(), reason: format!("{text}; remedy: {remedy}") }
}

#[cfg(test)]
mod damage;
#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
