//! The input of a command: a file, or standard input.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Place, Problem};
use crate::cli::Failure;

/// Longest input that is read as a whole, in bytes.
const INPUT_BYTES_MAX: u64 = 64 << 20;

/// Where a command reads from.
#[derive(Debug, Args)]
pub(crate) struct InputArgs {
    /// Read this file. Absent or -: standard input
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// A text that was read, with its name in messages.
#[derive(Debug)]
pub(crate) struct Input {
    pub name: String,
    pub text: String,
}

impl InputArgs {
    fn path(&self) -> Option<&Path> {
        self.file.as_deref().filter(|path| *path != Path::new("-"))
    }

    /// In messages.
    pub(crate) fn name(&self) -> String {
        self.path().map_or_else(|| "standard input".to_owned(), |path| path.display().to_string())
    }

    /// The open file, and its size if that is known.
    ///
    /// # Errors
    /// The file cannot be opened, or standard input is a terminal at which nobody expects to type.
    pub(crate) fn open(&self) -> Result<(Box<dyn Read>, Option<u64>), Failure> {
        match self.path() {
            Some(path) => {
                let unreadable = |error: io::Error| {
                    Failure::Usage(format!(
                        "{}: cannot be read ({error}); name a file, or - for standard input",
                        path.display()
                    ))
                };
                let file = File::open(path).map_err(unreadable)?;
                let metadata = file.metadata().map_err(unreadable)?;
                if metadata.is_dir() {
                    return Err(unreadable(io::ErrorKind::IsADirectory.into()));
                }
                Ok((Box::new(file), Some(metadata.len())))
            }
            None if self.file.is_none() && io::stdin().is_terminal() => Err(Failure::Usage(
                "no input: name a FILE, pipe one in, or give - to type at the terminal".to_owned(),
            )),
            None => Ok((Box::new(io::stdin()), None)),
        }
    }

    /// Reads everything.
    ///
    /// # Errors
    /// The input cannot be read, is too long, or is not UTF-8.
    pub(crate) fn read(&self) -> Result<Input, Failure> {
        let (source, _) = self.open()?;
        let name = self.name();
        let mut bytes = Vec::new();
        let read = source.take(INPUT_BYTES_MAX + 1).read_to_end(&mut bytes);
        read.map_err(|error| Failure::Runtime(anyhow::anyhow!("{name}: cannot be read ({error})")))?;
        if bytes.len() as u64 > INPUT_BYTES_MAX {
            let what = format!("longer than {} MiB", INPUT_BYTES_MAX >> 20);
            return Err(Problem::new(Place::default(), what, "split it").in_file(&name));
        }
        text(bytes).map(|text| Input { text, name: name.clone() }).map_err(|problem| problem.in_file(&name))
    }
}

/// The text of a file, without a byte order mark.
fn text(bytes: Vec<u8>) -> Result<String, Problem> {
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + good.iter().filter(|byte| **byte == b'\n').count() as u64;
        Problem::new(Place::new(line, ""), "not UTF-8", "save the file as UTF-8")
    })?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_utf_8_with_or_without_a_mark() {
        let check = |bytes: &[u8], expected: Result<&str, &str>| {
            let read = text(bytes.to_vec()).map_err(|problem| problem.to_string());
            assert_eq!(read.as_deref().map_err(String::as_str), expected, "{bytes:?}");
        };
        check(b"{}\n", Ok("{}\n"));
        check(b"\xef\xbb\xbf{}", Ok("{}"));
        check(b"", Ok(""));
        check(b"{\n\"caf\xe9\"}", Err(", line 2: not UTF-8; save the file as UTF-8"));
    }
}
