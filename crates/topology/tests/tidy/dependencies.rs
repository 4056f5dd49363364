//! Licences, sources and bans of all dependencies, as `deny.toml` states them.
//!
//! Runs `cargo metadata` offline. Knows no security advisories: `cargo deny check` does.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// The part of `deny.toml` that is checked here.
#[derive(Debug, Default)]
struct Terms {
    licences: Vec<String>,
    registries: Vec<String>,
    banned: Vec<String>,
}

#[test]
fn every_dependency_fulfils_deny_toml() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("two folders below the top");
    let text = std::fs::read_to_string(root.join("deny.toml")).expect("deny.toml is readable");
    let terms = Terms::read(&text);
    assert!(!terms.licences.is_empty() && !terms.registries.is_empty(), "deny.toml: {terms:?}");
    let packages = packages(root);
    assert!(packages.len() > 100, "cargo metadata lists only {} packages", packages.len());
    let problems: Vec<String> = packages.iter().filter_map(|it| problem(it, &terms)).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// All packages of the lock file that a Linux build uses.
fn packages(root: &Path) -> Vec<Value> {
    let arguments = ["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform"];
    let output = Command::new(env!("CARGO"))
        .current_dir(root)
        .args(arguments)
        .arg("x86_64-unknown-linux-gnu")
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let mut metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    serde_json::from_value(metadata["packages"].take()).expect("packages are a list")
}

fn problem(package: &Value, terms: &Terms) -> Option<String> {
    let name = package["name"].as_str().unwrap_or("?");
    let licence = package["license"].as_str().unwrap_or_default();
    if terms.banned.iter().any(|banned| banned == name) {
        return Some(format!("{name}: banned by deny.toml"));
    }
    if let Some(source) = package["source"].as_str() {
        let registry = source.strip_prefix("registry+");
        if !registry.is_some_and(|it| terms.registries.iter().any(|allowed| allowed == it)) {
            return Some(format!("{name}: {source} is not in allow-registry of deny.toml"));
        }
    }
    if !is_allowed(licence, &terms.licences) {
        return Some(format!(
            "{name}: licence `{licence}` is not allowed by deny.toml; replace the dependency"
        ));
    }
    None
}

/// Whether an SPDX expression can be fulfilled with the allowed licences. Older packages write `/` for `OR`.
fn is_allowed(expression: &str, allowed: &[String]) -> bool {
    let expression = expression.replace('/', " OR ");
    let expression = expression.trim();
    if let Some((left, right)) = split(expression, " AND ") {
        return is_allowed(left, allowed) && is_allowed(right, allowed);
    }
    if let Some((left, right)) = split(expression, " OR ") {
        return is_allowed(left, allowed) || is_allowed(right, allowed);
    }
    let inner = expression.strip_prefix('(').and_then(|it| it.strip_suffix(')'));
    inner.map_or_else(|| allowed.iter().any(|it| it == expression), |inner| is_allowed(inner, allowed))
}

/// Splits at the first operator outside brackets. `AND` is split before `OR`: a stricter reading than SPDX's of
/// `A AND B OR C`, which no package writes without brackets.
fn split<'a>(expression: &'a str, operator: &str) -> Option<(&'a str, &'a str)> {
    let is_outside = |at: &usize| {
        let before = &expression[..*at];
        before.matches('(').count() == before.matches(')').count()
    };
    let at = expression.match_indices(operator).map(|(at, _)| at).find(is_outside)?;
    Some((&expression[..at], &expression[at + operator.len()..]))
}

impl Terms {
    /// Reads the three lists; `deny.toml` keeps one entry of `deny` on each line.
    fn read(text: &str) -> Self {
        let list = |key: &str| {
            let start = text.find(&format!("\n{key} = [")).unwrap_or(text.len());
            let rest = &text[start..];
            rest.split(']').next().unwrap_or_default()
        };
        let quoted = |text: &str| text.split('"').skip(1).step_by(2).map(str::to_owned).collect();
        let banned = list("deny").lines().filter_map(|line| line.split_once("crate = "));
        Self {
            licences: quoted(list("allow")),
            registries: quoted(list("allow-registry")),
            banned: banned.filter_map(|(_, rest)| rest.split('"').nth(1)).map(str::to_owned).collect(),
        }
    }
}

#[test]
fn a_licence_expression_needs_one_of_or_and_all_of_and() {
    let allowed = ["MIT", "Apache-2.0", "Unicode-3.0"].map(str::to_owned);
    for (expression, expected) in [
        ("MIT", true),
        ("", false),
        ("GPL-3.0-only", false),
        ("GPL-2.0-only OR MIT", true),
        ("MIT/GPL-3.0-only", true),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
        ("(MIT OR Apache-2.0) AND CC0-1.0", false),
        ("Apache-2.0 WITH LLVM-exception", false),
    ] {
        assert_eq!(is_allowed(expression, &allowed), expected, "{expression}");
    }
}

#[test]
fn a_dependency_with_another_licence_another_source_or_a_ban_is_found() {
    let text = "[licenses]\nallow = [\n    \"MIT\",\n]\n[bans]\ndeny = [\n    { crate = \"bad\", reason = \"x\" },\n]\n\
                [sources]\nallow-registry = [\"https://index\"]\n";
    let terms = Terms::read(text);
    for (name, licence, source, expected) in [
        ("good", "MIT", "registry+https://index", None),
        ("own", "MIT", "", None),
        ("bad", "MIT", "registry+https://index", Some("banned")),
        ("copyleft", "GPL-3.0-only", "registry+https://index", Some("licence")),
        ("elsewhere", "MIT", "git+https://example.org/x", Some("allow-registry")),
    ] {
        let source = if source.is_empty() { Value::Null } else { source.into() };
        let package = serde_json::json!({"name": name, "license": licence, "source": source});
        let found = problem(&package, &terms);
        assert_eq!(found.is_some(), expected.is_some(), "{name}: {found:?}");
        assert!(found.unwrap_or_default().contains(expected.unwrap_or_default()), "{name}");
    }
}
