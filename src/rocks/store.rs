//! The RocksDB of one task: sorted bytes, one atomic write per commit, no fsync.
//!
//! Knows no key family and no record. All stores of the process share their memory, see [`Resources`].
//!
//! ```text
//! a commit    write(batch) ─▶ write-ahead log, memtable ─▶ flush ─▶ sorted file ─▶ compaction
//! a restore   load(batch)  ─▶ one sorted file, which the store takes over      ─▶ compaction after the last one
//! ```
//!
//! A crash may lose the last commits, because nothing waits for the disk. The store then holds an earlier commit as a whole,
//! with its changelog position, and the task is restored from there.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use otp_topology::state::{Rows, StateStore, StoreError, WriteBatch};
use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, Cache, DB, DBCompressionType, DBRecoveryMode, Error,
    IngestExternalFileOptions, IteratorMode, Options, ReadOptions, SstFileWriter, WriteBatch as NativeBatch,
    WriteBufferManager, WriteOptions,
};

use super::fault::{Fault, store_error, system_call_error};

/// Block cache of the process, in bytes. Write buffers count towards it and leave little room. That is enough: blocks are
/// not compressed, so the system's file cache serves them as well.
pub(crate) const SHARED_BYTES: usize = 26 << 20;
/// Write buffers of the process, in bytes. Part of the cache.
const WRITE_BUFFERS_BYTES: usize = 24 << 20;
/// Write buffer of one store, in bytes.
const WRITE_BUFFER_BYTES: usize = 16 << 20;
/// Flushed files that start a compaction. Keys are spread evenly, so each compaction rewrites the whole store: twice as many
/// files of twice the size cost a quarter of the work. A look-up then checks a few more bloom filters.
const FILES_PER_COMPACTION: i32 = 8;
const BLOCK_BYTES: usize = 4 << 10;
/// About one false positive per hundred look-ups.
const BLOOM_BITS_PER_KEY: f64 = 10.0;
/// Fewest and most files that one store keeps open. Below that, a look-up would open files again and again. RocksDB takes ten
/// of them for its logs and its manifest; the others are sorted files.
pub(crate) const OPEN_FILES_MIN: u32 = 32;
pub(crate) const OPEN_FILES_MAX: u32 = 256;
/// Write-ahead log of one store, in bytes, before RocksDB flushes it. A restart reads this much.
const WAL_BYTES: u64 = 32 << 20;
/// Longest write that is not worth a line. A commit waits for the system to take its write, not for the disk. If it waits long
/// all the same, the disk does not keep up.
const WRITE_MAX: Duration = Duration::from_secs(1);
/// Most bytes that RocksDB's batch adds to a key and a value. Its header has the same size.
const WRITE_OVERHEAD_BYTES_MAX: usize = 12;
/// A smaller run goes through the write-ahead log: the few records that a restart replays are not worth a file.
const RUN_FILE_BYTES_MIN: usize = 4 << 20;
/// Name of the file in the store's directory that [`TaskStore::load`] writes.
const RUN_FILE: &str = "run-being-loaded";
/// Name of a file that marks a store whose wipe has started.
const WIPE_MARKER: &str = "being-wiped";
/// Level-0 files at which a restore pauses for compaction. RocksDB itself slows writes down at 20 files and stops them at 36.
const FILES_BEFORE_PAUSE: u32 = 16;
const COMPACTION_POLL_INTERVAL: Duration = Duration::from_millis(10);
/// Longest wait for a compaction, 5 s: longer than a compaction needs, shorter than a revocation may wait.
const COMPACTION_POLLS_MAX: u32 = 500;

const _: () = assert!(WRITE_BUFFERS_BYTES < SHARED_BYTES, "write buffers are part of the cache");
const _: () = assert!(FILES_PER_COMPACTION < FILES_BEFORE_PAUSE as i32 && FILES_BEFORE_PAUSE < 20);

/// What the stores of a process share: cache, write buffers, and the files that they may keep open.
#[derive(Clone)]
pub struct Resources {
    cache: Cache,
    write_buffers: WriteBufferManager,
    /// Of each store.
    open_files: u32,
}

impl Resources {
    pub fn new() -> Self {
        let cache = Cache::new_lru_cache(SHARED_BYTES);
        let write_buffers = WriteBufferManager::new_write_buffer_manager_with_cache(
            WRITE_BUFFERS_BYTES,
            false,
            cache.clone(),
        );
        Self { cache, write_buffers, open_files: OPEN_FILES_MAX }
    }

    /// Each store keeps at most this many files open.
    ///
    /// # Panics
    /// These are too few, or more than a store uses.
    #[must_use]
    pub fn with_open_files(self, open_files: u32) -> Self {
        assert!((OPEN_FILES_MIN..=OPEN_FILES_MAX).contains(&open_files), "{open_files} files of a store");
        Self { open_files, ..self }
    }
}

impl Default for Resources {
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
    /// Options of the files that [`TaskStore::load`] writes.
    run_files: Options,
    compactions_paused: AtomicBool,
}

impl TaskStore {
    /// Opens the store in `directory`, or creates it.
    ///
    /// # Errors
    /// The directory is not writable, another process has the store open, or the store is damaged. The reason names the
    /// remedy.
    pub fn open(directory: &Path, resources: &Resources) -> Result<Self, StoreError> {
        create(directory)?;
        check_files(directory)?;
        let db = open(directory, resources).map_err(|error| store_error(directory, &error))?;
        let mut read = ReadOptions::default();
        // A subject that returns soon is still in a memtable. The cache is too small for the others.
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
            run_files: options(resources, DBRecoveryMode::TolerateCorruptedTailRecords),
            compactions_paused: AtomicBool::new(false),
        })
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Writes everything to the disk, so that a crash of the machine loses none of it.
    ///
    /// # Errors
    /// The disk failed.
    pub fn flush(&self) -> Result<(), StoreError> {
        let flushed = self.db.flush_wal(true).and_then(|()| self.db.flush());
        flushed.map_err(|error| self.failed(&error))
    }

    /// Writes a large batch, a *run* of a restore, atomically and on top of everything written before. It becomes a sorted
    /// file that the store takes over. Without write-ahead log and memtable it costs a third.
    ///
    /// A crash at any point leaves a correct store. The file is on the disk before one entry of the manifest makes it part of
    /// the store, and it contains the changelog position that it reaches. A file that was not taken over is replayed again.
    ///
    /// # Errors
    /// The disk failed. Reopen the store and restore it.
    pub fn load(&self, run: &mut WriteBatch) -> Result<(), StoreError> {
        if run.size_bytes() < RUN_FILE_BYTES_MIN {
            return self.write_all(run);
        }
        run.sort();
        self.remove_run_file()?;
        let ready = self.pause_compactions(true).and_then(|()| self.await_compaction());
        ready.and_then(|()| self.load_sorted(run)).map_err(|error| self.failed(&error))
    }

    /// Ends a series of [`TaskStore::load`] calls: the loaded files may be compacted.
    ///
    /// # Errors
    /// As [`TaskStore::load`].
    pub fn loaded(&self) -> Result<(), StoreError> {
        self.pause_compactions(false).map_err(|error| self.failed(&error))
    }

    /// Compactions are paused during a restore, so that they do not slow it down, and all runs are compacted once.
    fn pause_compactions(&self, pause: bool) -> Result<(), Error> {
        if self.compactions_paused.swap(pause, Ordering::Relaxed) == pause {
            return Ok(());
        }
        self.db.set_options(&[("disable_auto_compactions", if pause { "true" } else { "false" })])
    }

    /// Lets a compaction run if too many files wait for one. Otherwise a long restore would leave a store that accepts no
    /// writes until its compactions are done.
    fn await_compaction(&self) -> Result<(), Error> {
        let files = || self.db.property_value("rocksdb.num-files-at-level0").ok().flatten();
        let waiting = || files().and_then(|text| text.parse::<u32>().ok()).unwrap_or(0);
        if waiting() < FILES_BEFORE_PAUSE {
            return Ok(());
        }
        self.pause_compactions(false)?;
        for _ in 0..COMPACTION_POLLS_MAX {
            if waiting() < FILES_BEFORE_PAUSE {
                break;
            }
            std::thread::sleep(COMPACTION_POLL_INTERVAL);
        }
        self.pause_compactions(true)
    }

    /// After a crash this file may be a second name (hard link) of a file that the store has taken over. Writing into it would
    /// damage the store, so it is removed first.
    fn remove_run_file(&self) -> Result<(), StoreError> {
        match std::fs::remove_file(self.directory.join(RUN_FILE)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(system_call_error(&self.directory, "remove the file of a restore", &error))
            }
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
        let room = batch.size_bytes() + WRITE_OVERHEAD_BYTES_MAX * (batch.len() + 1);
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
        store_error(&self.directory, error)
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
        let begun = now();
        let written = self.write_all(batch);
        let took = begun.elapsed();
        if took > WRITE_MAX {
            tracing::warn!(
                directory = %self.directory.display(),
                milliseconds = took.as_millis(),
                remedy = "use a faster disk, or one that others use less",
                "the disk is slow: requests wait for a write to the store"
            );
        }
        written
    }
}

#[expect(clippy::disallowed_methods, reason = "measures the disk for the log; decides nothing")]
fn now() -> Instant {
    Instant::now()
}

/// Removes a task's store. The store must not be open. A store that does not exist counts as removed. If a crash interrupts
/// the removal, the next [`TaskStore::open`] completes it.
///
/// # Errors
/// The directory cannot be removed, or is in use.
pub(crate) fn wipe(directory: &Path) -> Result<(), StoreError> {
    let failed = |what: &str, error: std::io::Error| system_call_error(directory, what, &error);
    match std::fs::write(directory.join(WIPE_MARKER), []) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("write into the directory", error)),
    }
    DB::destroy(&Options::default(), directory).map_err(|error| store_error(directory, &error))?;
    std::fs::remove_dir_all(directory).map_err(|error| failed("remove the directory", error))
}

fn options(resources: &Resources, recovery: DBRecoveryMode) -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(&resources.cache);
    blocks.set_block_size(BLOCK_BYTES);
    blocks.set_bloom_filter(BLOOM_BITS_PER_KEY, false);
    blocks.set_index_type(BlockBasedIndexType::BinarySearch);
    // Open files keep their index and bloom filter in memory, about four bytes per key. A look-up needs those of every file,
    // and the cache would cost a lock and a hash for each.
    blocks.set_cache_index_and_filter_blocks(false);

    // Each write-ahead log then names the log before it. Otherwise a lost log, or a lost part of the manifest, could leave
    // later writes without earlier ones, below a position that counts both.
    let mut options = Options::default()
        .get_options_from_string("track_and_verify_wals=true")
        .expect("RocksDB knows this option; a test opens a store with it");
    options.create_if_missing(true);
    options.set_wal_recovery_mode(recovery);
    options.set_block_based_table_factory(&blocks);
    options.set_write_buffer_manager(&resources.write_buffers);
    options.set_write_buffer_size(WRITE_BUFFER_BYTES);
    options.set_max_write_buffer_number(2);
    options.set_memtable_whole_key_filtering(true);
    options.set_memtable_prefix_bloom_ratio(0.02);
    // Most bytes of a subject are encrypted. Compression would gain little and cost a third of a flush.
    options.set_compression_type(DBCompressionType::None);
    options.set_max_open_files(i32::try_from(resources.open_files).expect("at most OPEN_FILES_MAX"));
    options.set_max_total_wal_size(WAL_BYTES);
    options.set_level_zero_file_num_compaction_trigger(FILES_PER_COMPACTION);
    options.set_max_background_jobs(2);
    options.set_keep_log_file_num(2);
    options.set_max_log_file_size(1 << 20);
    options.set_paranoid_checks(true);
    options
}

/// A write-ahead log may end in the middle of a write, be damaged, or not fit the log before it, whose end was lost with the
/// power. The store then opens at an earlier commit, and the changelog has the rest.
fn open(directory: &Path, resources: &Resources) -> Result<DB, Error> {
    let torn = DBRecoveryMode::TolerateCorruptedTailRecords;
    let opened = DB::open(&options(resources, torn), directory);
    let Err(error) = &opened else { return opened };
    let earlier = options(resources, DBRecoveryMode::PointInTime);
    if Fault::of_store(error) != Fault::Damaged || !has_all_files(directory, &earlier) {
        return opened;
    }
    tracing::warn!(
        directory = %directory.display(),
        %error,
        "the write-ahead log is damaged: the store opens at an earlier commit and is restored from the changelog"
    );
    DB::open(&earlier, directory)
}

/// Whether a store that can be read with these options has all sorted files in its directory. If its manifest was cut, it
/// does not know the last of them, and an earlier commit could be none at all.
fn has_all_files(directory: &Path, options: &Options) -> bool {
    let known = DB::open_for_read_only(options, directory, false).and_then(|store| store.live_files());
    let (Ok(known), Ok(mut entries)) = (known, std::fs::read_dir(directory)) else { return false };
    let is_known = |name: &str| known.iter().any(|file| file.name.trim_start_matches('/') == name);
    entries.all(|entry| {
        let Ok(entry) = entry else { return false };
        let name = entry.file_name();
        name.to_str().is_some_and(|name| !name.ends_with(".sst") || is_known(name))
    })
}

/// Checks the directory's files before RocksDB does, which judges three cases wrongly:
///
/// - A wipe was interrupted: it is completed.
/// - Tables or logs without CURRENT: RocksDB would take the directory for an empty one and wipe it. It is a damaged store.
/// - CURRENT without a table or log: the creation was interrupted, and RocksDB would report a missing log. Nothing is in
///   the store, so it is created again.
fn check_files(directory: &Path) -> Result<(), StoreError> {
    let failed = |error| system_call_error(directory, "read the directory", &error);
    let entries = std::fs::read_dir(directory).map_err(failed)?;
    let names: Vec<_> =
        entries.map(|entry| entry.map(|it| it.file_name())).collect::<Result<_, _>>().map_err(failed)?;
    let holds = |what: &dyn Fn(&str) -> bool| names.iter().filter_map(|name| name.to_str()).any(what);
    let has_content = holds(&|name| name.ends_with(".sst") || name.ends_with(".log"));
    if holds(&|name| name == WIPE_MARKER) {
        return wipe(directory).and_then(|()| create(directory));
    }
    match (has_content, holds(&|name| name == "CURRENT")) {
        (true, false) => Err(StoreError {
            place: directory.display().to_string(),
            reason: format!("the file CURRENT is missing; remedy: {}", Fault::Damaged.remedy()),
        }),
        (false, true) => wipe(directory).and_then(|()| create(directory)),
        (true, true) | (false, false) => Ok(()),
    }
}

fn create(directory: &Path) -> Result<(), StoreError> {
    let failed = |error| system_call_error(directory, "create the directory", &error);
    std::fs::create_dir_all(directory).map_err(failed)
}

#[cfg(test)]
mod damage;
#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
