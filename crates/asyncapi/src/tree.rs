//! JSON values whose members keep their order: what people read should not be sorted by the alphabet.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    Text(String),
    List(Vec<Tree>),
    /// Each name once.
    Map(Vec<(String, Tree)>),
}

/// An object: `map! { "name" => value, … }`.
macro_rules! map {
    ($($name:expr => $value:expr),* $(,)?) => {
        $crate::tree::Tree::Map(vec![$(($name.to_string(), $crate::tree::Tree::from($value))),*])
    };
}
pub(crate) use map;

impl Tree {
    /// The value of a JSON text.
    ///
    /// # Errors
    /// The text is not JSON.
    pub fn parse(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }

    pub(crate) fn reference(pointer: impl fmt::Display) -> Self {
        map! { "$ref" => format!("#/{pointer}") }
    }

    /// `None`: it is no object, or has no such member.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.members().iter().find(|(it, _)| it == name).map(|(_, value)| value)
    }

    /// The value at a JSON pointer without its first slash, whose names have neither `/` nor `~`.
    pub fn at(&self, pointer: &str) -> Option<&Self> {
        pointer.split('/').try_fold(self, |tree, name| tree.get(name))
    }

    /// Of an object; none of another value.
    pub fn members(&self) -> &[(String, Self)] {
        if let Self::Map(members) = self { members } else { &[] }
    }

    /// Of a list; none of another value.
    pub fn items(&self) -> &[Self] {
        if let Self::List(items) = self { items } else { &[] }
    }

    pub fn as_str(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The text of a member; empty if there is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.get(name).and_then(Self::as_str).unwrap_or_default()
    }

    /// Adds a member to an object.
    pub(crate) fn put(&mut self, name: &str, value: impl Into<Self>) {
        let Self::Map(members) = self else { panic!("not an object") };
        members.push((name.to_owned(), value.into()));
    }

    /// An object with one more member, if there is a value for it.
    pub(crate) fn with(mut self, name: &str, value: Option<impl Into<Self>>) -> Self {
        if let Some(value) = value {
            self.put(name, value);
        }
        self
    }

    /// JSON over several lines, with a line end.
    pub fn to_json(&self) -> String {
        format!("{}\n", serde_json::to_string_pretty(self).expect("it has only texts as names"))
    }
}

impl From<&str> for Tree {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Tree {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Tree {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<u64> for Tree {
    fn from(number: u64) -> Self {
        Self::Number(number.into())
    }
}

impl<T: Into<Self>> From<Vec<T>> for Tree {
    fn from(items: Vec<T>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => number.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Map(members) => serializer.collect_map(members.iter().map(|(name, value)| (name, value))),
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Tree;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_unit<E>(self) -> Result<Tree, E> {
                Ok(Tree::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
                Ok(Tree::Bool(value))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
                Ok(Tree::Number(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
                Ok(Tree::Number(value.into()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
                Ok(serde_json::Number::from_f64(value).map_or(Tree::Null, Tree::Number))
            }

            fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
                Ok(Tree::from(text))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element()? {
                    items.push(item);
                }
                Ok(Tree::List(items))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Tree, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = object.next_entry()? {
                    members.push(member);
                }
                Ok(Tree::Map(members))
            }
        }

        deserializer.deserialize_any(Any)
    }
}
