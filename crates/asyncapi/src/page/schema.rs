//! The members of an object as rows of a table, nested ones below their parent.

use super::html::{Html, escaped, text_of};
use crate::tree::Tree;

/// One row for each member of an object. `title`: what a member is called.
pub(super) fn members(html: &mut Html, title: &str, schema: &Tree) {
    html.table(&[title, "Type", "Meaning"]);
    rows(html, schema, "");
    html.end_table();
}

fn rows(html: &mut Html, schema: &Tree, path: &str) {
    let required = schema.get("required").map(Tree::items).unwrap_or_default();
    for (name, member) in schema.get("properties").map(Tree::members).unwrap_or_default() {
        let is_required = required.iter().any(|it| it.as_str() == Some(name));
        let star = if is_required { "<sup title=\"always there\">*</sup>" } else { "" };
        let parent = if path.is_empty() {
            String::new()
        } else {
            format!("<span class=\"path\">{}</span>", escaped(path))
        };
        html.row(&[
            format!("<code>{parent}<b>{}</b></code>{star}", escaped(name)),
            escaped(&type_of(member)),
            text_of(member.text("description")) + &values(member),
        ]);
        let items = member.get("items");
        let (parent, end) = if items.is_some() { (items, "[].") } else { (Some(member), ".") };
        if let Some(parent) = parent {
            rows(html, parent, &format!("{path}{name}{end}"));
        }
    }
}

/// Its types and format.
fn type_of(schema: &Tree) -> String {
    let types = match schema.get("type") {
        Some(Tree::Text(one)) => vec![one.as_str()],
        Some(Tree::List(types)) => types.iter().filter_map(Tree::as_str).collect(),
        Some(_) | None => Vec::new(),
    };
    let list = |name: &str| match schema.get("items") {
        Some(items) if name == "array" => format!("list of {}", type_of(items)),
        Some(_) | None => name.to_owned(),
    };
    let shown = match schema.text("format") {
        format @ ("uuid" | "date-time") => {
            types.iter().map(|it| if *it == "string" { format } else { it }).map(list).collect()
        }
        _ => types.into_iter().map(list).collect::<Vec<_>>(),
    };
    if shown.is_empty() { "any".to_owned() } else { shown.join(" or ") }
}

/// The values that it may have.
fn values(schema: &Tree) -> String {
    let code = |value: &Tree| value.as_str().map(|text| format!("<code>{}</code>", escaped(text)));
    let listed: Vec<_> =
        schema.get("enum").map(Tree::items).unwrap_or_default().iter().filter_map(code).collect();
    let one = schema.get("const").and_then(code);
    let bounds = match (schema.get("minimum"), schema.get("maximum")) {
        (Some(Tree::Number(min)), Some(Tree::Number(max))) => Some(format!("{min} to {max}")),
        _ => None,
    };
    let said: Vec<_> =
        [(!listed.is_empty()).then(|| listed.join(" ")), one, bounds].into_iter().flatten().collect();
    if said.is_empty() { String::new() } else { format!("<div class=\"values\">{}</div>", said.join("; ")) }
}
