//! Rules of single files: sizes, first lines, names, and what may not be written at all.

use super::Violation;
use super::source::{Source, is_name};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;

/// What may hold `unsafe`: the calls into librdkafka, and one to the kernel.
const UNSAFE_PLACES: [&str; 2] = ["src/kafka/ffi/", "src/runtime/scheduling.rs"];

/// Spelled apart, so that this file does not find itself.
const LEFT_FOR_LATER: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// Names that say nothing, as whole names of modules, files and types.
const EMPTY_NAMES: [&str; 13] = [
    "manager", "handler", "util", "utils", "helper", "helpers", "service", "context", "core", "serde",
    "common", "misc", "base",
];

pub fn violations(source: &Source<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut add = |line: usize, rule: &'static str, message: String| {
        found.push(Violation { path: source.path.to_owned(), line, rule, message });
    };
    sizes(source, &mut add);
    whole_text(source, &mut add);
    code(source, &mut add);
    names(source, &mut add);
    found
}

type Add<'a> = dyn FnMut(usize, &'static str, String) + 'a;

fn sizes(source: &Source<'_>, add: &mut Add<'_>) {
    let lines = source.text.lines().count();
    if lines > FILE_LINES_MAX {
        let message =
            format!("{lines} lines, more than {FILE_LINES_MAX}: split it by what a reader looks for");
        add(FILE_LINES_MAX + 1, "file size", message);
    }
    for function in source.functions() {
        let lines = function.lines.end() - function.lines.start() + 1;
        if lines > FUNCTION_LINES_MAX {
            let name = &function.name;
            let message = format!(
                "`{name}` has {lines} lines, more than {FUNCTION_LINES_MAX}: leave the branching here, move leaves out"
            );
            add(*function.lines.start(), "function size", message);
        }
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

fn code(source: &Source<'_>, add: &mut Add<'_>) {
    for line in source.find(&["#", "[", "ignore"]) {
        let message = "an ignored test tells nobody anything: make it pass, or remove it".to_owned();
        add(line, "ignored test", message);
    }
    if !UNSAFE_PLACES.iter().any(|place| source.path.starts_with(place)) {
        for line in source.find(&["unsafe"]) {
            let message =
                format!("only {} hold `unsafe`: make a safe function there", UNSAFE_PLACES.join(", "));
            add(line, "unsafe", message);
        }
    }
    let unwraps = [source.find(&[".", "unwrap", "("]), source.find(&["::", "unwrap"])];
    for line in unwraps.into_iter().flatten().filter(|line| !source.is_test(*line)) {
        let message =
            "`unwrap` outside tests: `expect(\"why it cannot fail\")`, or return the error".to_owned();
        add(line, "unwrap", message);
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
        if word == "fn" && name.starts_with("test_") {
            let message = format!("`{name}`: name the behaviour, without `test_`");
            add(pair[1].line, "test name", message);
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
