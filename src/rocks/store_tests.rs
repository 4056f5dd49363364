//! The store keeps the port's promises, survives reopening, and says what is wrong with a directory.

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
    let memory = Memory::new();
    let store = TaskStore::open(&at.0, &memory).expect("fresh");
    let writes = [("a", Some("1")), ("b", Some("2")), ("a", None), ("c", Some("")), ("b", Some("3"))];
    store.write(&batch(&writes)).expect("written");
    drop(store);
    let store = TaskStore::open(&at.0, &memory).expect("reopened");
    assert_eq!(store.get(b"a").expect("readable"), None);
    assert_eq!(store.get(b"b").expect("readable"), Some(b"3".to_vec()));
    assert_eq!(store.get(b"c").expect("readable"), Some(Vec::new()));
}

#[test]
fn a_scan_is_half_open_ordered_and_limited() {
    let at = Scratch::new("scan");
    let store = TaskStore::open(&at.0, &Memory::new()).expect("fresh");
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
fn what_is_wrong_with_a_directory_is_said_with_a_remedy() {
    let at = Scratch::new("wrong");
    let memory = Memory::new();
    let store = TaskStore::open(&at.0, &memory).expect("fresh");
    let check = |expected: &str| {
        let error = TaskStore::open(&at.0, &memory).err().expect("must not open");
        assert_eq!(error.place, at.0.display().to_string());
        assert!(error.reason.contains(expected), "{error}");
    };
    check("another process has the store open");
    store.write(&batch(&[("a", Some("1"))])).expect("written");
    store.flush().expect("flushed");
    drop(store);
    std::fs::write(at.0.join("CURRENT"), "MANIFEST-999999\n").expect("writable");
    check("remove this directory");
    wipe(&at.0).expect("wiped");
    assert!(!at.0.exists());
    let store = TaskStore::open(&at.0, &memory).expect("fresh again");
    assert_eq!(store.get(b"a").expect("readable"), None);
}
