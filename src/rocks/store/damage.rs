//! Files of a store cut off, flipped or gone: it is refused with place and remedy, or it is what it was after some
//! earlier commit as a whole, from where the changelog goes on. Never a mixture, never a blank store.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use super::super::scratch::Scratch;
use super::*;

type Content = BTreeMap<Vec<u8>, Vec<u8>>;

/// How many commits the store holds, and after how many each is flushed to a file of its own.
const COMMITS: usize = 70;
const COMMITS_PER_FLUSH: usize = 20;
const FLIPS_PER_FILE: usize = 10;
const CUTS_PER_FILE: usize = 10;

/// A closed store and what it held after each commit.
fn written(at: &Scratch) -> Vec<Content> {
    let store = TaskStore::open(&at.0, &Memory::new()).expect("fresh");
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

/// Everything in a store, if all of it can be read.
fn read(directory: &Path) -> Result<Content, StoreError> {
    static MEMORY: LazyLock<Memory> = LazyLock::new(Memory::new);
    let store = TaskStore::open(directory, &MEMORY)?;
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
                commit.unwrap_or_else(|| panic!("{what}: a blank store")).parse().expect("a number");
            assert!(content == contents[commit], "{what}: not what commit {commit} left");
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

/// About `count` places of a file, its ends among them.
fn places(length: usize, count: usize) -> impl Iterator<Item = usize> {
    (0..length).step_by((length / count).max(1)).chain(length.checked_sub(1))
}

#[test]
fn a_damaged_file_is_refused_or_an_earlier_commit_is_found() {
    let (at, other) = (Scratch::new("damage"), Scratch::new("damaged"));
    let contents = written(&at);
    // Never opened again: an open writes the manifest anew, and a flush of its own.
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
        damaged(None, format!("{name} is gone"));
        // Everything of the manifest hangs together.
        let cuts = if name.starts_with("MANIFEST-") { 8 * CUTS_PER_FILE } else { CUTS_PER_FILE };
        for place in places(whole.len(), cuts) {
            damaged(Some(whole[..place].to_vec()), format!("{name} ends at {place}"));
        }
        for place in places(whole.len(), FLIPS_PER_FILE) {
            let mut bytes = whole.clone();
            bytes[place] ^= 1 << (place % 8);
            damaged(Some(bytes), format!("{name} flipped at {place} of {}", whole.len()));
        }
    }
}

#[test]
fn a_torn_end_of_the_log_costs_the_last_commits_only() {
    let (at, other) = (Scratch::new("torn"), Scratch::new("torn-copy"));
    let contents = written(&at);
    let is_log = |path: &PathBuf| path.extension().is_some_and(|it| it == "log");
    let log = files(&at.0).into_iter().filter(is_log).max().expect("an open log");
    let whole = fs::read(&log).expect("readable");
    let flushed = COMMITS / COMMITS_PER_FLUSH * COMMITS_PER_FLUSH;
    for length in places(whole.len(), 20) {
        copy(&at.0, &other.0);
        fs::write(other.0.join(log.file_name().expect("a file")), &whole[..length]).expect("writable");
        let content = read(&other.0).expect("a torn end is an earlier commit");
        let commit: usize =
            String::from_utf8_lossy(&content[b"position".as_slice()]).parse().expect("a number");
        assert!((flushed..COMMITS).contains(&commit), "{length}: {commit}");
        assert!(content == contents[commit], "{length}: not what commit {commit} left");
    }
}
