//! The account that Postgres runs as: our own, or a lesser one where we are root.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::{MetadataExt, lchown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::error::StartError;

/// The variables that Postgres gets of our environment. The others stay out, because ours holds passwords.
const KEPT_VARIABLES: [&str; 8] = [
    "PATH",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    // How images without a line in /etc/passwd give their user a name (nss_wrapper).
    "LD_PRELOAD",
    "NSS_WRAPPER_PASSWD",
    "NSS_WRAPPER_GROUP",
    "TMPDIR",
    "TZDIR",
];

/// The account that Postgres runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    uid: u32,
    gid: u32,
    /// Whether it differs from ours, so that files must be given to it. Only root can do that.
    switch: bool,
}

impl Account {
    /// Whether we are root and must choose another account.
    pub fn must_switch() -> bool {
        rustix::process::geteuid().is_root()
    }

    /// The account for a new database: our own; as root `postgres`, which its package makes, or `nobody`.
    pub fn for_new_data() -> Result<Self, StartError> {
        let uid = rustix::process::geteuid();
        if !uid.is_root() {
            let gid = rustix::process::getegid().as_raw();
            return Ok(Self { uid: uid.as_raw(), gid, switch: false });
        }
        let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
        ["postgres", "_postgres", "nobody"]
            .into_iter()
            .find_map(|name| listed(&accounts, name))
            .map(|(uid, gid)| Self { uid, gid, switch: true })
            .ok_or(StartError::NoAccount)
    }

    /// The account for data that exists: its owner's. So root may run once what a user runs every day, and the other
    /// way round. Files of root's own (a restored backup) are treated like new ones.
    pub fn for_data_in(dir: &Path, data: &Path) -> Result<Self, StartError> {
        let owner = fs::metadata(data).map_err(StartError::io("look at", data))?;
        let ours = Self::for_new_data()?;
        match owner.uid() {
            uid if uid == ours.uid => Ok(ours),
            0 if ours.switch => Ok(ours),
            uid if ours.switch => Ok(Self { uid, gid: owner.gid(), switch: true }),
            uid => Err(StartError::Foreign { dir: dir.to_owned(), uid }),
        }
    }

    /// The user id.
    pub fn uid(self) -> u32 {
        self.uid
    }

    /// Gives a file to the account. A symbolic link is given itself, never what it points to.
    pub fn own(self, path: &Path) -> Result<(), StartError> {
        if !self.switch {
            return Ok(());
        }
        lchown(path, Some(self.uid), Some(self.gid)).map_err(StartError::io("give away", path))
    }

    /// Gives a directory and all that is in it to the account, where its owner is another one.
    pub fn own_all(self, dir: &Path) -> Result<(), StartError> {
        let metadata = fs::symlink_metadata(dir).map_err(StartError::io("look at", dir))?;
        if !self.switch || metadata.uid() == self.uid {
            return Ok(());
        }
        let mut waiting = vec![dir.to_owned()];
        while let Some(path) = waiting.pop() {
            self.own(&path)?;
            if fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_dir()) {
                let entries = fs::read_dir(&path).map_err(StartError::io("read", &path))?;
                waiting.extend(entries.flatten().map(|entry| entry.path()));
            }
        }
        Ok(())
    }

    /// The directory on the way to `path` that the account may not pass, if there is one.
    pub fn barrier(self, path: &Path) -> Option<PathBuf> {
        if !self.switch {
            return None;
        }
        let barred = |dir: &&Path| {
            fs::metadata(dir).is_ok_and(|metadata| {
                let bit = if metadata.uid() == self.uid {
                    0o100
                } else if metadata.gid() == self.gid {
                    0o010
                } else {
                    0o001
                };
                metadata.mode() & bit == 0
            })
        };
        path.ancestors().skip(1).filter(barred).last().map(Path::to_owned)
    }

    /// A command that runs as the account, in `dir`, in a process group of its own (Ctrl-C in a terminal must not
    /// stop the database before the server has drained), and with nothing of our environment that it does not need.
    pub fn command(self, program: impl AsRef<OsStr>, dir: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("HOME", dir).env("LC_ALL", "C").current_dir(dir).process_group(0);
        for name in KEPT_VARIABLES {
            if let Some(value) = variable(name) {
                command.env(name, value);
            }
        }
        if self.switch {
            command.uid(self.uid).gid(self.gid);
        }
        command
    }
}

/// A variable of the system's, such as `PATH` or `HOME`.
#[expect(clippy::disallowed_methods, reason = "it is no setting of ours, which config alone reads")]
pub fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// The user and group of a name in the text of `/etc/passwd`.
fn listed(accounts: &str, name: &str) -> Option<(u32, u32)> {
    // macOS writes nobody's ids as -2.
    let id = |text: &str| {
        text.parse::<u32>().ok().or_else(|| Some(text.parse::<i32>().ok()?.cast_unsigned()))
    };
    accounts.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        match fields[..] {
            [found, _, uid, gid, ..] if found == name => Some((id(uid)?, id(gid)?)),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_an_account_by_its_whole_name() {
        let accounts = "root:x:0:0::/root:/bin/sh\npostgres2:x:9:9::/:/bin/sh\npostgres:x:101:104:a,b:/:/bin/sh\n";
        assert_eq!(listed(accounts, "postgres"), Some((101, 104)));
        assert_eq!(listed(accounts, "nobody"), None);
        assert_eq!(listed("nobody:*:-2:-2:U:/:/f", "nobody"), Some((u32::MAX - 1, u32::MAX - 1)));
        assert_eq!(listed("nobody:x:one:two", "nobody"), None);
    }

    #[test]
    fn our_own_directories_bar_nobody() {
        let ourselves = Account { uid: 1, gid: 1, switch: false };
        assert_eq!(ourselves.barrier(Path::new("/root/x")), None);
    }
}
