//! A schema of ours, as the encoder needs it.

use std::collections::HashMap;

use apache_avro::Schema;
use apache_avro::schema::{Name, RecordField, ResolvedSchema, UuidSchema};
use serde_json::Value;

#[derive(Clone, Debug)]
pub(super) enum Shape {
    Null,
    Boolean,
    /// `int` and `long` are written alike. The largest number that fits.
    Integer(i64),
    String,
    Enum {
        symbols: Vec<String>,
        /// The index of the symbol for what has none.
        default: usize,
    },
    Array(Box<Shape>),
    Map(Box<Shape>),
    Record(Vec<Member>),
    /// Null, then another shape.
    Optional(Box<Shape>),
    /// What a caller may write as a text, a number or a boolean: [`SCALAR`].
    Scalar,
}

/// The branches of a [`Shape::Scalar`], in their order.
pub(super) const SCALAR: [Schema; 5] =
    [Schema::Null, Schema::String, Schema::Long, Schema::Double, Schema::Boolean];

/// One field of a record.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub name: String,
    /// Other names that it has in JSON.
    other_names: Vec<String>,
    pub shape: Shape,
}

impl Shape {
    /// # Panics
    /// The schema has a type that no event needs. A test makes the shape of every schema.
    pub(super) fn of(schema: &Schema) -> Self {
        let resolved = ResolvedSchema::try_from(schema).expect("a schema of ours is complete");
        Self::within(schema, resolved.get_names())
    }

    fn within(schema: &Schema, names: &HashMap<Name, &Schema>) -> Self {
        let boxed = |schema: &Schema| Box::new(Self::within(schema, names));
        match schema {
            Schema::Null => Self::Null,
            Schema::Boolean => Self::Boolean,
            Schema::Int => Self::Integer(i32::MAX.into()),
            Schema::Long | Schema::TimestampMillis => Self::Integer(i64::MAX),
            Schema::String | Schema::Uuid(UuidSchema::String) => Self::String,
            Schema::Enum(it) => {
                let default = it.default.as_ref().expect("an enum of ours has a default");
                let at = it.symbols.iter().position(|symbol| symbol == default);
                Self::Enum { symbols: it.symbols.clone(), default: at.expect("the default is a symbol") }
            }
            Schema::Array(it) => Self::Array(boxed(&it.items)),
            Schema::Map(it) => Self::Map(boxed(&it.types)),
            Schema::Record(it) => {
                let member = |field: &RecordField| Member {
                    name: field.name.clone(),
                    other_names: json_names(field),
                    shape: Self::within(&field.schema, names),
                };
                Self::Record(it.fields.iter().map(member).collect())
            }
            Schema::Union(it) => match it.variants() {
                [Schema::Null, other] => Self::Optional(boxed(other)),
                variants if *variants == SCALAR => Self::Scalar,
                variants => panic!("no event needs a union of {} types", variants.len()),
            },
            Schema::Ref { name } => Self::within(names[name], names),
            Schema::Float
            | Schema::Double
            | Schema::Bytes
            | Schema::Fixed(_)
            | Schema::Decimal(_)
            | Schema::BigDecimal
            | Schema::Uuid(_)
            | Schema::Date
            | Schema::TimeMillis
            | Schema::TimeMicros
            | Schema::TimestampMicros
            | Schema::TimestampNanos
            | Schema::LocalTimestampMillis
            | Schema::LocalTimestampMicros
            | Schema::LocalTimestampNanos
            | Schema::Duration(_) => panic!("no event needs this type"),
        }
    }

    /// What stands for an absent value: the bytes of null. `None`: it must be there.
    pub(super) fn absent(&self) -> Option<&'static [u8]> {
        match self {
            Self::Null => Some(&[]),
            Self::Optional(_) | Self::Scalar => Some(&[0]),
            Self::Boolean
            | Self::Integer(_)
            | Self::String
            | Self::Enum { .. }
            | Self::Array(_)
            | Self::Map(_)
            | Self::Record(_) => None,
        }
    }
}

impl Member {
    pub(super) fn is_named(&self, name: &str) -> bool {
        self.name == name || self.other_names.iter().any(|it| it == name)
    }
}

/// The field's attribute `jsonNames`: names in JSON that Avro does not allow.
fn json_names(field: &RecordField) -> Vec<String> {
    let names = field.custom_attributes.get("jsonNames").and_then(Value::as_array);
    names.into_iter().flatten().filter_map(|name| Some(name.as_str()?.to_owned())).collect()
}
