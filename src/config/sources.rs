//! Where a configuration comes from: files, environment variables, `--set`.

use std::fmt;
use std::path::PathBuf;

/// The prefix of every environment variable that sets a key.
pub(super) const ENVIRONMENT_PREFIX: &str = "OTP_STREAM__";

/// The file that is read if no other is named and it exists.
pub(super) const FILE_DEFAULT: &str = "./otp-stream.toml";

/// The layers of a configuration, besides the defaults.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Later ones override earlier ones.
    pub files: Vec<PathBuf>,
    /// Names and values of variables. Variables without the prefix are ignored.
    pub environment: Vec<(String, String)>,
    /// Names of our variables whose values are not UTF-8.
    pub illegible: Vec<String>,
    /// `KEY=VALUE`, later ones override earlier ones.
    pub sets: Vec<String>,
}

/// The layer that set one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Default,
    File(PathBuf),
    Environment(String),
    Set,
}

impl Sources {
    /// The named files, or the usual one if it exists; and the environment of this process.
    pub fn of_process(files: Vec<PathBuf>, sets: Vec<String>) -> Self {
        let usual = PathBuf::from(FILE_DEFAULT);
        let files = if files.is_empty() && usual.exists() { vec![usual] } else { files };
        let (mut environment, mut illegible) = (Vec::new(), Vec::new());
        for (name, value) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with(ENVIRONMENT_PREFIX) {
                match value.into_string() {
                    Ok(value) => environment.push((name, value)),
                    Err(_) => illegible.push(name),
                }
            }
        }
        Self { files, environment, illegible, sets }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Set => f.write_str("--set"),
        }
    }
}
