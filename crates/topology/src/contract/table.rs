//! The table of contracts: one line each. Adding a contract adds its line here, its folder, its pinned names and its
//! section of the default configuration.

use std::fmt::Debug;
use std::sync::Arc;

use serde::Deserialize as _;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::delivery::DeliverySettings;
use super::findings::{SettingsFinding, SettingsFindings};
use super::port::Contract;
use super::shared::{SharedSettings, TOKENS, TokenSettings};
use super::{egov, int, mosip};
use crate::otp::ContractName;

/// The contracts of this program.
pub const CONTRACTS: &[ContractLine] = &[
    ContractLine::of::<egov::Egov>(ContractName::Egov),
    ContractLine::of::<int::Int>(ContractName::Int),
    ContractLine::of::<mosip::Mosip>(ContractName::Mosip),
];

/// Opens a contract with the section of its settings.
type OpenContract =
    fn(ContractName, Value, &SharedSettings) -> Result<Arc<dyn Contract>, Vec<SettingsFinding>>;

/// One contract before its settings are known.
#[derive(Clone, Copy, Debug)]
pub struct ContractLine {
    pub name: ContractName,
    open: OpenContract,
}

/// The contracts of one deployment, with their settings.
#[derive(Clone, Debug, Default)]
pub struct Contracts {
    /// In the order of the table.
    opened: Vec<Arc<dyn Contract>>,
}

impl ContractLine {
    pub const fn of<C: Contract + 'static>(name: ContractName) -> Self {
        Self { name, open: open::<C> }
    }
}

impl Contracts {
    /// Opens the contracts of a table with their settings. `sections`: the section of each contract under its name, and
    /// [`TOKENS`]; a key that is absent has its default.
    ///
    /// # Errors
    /// Every fault of the settings.
    pub fn open(
        table: &[ContractLine],
        mut sections: Map<String, Value>,
    ) -> Result<Self, Vec<SettingsFinding>> {
        let mut opened = Vec::with_capacity(table.len());
        let mut findings = Vec::new();
        let tokens = read_tokens(&mut sections).unwrap_or_else(|found| {
            findings.extend(found);
            TokenSettings::default()
        });
        // A fault in this section is found by the contract whose section it is.
        let delivery = sections.get(ContractName::Egov.as_str()).map(DeliverySettings::deserialize);
        let shared = SharedSettings { delivery: delivery.and_then(Result::ok).unwrap_or_default(), tokens };
        for line in table {
            let section = sections.remove(line.name.as_str()).unwrap_or_else(empty);
            match (line.open)(line.name, section, &shared) {
                Ok(contract) => opened.push(contract),
                Err(found) => findings.extend(found),
            }
        }
        if findings.is_empty() { Ok(Self { opened }) } else { Err(findings) }
    }

    /// The contracts of this program with their default settings.
    pub fn with_defaults() -> Self {
        Self::open(CONTRACTS, Map::new()).expect("the default settings have no fault; a test opens them")
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Contract>> {
        self.opened.iter()
    }

    pub fn get(&self, name: ContractName) -> Option<&Arc<dyn Contract>> {
        self.opened.iter().find(|contract| contract.name() == name)
    }

    /// The contract with this name, as keys and configurations write it.
    pub fn named(&self, name: &str) -> Option<&Arc<dyn Contract>> {
        self.opened.iter().find(|contract| contract.name().as_str() == name)
    }

    /// The members that hold secrets in the records of any contract, each once.
    pub fn secret_members(&self) -> Vec<&'static str> {
        let mut names: Vec<_> =
            self.opened.iter().flat_map(|contract| contract.secret_members()).copied().collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The roles that records of the client registry can give.
    pub fn client_roles(&self) -> Vec<&str> {
        self.opened.iter().flat_map(|contract| contract.client_roles()).map(String::as_str).collect()
    }

    /// The names of all contracts, for error texts: `egov, int, mosip`.
    pub fn list(&self) -> String {
        let names: Vec<_> = self.opened.iter().map(|contract| contract.name().as_str()).collect();
        names.join(", ")
    }
}

fn open<C: Contract + 'static>(
    name: ContractName,
    section: Value,
    shared: &SharedSettings,
) -> Result<Arc<dyn Contract>, Vec<SettingsFinding>> {
    let settings = read_section::<C::Settings>(name.as_str(), section, C::check)?;
    Ok(Arc::new(C::new(settings, shared)))
}

fn read_tokens(sections: &mut Map<String, Value>) -> Result<TokenSettings, Vec<SettingsFinding>> {
    read_section(TOKENS, sections.remove(TOKENS).unwrap_or_else(empty), TokenSettings::check)
}

fn read_section<S: DeserializeOwned>(
    name: &str,
    section: Value,
    check: impl FnOnce(&S, &mut SettingsFindings),
) -> Result<S, Vec<SettingsFinding>> {
    let mut findings = SettingsFindings::new(name);
    let settings: S = match serde_path_to_error::deserialize(section) {
        Ok(settings) => settings,
        Err(error) => {
            let path = error.path().to_string();
            let path = if path == "." { "" } else { &path };
            findings.add(path, error.inner().to_string(), "see config/default.toml");
            return Err(findings.into_vec());
        }
    };
    check(&settings, &mut findings);
    let findings = findings.into_vec();
    if findings.is_empty() { Ok(settings) } else { Err(findings) }
}

fn empty() -> Value {
    Value::Object(Map::new())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otp::{Bounds, Policy};

    #[test]
    fn a_line_names_its_contract_and_its_defaults_are_within_the_bounds() {
        let contracts = Contracts::with_defaults();
        assert_eq!(contracts.list(), "egov, int, mosip");
        for (line, contract) in CONTRACTS.iter().zip(contracts.iter()) {
            assert_eq!(contract.name(), line.name);
            assert_eq!(contract.default_policy().check(&Bounds::default()), Ok(()));
        }
    }

    #[test]
    fn default_policies_are_pinned() {
        let contracts = Contracts::with_defaults();
        let check = |name: ContractName, expected: &str, own: Policy| {
            let policy = contracts.get(name).expect("it has a line").default_policy();
            assert_eq!(&*policy.version.to_hex(), expected, "{name:?}");
            assert_eq!(policy, own.versioned());
        };
        let built_in = Policy::built_in;
        let number_rules = egov::EgovSettings::default().mobile_rules;
        check(
            ContractName::Egov,
            "78929b0c33c59490",
            Policy { number_rules: number_rules.clone(), ..built_in() },
        );
        let with_numbers = |policy: Policy| Policy { number_rules: number_rules.clone(), ..policy };
        check(ContractName::Int, "78929b0c33c59490", with_numbers(built_in()));
        let mosip = Policy { lifetime_ms: 180_000, wrong_tries_max: 10, lock_ms: 1_800_000, ..built_in() };
        check(ContractName::Mosip, "3e4a523498cd639b", with_numbers(mosip));
    }

    #[test]
    fn every_fault_of_a_section_names_its_key() {
        let check = |section: &str, expected: &[&str]| {
            let sections: Map<String, Value> = serde_json::from_str(section).expect("good JSON");
            let found = Contracts::open(CONTRACTS, sections).expect_err("a fault");
            let found: Vec<_> =
                found.iter().map(|it| format!("{}: {}; {}", it.key, it.what, it.remedy)).collect();
            assert_eq!(found, expected, "{section}");
        };
        check(
            r#"{"egov":{"user_check":1}}"#,
            &["egov.user_check: invalid type: integer `1`, expected a boolean; see config/default.toml"],
        );
        check(
            r#"{"egov":{"locale_default":"","strip_suffix_count":17}}"#,
            &[
                "egov.locale_default: not a valid locale; write one like en_IN",
                "egov.strip_suffix_count: too large; use at most 16",
            ],
        );
        check(
            r#"{"int":{"utc_offset":"IST"}}"#,
            &["int.utc_offset: not a distance to UTC like +05:30; see config/default.toml"],
        );
        check(
            r#"{"tokens":{"issuer":"","lifetime_s":0},"mosip":{"languages":["eng","ara","fra"]}}"#,
            &[
                "tokens.issuer: not a name; name who issues the tokens, as in \"otp-stream\"",
                "tokens.lifetime_s: too small; use at least 1",
                "mosip.languages: texts have one language or two; name the primary language, then at most one other, \
                 as in [\"eng\", \"ara\"]",
            ],
        );
        check(
            r#"{"mosip":{"client_roles":["AUTH"," "]}}"#,
            &["mosip.client_roles[1]: not a role; name a role, or take it out"],
        );
        check(
            r#"{"int":{"digit_min":3},"mosip":{"languages":"eng"}}"#,
            &[
                "int.digit_min: too small; use at least 4",
                "mosip.languages: invalid type: string \"eng\", expected a sequence; see config/default.toml",
            ],
        );
    }
}
