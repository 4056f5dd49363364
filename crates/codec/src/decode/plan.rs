//! How a value of one schema becomes a value of another (Avro 1.12, "Schema Resolution"), decided once for each pair.
//!
//! Names of records and enums do not count: a topic has one schema, and what matters is what its fields are.

use std::collections::HashMap;

use apache_avro::Schema;
use apache_avro::schema::{
    DecimalSchema, EnumSchema, InnerDecimalSchema, Name, RecordField, RecordSchema, SchemaKind, UuidSchema,
};
use otp_topology::wire::json::writer::write_escaped;

use super::SchemaFault;

/// Deepest nesting of a writer's schema, in levels of records, lists and maps: that of JSON.
pub(super) const DEPTH_MAX: u32 = 32;
/// Most parts of a writer's schema, counted wherever they are used: named types multiply them.
pub(super) const PARTS_MAX: u32 = 10_000;

/// How to read a value.
#[derive(Clone, Debug)]
pub(super) enum Plan {
    Null,
    Boolean,
    /// 32 bits at most.
    Int,
    Long,
    Float,
    Double,
    /// Bytes, as text.
    Text,
    /// By symbol: its JSON text. `None`: the reader has neither it nor a default.
    Enum(Box<[Option<Box<[u8]>>]>),
    Array(Box<Plan>),
    Map(Box<Plan>),
    Record(RecordPlan),
    /// By branch. `None`: its values are none of the reader.
    Union(Box<[Option<Plan>]>),
}

#[derive(Clone, Debug)]
pub(super) struct RecordPlan {
    /// In the order of the writer.
    pub steps: Box<[Step]>,
    /// Members of which the writer knows nothing and whose default is not null: `"name":value`, with commas between.
    pub defaults: Box<[u8]>,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    /// With `"name":`.
    Member(Box<[u8]>, Plan),
    /// The reader has no such field.
    Skip(Skip),
}

/// How to pass over a value.
#[derive(Clone, Debug)]
pub(super) enum Skip {
    /// A number of bytes.
    Bytes(usize),
    Number,
    /// A length, then as many bytes.
    Text,
    Items(Box<Skip>),
    Entries(Box<Skip>),
    Fields(Box<[Skip]>),
    Branches(Box<[Skip]>),
}

type Names<'s> = HashMap<Name, &'s Schema>;

/// Makes plans, within limits.
pub(super) struct Resolution<'s> {
    writers: &'s Names<'s>,
    readers: &'s Names<'s>,
    depth: u32,
    parts: u32,
    /// Where in the reader's schema.
    path: Vec<&'s str>,
}

impl<'s> Resolution<'s> {
    pub(super) fn new(writers: &'s Names<'s>, readers: &'s Names<'s>) -> Self {
        Self { writers, readers, depth: 0, parts: 0, path: Vec::new() }
    }

    pub(super) fn value(&mut self, writer: &'s Schema, reader: &'s Schema) -> Result<Plan, SchemaFault> {
        self.count()?;
        let (writer, reader) = (target(writer, self.writers)?, target(reader, self.readers)?);
        match (writer, reader) {
            (Schema::Union(writer), _) => {
                let mut branches = Vec::new();
                for branch in writer.variants() {
                    branches.push(self.if_it_fits(branch, reader)?);
                }
                if branches.iter().all(Option::is_none) {
                    return Err(self.mismatch());
                }
                Ok(Plan::Union(branches.into()))
            }
            (_, Schema::Union(reader)) => {
                // The same type first: a whole number is no double where the reader has both.
                let is_same = |it: &&Schema| kind_of(it, self.readers) == kind_of(writer, self.writers);
                let (same, others): (Vec<_>, Vec<_>) = reader.variants().iter().partition(is_same);
                for branch in same.into_iter().chain(others) {
                    if let Some(plan) = self.if_it_fits(writer, branch)? {
                        return Ok(plan);
                    }
                }
                Err(self.mismatch())
            }
            (Schema::Record(writer), Schema::Record(reader)) => {
                self.deeper(|it| it.record(writer, reader)).map(Plan::Record)
            }
            (Schema::Array(writer), Schema::Array(reader)) => {
                self.deeper(|it| it.value(&writer.items, &reader.items)).map(|it| Plan::Array(it.into()))
            }
            (Schema::Map(writer), Schema::Map(reader)) => {
                self.deeper(|it| it.value(&writer.types, &reader.types)).map(|it| Plan::Map(it.into()))
            }
            (Schema::Enum(writer), Schema::Enum(reader)) => Ok(Plan::Enum(symbols(writer, reader))),
            _ => scalar(writer, reader).ok_or_else(|| self.mismatch()),
        }
    }

    /// `None`: the values of `writer` are no values of `reader`.
    fn if_it_fits(&mut self, writer: &'s Schema, reader: &'s Schema) -> Result<Option<Plan>, SchemaFault> {
        let depth = self.path.len();
        match self.value(writer, reader) {
            Ok(plan) => Ok(Some(plan)),
            Err(SchemaFault::Mismatch(_)) => {
                self.path.truncate(depth);
                Ok(None)
            }
            Err(fault) => Err(fault),
        }
    }

    fn record(
        &mut self,
        writer: &'s RecordSchema,
        reader: &'s RecordSchema,
    ) -> Result<RecordPlan, SchemaFault> {
        let sources = sources(writer, reader);
        let mut steps = Vec::new();
        for (at, field) in writer.fields.iter().enumerate() {
            let wanted = reader.fields.iter().zip(&sources).find(|(_, source)| **source == Some(at));
            steps.push(match wanted {
                Some((wanted, _)) => {
                    self.path.push(&wanted.name);
                    let plan = self.value(&field.schema, &wanted.schema)?;
                    self.path.pop();
                    Step::Member(named(&wanted.name), plan)
                }
                None => Step::Skip(self.skip(&field.schema)?),
            });
        }
        let mut defaults = Vec::new();
        for (field, _) in reader.fields.iter().zip(&sources).filter(|(_, source)| source.is_none()) {
            match &field.default {
                Some(default) if default.is_null() => {}
                Some(default) => {
                    if !defaults.is_empty() {
                        defaults.push(b',');
                    }
                    defaults.extend_from_slice(&named(&field.name));
                    serde_json::to_writer(&mut defaults, default).expect("memory takes any value");
                }
                None => {
                    self.path.push(&field.name);
                    return Err(self.mismatch());
                }
            }
        }
        Ok(RecordPlan { steps: steps.into(), defaults: defaults.into() })
    }

    fn skip(&mut self, writer: &'s Schema) -> Result<Skip, SchemaFault> {
        self.count()?;
        Ok(match target(writer, self.writers)? {
            Schema::Null => Skip::Bytes(0),
            Schema::Boolean => Skip::Bytes(1),
            Schema::Float => Skip::Bytes(4),
            Schema::Double => Skip::Bytes(8),
            Schema::Fixed(it)
            | Schema::Duration(it)
            | Schema::Uuid(UuidSchema::Fixed(it))
            | Schema::Decimal(DecimalSchema { inner: InnerDecimalSchema::Fixed(it), .. }) => {
                Skip::Bytes(it.size)
            }
            Schema::Int
            | Schema::Long
            | Schema::Enum(_)
            | Schema::Date
            | Schema::TimeMillis
            | Schema::TimeMicros
            | Schema::TimestampMillis
            | Schema::TimestampMicros
            | Schema::TimestampNanos
            | Schema::LocalTimestampMillis
            | Schema::LocalTimestampMicros
            | Schema::LocalTimestampNanos => Skip::Number,
            Schema::String
            | Schema::Bytes
            | Schema::BigDecimal
            | Schema::Uuid(UuidSchema::String | UuidSchema::Bytes)
            | Schema::Decimal(DecimalSchema { inner: InnerDecimalSchema::Bytes, .. }) => Skip::Text,
            Schema::Array(it) => Skip::Items(self.deeper(|this| this.skip(&it.items))?.into()),
            Schema::Map(it) => Skip::Entries(self.deeper(|this| this.skip(&it.types))?.into()),
            Schema::Record(it) => {
                let fields = |this: &mut Self| it.fields.iter().map(|it| this.skip(&it.schema)).collect();
                Skip::Fields(self.deeper(fields)?)
            }
            Schema::Union(it) => {
                let branches: Result<_, _> = it.variants().iter().map(|branch| self.skip(branch)).collect();
                Skip::Branches(branches?)
            }
            Schema::Ref { .. } => return Err(SchemaFault::NotASchema),
        })
    }

    fn deeper<T>(
        &mut self,
        make: impl FnOnce(&mut Self) -> Result<T, SchemaFault>,
    ) -> Result<T, SchemaFault> {
        if self.depth == DEPTH_MAX {
            return Err(SchemaFault::TooDeep);
        }
        self.depth += 1;
        let made = make(self);
        self.depth -= 1;
        made
    }

    fn count(&mut self) -> Result<(), SchemaFault> {
        self.parts += 1;
        if self.parts > PARTS_MAX { Err(SchemaFault::TooLarge) } else { Ok(()) }
    }

    fn mismatch(&self) -> SchemaFault {
        SchemaFault::Mismatch(self.path.join("."))
    }
}

/// The schema that a name stands for.
fn target<'s>(schema: &'s Schema, names: &Names<'s>) -> Result<&'s Schema, SchemaFault> {
    let Schema::Ref { name } = schema else { return Ok(schema) };
    names.get(name).copied().ok_or(SchemaFault::NotASchema)
}

fn kind_of(schema: &Schema, names: &Names<'_>) -> Option<SchemaKind> {
    target(schema, names).ok().map(SchemaKind::from)
}

/// For each field of the reader, the index of the writer's field that fills it: that of its name, else of an alias.
fn sources(writer: &RecordSchema, reader: &RecordSchema) -> Vec<Option<usize>> {
    let at = |name: &str| writer.fields.iter().position(|field| field.name == name);
    let taken = |alias: &String| reader.fields.iter().any(|field| field.name == *alias);
    let of = |field: &RecordField| {
        let aliases = field.aliases.iter().filter(|alias| !taken(alias));
        at(&field.name).or_else(|| aliases.filter_map(|alias| at(alias)).next())
    };
    reader.fields.iter().map(of).collect()
}

fn symbols(writer: &EnumSchema, reader: &EnumSchema) -> Box<[Option<Box<[u8]>>]> {
    let symbol = |symbol: &String| {
        let symbol = reader.symbols.iter().find(|it| *it == symbol).or(reader.default.as_ref())?;
        Some(quoted(symbol).into())
    };
    writer.symbols.iter().map(symbol).collect()
}

/// Types without parts, and what they may be promoted to.
fn scalar(writer: &Schema, reader: &Schema) -> Option<Plan> {
    let (writer, reader) = (plain(writer)?, plain(reader)?);
    let fits = match writer {
        Plan::Null => matches!(reader, Plan::Null),
        Plan::Boolean => matches!(reader, Plan::Boolean),
        Plan::Int => matches!(reader, Plan::Int | Plan::Long | Plan::Float | Plan::Double),
        Plan::Long => matches!(reader, Plan::Long | Plan::Float | Plan::Double),
        Plan::Float => matches!(reader, Plan::Float | Plan::Double),
        Plan::Double => matches!(reader, Plan::Double),
        Plan::Text => matches!(reader, Plan::Text),
        Plan::Enum(_) | Plan::Array(_) | Plan::Map(_) | Plan::Record(_) | Plan::Union(_) => false,
    };
    fits.then_some(writer)
}

/// How a type without parts is read. A logical type is read as the type that it stands on. `None`: it has parts, or no
/// reader of ours has such values.
fn plain(schema: &Schema) -> Option<Plan> {
    Some(match schema {
        Schema::Null => Plan::Null,
        Schema::Boolean => Plan::Boolean,
        Schema::Int | Schema::Date | Schema::TimeMillis => Plan::Int,
        Schema::Long
        | Schema::TimeMicros
        | Schema::TimestampMillis
        | Schema::TimestampMicros
        | Schema::TimestampNanos
        | Schema::LocalTimestampMillis
        | Schema::LocalTimestampMicros
        | Schema::LocalTimestampNanos => Plan::Long,
        Schema::Float => Plan::Float,
        Schema::Double => Plan::Double,
        Schema::String | Schema::Bytes | Schema::Uuid(UuidSchema::String | UuidSchema::Bytes) => Plan::Text,
        Schema::Array(_)
        | Schema::Map(_)
        | Schema::Union(_)
        | Schema::Record(_)
        | Schema::Enum(_)
        | Schema::Fixed(_)
        | Schema::Decimal(_)
        | Schema::BigDecimal
        | Schema::Uuid(UuidSchema::Fixed(_))
        | Schema::Duration(_)
        | Schema::Ref { .. } => return None,
    })
}

/// `"name":`
fn named(name: &str) -> Box<[u8]> {
    let mut named = quoted(name);
    named.push(b':');
    named.into()
}

fn quoted(text: &str) -> Vec<u8> {
    let mut quoted = vec![b'"'];
    write_escaped(&mut quoted, text);
    quoted.push(b'"');
    quoted
}
