//! One task's RocksDB: sorted bytes, one atomic write per commit, no fsync.
//!
//! Knows no key family and no record. Memory is shared by all stores of the process, see [`Memory`].

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use otp_topology::state::{Rows, StateStore, StoreError, WriteBatch};
use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, Cache, DB, DBCompressionType, DBRecoveryMode, Error, ErrorKind,
    IngestExternalFileOptions, IteratorMode, Options, ReadOptions, SstFileWriter, WriteBatch as NativeBatch,
    WriteBufferManager, WriteOptions,
};

/// Block cache of the process, in bytes; write buffers are accounted for in it, and leave little. Blocks come from the
/// system's cache of files for as much, since they are not compressed.
const CACHE_BYTES: usize = 26 << 20;
/// Write buffers of the process, in bytes, accounted for in the cache.
const WRITE_BUFFERS_BYTES: usize = 24 << 20;
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
/// What RocksDB's batch adds to a key and a value, at most; its head is as long.
const WRITE_BYTES: usize = 12;
/// A run of fewer bytes goes through the write-ahead log: the tail that a restart replays is not worth a file.
const RUN_FILE_BYTES_MIN: usize = 4 << 20;
/// A run on its way into the store, in the store's own directory.
const RUN_FILE: &str = "run-being-loaded";
/// In the directory of a store that is being wiped.
const WIPING: &str = "being-wiped";
/// So many files wait for a compaction before a restore waits for it. Writes would be slowed from 20 on, and stopped at 36.
const FILES_BEFORE_PAUSE: u32 = 16;
const COMPACTION_LOOK: Duration = Duration::from_millis(10);
/// Longer than a compaction that gets on, shorter than what a revocation may wait for.
const COMPACTION_LOOKS_MAX: u32 = 500;

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
    read: ReadOptions,
    write: WriteOptions,
    /// Of the files that runs are loaded from.
    run_files: Options,
    holds_compactions: AtomicBool,
}

impl TaskStore {
    /// Opens the store in `directory`, and makes it if there is none.
    ///
    /// # Errors
    /// The directory cannot be written, another process has it open, or what lies there is damaged; the reason names
    /// the remedy.
    pub fn open(directory: &Path, memory: &Memory) -> Result<Self, StoreError> {
        make(directory)?;
        check_beginning(directory)?;
        let db = open(directory, memory).map_err(|error| explained(directory, &error))?;
        let mut read = ReadOptions::default();
        // Who comes again soon is found in a memtable, and the cache is too small for those who come later.
        read.fill_cache(false);
        let mut write = WriteOptions::default();
        write.set_sync(false);
        // Batches are sorted.
        write.set_memtable_insert_hint_per_batch(true);
        Ok(Self {
            db,
            directory: directory.to_owned(),
            read,
            write,
            run_files: options(memory, DBRecoveryMode::TolerateCorruptedTailRecords),
            holds_compactions: AtomicBool::new(false),
        })
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

    /// Writes very much at once: all of it or nothing, like a batch, and after everything written before. A run becomes a
    /// sorted file that the store takes over, with neither write-ahead log nor memtable, so that it costs a third.
    ///
    /// Whatever a crash leaves is right: the file is on the disk before the one entry of the manifest that makes it part
    /// of the store, and it holds the position up to which it restores. What was not taken over is replayed again.
    ///
    /// # Errors
    /// The disk failed; the store must be reopened and restored.
    pub fn load(&self, run: &mut WriteBatch) -> Result<(), StoreError> {
        if run.size_bytes() < RUN_FILE_BYTES_MIN {
            return self.write_all(run);
        }
        run.sort();
        self.remove_run_file()?;
        let loaded = self.hold_compactions(true).and_then(|()| self.make_room());
        loaded.and_then(|()| self.load_sorted(run)).map_err(|error| self.failed(&error))
    }

    /// Nothing more is about to be loaded: what was loaded may be compacted.
    ///
    /// # Errors
    /// As [`TaskStore::load`].
    pub fn loaded(&self) -> Result<(), StoreError> {
        self.hold_compactions(false).map_err(|error| self.failed(&error))
    }

    /// Runs are compacted once, after all of them, and not in the way of the restore.
    fn hold_compactions(&self, hold: bool) -> Result<(), Error> {
        if self.holds_compactions.swap(hold, Ordering::Relaxed) == hold {
            return Ok(());
        }
        self.db.set_options(&[("disable_auto_compactions", if hold { "true" } else { "false" })])
    }

    /// A restore that never let compactions in between would leave a store that takes no writes until they are done.
    fn make_room(&self) -> Result<(), Error> {
        let files = || self.db.property_value("rocksdb.num-files-at-level0").ok().flatten();
        let waiting = || files().and_then(|text| text.parse::<u32>().ok()).unwrap_or(0);
        if waiting() < FILES_BEFORE_PAUSE {
            return Ok(());
        }
        self.hold_compactions(false)?;
        for _ in 0..COMPACTION_LOOKS_MAX {
            if waiting() < FILES_BEFORE_PAUSE {
                break;
            }
            std::thread::sleep(COMPACTION_LOOK);
        }
        self.hold_compactions(true)
    }

    /// What a crash left may be a second name of a file that the store has taken over: it must never be written into.
    fn remove_run_file(&self) -> Result<(), StoreError> {
        match std::fs::remove_file(self.directory.join(RUN_FILE)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(StoreError {
                place: self.directory.display().to_string(),
                reason: format!("cannot remove the file {RUN_FILE}: {error}"),
            }),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn load_sorted(&self, run: &WriteBatch) -> Result<(), Error> {
        let path = self.directory.join(RUN_FILE);
        let mut file = SstFileWriter::create(&self.run_files);
        file.open(&path)?;
        for (key, value) in run.iter() {
            match value {
                Some(value) => file.put(key, value)?,
                None => file.delete(key)?,
            }
        }
        file.finish()?;
        let mut ingest = IngestExternalFileOptions::default();
        ingest.set_move_files(true);
        self.db.ingest_external_file_opts(&ingest, vec![path])
    }

    fn write_all(&self, batch: &WriteBatch) -> Result<(), StoreError> {
        let room = batch.size_bytes() + WRITE_BYTES * (batch.len() + 1);
        let mut native = NativeBatch::with_capacity_bytes(room);
        for (key, value) in batch.iter() {
            match value {
                Some(value) => native.put(key, value),
                None => native.delete(key),
            }
        }
        self.db.write_opt(native, &self.write).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &Error) -> StoreError {
        explained(&self.directory, error)
    }
}

impl StateStore for TaskStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let found = self.db.get_pinned_opt(key, &self.read).map_err(|error| self.failed(&error))?;
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
        self.write_all(batch)
    }
}

/// Removes a task's store, which must not be open. What is not there is already removed; what a crash leaves of it is
/// removed when it is opened.
///
/// # Errors
/// The directory cannot be removed, or is in use.
pub fn wipe(directory: &Path) -> Result<(), StoreError> {
    let failed = |what: &str, error: std::io::Error| StoreError {
        place: directory.display().to_string(),
        reason: format!("cannot {what} the directory: {error}; check its rights, and the room on its disk"),
    };
    match std::fs::write(directory.join(WIPING), []) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("write into", error)),
    }
    DB::destroy(&Options::default(), directory).map_err(|error| explained(directory, &error))?;
    std::fs::remove_dir_all(directory).map_err(|error| failed("remove", error))
}

fn options(memory: &Memory, recovery: DBRecoveryMode) -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(&memory.cache);
    blocks.set_block_size(BLOCK_BYTES);
    blocks.set_bloom_filter(BLOOM_BITS_PER_KEY, false);
    blocks.set_index_type(BlockBasedIndexType::BinarySearch);
    // Kept by their open files: each look-up asks those of every file, and the cache is a lock and a hash away. About
    // four bytes for each key.
    blocks.set_cache_index_and_filter_blocks(false);

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
    // Most of a subject is sealed, so compressing it gains little and would be a third of the work of a flush.
    options.set_compression_type(DBCompressionType::None);
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

/// RocksDB names the file of every other damage. A log that does not fit the one before it is as a damaged one: the
/// loss of power took the end of the earlier. One that is not there at all belongs to a manifest that is damaged.
fn is_within_a_log(error: &Error) -> bool {
    const ELSEWHERE: [&str; 5] = ["MANIFEST", "CURRENT", ".sst", "Missing WAL", "no WAL files"];
    let text = error.as_ref();
    error.kind() == ErrorKind::Corruption && !ELSEWHERE.iter().any(|it| text.contains(it))
}

/// Judges by the files whether this is a store at all. A directory without CURRENT is a blank one to RocksDB, whatever else
/// lies there: it would wipe it. One that holds neither a table nor a log is a store whose making was broken off, and
/// RocksDB would miss the log: it is made anew, since nothing is in it.
fn check_beginning(directory: &Path) -> Result<(), StoreError> {
    let failed = |reason: String| StoreError { place: directory.display().to_string(), reason };
    let entries = std::fs::read_dir(directory)
        .map_err(|error| failed(format!("cannot read the directory: {error}; check its rights")))?;
    let names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
    let holds = |what: &dyn Fn(&str) -> bool| names.iter().filter_map(|name| name.to_str()).any(what);
    let has_content = holds(&|name| name.ends_with(".sst") || name.ends_with(".log"));
    if holds(&|name| name == WIPING) {
        return wipe(directory).and_then(|()| make(directory));
    }
    match (has_content, holds(&|name| name == "CURRENT")) {
        (true, false) => Err(failed(format!("the file CURRENT is missing; remedy: {DAMAGED}"))),
        (false, true) => wipe(directory).and_then(|()| make(directory)),
        (true, true) | (false, false) => Ok(()),
    }
}

fn make(directory: &Path) -> Result<(), StoreError> {
    std::fs::create_dir_all(directory).map_err(|error| StoreError {
        place: directory.display().to_string(),
        reason: format!("cannot make the directory: {error}; check the rights of the one above"),
    })
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
