//! The store fulfils the contract of [`StateStore`], survives reopening, and reports what is wrong with a directory.

use otp_topology::state::MemoryStore;

use super::super::scratch::Scratch;
use super::*;

fn batch(writes: &[(&str, Option<&str>)]) -> WriteBatch {
    let mut batch = WriteBatch::default();
    for (key, value) in writes {
        match value {
            Some(value) => batch.put(key.as_bytes(), value.as_bytes()),
            None => batch.delete(key.as_bytes()),
        }
    }
    batch
}

fn keys(store: &TaskStore, from: &str, to: &str, limit: usize) -> Vec<String> {
    let found = store.scan(from.as_bytes(), to.as_bytes(), limit).expect("readable");
    found.into_iter().map(|(key, _)| String::from_utf8(key).expect("written as text")).collect()
}

#[test]
fn a_batch_applies_in_order_and_survives_reopening() {
    let at = Scratch::new("reopen");
    let resources = Resources::new();
    let store = TaskStore::open(&at.0, &resources).expect("fresh");
    let writes = [("a", Some("1")), ("b", Some("2")), ("a", None), ("c", Some("")), ("b", Some("3"))];
    store.write(&batch(&writes)).expect("written");
    drop(store);
    let store = TaskStore::open(&at.0, &resources).expect("reopened");
    assert_eq!(store.get(b"a").expect("readable"), None);
    assert_eq!(store.get(b"b").expect("readable"), Some(b"3".to_vec()));
    assert_eq!(store.get(b"c").expect("readable"), Some(Vec::new()));
}

#[test]
fn a_scan_is_half_open_ordered_and_limited() {
    let at = Scratch::new("scan");
    let store = TaskStore::open(&at.0, &Resources::new()).expect("fresh");
    let writes = ["d", "b", "a", "c"].map(|key| (key, Some("x")));
    store.write(&batch(&writes)).expect("written");
    store.flush().expect("flushed");
    for (from, to, limit, expected) in [
        ("a", "d", 9, vec!["a", "b", "c"]),
        ("b", "z", 2, vec!["b", "c"]),
        ("", "a", 9, vec![]),
        ("c", "a", 9, vec![]),
        ("b", "b", 9, vec![]),
        ("a", "z", 0, vec![]),
    ] {
        assert_eq!(keys(&store, from, to, limit), expected, "{from}..{to} {limit}");
    }
}

#[test]
fn a_bad_directory_is_reported_with_a_remedy() {
    let at = Scratch::new("wrong");
    let resources = Resources::new();
    let store = TaskStore::open(&at.0, &resources).expect("fresh");
    let check = |expected: &str| {
        let error = TaskStore::open(&at.0, &resources).err().expect("must not open");
        assert_eq!(error.place, at.0.display().to_string());
        assert!(error.reason.contains(expected), "{error}");
    };
    check("still open in this process");
    store.write(&batch(&[("a", Some("1"))])).expect("written");
    store.flush().expect("flushed");
    drop(store);
    std::fs::write(at.0.join("CURRENT"), "MANIFEST-999999\n").expect("writable");
    check("remove this directory");
    wipe(&at.0).expect("wiped");
    assert!(!at.0.exists());
    let store = TaskStore::open(&at.0, &resources).expect("fresh again");
    assert_eq!(store.get(b"a").expect("readable"), None);
}

/// A store that is killed during its first opening has a manifest and no log yet.
#[test]
fn an_interrupted_creation_is_repeated_and_lost_logs_are_reported() {
    let (at, resources) = (Scratch::new("interrupted-creation"), Resources::new());
    let remove_logs = || {
        for entry in std::fs::read_dir(&at.0).expect("readable").flatten() {
            if entry.path().extension().is_some_and(|end| end == "log") {
                std::fs::remove_file(entry.path()).expect("removed");
            }
        }
    };
    drop(TaskStore::open(&at.0, &resources).expect("fresh"));
    remove_logs();
    let store = TaskStore::open(&at.0, &resources).expect("created again");
    assert_eq!(store.get(b"a").expect("readable"), None);
    store.write(&batch(&[("a", Some("1"))])).expect("written");
    store.flush().expect("flushed");
    drop(store);
    remove_logs();
    let error = TaskStore::open(&at.0, &resources).err().expect("must not open");
    assert!(error.reason.contains("remove this directory"), "{error}");
}

#[test]
fn an_interrupted_wipe_is_completed_when_the_store_is_opened() {
    let (at, resources) = (Scratch::new("half-wiped"), Resources::new());
    let store = TaskStore::open(&at.0, &resources).expect("fresh");
    store.write(&batch(&[("a", Some("1"))])).expect("written");
    store.flush().expect("flushed");
    drop(store);
    std::fs::remove_file(at.0.join("CURRENT")).expect("removed");
    assert!(TaskStore::open(&at.0, &resources).is_err(), "without the marker it is a damaged store");
    std::fs::write(at.0.join(WIPE_MARKER), []).expect("writable");
    let store = TaskStore::open(&at.0, &resources).expect("created again");
    assert_eq!(store.get(b"a").expect("readable"), None);
    drop(store);
    assert!(TaskStore::open(&at.0, &resources).is_ok(), "the wipe is over");
}

/// A run large enough for a file: `count` keys from `first`, each with the value `text`, a hundred times.
fn large_run(first: usize, count: usize, text: &str, position: &str) -> WriteBatch {
    let mut run = WriteBatch::default();
    for at in (first..first + count).rev() {
        run.put(format!("S{at:06}").as_bytes(), text.repeat(100).as_bytes());
    }
    run.put(b"Lposition", position.as_bytes());
    assert!(run.size_bytes() > RUN_FILE_BYTES_MIN, "the run becomes a file");
    run
}

/// Copies the files while the store is open, as a SIGKILL would leave them.
fn killed_copy(store: &TaskStore, to: &Path) {
    std::fs::create_dir_all(to).expect("writable");
    for entry in std::fs::read_dir(store.directory()).expect("readable") {
        let entry = entry.expect("readable");
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
    }
}

#[test]
fn a_killed_restore_leaves_whole_runs_with_their_position() {
    let (at, copy) = (Scratch::new("load"), Scratch::new("load-killed"));
    let resources = Resources::new();
    let store = TaskStore::open(&at.0, &resources).expect("fresh");
    let twin = MemoryStore::default();
    store.write(&batch(&[("Lposition", Some("0")), ("S000007", Some("early"))])).expect("written");
    let load = |store: &TaskStore, mut run: WriteBatch| {
        twin.write(&run).expect("memory does not fail");
        store.load(&mut run).expect("loaded");
    };
    let compare = |store: &TaskStore, what: &str| {
        let rows = store.scan(b"", b"Z", usize::MAX).expect("readable");
        assert!(rows == twin.entries(), "{what}: {} rows, not {}", rows.len(), twin.entries().len());
    };
    load(&store, large_run(0, 60_000, "a", "1"));
    load(&store, large_run(30_000, 60_000, "b", "2"));
    compare(&store, "the later run overwrites the earlier one");
    // The process died while it wrote the third run.
    std::fs::write(at.0.join(RUN_FILE), b"half a file").expect("writable");
    killed_copy(&store, &copy.0);
    compare(&TaskStore::open(&copy.0, &resources).expect("opened after the kill"), "killed in the third run");
    // The process died after the store took over the second run and before the first name of the file was removed.
    let second = store.directory().read_dir().expect("readable").flatten().map(|it| it.path());
    let second = second.filter(|it| it.extension().is_some_and(|end| end == "sst")).max();
    drop(store);
    std::fs::remove_file(at.0.join(RUN_FILE)).expect("there");
    std::fs::hard_link(second.expect("two runs"), at.0.join(RUN_FILE)).expect("linked");
    let store = TaskStore::open(&at.0, &resources).expect("opened after the kill");
    let mut third = large_run(80_000, 60_000, "c", "3");
    third.delete(b"S000007");
    load(&store, third);
    let mut tail = WriteBatch::default();
    tail.put(b"S000001", b"tail");
    tail.put(b"Lposition", b"4");
    load(&store, tail);
    store.loaded().expect("loaded");
    compare(&store, "continued after the kill");
    drop(store);
    compare(&TaskStore::open(&at.0, &resources).expect("reopened"), "reopened");
}

#[test]
fn a_long_restore_pauses_for_compactions() {
    let at = Scratch::new("long-load");
    let store = TaskStore::open(&at.0, &Resources::new()).expect("fresh");
    let waiting = || {
        let files = store.db.property_value("rocksdb.num-files-at-level0").expect("known");
        files.expect("present").parse::<u32>().expect("a number")
    };
    // RocksDB places the first files in lower levels.
    let runs = 2 * FILES_BEFORE_PAUSE;
    let most = (0..runs).map(|number| {
        let text = char::from(b'a' + (number % 26) as u8).to_string();
        store.load(&mut large_run(0, 40_000, &text, &number.to_string())).expect("loaded");
        waiting()
    });
    assert_eq!(most.max(), Some(FILES_BEFORE_PAUSE), "the limit is reached and not passed");
    store.loaded().expect("loaded");
    let last = MemoryStore::default();
    let text = char::from(b'a' + ((runs - 1) % 26) as u8).to_string();
    last.write(&large_run(0, 40_000, &text, &(runs - 1).to_string())).expect("memory does not fail");
    assert!(store.scan(b"", b"Z", usize::MAX).expect("readable") == last.entries());
}
