//! Rules of single files: size, first line, names, and what may not be written at all.
//!
//! Lints of rustc and clippy check `unsafe`, `unwrap`, the size of functions, ignored tests and the names of tests: see the
//! root `Cargo.toml` and `clippy.toml`.

use super::Violation;
use super::source::{Source, is_name};

const FILE_LINES_MAX: usize = 500;

/// Spelled apart, so that this file does not find itself.
const LEFT_FOR_LATER: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// Names that say nothing, as whole names of modules, files and types.
const EMPTY_NAMES: [&str; 13] = [
    "manager", "handler", "util", "utils", "helper", "helpers", "service", "context", "core", "serde",
    "common", "misc", "base",
];

pub(crate) fn violations(source: &Source<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut add = |line: usize, rule: &'static str, message: String| {
        found.push(Violation { path: source.path.to_owned(), line, rule, message });
    };
    size(source, &mut add);
    whole_text(source, &mut add);
    names(source, &mut add);
    found
}

type Add<'a> = dyn FnMut(usize, &'static str, String) + 'a;

fn size(source: &Source<'_>, add: &mut Add<'_>) {
    let lines = source.text.lines().count();
    if lines > FILE_LINES_MAX {
        let message =
            format!("{lines} lines, more than {FILE_LINES_MAX}: split it by what a reader looks for");
        add(FILE_LINES_MAX + 1, "file size", message);
    }
}

fn whole_text(source: &Source<'_>, add: &mut Add<'_>) {
    if !source.text.starts_with("//!") {
        let message = "starts without `//!`: say in one line what it is, then what it does not do".to_owned();
        add(1, "module doc", message);
    }
    for (at, line) in source.text.lines().enumerate() {
        let words = || line.split(|it: char| !it.is_alphanumeric());
        if let Some(word) = words().find(|it| LEFT_FOR_LATER.contains(it)) {
            let message = format!("`{word}`: do it, or put it into the issue tracker");
            add(at + 1, "left for later", message);
        }
        if line.chars().any(is_emoji) {
            let message = "an emoji: use words; a test writes it as \\u{…}".to_owned();
            add(at + 1, "emoji", message);
        }
    }
}

fn names(source: &Source<'_>, add: &mut Add<'_>) {
    for part in source.path.trim_end_matches(".rs").split('/') {
        check_name(part, 1, add);
    }
    for pair in source.tokens.windows(2) {
        let (word, name) = (pair[0].text.as_str(), pair[1].text.as_str());
        if !is_name(pair.get(1)) {
            continue;
        }
        if matches!(word, "mod" | "struct" | "enum" | "trait" | "type") {
            check_name(name, pair[1].line, add);
        }
    }
}

fn check_name(name: &str, line: usize, add: &mut Add<'_>) {
    if EMPTY_NAMES.contains(&name.to_lowercase().as_str()) {
        let message = format!("`{name}` says nothing: name it after what it does");
        add(line, "empty name", message);
    }
}

/// Pictures and dingbats; arrows, box drawing, geometric shapes and the plain check and ballot marks are text.
fn is_emoji(it: char) -> bool {
    let is_mark = matches!(it, '\u{2713}' | '\u{2717}');
    let is_picture = matches!(it, '\u{1f000}'..='\u{1ffff}' | '\u{2600}'..='\u{27bf}' | '\u{fe0f}' | '\u{2b50}' | '\u{2b55}');
    is_picture && !is_mark
}
