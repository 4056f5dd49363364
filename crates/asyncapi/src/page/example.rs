//! A record that is shown as an example.

use super::html::{Html, escaped, text_of};
use crate::tree::Tree;

pub(super) fn example(html: &mut Html, shown: &Tree) {
    let (name, summary) = (text_of(shown.text("name")), text_of(shown.text("summary")));
    html.raw(&format!("<details><summary>Example <code>{name}</code></summary><p>{summary}.</p>"));
    let mut lines = String::new();
    for (header, value) in shown.get("headers").map(Tree::members).unwrap_or_default() {
        lines.push_str(&format!("{header}: {}\n", value.as_str().unwrap_or_default()));
    }
    if !lines.is_empty() {
        lines.push('\n');
    }
    match shown.get("payload") {
        Some(Tree::Null) | None => lines.push_str("(no value)"),
        Some(payload) => lines.push_str(payload.to_json().trim_end()),
    }
    html.raw(&format!("<pre>{}</pre></details>", escaped(&lines)));
}
