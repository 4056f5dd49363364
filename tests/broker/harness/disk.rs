//! A small disk for a store: a file system in memory with few bytes and few inodes, so that it can be full.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub(crate) struct SmallDisk {
    /// Beside the directory of the scenario, which is removed while this is mounted.
    mounted: PathBuf,
}

impl SmallDisk {
    /// A disk at `store`, which does not exist. `options` are those of mount(8) for tmpfs. `None`: this machine lets nobody mount.
    /// A full disk is then tried by a limit on file sizes alone (`torture::store`).
    pub(crate) fn mount(store: &Path, options: &str) -> Option<Self> {
        let scenario = store.parent().expect("a store is in the directory of its scenario");
        let mounted = PathBuf::from(format!("{}-disk", scenario.display()));
        fs::create_dir_all(&mounted).expect("a directory to mount on");
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", options, "otp-stream-test"]).arg(&mounted).stderr(Stdio::null());
        if command.status().is_ok_and(|status| status.success()) {
            symlink(&mounted, store).expect("there is no store yet");
            return Some(Self { mounted });
        }
        println!("no small disk: mounting needs root and, in a container, --cap-add SYS_ADMIN");
        None
    }

    /// Takes every byte that is left. A store that closes gives back what it had reserved.
    pub(crate) fn fill(&self) {
        fs::create_dir_all(self.filler()).expect("an inode is left");
        let mut open = fs::OpenOptions::new();
        let mut file =
            open.create(true).append(true).open(self.filler().join("bytes")).expect("an inode is left");
        for size in [1 << 16, 1 << 10, 1] {
            let block = vec![b'x'; size];
            while file.write_all(&block).is_ok() {}
        }
    }

    /// Takes every inode that is left.
    pub(crate) fn take_inodes(&self) {
        fs::create_dir_all(self.filler()).expect("an inode is left");
        let create = |number: u32| fs::File::create(self.filler().join(format!("inode-{number}")));
        assert!((0..100_000).map(create).any(|it| it.is_err()), "the disk has few inodes");
    }

    /// Gives back what was taken.
    pub(crate) fn free(&self) {
        fs::remove_dir_all(self.filler()).expect("removed");
    }

    /// `ro` or `rw`.
    pub(crate) fn remount(&self, mode: &str) {
        let option = format!("remount,{mode}");
        let status = Command::new("mount").args(["-o", &option]).arg(&self.mounted).status();
        assert!(status.expect("mount starts").success(), "{option}");
    }

    fn filler(&self) -> PathBuf {
        self.mounted.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process that is about to end may still hold files.
        drop(Command::new("umount").arg("-l").arg(&self.mounted).status());
        drop(fs::remove_dir(&self.mounted));
    }
}
