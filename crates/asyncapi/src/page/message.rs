//! One message: its headers, its members, and its examples.

use super::example::example;
use super::html::{Html, anchor, text_of};
use super::schema::members;
use super::{Page, is_other_form};
use crate::tree::Tree;

impl<'d> Page<'d> {
    pub(super) fn messages(&self) -> String {
        let mut html = Html::new();
        let all = self.at("components/messages").members();
        for (name, message) in all.iter().filter(|(name, _)| !is_other_form(name)) {
            let in_avro = all.iter().find(|(it, _)| it.strip_suffix(".avro") == Some(name)).map(|(_, it)| it);
            html.raw(&format!("<section id=\"{}\">", anchor("message", name)));
            html.element("h3", name);
            html.element("p", message.text("summary"));
            self.facts(&mut html, message, in_avro);
            self.parts(&mut html, message);
            html.raw("</section>");
        }
        html.done()
    }

    fn facts(&self, html: &mut Html, message: &Tree, in_avro: Option<&Tree>) {
        let key = message.at("bindings/kafka/key").map_or("", |key| key.text("description"));
        html.raw("<dl class=\"facts\">");
        html.element("dt", "Record key");
        html.element("dd", key);
        html.element("dt", "Content type");
        let avro = in_avro.map(|it| format!("; <code>{}</code> in Avro", text_of(it.text("contentType"))));
        let json = text_of(message.text("contentType"));
        html.raw(&format!("<dd><code>{json}</code>{}</dd>", avro.unwrap_or_default()));
        if message.get("correlationId").is_some() {
            html.element("dt", "Correlation");
            html.element("dd", "The header `kafka_correlationId`.");
        }
        html.close("dl");
    }

    fn parts(&self, html: &mut Html, message: &'d Tree) {
        let payload = self.resolved(message.get("payload").unwrap_or(&Tree::Null));
        if payload.get("properties").is_some() {
            members(html, "Member", payload);
        }
        if let Some(headers) = message.get("headers") {
            html.raw("<details><summary>Headers</summary>");
            members(html, "Header", &self.merged(headers));
            html.raw("</details>");
        }
        for shown in message.get("examples").map(Tree::items).unwrap_or_default() {
            example(html, shown);
        }
    }

    /// The members of all parts of a schema; of two with one name the last one counts, as far as it says something.
    fn merged(&self, schema: &'d Tree) -> Tree {
        let all = std::slice::from_ref(schema);
        let parts = schema.get("allOf").map_or(all, Tree::items);
        let (mut properties, mut required): (Vec<(String, Tree)>, Vec<Tree>) = (Vec::new(), Vec::new());
        for part in parts.iter().map(|part| self.resolved(part)) {
            required.extend(part.get("required").map(Tree::items).unwrap_or_default().iter().cloned());
            for (name, member) in part.get("properties").map(Tree::members).unwrap_or_default() {
                match properties.iter_mut().find(|(it, _)| it == name) {
                    Some((_, known)) => {
                        for (rule, value) in member.members() {
                            known.put(rule, value.clone());
                        }
                    }
                    None => properties.push((name.clone(), member.clone())),
                }
            }
        }
        Tree::Map(vec![
            ("properties".to_owned(), Tree::Map(properties)),
            ("required".to_owned(), Tree::List(required)),
        ])
    }
}
