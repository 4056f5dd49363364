//! A page for people, made of the document: one HTML file that loads nothing.

mod example;
mod html;
mod message;
mod schema;

use crate::tree::Tree;
use html::{Html, anchor, text_of};

const TEMPLATE: &str = include_str!("template.html");

/// The page of a document.
pub fn page(document: &Tree) -> String {
    let page = Page { document };
    let info = page.at("info");
    let parts = [
        ("{title}", text_of(info.text("title"))),
        ("{version}", text_of(info.text("version"))),
        ("{description}", text_of(info.text("description"))),
        ("{contents}", page.contents()),
        ("{servers}", page.servers()),
        ("{operations}", page.operations()),
        ("{channels}", page.channels()),
        ("{messages}", page.messages()),
    ];
    let mut out = String::with_capacity(TEMPLATE.len());
    let mut rest = TEMPLATE;
    // In one pass, so that what is inserted is never taken for a place.
    while let Some(at) = rest.find('{') {
        let (before, place) = rest.split_at(at);
        out.push_str(before);
        match parts.iter().find(|(name, _)| place.starts_with(name)) {
            Some((name, part)) => {
                out.push_str(part);
                rest = &place[name.len()..];
            }
            None => {
                out.push('{');
                rest = &place[1..];
            }
        }
    }
    out + rest
}

struct Page<'d> {
    document: &'d Tree,
}

impl<'d> Page<'d> {
    fn at(&self, pointer: &str) -> &'d Tree {
        self.document.at(pointer).unwrap_or(&Tree::Null)
    }

    /// What a reference stands for; another value stands for itself.
    fn resolved(&self, tree: &'d Tree) -> &'d Tree {
        let pointer = tree.text("$ref");
        if pointer.is_empty() { tree } else { self.resolved(self.at(pointer.trim_start_matches("#/"))) }
    }

    fn contents(&self) -> String {
        let mut html = Html::new();
        for (title, group) in [("Topics", "channels"), ("Messages", "components/messages")] {
            html.element("h2", title);
            html.open("ul");
            for (name, _) in self.at(group).members().iter().filter(|(name, _)| !is_other_form(name)) {
                html.raw(&format!("<li>{}</li>", link(kind_of(group), name)));
            }
            html.close("ul");
        }
        html.done()
    }

    fn servers(&self) -> String {
        let mut html = Html::new();
        html.open("dl");
        for (name, server) in self.at("servers").members() {
            html.raw(&format!(
                "<dt>{} <code>{}</code></dt>",
                text_of(name),
                text_of(server.text("protocol"))
            ));
            html.element("dd", server.text("description"));
        }
        for (_, scheme) in self.at("components/securitySchemes").members() {
            html.raw(&format!("<dt><code>{}</code></dt>", text_of(scheme.text("type"))));
            html.element("dd", scheme.text("description"));
        }
        html.close("dl");
        html.done()
    }

    /// What callers may ask: one row for each.
    fn operations(&self) -> String {
        let mut html = Html::new();
        html.table(&["Operation", "Contract", "Request", "Reply"]);
        let asked = self.at("operations").members().iter().filter(|(_, it)| it.get("reply").is_some());
        for (id, operation) in asked {
            let contract = operation.get("tags").and_then(|tags| tags.items().first());
            let reply = operation.get("reply").expect("it is filtered");
            html.row(&[
                format!("<code>{}</code>", text_of(id)),
                text_of(contract.map_or("", |tag| tag.text("name"))),
                self.link_of_channel(operation),
                self.link_of_channel(reply),
            ]);
        }
        html.end_table();
        html.done()
    }

    fn channels(&self) -> String {
        let mut html = Html::new();
        for (name, channel) in self.at("channels").members() {
            html.raw(&format!("<section id=\"{}\">", anchor("topic", name)));
            html.raw(&format!(
                "<h3>{} <span class=\"tag\">{}</span></h3>",
                text_of(name),
                text_of(channel.text("title"))
            ));
            html.element("p", channel.text("description"));
            let messages = channel.get("messages").map(Tree::members).unwrap_or_default();
            let links: Vec<_> = messages
                .iter()
                .filter(|(it, _)| !is_other_form(it))
                .map(|(it, _)| link("message", it))
                .collect();
            if !links.is_empty() {
                html.raw(&format!("<p>Message: {}</p>", links.join(", ")));
            }
            html.raw("</section>");
        }
        html.done()
    }

    fn link_of_channel(&self, tree: &Tree) -> String {
        let pointer = tree.at("channel").map_or("", |it| it.text("$ref"));
        link("topic", pointer.trim_start_matches("#/channels/"))
    }
}

/// Messages in Avro are told with those in JSON.
fn is_other_form(name: &str) -> bool {
    name.ends_with(".avro")
}

fn kind_of(group: &str) -> &'static str {
    if group == "channels" { "topic" } else { "message" }
}

fn link(kind: &str, name: &str) -> String {
    format!("<a href=\"#{}\">{}</a>", anchor(kind, name), text_of(name))
}
