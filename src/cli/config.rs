//! `otp-stream config check|print`.

use clap::Subcommand;

use super::{Failure, print};
use crate::config::{Loaded, keys};

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Check everything, the key file too if there is one; exit 2 says what is wrong and what to do
    #[command(after_help = EXAMPLES)]
    Check,
    /// Show the effective values and where each came from, secrets masked
    #[command(after_help = EXAMPLES)]
    Print,
}

pub(super) const EXAMPLES: &str = "\
Examples:
  otp-stream --config base.toml --config prod.toml config check
  otp-stream --set processing.threads=2 config print
  otp-stream config print | grep -v '# default'            only what differs from the defaults";

pub(super) fn perform(loaded: &Loaded, command: &ConfigCommand) -> Result<(), Failure> {
    match command {
        ConfigCommand::Check => print(&judge(loaded)?),
        ConfigCommand::Print => print(&loaded.print()),
    }
}

/// A configuration may be judged before its deployment has keys; a key file that is there or named must be good.
fn judge(loaded: &Loaded) -> Result<String, Failure> {
    let keys = if keys::are_absent(loaded) {
        "no keys yet: `run` needs a file that `otp-stream keys generate --out ./keys.toml` makes"
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
    fn keys_may_be_missing_unless_something_names_them() {
        let check = |sets: &[&str], expected: Option<&str>| {
            let sets = sets.iter().map(|set| (*set).to_owned()).collect();
            let mut loaded = load(&Sources { sets, ..Sources::default() }).expect("a good configuration");
            loaded.config.keys.file = "/nonexistent/keys.toml".into();
            let told = judge(&loaded).ok();
            assert_eq!(told.as_deref().and_then(|it| it.split(':').nth(1)), expected);
        };
        check(&[], Some(" callers egov, no keys yet"));
        check(&["keys.file=/nonexistent/keys.toml"], None);
    }
}
