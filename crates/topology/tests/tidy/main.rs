//! The rules of the house that the compiler does not check, over every Rust file of the repository.
//!
//! Reads text, not types. What lints of rustc and clippy can check is in the root `Cargo.toml`, not here.
//!
//! ```text
//! files ──▶ Source (masked text, tokens) ──▶ rooms, rules ──▶ violations: file, line, rule, what to do instead
//! ```

mod dependencies;
mod planted;
mod rooms;
mod rules;
mod source;
mod topics;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use source::Source;

/// One rule broken at one place.
#[derive(Debug)]
pub struct Violation {
    pub path: String,
    /// From 1.
    pub line: usize,
    pub rule: &'static str,
    /// What is wrong, and what to do instead.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, rule, message } = self;
        write!(f, "{path}:{line}: {rule}: {message}")
    }
}

/// All violations of one file, by line.
pub fn violations(path: &str, text: &str) -> Vec<Violation> {
    let source = Source::new(path, text);
    let mut found = rules::violations(&source);
    found.extend(rooms::violations(&source));
    found.sort_by_key(|it| it.line);
    found
}

#[test]
fn the_house_is_tidy() {
    let root = root();
    let mut files = Vec::new();
    for folder in ["benches", "crates", "examples", "src", "tests"] {
        collect(&root.join(folder), &mut files);
    }
    files.sort();

    let mut names = Vec::new();
    let mut found = Vec::new();
    for file in &files {
        let inside = file.strip_prefix(root).expect("was found below the root");
        let name = inside.to_str().expect("names are ASCII").replace('\\', "/");
        let text = fs::read_to_string(file).expect("sources are readable UTF-8");
        found.extend(violations(&name, &text));
        names.push(name);
    }
    assert!(names.len() >= 60, "found only {} files below {}", names.len(), root.display());
    for (room, _) in rooms::PURE {
        let folder = format!("crates/topology/src/{room}/");
        assert!(names.iter().any(|name| name.starts_with(&folder)), "no file in {folder}");
    }
    for expected in ["src/main.rs", "src/kafka/mod.rs", "src/rocks/mod.rs"] {
        assert!(names.iter().any(|name| name == expected), "{expected} was not found");
    }

    let shown: Vec<String> = found.iter().map(Violation::to_string).collect();
    assert!(shown.is_empty(), "{} violations:\n{}", shown.len(), shown.join("\n"));
}

#[test]
fn the_architecture_shows_who_may_name_whom() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md is there");
    let drawing = rooms::drawing();
    assert!(text.contains(&drawing), "put this block into ARCHITECTURE.md:\n{drawing}");
}

/// The repository's.
fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).expect("the package lies two folders below the repository")
}

/// The Rust files below a folder, build output excepted; a folder that does not exist has none.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("the folder is readable").path();
        if path.is_dir() {
            if path.file_name().is_none_or(|name| name != "target") {
                collect(&path, files);
            }
        } else if path.extension().is_some_and(|it| it == "rs") {
            files.push(path);
        }
    }
}
