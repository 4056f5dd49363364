//! What kind of fault an error of a store is, and what an operator does about it.
//!
//! Judges the kind, never a word in a text. A directory is called damaged only if its content is.
//!
//! RocksDB's interface gives a status as one text, with its parts at fixed places:
//!
//! ```text
//! IO error: While open a file for appending: /var/lib/otp-stream/…/000012.sst: Too many open files
//! ─ kind ─  ─ what ─────────────────────────  ─ file ─────────────────────────  ─ the system's error ─
//! ```
//!
//! The system's error is the last part, in the words of the C library, which also turn it back into its number. A path in the
//! middle may hold any words.

use std::io;
use std::path::Path;

use otp_topology::state::StoreError;
use rocksdb::{Error, ErrorKind};

/// Numbers of system errors lie below this.
const SYSTEM_ERRORS: i32 = 134;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// What the files contain is wrong, or one is missing.
    Damaged,
    /// The files have options or a format that this version of RocksDB does not know.
    UnknownFormat,
    /// Another process holds the lock of the store.
    InUse,
    /// This process holds the lock itself, or the file system knows no locks.
    Locked,
    /// The disk has no space or no inodes left, or a quota or a limit on file sizes is reached.
    Full,
    TooManyOpenFiles,
    ReadOnly,
    Denied,
    /// Any other refusal of the system, as an I/O error of the disk.
    Refused,
}

impl Fault {
    /// The fault that RocksDB reports.
    pub(super) fn of_store(error: &Error) -> Self {
        Self::of_status(error.kind(), error.as_ref())
    }

    /// The fault that the system reports for a call on a directory.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the standard library's kinds of errors grow")]
    pub(super) fn of_system(error: &io::Error) -> Self {
        let number = error.raw_os_error();
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::Full
            }
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            io::ErrorKind::PermissionDenied => Self::Denied,
            _ if matches!(number, Some(libc::EMFILE | libc::ENFILE)) => Self::TooManyOpenFiles,
            _ if number == Some(libc::ENOLCK) => Self::Locked,
            _ => Self::Refused,
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the kinds of errors grow")]
    fn of_status(kind: ErrorKind, text: &str) -> Self {
        // The system's error counts first: RocksDB hands some on as corruption or as an invalid argument.
        if let Some(error) = system_error(text) {
            return match error.kind() {
                io::ErrorKind::NotFound => Self::Damaged,
                // Only the call that locks the store ends so.
                io::ErrorKind::WouldBlock => Self::InUse,
                _ => Self::of_system(&error),
            };
        }
        match kind {
            ErrorKind::Corruption => Self::Damaged,
            ErrorKind::InvalidArgument | ErrorKind::NotSupported => Self::UnknownFormat,
            _ => Self::Refused,
        }
    }

    pub(super) const fn remedy(self) -> &'static str {
        match self {
            Self::Damaged => {
                "the store is damaged; remove this directory, and the task is restored from its changelog"
            }
            Self::UnknownFormat => {
                "this version does not know the format of the store; use the version that wrote it, or remove this \
                 directory, and the task is restored from its changelog"
            }
            Self::InUse => "another process has the store open; stop it, or set another store.directory",
            Self::Locked => {
                "the store is still open in this process, or its file system knows no locks: keep it on a local disk"
            }
            Self::Full => {
                "make room: the disk is full in space or inodes (df -h, df -i), or a quota or a limit on file sizes is reached; \
                 the store is to be kept"
            }
            Self::TooManyOpenFiles => {
                "raise the limit of open files (ulimit -n, LimitNOFILE= of systemd, docker run --ulimit nofile=, or \
                 fs.file-max of the machine); the store is to be kept"
            }
            Self::ReadOnly => {
                "mount the file system writable; the system's log says why it is read-only; the store is to be kept"
            }
            Self::Denied => "correct the owner and the permissions; the store is to be kept",
            Self::Refused => {
                "check store.directory, and look for disk errors in the system's log; the store is to be kept"
            }
        }
    }
}

/// RocksDB's error with directory and remedy. Its texts name files, never keys or values.
pub(super) fn store_error(directory: &Path, error: &Error) -> StoreError {
    let remedy = Fault::of_store(error).remedy();
    StoreError {
        place: directory.display().to_string(),
        reason: format!("{}; remedy: {remedy}", error.as_ref().trim_end()),
    }
}

/// The error of a system call, with the remedy. `what` continues "cannot".
pub(super) fn system_call_error(directory: &Path, what: &str, error: &io::Error) -> StoreError {
    let remedy = Fault::of_system(error).remedy();
    StoreError {
        place: directory.display().to_string(),
        reason: format!("cannot {what}: {error}; remedy: {remedy}"),
    }
}

/// The system's error at the end of a status. A status of several lines has one in each; a missing file is the last to count.
fn system_error(status: &str) -> Option<io::Error> {
    let errors: Vec<_> = status.lines().filter_map(|line| named_error(line.rsplit(": ").next()?)).collect();
    let is_missing = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let (missing, others): (Vec<_>, Vec<_>) = errors.into_iter().partition(is_missing);
    others.into_iter().chain(missing).next()
}

/// The error that the C library calls so.
fn named_error(words: &str) -> Option<io::Error> {
    (1..SYSTEM_ERRORS).map(|number| (number, io::Error::from_raw_os_error(number))).find_map(
        |(number, error)| {
            // The standard library adds the number.
            (error.to_string() == format!("{words} (os error {number})")).then_some(error)
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_judged_by_its_kind_and_the_systems_error() {
        let check = |text: &str, expected: Fault| {
            let kind = match text.split(':').next() {
                Some("IO error") => ErrorKind::IOError,
                Some("Corruption") => ErrorKind::Corruption,
                Some("Invalid argument") => ErrorKind::InvalidArgument,
                Some("Not implemented") => ErrorKind::NotSupported,
                other => panic!("{other:?}"),
            };
            assert_eq!(Fault::of_status(kind, text), expected, "{text}");
        };
        check(
            "Corruption: block checksum mismatch: stored = 1, computed = 2 in /s/000012.sst",
            Fault::Damaged,
        );
        check(
            "IO error: No such file or directory: While opening a file for sequentially reading: /s/MANIFEST-9: No such \
             file or directory",
            Fault::Damaged,
        );
        check("Invalid argument: Column families not opened: other", Fault::UnknownFormat);
        check("Not implemented: Snappy not supported or corrupted", Fault::UnknownFormat);
        check("IO error: While lock file: /s/LOCK: Resource temporarily unavailable", Fault::InUse);
        check(
            "IO error: lock hold by current process, acquire time 1 acquiring thread 2: /s/LOCK: No locks available",
            Fault::Locked,
        );
        check("IO error: while open a file for lock: /s/LOCK: Too many open files", Fault::TooManyOpenFiles);
        check("IO error: while open a file for lock: /s/LOCK: Permission denied", Fault::Denied);
        check(
            "Invalid argument: Found options incompatible with filesystem: IO error: While open a file for random read: \
             /s/CURRENT: Too many open files",
            Fault::TooManyOpenFiles,
        );
        check(
            "IO error: No space left on device: While appending to file: /s/000004.log: No space left on device",
            Fault::Full,
        );
        check("IO error: While appending to file: /s/000004.log: File too large", Fault::Full);
        check("IO error: While appending to file: /s/000004.log: Disk quota exceeded", Fault::Full);
        check("IO error: While open a file for appending: /s/5.sst: Read-only file system", Fault::ReadOnly);
        check("IO error: While pread offset 0 len 9: /s/000012.sst: Input/output error", Fault::Refused);
        check("IO error: Stale file handle: ", Fault::Refused);
        check(
            "Corruption: Can't access /000012.sst: IO error: while stat a file for size: /s/000012.sst: Input/output \
             error\n",
            Fault::Refused,
        );
        check(
            "Corruption: Can't access /000012.sst: IO error: No such file or directory: while stat a file for size: \
             /s/000012.sst: No such file or directory\n",
            Fault::Damaged,
        );
        check(
            "Corruption: Can't access /1.sst: IO error: while stat a file for size: /s/1.sst: No such file or \
             directory\nCan't access /2.sst: IO error: while stat a file for size: /s/2.sst: Permission denied\n",
            Fault::Denied,
        );
    }

    #[test]
    fn words_in_a_path_say_nothing() {
        let path = "/srv/lock: No space left on device: Permission denied/000012.sst";
        let text = format!("Corruption: block checksum mismatch in {path}");
        assert_eq!(Fault::of_status(ErrorKind::Corruption, &text), Fault::Damaged);
        let text = format!("IO error: While open a file for random read: {path}: Too many open files");
        assert_eq!(Fault::of_status(ErrorKind::IOError, &text), Fault::TooManyOpenFiles);
    }

    #[test]
    fn only_damage_and_an_unknown_format_are_a_reason_to_remove_a_store() {
        for fault in [
            Fault::InUse,
            Fault::Locked,
            Fault::Full,
            Fault::TooManyOpenFiles,
            Fault::ReadOnly,
            Fault::Denied,
            Fault::Refused,
        ] {
            assert!(!fault.remedy().contains("remove"), "{fault:?}");
        }
    }
}
