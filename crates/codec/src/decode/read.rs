//! Reads a body by its plan, and writes JSON.

use otp_topology::wire::json::writer::{WriteJson as _, write_escaped};
use otp_topology::wire::json::{JsonError, LEN_MAX};

use super::plan::{Plan, RecordPlan, Skip, Step};
use crate::varint;

/// Most values of one body: items may have no bytes at all.
const STEPS_MAX: u32 = 1 << 18;

/// # Errors
/// The body is not of the writer's schema, or it or its JSON is too long.
pub(super) fn whole(plan: &Plan, body: &[u8], out: &mut Vec<u8>) -> Result<(), JsonError> {
    if body.len() > LEN_MAX {
        return Err(JsonError::TooLong);
    }
    let len_max = out.len() + LEN_MAX;
    let mut reader = Reader { rest: body, out, len_max, steps_left: STEPS_MAX };
    reader.value(plan)?;
    if reader.rest.is_empty() { Ok(()) } else { Err(JsonError::NotAvro) }
}

struct Reader<'b, 'o> {
    rest: &'b [u8],
    out: &'o mut Vec<u8>,
    /// Longest `out`.
    len_max: usize,
    steps_left: u32,
}

/// What was written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Written {
    Null,
    Other,
}

impl<'b> Reader<'b, '_> {
    fn value(&mut self, plan: &Plan) -> Result<Written, JsonError> {
        self.step()?;
        match plan {
            Plan::Null => {
                self.out.extend_from_slice(b"null");
                return Ok(Written::Null);
            }
            Plan::Union(branches) => {
                let plan = branches.get(self.index()?).and_then(Option::as_ref).ok_or(JsonError::NotAvro)?;
                return self.value(plan);
            }
            Plan::Boolean => match self.bytes(1)? {
                [0] => false.write_json(self.out),
                [1] => true.write_json(self.out),
                _ => return Err(JsonError::NotAvro),
            },
            Plan::Int => {
                let number = self.number()?;
                i32::try_from(number).map_err(|_| JsonError::NotAvro)?;
                number.write_json(self.out);
            }
            Plan::Long => self.number()?.write_json(self.out),
            Plan::Float => {
                let bytes = self.bytes(4)?.try_into().expect("four bytes");
                self.fraction(f32::from_le_bytes(bytes).into())?;
            }
            Plan::Double => {
                let bytes = self.bytes(8)?.try_into().expect("eight bytes");
                self.fraction(f64::from_le_bytes(bytes))?;
            }
            Plan::Text => self.text()?,
            Plan::Enum(symbols) => {
                let symbol = symbols.get(self.index()?).and_then(Option::as_ref);
                self.out.extend_from_slice(symbol.ok_or(JsonError::NotAvro)?);
            }
            Plan::Array(items) => self.array(items)?,
            Plan::Map(values) => self.map(values)?,
            Plan::Record(record) => self.record(record)?,
        }
        if self.out.len() > self.len_max { Err(JsonError::TooLong) } else { Ok(Written::Other) }
    }

    fn record(&mut self, record: &RecordPlan) -> Result<(), JsonError> {
        self.out.push(b'{');
        let first = self.out.len();
        for step in &record.steps {
            match step {
                Step::Skip(skip) => self.skip(skip)?,
                Step::Member(name, plan) => {
                    let before = self.out.len();
                    if before > first {
                        self.out.push(b',');
                    }
                    self.out.extend_from_slice(name);
                    if self.value(plan)? == Written::Null {
                        self.out.truncate(before);
                    }
                }
            }
        }
        if self.out.len() > first && !record.defaults.is_empty() {
            self.out.push(b',');
        }
        self.out.extend_from_slice(&record.defaults);
        self.out.push(b'}');
        Ok(())
    }

    fn array(&mut self, items: &Plan) -> Result<(), JsonError> {
        self.out.push(b'[');
        let first = self.out.len();
        self.blocks(|this| {
            if this.out.len() > first {
                this.out.push(b',');
            }
            this.value(items).map(drop)
        })?;
        self.out.push(b']');
        Ok(())
    }

    /// A name that comes twice is refused, as in JSON.
    fn map(&mut self, values: &Plan) -> Result<(), JsonError> {
        self.out.push(b'{');
        let first = self.out.len();
        let mut names = Vec::new();
        self.blocks(|this| {
            if this.out.len() > first {
                this.out.push(b',');
            }
            let start = this.out.len();
            this.text()?;
            names.push(this.out[start..].to_vec());
            this.out.push(b':');
            this.value(values).map(drop)
        })?;
        self.out.push(b'}');
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) { Err(JsonError::DuplicateKey) } else { Ok(()) }
    }

    /// Reads blocks of items up to the empty one.
    fn blocks(&mut self, mut item: impl FnMut(&mut Self) -> Result<(), JsonError>) -> Result<(), JsonError> {
        loop {
            let mut count = self.number()?;
            if count == 0 {
                return Ok(());
            }
            if count < 0 {
                // Then the size of the block follows, in bytes. It is for those who skip.
                self.number()?;
                count = count.checked_neg().ok_or(JsonError::NotAvro)?;
            }
            for _ in 0..count {
                item(self)?;
            }
        }
    }

    fn skip(&mut self, skip: &Skip) -> Result<(), JsonError> {
        self.step()?;
        match skip {
            Skip::Bytes(count) => drop(self.bytes(*count)?),
            Skip::Number => drop(self.number()?),
            Skip::Text => {
                let len = self.len()?;
                self.bytes(len)?;
            }
            Skip::Items(items) => self.blocks(|this| this.skip(items))?,
            Skip::Entries(values) => self.blocks(|this| {
                this.skip(&Skip::Text)?;
                this.skip(values)
            })?,
            Skip::Fields(fields) => {
                for field in fields {
                    self.skip(field)?;
                }
            }
            Skip::Branches(branches) => {
                let branch = branches.get(self.index()?).ok_or(JsonError::NotAvro)?;
                self.skip(branch)?;
            }
        }
        Ok(())
    }

    fn text(&mut self) -> Result<(), JsonError> {
        let len = self.len()?;
        let text = std::str::from_utf8(self.bytes(len)?).map_err(|_| JsonError::NotUtf8)?;
        self.out.push(b'"');
        write_escaped(self.out, text);
        self.out.push(b'"');
        Ok(())
    }

    fn fraction(&mut self, number: f64) -> Result<(), JsonError> {
        if !number.is_finite() {
            return Err(JsonError::NotAvro);
        }
        number.write_json(self.out);
        Ok(())
    }

    fn number(&mut self) -> Result<i64, JsonError> {
        let (number, rest) = varint::read(self.rest).ok_or(JsonError::NotAvro)?;
        self.rest = rest;
        Ok(number)
    }

    fn index(&mut self) -> Result<usize, JsonError> {
        usize::try_from(self.number()?).map_err(|_| JsonError::NotAvro)
    }

    fn len(&mut self) -> Result<usize, JsonError> {
        self.index()
    }

    fn bytes(&mut self, count: usize) -> Result<&'b [u8], JsonError> {
        let (bytes, rest) = self.rest.split_at_checked(count).ok_or(JsonError::NotAvro)?;
        self.rest = rest;
        Ok(bytes)
    }

    fn step(&mut self) -> Result<(), JsonError> {
        self.steps_left = self.steps_left.checked_sub(1).ok_or(JsonError::TooLong)?;
        Ok(())
    }
}
