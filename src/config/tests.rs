//! The behaviour of the configuration, error texts included.

mod defaults;
mod fuzz;
mod layers;
mod mistakes;
mod print;
mod rules;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Loaded, Sources, load};

/// Layers in the order of their precedence, each as text.
#[derive(Default)]
struct Given<'a> {
    files: &'a [&'a str],
    environment: &'a [(&'a str, &'a str)],
    sets: &'a [&'a str],
}

/// Files get the names `1.toml`, `2.toml` in the error texts.
fn load_given(given: &Given<'_>) -> Result<Loaded, String> {
    let directory = Directory::new();
    let file = |(at, text): (usize, &&str)| directory.file(&format!("{}.toml", at + 1), text);
    let sources = Sources {
        files: given.files.iter().enumerate().map(file).collect(),
        environment: given
            .environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        illegible: Vec::new(),
        sets: given.sets.iter().map(|set| (*set).to_owned()).collect(),
    };
    load(&sources).map_err(|err| err.to_string().replace(&format!("{}/", directory.0.display()), ""))
}

/// A directory that is removed with the test.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("otp-stream-config-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory for the test");
        Self(path)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("a file for the test");
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}

fn of_file<'a>(files: &'a [&'a str]) -> Given<'a> {
    Given { files, ..Given::default() }
}

fn of_sets<'a>(sets: &'a [&'a str]) -> Given<'a> {
    Given { sets, ..Given::default() }
}

fn of_environment<'a>(environment: &'a [(&'a str, &'a str)]) -> Given<'a> {
    Given { environment, ..Given::default() }
}

/// A file with one good caller.
const CALLER: &str =
    "[[callers]]\nname = \"a\"\ncontract = \"egov\"\nrequest_topic = \"q\"\nreply_topic = \"r\"";

fn check_error(given: &Given<'_>, expected: &[&str]) {
    let text = load_given(given).expect_err("a mistake");
    for part in expected {
        assert!(text.contains(part), "expected {part:?} in: {text}");
    }
}
