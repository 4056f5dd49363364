//! Who may name whom: the rooms of the two packages, and the crates that only one folder may name.
//!
//! Sees paths that start with `crate`, `super`, `otp_topology`, `otp_stream` or an external crate; not what a glob
//! or a re-export brings in.

use super::Violation;
use super::source::{Source, is_name};

type Rooms = &'static [(&'static str, &'static [&'static str])];

/// The rooms of the pure package, from the top floor to the lowest, and which others each may name.
pub(crate) const PURE: Rooms = &[
    ("thread", &["task", "deployment", "contract", "text", "state", "wire", "otp"]),
    ("task", &["deployment", "contract", "text", "state", "wire", "otp"]),
    ("deployment", &["contract", "text", "wire", "otp"]),
    ("contract", &["text", "state", "wire", "otp"]),
    ("text", &["wire", "otp"]),
    ("state", &["wire", "otp"]),
    ("wire", &["otp"]),
    ("otp", &[]),
];

/// The rooms at the edges, likewise. Each may name the whole pure package.
const EDGES: Rooms = &[
    ("cli", &["runtime", "kafka", "rocks", "registry", "telemetry", "config"]),
    ("runtime", &["kafka", "rocks", "registry", "telemetry", "config"]),
    ("telemetry", &["config"]),
    ("registry", &["config"]),
    ("rocks", &["config"]),
    ("kafka", &["config"]),
    ("config", &[]),
];

/// Crates that one folder alone names, and what the others do instead. Tests and benches are outsiders.
const ONE_FOLDER: [(&str, &str, &str); 6] = [
    ("rdkafka", "src/kafka/", "go through `kafka`, or add what is missing there"),
    ("rdkafka_sys", "src/kafka/", "go through `kafka`, or add what is missing there"),
    ("rocksdb", "src/rocks/", "go through the `StateStore` port, or add what is missing to `rocks`"),
    ("schema_registry_converter", "src/registry/", "go through `registry`, or add what is missing there"),
    ("reqwest", "src/registry/", "go through `registry`, or add what is missing there"),
    ("reqwest_middleware", "src/registry/", "go through `registry`, or add what is missing there"),
];

/// What the pure package may not name, and what it takes instead.
const IMPURE: [(&[&str], &str); 12] = [
    (&["std", "fs"], "the caller reads and writes files"),
    (&["std", "net"], "the caller owns sockets"),
    (&["std", "env"], "settings are arguments"),
    (&["std", "process"], "return an error that says who must act"),
    (&["std", "thread"], "the runtime owns threads"),
    (&["std", "time", "SystemTime"], "take a `LogTime`"),
    (&["std", "time", "Instant"], "take a `LogTime`"),
    (&["rand"], "derive it from the record's place, or take it as an argument"),
    (&["getrandom"], "derive it from the record's place, or take it as an argument"),
    (&["tokio"], "return a value that says what to do"),
    (&["otp_stream"], "the edges name the topology, not the other way round"),
    (&["tracing"], "return a value that says what happened"),
];

/// One path that the code mentions, groups spelled out.
struct Mention {
    line: usize,
    segments: Vec<String>,
    /// The inline modules around it.
    inside: Vec<String>,
}

/// The block of ARCHITECTURE.md that says who may name whom.
pub(crate) fn drawing() -> String {
    let rows = |rooms: Rooms| -> String {
        let row = |(room, allowed): &(&str, &[&str])| {
            let allowed = if allowed.is_empty() { "no other room".to_owned() } else { allowed.join(", ") };
            format!("  {room:<12}may name {allowed}\n")
        };
        rooms.iter().map(row).collect()
    };
    format!(
        "```text\nsrc: the edges. Each room may also name the whole pure package.\n{}\ncrates/topology/src: pure.\n{}```\n",
        rows(EDGES),
        rows(PURE)
    )
}

pub(crate) fn violations(source: &Source<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    let mentions = mentions(source);
    let pure = source.path.strip_prefix("crates/topology/src/");
    let codec = source.path.strip_prefix("crates/codec/src/");
    let edge = source.path.strip_prefix("src/");
    for mention in &mentions {
        let problem = match (pure, codec, edge) {
            (Some(file), ..) => impurity(mention).or_else(|| wrong_room(file, mention, PURE)),
            (None, Some(_), _) => impurity(mention),
            (None, None, Some(file)) => wrong_room(file, mention, EDGES),
            (None, None, None) => continue,
        };
        let foreign = wrong_folder(source.path, mention);
        found.extend(problem.into_iter().chain(foreign).map(|(rule, message)| Violation {
            path: source.path.to_owned(),
            line: mention.line,
            rule,
            message,
        }));
    }
    found
}

type Problem = (&'static str, String);

fn impurity(mention: &Mention) -> Option<Problem> {
    let is_named = |path: &[&str]| mention.segments.iter().take(path.len()).eq(path);
    let (path, instead) = IMPURE.iter().find(|(path, _)| is_named(path))?;
    let message = format!("this package is pure and names no `{}`: {instead}", path.join("::"));
    Some(("pure", message))
}

fn wrong_folder(path: &str, mention: &Mention) -> Option<Problem> {
    let first = mention.segments.first()?;
    let (name, folder, instead) = ONE_FOLDER.iter().find(|(name, ..)| name == first)?;
    if path.starts_with(folder) {
        return None;
    }
    Some(("one folder", format!("only {folder} names `{name}`: {instead}")))
}

/// `file` is relative to the package's `src/`.
fn wrong_room(file: &str, mention: &Mention, rooms: Rooms) -> Option<Problem> {
    let (own, _) = file.split_once('/')?;
    let named = room_of(file, mention)?;
    if named == own || !rooms.iter().any(|(room, _)| *room == named) {
        return None;
    }
    let Some((_, allowed)) = rooms.iter().find(|(room, _)| *room == own) else {
        let message =
            format!("`{own}` is no room of ARCHITECTURE.md: move the file, or draw the room there and here");
        return Some(("rooms", message));
    };
    if allowed.contains(&named) {
        return None;
    }
    let may = if allowed.is_empty() {
        "names no other room".to_owned()
    } else {
        format!("names only {}", allowed.join(", "))
    };
    let message = format!(
        "`{own}` {may}, not `{named}`: pass the value in as an argument, or move the type down to a room that both name"
    );
    Some(("rooms", message))
}

/// The room that a path inside the package leads to.
fn room_of<'m>(file: &str, mention: &'m Mention) -> Option<&'m str> {
    let supers = mention.segments.iter().take_while(|it| *it == "super").count();
    if mention.segments[0] == "crate" {
        return mention.segments.get(1).map(String::as_str);
    }
    if supers == 0 || supers < module_depth(file) + mention.inside.len() {
        return None;
    }
    mention.segments.get(supers).map(String::as_str)
}

/// How many modules lie between a file and the package's root; `it_tests.rs` is `it::tests`.
fn module_depth(file: &str) -> usize {
    let depth = file.split('/').count();
    if file.ends_with("/mod.rs") {
        depth - 1
    } else if file.ends_with("_tests.rs") {
        depth + 1
    } else {
        depth
    }
}

fn mentions(source: &Source<'_>) -> Vec<Mention> {
    let tokens = &source.tokens;
    let text = |at: usize| tokens.get(at).map_or("", |it| it.text.as_str());
    let mut mentions = Vec::new();
    let mut modules: Vec<(String, usize)> = Vec::new();
    let mut depth = 0;
    let mut at = 0;
    while at < tokens.len() {
        match text(at) {
            "mod" if text(at + 2) == "{" => modules.push((text(at + 1).to_owned(), depth + 1)),
            "{" => depth += 1,
            "}" => {
                modules.retain(|(_, inside)| *inside < depth);
                depth -= 1;
            }
            _ => {}
        }
        let is_used = at > 0 && text(at - 1) == "use";
        let starts_path = is_used || is_name(tokens.get(at)) && text(at + 1) == "::";
        if !starts_path {
            at += 1;
            continue;
        }
        let inside: Vec<String> = modules.iter().map(|(name, _)| name.clone()).collect();
        let mut paths = Vec::new();
        at = spell_out(source, at, &[], &mut paths).max(at + 1);
        mentions.extend(paths.into_iter().map(|(line, segments)| Mention {
            line,
            segments,
            inside: inside.clone(),
        }));
    }
    mentions
}

/// Collects the paths that start at `at`, each after `before`; returns where they end.
fn spell_out(
    source: &Source<'_>,
    mut at: usize,
    before: &[String],
    paths: &mut Vec<(usize, Vec<String>)>,
) -> usize {
    let tokens = &source.tokens;
    let text = |at: usize| tokens.get(at).map_or("", |it| it.text.as_str());
    let line = tokens.get(at).map_or(0, |it| it.line);
    let mut segments = before.to_vec();
    if text(at) == "::" {
        at += 1;
    }
    while is_name(tokens.get(at)) {
        segments.push(text(at).to_owned());
        at += 1;
        if text(at) != "::" {
            break;
        }
        at += 1;
    }
    if text(at) != "{" || segments.is_empty() || text(at - 1) != "::" {
        if !segments.is_empty() {
            paths.push((line, segments));
        }
        return at;
    }
    at += 1;
    while at < tokens.len() && text(at) != "}" {
        let end = spell_out(source, at, &segments, paths);
        at = end.max(at + 1);
        while !matches!(text(at), "," | "}" | "") {
            at += 1;
        }
        if text(at) == "," {
            at += 1;
        }
    }
    at + 1
}
