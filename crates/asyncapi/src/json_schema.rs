//! JSON Schema of the JSON form of an event or a request, derived from its Avro schema: there is one source of truth.
//!
//! ```text
//! Avro                               JSON Schema (draft 7, the dialect of AsyncAPI)
//! record                             object; a field without a default is required; other members are allowed
//! ["null", T]                        T or null
//! a text, a number or a boolean      one of these types
//! enum                               its symbols without the default: that one stands for what Avro cannot name
//! timestamp-millis, uuid             integer (epoch milliseconds), format `uuid`
//! jsonTypes                          types that only the JSON form may have, too
//! aliases, jsonNames                 members of these names with the same schema
//! doc of a field or a record         description
//! ```

use otp_codec::EventSchema;

use crate::tree::{Tree, map};

/// The dialect, as `$schema` names it.
pub const DIALECT: &str = "http://json-schema.org/draft-07/schema#";

/// The JSON Schema of the JSON form.
pub fn json_schema(schema: EventSchema) -> Tree {
    let avro = Tree::parse(schema.text()).expect("a schema is JSON");
    Derivation { named: Vec::new() }.of(&avro)
}

/// Named types that came before, by name.
struct Derivation {
    named: Vec<(String, Tree)>,
}

impl Derivation {
    fn of(&mut self, avro: &Tree) -> Tree {
        match avro {
            Tree::List(branches) => self.union(branches),
            Tree::Text(name) => self.by_name(name),
            Tree::Map(_) => self.complex(avro),
            Tree::Null | Tree::Bool(_) | Tree::Number(_) => panic!("not an Avro schema"),
        }
    }

    fn by_name(&self, name: &str) -> Tree {
        match name {
            "string" | "boolean" | "null" => map! { "type" => name },
            "int" => map! { "type" => "integer", "format" => "int32" },
            "long" => map! { "type" => "integer", "format" => "int64" },
            "double" => map! { "type" => "number" },
            _ => {
                let known = self.named.iter().find(|(it, _)| it == name);
                known.unwrap_or_else(|| panic!("no type {name} came before")).1.clone()
            }
        }
    }

    fn complex(&mut self, avro: &Tree) -> Tree {
        match (avro.text("type"), avro.text("logicalType")) {
            ("record", _) => {
                let schema = self.record(avro);
                self.name(avro, schema)
            }
            ("enum", _) => {
                let default = avro.get("default");
                let symbols = avro.get("symbols").map(Tree::items).unwrap_or_default();
                let symbols: Vec<_> = symbols.iter().filter(|it| Some(*it) != default).cloned().collect();
                self.name(avro, map! { "type" => "string", "enum" => symbols })
            }
            ("array", _) => {
                let items = avro.get("items").expect("a list says of what");
                map! { "type" => "array", "items" => self.of(items) }
            }
            ("map", _) => {
                let values = avro.get("values").expect("a map says of what");
                map! { "type" => "object", "additionalProperties" => self.of(values) }
            }
            ("string", "uuid") => map! { "type" => "string", "format" => "uuid" },
            ("long", "timestamp-millis") => {
                map! { "type" => "integer", "format" => "int64", "description" => "Epoch milliseconds." }
            }
            (other, _) => self.by_name(other),
        }
    }

    fn name(&mut self, avro: &Tree, schema: Tree) -> Tree {
        self.named.push((avro.text("name").to_owned(), schema.clone()));
        schema
    }

    fn record(&mut self, avro: &Tree) -> Tree {
        let (mut properties, mut required) = (map! {}, Vec::new());
        for field in avro.get("fields").map(Tree::items).unwrap_or_default() {
            let name = field.text("name");
            let mut schema = self.of(field.get("type").expect("a field has a type"));
            for other in field.get("jsonTypes").map(Tree::items).unwrap_or_default() {
                schema = with_type(schema, self.of(other).text("type"));
            }
            let others = ["aliases", "jsonNames"].map(|list| field.get(list).map(Tree::items));
            properties.put(name, described(schema.clone(), field.text("doc")));
            for other in others.into_iter().flatten().flatten().filter_map(Tree::as_str) {
                properties.put(other, described(schema.clone(), &format!("Another name of {name}.")));
            }
            if field.get("default").is_none() {
                required.push(name);
            }
        }
        let schema =
            map! { "type" => "object", "description" => avro.text("doc"), "properties" => properties };
        schema.with("required", (!required.is_empty()).then_some(required))
    }

    fn union(&mut self, branches: &[Tree]) -> Tree {
        let is_null = |it: &Tree| it.as_str() == Some("null");
        let mut others: Vec<_> = branches.iter().filter(|it| !is_null(it)).map(|it| self.of(it)).collect();
        let schema = if others.len() == 1 {
            others.remove(0)
        } else {
            let mut types: Vec<_> = others.iter().map(|it| it.text("type")).collect();
            types.retain(|it| *it != "integer" || !others.iter().any(|it| it.text("type") == "number"));
            map! { "type" => types }
        };
        if branches.iter().any(is_null) { or_null(schema) } else { schema }
    }
}

fn or_null(schema: Tree) -> Tree {
    let Tree::Map(mut members) = with_type(schema, "null") else { panic!("a schema is an object") };
    for (name, value) in &mut members {
        if let ("enum", Tree::List(symbols)) = (name.as_str(), value) {
            symbols.push(Tree::Null);
        }
    }
    Tree::Map(members)
}

/// A schema that takes values of one more type.
fn with_type(schema: Tree, other: &str) -> Tree {
    let Tree::Map(mut members) = schema else { panic!("a schema is an object") };
    for (_, value) in members.iter_mut().filter(|(name, _)| name == "type") {
        let mut types = value.items().to_vec();
        if let Tree::Text(one) = value {
            types.push(Tree::from(one.as_str()));
        }
        let at = types.iter().position(|it| it.as_str() == Some("null")).unwrap_or(types.len());
        types.insert(at, Tree::from(other));
        *value = Tree::List(types);
    }
    Tree::Map(members)
}

/// The schema of a member: what the field says of it, and of a time its unit.
fn described(schema: Tree, doc: &str) -> Tree {
    let Tree::Map(members) = schema else { panic!("a schema is an object") };
    let (own, mut rest): (Vec<_>, Vec<_>) = members.into_iter().partition(|(name, _)| name == "description");
    let is_record = rest.iter().any(|(name, _)| name == "properties");
    let unit = own.first().filter(|_| !is_record).and_then(|(_, text)| text.as_str());
    let text = unit.map_or(doc.to_owned(), |unit| format!("{doc} {unit}"));
    rest.insert(1, ("description".to_owned(), Tree::from(text)));
    Tree::Map(rest)
}
