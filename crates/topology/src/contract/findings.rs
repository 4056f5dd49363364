//! What is wrong with the settings of a contract, in words that let an operator mend it.

/// One fault of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsFinding {
    /// The dotted key, such as `egov.central_instance.schemas[0]`. The reader of the configuration adds its value.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

/// Collects the faults of one section.
#[derive(Debug)]
pub struct SettingsFindings {
    section: String,
    found: Vec<SettingsFinding>,
}

impl SettingsFindings {
    /// `section`: such as `egov` or `callers[0]`.
    pub fn new(section: impl Into<String>) -> Self {
        Self { section: section.into(), found: Vec::new() }
    }

    /// Objects to a key of the section, such as `central_instance.schemas[0]`.
    pub fn add(&mut self, key: &str, what: impl Into<String>, remedy: impl Into<String>) {
        let key = if key.is_empty() { self.section.clone() } else { format!("{}.{key}", self.section) };
        self.found.push(SettingsFinding { key, what: what.into(), remedy: remedy.into() });
    }

    /// Objects to a number outside its inclusive bounds.
    pub fn check_range(&mut self, key: &str, number: u64, min: u64, max: u64) {
        if number < min {
            self.add(key, "too small", format!("use at least {min}"));
        } else if number > max {
            self.add(key, "too large", format!("use at most {max}"));
        }
    }

    pub fn into_vec(self) -> Vec<SettingsFinding> {
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_of_a_number_are_good_themselves() {
        let check = |number: u64, expected: Option<(&str, &str)>| {
            let mut findings = SettingsFindings::new("egov");
            findings.check_range("count", number, 3, 5);
            let found = findings.into_vec();
            let found: Vec<_> = found.iter().map(|it| (&*it.key, &*it.what, &*it.remedy)).collect();
            let expected = expected.map(|(what, remedy)| ("egov.count", what, remedy));
            assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{number}");
        };
        check(2, Some(("too small", "use at least 3")));
        check(3, None);
        check(5, None);
        check(6, Some(("too large", "use at most 5")));
    }
}
