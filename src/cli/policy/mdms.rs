//! DIGIT's master data `common-masters.MobileNumberValidation`: rows `{countryCode, mobileNumberRegex, default}`.
//!
//! ```text
//! master file   {"tenantId", "moduleName", "MobileNumberValidation": [row, …]}
//! version 1     {"MdmsRes": {"common-masters": {"MobileNumberValidation": [row, …]}}}
//! version 2     {"mdms": [{"tenantId", "schemaCode", "data": row, "isActive"}, …]}, or that array alone
//! rows          [row, …]
//! ```

use std::collections::BTreeMap;

use otp_topology::otp::{ContractName, NumberRule};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::cli::records::input::Input;
use crate::cli::records::json::{self, Members, line_of};
use crate::cli::records::{Batch, Draft, Place, Problem};

const MASTER: &str = "MobileNumberValidation";
const SCHEMA: &str = "common-masters.MobileNumberValidation";

/// The rows of one tenant that were found. `None`: the file names no tenant.
type Rows = BTreeMap<Option<String>, (u64, Vec<NumberRule>)>;

/// A row, or the envelope of one in version 2. Other members are not read, as DIGIT does not read them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    country_code: Option<String>,
    mobile_number_regex: Option<String>,
    default: Option<bool>,
    tenant_id: Option<String>,
    schema_code: Option<String>,
    is_active: Option<bool>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

struct Reader<'a> {
    input: &'a Input,
    rows: Rows,
    batch: Batch,
}

/// One policy record of each tenant, with `mobileRules` alone. `key`: of the record, if the file names no tenant or one.
///
/// # Errors
/// The file has none of the shapes.
pub(super) fn records(input: &Input, key: Option<&str>) -> Result<Batch, Problem> {
    let mut reader = Reader { input, rows: Rows::new(), batch: Batch::default() };
    if input.text.trim_start().starts_with('[') {
        reader.list(&input.text, None)?;
    } else {
        reader.object(&input.text)?;
    }
    let Reader { rows, mut batch, .. } = reader;
    let several = rows.len() > 1;
    for (tenant, (line, rules)) in rows {
        let place = Place::new(line, "tenantId");
        let key = match (key, tenant) {
            (Some(_), Some(tenant)) if several => {
                let what = format!("the rules of several tenants, {tenant} among them");
                batch.problems.push(Problem::new(
                    place,
                    what,
                    "leave out --key: each tenant gets its record",
                ));
                continue;
            }
            (Some(key), _) => key.to_owned(),
            (None, Some(tenant)) => format!("{}/{tenant}", ContractName::Egov.as_str()),
            (None, None) => {
                let remedy = "name the record with --key, as in egov/pb";
                batch.problems.push(Problem::new(place, "the rules are of no tenant", remedy));
                continue;
            }
        };
        let row = |rule: &NumberRule| json!({"countryCode": rule.country_code, "mobileNumberRegex": rule.regex, "default": rule.default});
        let value = json!({"mobileRules": rules.iter().map(row).collect::<Vec<_>>()}).to_string();
        batch.drafts.push(Draft {
            place: Place::new(line, key.clone()),
            key,
            value: Some(value.into_bytes()),
        });
    }
    Ok(batch)
}

impl<'a> Reader<'a> {
    fn object(&mut self, piece: &'a str) -> Result<(), Problem> {
        let Members(members) = json::read(self.input, piece, "MDMS data")?;
        let member = |name: &str| members.iter().find(|(it, _)| it == name).map(|(_, value)| value.get());
        if let Some(response) = member("MdmsRes") {
            let Members(modules) = json::read(self.input, response, "a reply of MDMS")?;
            for (_, module) in modules {
                self.object(module.get())?;
            }
            return Ok(());
        }
        if let Some(entries) = member("mdms") {
            return self.list(entries, None);
        }
        if let Some(rows) = member(MASTER) {
            let tenant = member("tenantId").map(|it| json::read(self.input, it, "a tenant")).transpose()?;
            return self.list(rows, tenant);
        }
        let remedy = "export the master MobileNumberValidation of the module common-masters";
        Err(Problem::new(Place::new(line_of(&self.input.text, piece), ""), format!("no {MASTER}"), remedy))
    }

    fn list(&mut self, piece: &'a str, tenant: Option<String>) -> Result<(), Problem> {
        let items: Vec<&RawValue> = json::read(self.input, piece, "a list of rows")?;
        for (at, item) in items.into_iter().enumerate() {
            let path = format!("{MASTER}[{at}]");
            if let Err(problem) = self.item(item.get(), &path, tenant.clone()) {
                self.batch.problems.push(problem);
            }
        }
        Ok(())
    }

    fn item(&mut self, piece: &'a str, path: &str, tenant: Option<String>) -> Result<(), Problem> {
        let row: Row<'a> = json::read(self.input, piece, "a row of MobileNumberValidation")?;
        if row.is_active == Some(false) || row.schema_code.is_some_and(|it| it != SCHEMA) {
            self.batch.left_out += 1;
            return Ok(());
        }
        let tenant = row.tenant_id.or(tenant);
        if let Some(data) = row.data {
            return self.item(data.get(), path, tenant);
        }
        let line = line_of(&self.input.text, piece);
        let rule = NumberRule {
            country_code: row.country_code.unwrap_or_default(),
            regex: row.mobile_number_regex.unwrap_or_default(),
            default: row.default.unwrap_or_default(),
        };
        if let Some(fault) = rule.fault() {
            let what =
                format!("countryCode {:?}, mobileNumberRegex {:?}: {fault}", rule.country_code, rule.regex);
            return Err(Problem::new(Place::new(line, path), what, "correct the row"));
        }
        self.rows.entry(tenant).or_insert_with(|| (line, Vec::new())).1.push(rule);
        Ok(())
    }
}
