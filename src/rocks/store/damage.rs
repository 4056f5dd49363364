//! Truncated, bit-flipped and deleted files of a store.
//!
//! Either the store is refused with directory and remedy, or it opens exactly as it was after an earlier commit. It is never a
//! mixture of commits and never empty.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use super::super::scratch::Scratch;
use super::*;

type Content = BTreeMap<Vec<u8>, Vec<u8>>;

/// Number of commits in the store, and number of commits between two flushes.
const COMMITS: usize = 70;
const COMMITS_PER_FLUSH: usize = 20;
const FLIPS_PER_FILE: usize = 10;
const CUTS_PER_FILE: usize = 10;

/// Writes a store, closes it, and returns its content after each commit.
fn written(at: &Scratch) -> Vec<Content> {
    let store = TaskStore::open(&at.0, &Resources::new()).expect("fresh");
    let mut contents = vec![Content::new()];
    for commit in 1..=COMMITS {
        let mut batch = WriteBatch::default();
        let mut content = contents.last().expect("there is a first").clone();
        let mut put = |key: String, value: String| {
            batch.put(key.as_bytes(), value.as_bytes());
            content.insert(key.into_bytes(), value.into_bytes());
        };
        put("position".to_owned(), commit.to_string());
        put(format!("subject-{}", commit * 7 % 23), format!("{commit} {}", "x".repeat(commit % 30)));
        store.write(&batch).expect("written");
        contents.push(content);
        if commit % COMMITS_PER_FLUSH == 0 {
            store.db.flush().expect("flushed");
        }
    }
    contents
}

/// The whole content of a store.
fn read(directory: &Path) -> Result<Content, StoreError> {
    static RESOURCES: LazyLock<Resources> = LazyLock::new(Resources::new);
    let store = TaskStore::open(directory, &RESOURCES)?;
    Ok(store.scan(b"", &[0xff], usize::MAX)?.into_iter().collect())
}

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).expect("writable");
    for file in fs::read_dir(from).expect("readable") {
        let file = file.expect("readable");
        fs::copy(file.path(), to.join(file.file_name())).expect("writable");
    }
}

fn judge(directory: &Path, contents: &[Content], what: &str) {
    match read(directory) {
        Err(error) => {
            assert_eq!(error.place, directory.display().to_string(), "{what}");
            assert!(error.reason.contains("remove this directory"), "{what}: {error}");
        }
        Ok(content) => {
            let commit =
                content.get(b"position".as_slice()).map(|it| String::from_utf8_lossy(it).into_owned());
            let commit: usize =
                commit.unwrap_or_else(|| panic!("{what}: an empty store")).parse().expect("a number");
            assert!(content == contents[commit], "{what}: differs from commit {commit}");
        }
    }
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let names = fs::read_dir(directory).expect("readable").map(|file| file.expect("readable").path());
    let is_kept = |path: &PathBuf| !path.ends_with("LOCK") && !path.ends_with("LOG");
    let mut files: Vec<_> = names.filter(is_kept).collect();
    files.sort();
    files
}

/// About `count` offsets in a file, the first and last among them.
fn offsets(length: usize, count: usize) -> impl Iterator<Item = usize> {
    (0..length).step_by((length / count).max(1)).chain(length.checked_sub(1))
}

#[test]
fn a_damaged_file_is_refused_or_the_store_opens_at_an_earlier_commit() {
    let (at, other) = (Scratch::new("damage"), Scratch::new("damaged"));
    let contents = written(&at);
    // Only copies are opened, because opening a store rewrites its manifest and flushes its log.
    copy(&at.0, &other.0);
    assert_eq!(read(&other.0).expect("whole"), contents[COMMITS]);
    let files = files(&at.0);
    let kinds = ["CURRENT", "MANIFEST-", ".sst", ".log"];
    assert!(kinds.iter().all(|kind| files.iter().any(|it| it.to_string_lossy().contains(kind))), "{files:?}");
    for file in &files {
        let name = file.file_name().expect("a file").to_string_lossy().into_owned();
        let target = other.0.join(&name);
        let whole = fs::read(file).expect("readable");
        let damaged = |bytes: Option<Vec<u8>>, what: String| {
            copy(&at.0, &other.0);
            match bytes {
                Some(bytes) => fs::write(&target, bytes).expect("writable"),
                None => fs::remove_file(&target).expect("writable"),
            }
            judge(&other.0, &contents, &what);
        };
        damaged(None, format!("{name} is deleted"));
        // A cut anywhere in the manifest affects all of it, so it gets more of them.
        let cuts = if name.starts_with("MANIFEST-") { 8 * CUTS_PER_FILE } else { CUTS_PER_FILE };
        for at in offsets(whole.len(), cuts) {
            damaged(Some(whole[..at].to_vec()), format!("{name} ends at {at}"));
        }
        for at in offsets(whole.len(), FLIPS_PER_FILE) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            damaged(Some(bytes), format!("{name} flipped at {at} of {}", whole.len()));
        }
    }
}

#[test]
fn a_truncated_log_costs_only_the_last_commits() {
    let (at, other) = (Scratch::new("torn"), Scratch::new("torn-copy"));
    let contents = written(&at);
    let is_log = |path: &PathBuf| path.extension().is_some_and(|it| it == "log");
    let log = files(&at.0).into_iter().filter(is_log).max().expect("an open log");
    let whole = fs::read(&log).expect("readable");
    let flushed = COMMITS / COMMITS_PER_FLUSH * COMMITS_PER_FLUSH;
    for length in offsets(whole.len(), 20) {
        copy(&at.0, &other.0);
        fs::write(other.0.join(log.file_name().expect("a file")), &whole[..length]).expect("writable");
        let content = read(&other.0).expect("a truncated log opens at an earlier commit");
        let commit: usize =
            String::from_utf8_lossy(&content[b"position".as_slice()]).parse().expect("a number");
        assert!((flushed..COMMITS).contains(&commit), "{length}: {commit}");
        assert!(content == contents[commit], "{length}: differs from commit {commit}");
    }
}
