//! The store directory: which process owns it, and where each task's store is.
//!
//! ```text
//! <directory>/<application id>/lock          locked while the process runs: one process per directory
//!                              instance      the id of this instance, created once; names the static group member
//!                              task-<p>/     the store of partition p
//! ```
//!
//! The directory carries the identity of the group member. Two processes with copies of one directory have the same
//! identity and fence each other.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rand::TryRng;
use rand::rngs::SysRng;

use super::fault::Fault;

/// The id of an instance: `[0-9A-Za-z._-]`, at most 64 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct InstanceId(String);

impl InstanceId {
    /// `None`: the text is not an id.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let is_id = (1..=64).contains(&text.len()) && text.bytes().all(fits);
        is_id.then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a store directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InstanceError {
    #[error(
        "store directory {}: another process is using it; stop it, or set another store.directory",
        .0.display()
    )]
    InUse(PathBuf),
    #[error(
        "store directory {}: the file `instance` holds no instance id; remove it, and a new id is made",
        .0.display()
    )]
    BadId(PathBuf),
    #[error(
        "application id {0:?}: it may contain only letters, digits, '.', '_' and '-'; change application.id"
    )]
    BadApplication(String),
    #[error("store directory {}: {error}; remedy: {}", .place.display(), Fault::of_system(.error).remedy())]
    Io { place: PathBuf, error: io::Error },
}

/// A store directory that this process owns until the value is dropped.
#[derive(Debug)]
pub(crate) struct Instance {
    directory: PathBuf,
    id: InstanceId,
    _lock: File,
}

impl Instance {
    /// Locks `<directory>/<application>`, creates what is missing, and reads or creates the instance id.
    ///
    /// # Errors
    /// See [`InstanceError`].
    pub(crate) fn take(directory: &Path, application: &str) -> Result<Self, InstanceError> {
        if InstanceId::parse(application).is_none() || matches!(application, "." | "..") {
            return Err(InstanceError::BadApplication(application.into()));
        }
        let directory = directory.join(application);
        let io = |error| io_error(&directory, error);
        fs::create_dir_all(&directory).map_err(io)?;
        let mut open = OpenOptions::new();
        let lock = open.create(true).truncate(false).write(true).open(directory.join("lock")).map_err(io)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(InstanceError::InUse(directory)),
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
        let id = match read_id(&directory)? {
            Some(id) => id,
            None => create_id(&directory).map_err(io)?,
        };
        Ok(Self { directory, id, _lock: lock })
    }

    pub(crate) fn id(&self) -> &InstanceId {
        &self.id
    }

    /// The directory of a partition's store.
    pub(crate) fn task_directory(&self, partition: i32) -> PathBuf {
        self.directory.join(format!("task-{partition}"))
    }

    /// The partitions that have a store in this directory, ascending.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub(crate) fn tasks(&self) -> Result<Vec<i32>, InstanceError> {
        let io = |error| io_error(&self.directory, error);
        let mut partitions = Vec::new();
        for entry in fs::read_dir(&self.directory).map_err(io)? {
            let name = entry.map_err(io)?.file_name();
            let partition: Option<i32> =
                name.to_str().and_then(|name| name.strip_prefix("task-")?.parse().ok());
            partitions.extend(partition);
        }
        partitions.sort_unstable();
        Ok(partitions)
    }
}

fn io_error(place: &Path, error: io::Error) -> InstanceError {
    InstanceError::Io { place: place.into(), error }
}

fn read_id(directory: &Path) -> Result<Option<InstanceId>, InstanceError> {
    match fs::read_to_string(directory.join("instance")) {
        Ok(text) => match InstanceId::parse(text.trim()) {
            Some(id) => Ok(Some(id)),
            None => Err(InstanceError::BadId(directory.into())),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(InstanceError::BadId(directory.into()))
        }
        Err(error) => Err(io_error(directory, error)),
    }
}

/// Creates a random id. The file is written under another name, synced and renamed, so that a crash leaves the whole id or
/// none.
#[expect(clippy::disallowed_methods, reason = "an instance id is random, and created once per directory")]
fn create_id(directory: &Path) -> io::Result<InstanceId> {
    let bytes = SysRng.try_next_u64().map_err(io::Error::other)?;
    let id = InstanceId(format!("{bytes:016x}"));
    let draft = directory.join("instance.new");
    let mut file = File::create(&draft)?;
    writeln!(file, "{}", id.as_str())?;
    file.sync_all()?;
    fs::rename(&draft, directory.join("instance"))?;
    File::open(directory)?.sync_all()?;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::super::scratch::Scratch;
    use super::*;

    #[test]
    fn the_id_is_created_once_and_the_directory_has_one_owner() {
        let at = Scratch::new("instance");
        let first = Instance::take(&at.0, "otp-stream").expect("free");
        let id = first.id().clone();
        assert!(matches!(Instance::take(&at.0, "otp-stream"), Err(InstanceError::InUse(_))));
        let other = Instance::take(&at.0, "other").expect("another application");
        assert_ne!(other.id(), &id);
        drop(first);
        assert_eq!(Instance::take(&at.0, "otp-stream").expect("free again").id(), &id);
    }

    #[test]
    fn a_damaged_id_is_reported_and_not_replaced() {
        let at = Scratch::new("bad-id");
        drop(Instance::take(&at.0, "app").expect("free"));
        for damaged in [b"not an id\n".as_slice(), b"", b"\n", b"\xff\xfe", &[b'a'; 65], &[0; 16]] {
            fs::write(at.0.join("app/instance"), damaged).expect("writable");
            let error = Instance::take(&at.0, "app").expect_err("no id").to_string();
            assert!(error.contains("the file `instance` holds no instance id; remove it"), "{error}");
            assert_eq!(fs::read(at.0.join("app/instance")).expect("still there"), damaged);
        }
    }

    #[test]
    fn an_application_id_never_leaves_the_directory() {
        for name in ["..", ".", "", "a/b", "a b"] {
            let taken = Instance::take(Path::new("/nonexistent"), name);
            assert!(matches!(taken, Err(InstanceError::BadApplication(_))), "{name:?}");
        }
    }

    #[test]
    fn stores_are_listed_by_partition() {
        let at = Scratch::new("tasks");
        let instance = Instance::take(&at.0, "app").expect("free");
        for partition in [10, 2] {
            fs::create_dir(instance.task_directory(partition)).expect("writable");
        }
        assert_eq!(instance.tasks().expect("readable"), vec![2, 10]);
    }
}
