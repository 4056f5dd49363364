//! `otp-stream config check|print`.

use clap::Subcommand;

use super::{Failure, print};
use crate::config::{Loaded, keys};

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Check everything, including the key file if there is one; exits with 2 and a remedy if something is wrong
    #[command(after_help = EXAMPLES)]
    Check,
    /// Show the effective values and the layer that set each, secrets masked
    #[command(after_help = EXAMPLES)]
    Print,
}

pub(super) const EXAMPLES: &str = "\
Examples:
  otp-stream --config base.toml --config prod.toml config check
  otp-stream --set processing.threads=2 config print
  otp-stream config print | grep -v '# default'            only values that differ from the defaults";

pub(super) fn perform(loaded: &Loaded, command: &ConfigCommand) -> Result<(), Failure> {
    match command {
        ConfigCommand::Check => print(&check_all(loaded)?),
        ConfigCommand::Print => print(&loaded.print()),
    }
}

/// A configuration can be checked before its deployment has keys. A key file that exists or is named must be valid.
fn check_all(loaded: &Loaded) -> Result<String, Failure> {
    let keys = if keys::are_absent(loaded) {
        "no keys yet: `run` needs a key file; create one with `otp-stream keys generate --out ./keys.toml`"
    } else {
        keys::read(loaded)?;
        "keys complete"
    };
    let names: Vec<_> = loaded.config.callers.iter().map(|caller| caller.name.as_str()).collect();
    Ok(format!("good: callers {}, {keys}\n", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};

    #[test]
    fn keys_may_be_missing_unless_a_key_file_is_named() {
        let check = |sets: &[&str], expected: Option<&str>| {
            let sets = sets.iter().map(|set| (*set).to_owned()).collect();
            let mut loaded = load(&Sources { sets, ..Sources::default() }).expect("a good configuration");
            loaded.config.keys.file = "/nonexistent/keys.toml".into();
            let message = check_all(&loaded).ok();
            assert_eq!(message.as_deref().and_then(|it| it.split(':').nth(1)), expected);
        };
        check(&[], Some(" callers egov, int, mosip, no keys yet"));
        check(&["keys.file=/nonexistent/keys.toml"], None);
    }
}
