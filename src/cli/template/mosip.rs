//! MOSIP's master data `template.csv`: one row for each text, with the columns `file_txt`, `template_typ_code`, `lang_code`
//! and `is_active`.
//!
//! The file holds all texts of MOSIP. Those that carry a code belong to a context: `auth-otp-sms-template` to `auth-otp`.

use std::collections::BTreeSet;

use csv::StringRecord;
use otp_topology::contract::mosip_context;
use otp_topology::otp::ContractName;
use otp_topology::text::{TextPart, VARIABLES};
use serde_json::json;

use crate::cli::records::input::Input;
use crate::cli::records::{Batch, Draft, Place, Problem};

/// A text of some context.
struct Row {
    line: u64,
    context: String,
    code: String,
    language: String,
    text: String,
}

struct Columns {
    text: usize,
    code: usize,
    language: usize,
    active: Option<usize>,
}

/// One template for each active text of the contexts. `contexts`: none means every context in which some text carries a
/// code.
///
/// # Errors
/// The file has no such columns, or no text of a context that is named.
pub(super) fn records(input: &Input, tenant: &str, contexts: &[String]) -> Result<Batch, Problem> {
    let mut reader = csv::Reader::from_reader(input.text.as_bytes());
    let header = reader.headers().map_err(|error| problem(&error))?.clone();
    let columns = Columns::of(&header)?;
    let mut batch = Batch::default();
    let mut rows = Vec::new();
    for record in reader.records() {
        match record {
            Ok(record) => match columns.row(&record) {
                Some(row) => rows.push(row),
                None => batch.left_out += 1,
            },
            Err(error) => batch.problems.push(problem(&error)),
        }
    }
    let wanted = wanted(&rows, contexts)?;
    for row in rows {
        if wanted.contains(&row.context) {
            batch.drafts.push(row.draft(tenant));
        } else {
            batch.left_out += 1;
        }
    }
    Ok(batch)
}

impl Columns {
    fn of(header: &StringRecord) -> Result<Self, Problem> {
        let find = |name: &str| header.iter().position(|it| it.trim().eq_ignore_ascii_case(name));
        let required = |name: &str| {
            find(name).ok_or_else(|| {
                let remedy = "give the template.csv of MOSIP's master data, with its header row";
                Problem::new(Place::new(1, name), "there is no such column", remedy)
            })
        };
        Ok(Self {
            text: required("file_txt")?,
            code: required("template_typ_code")?,
            language: required("lang_code")?,
            active: find("is_active"),
        })
    }

    /// `None`: the row is inactive, or its text belongs to no context.
    fn row(&self, record: &StringRecord) -> Option<Row> {
        let cell = |at: usize| record.get(at).unwrap_or_default().trim();
        let is_active = self.active.is_none_or(|at| !cell(at).eq_ignore_ascii_case("false"));
        let context = mosip_context(cell(self.code)).filter(|_| is_active)?;
        Some(Row {
            line: record.position().map_or(0, csv::Position::line),
            context: context.to_owned(),
            code: cell(self.code).to_owned(),
            language: cell(self.language).to_owned(),
            text: cell(self.text).to_owned(),
        })
    }
}

impl Row {
    fn carries_code(&self) -> bool {
        (VARIABLES.cut)(&self.text).is_ok_and(|parts| parts.contains(&TextPart::Code))
    }

    fn draft(self, tenant: &str) -> Draft {
        let Self { line, code, language, text, .. } = self;
        let key = format!("{}/{tenant}/{language}/{code}", ContractName::Mosip.as_str());
        let value = json!({"text": text}).to_string().into_bytes();
        Draft { place: Place::new(line, "file_txt"), key, value: Some(value) }
    }
}

fn wanted(rows: &[Row], contexts: &[String]) -> Result<BTreeSet<String>, Problem> {
    let of =
        |rows: &mut dyn Iterator<Item = &Row>| rows.map(|row| row.context.clone()).collect::<BTreeSet<_>>();
    if contexts.is_empty() {
        return Ok(of(&mut rows.iter().filter(|row| row.carries_code())));
    }
    let known = of(&mut rows.iter());
    match contexts.iter().find(|it| !known.contains(*it)) {
        Some(unknown) => {
            let what = format!("no active text of the context {unknown}");
            let codes: Vec<_> = of(&mut rows.iter().filter(|row| row.carries_code())).into_iter().collect();
            let remedy = format!("the contexts whose texts carry a code are {}", codes.join(", "));
            Err(Problem::new(Place::default(), what, remedy))
        }
        None => Ok(contexts.iter().cloned().collect()),
    }
}

/// A row that is no CSV of this file.
fn problem(error: &csv::Error) -> Problem {
    let (line, what) = crate::cli::records::csv_fault(error);
    Problem::new(Place::new(line, ""), what, "correct the row, or save the file as CSV with commas again")
}
