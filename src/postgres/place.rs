//! Where the embedded database lies on the disk.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::account::Account;
use super::error::StartError;

/// Where root keeps databases whose proper directory is closed to the account that Postgres runs as.
const FAR: &str = "/var/lib/posthaste";

/// A socket's path holds at most 103 bytes on macOS and 107 on Linux; its lock file's name is five longer.
const LONGEST_SOCKET_PATH: usize = 100;

/// The name of the socket. The number is a name and no port: nothing listens on the network.
pub const SOCKET: &str = ".s.PGSQL.5432";

/// Where the embedded database lies on the disk.
#[derive(Clone, Debug)]
pub struct Place {
    /// Holds all of it: `pgdata/`, `lock`, `postgres.log` and, where its path is short enough, `run/` for the socket.
    pub dir: PathBuf,
    /// Who owns it.
    pub account: Account,
    /// Whether it is not where it was asked for.
    elsewhere: bool,
}

impl Place {
    /// Finds the place for the database of `wanted`, and touches nothing.
    ///
    /// It is the same place every time, whatever happens to permissions between: where there is a database, there it
    /// stays. A new one goes where it was asked for; as root, if that is closed to the account that Postgres runs as
    /// (a clone under `/root`), under `/var/lib/posthaste`.
    pub fn find(wanted: &Path) -> Result<Self, StartError> {
        let near = real_path(wanted).map_err(StartError::io("find", wanted))?;
        if has_data(&near) {
            return Self::of_data(near, false);
        }
        let account = Account::for_new_data()?;
        let far = Path::new(FAR).join(far_name(&near));
        if Account::must_switch() && has_data(&far) {
            return Self::of_data(far, true);
        }
        let elsewhere = account.barrier(&near).is_some();
        Ok(Self { dir: if elsewhere { far } else { near }, account, elsewhere })
    }

    fn of_data(dir: PathBuf, elsewhere: bool) -> Result<Self, StartError> {
        let account = Account::for_data_in(&dir, &dir.join("pgdata"))?;
        match account.barrier(&dir) {
            Some(closed) => Err(StartError::Closed { dir, closed, uid: account.uid() }),
            None => Ok(Self { dir, account, elsewhere }),
        }
    }

    /// Makes the directory, private to its account.
    pub fn prepare(&self) -> Result<(), StartError> {
        let dir = &self.dir;
        if self.elsewhere {
            tracing::info!(
                database = %dir.display(),
                "The database is kept elsewhere, because its directory is closed to the account that Postgres runs as"
            );
        }
        let missing: Vec<&Path> = dir.ancestors().take_while(|above| !above.exists()).collect();
        for above in missing.into_iter().rev() {
            fs::create_dir(above).map_err(StartError::io("make", above))?;
            if self.account.barrier(dir).is_some() {
                // Whatever root's umask says, the account must be able to pass.
                set_mode(above, 0o711)?;
            }
        }
        self.account.own(dir)?;
        let owner = fs::metadata(dir).map_err(StartError::io("look at", dir))?.uid();
        if owner != self.account.uid() {
            return Err(StartError::Foreign { dir: dir.clone(), uid: owner });
        }
        set_mode(dir, 0o700)?;
        if has_data(dir) {
            // A restored backup may have lost both, and Postgres insists on them.
            self.account.own_all(&self.data())?;
            set_mode(&self.data(), 0o700)?;
        }
        Ok(())
    }

    /// The cluster itself.
    pub fn data(&self) -> PathBuf {
        self.dir.join("pgdata")
    }

    /// What Postgres has to say.
    pub fn log(&self) -> PathBuf {
        self.dir.join("postgres.log")
    }

    /// The major version of the Postgres that made the cluster, where there is one.
    pub fn version(&self) -> Option<u32> {
        fs::read_to_string(self.data().join("PG_VERSION")).ok()?.trim().parse().ok()
    }

    /// Takes the directory for this process, until the file is closed or the process ends, in whatever way.
    pub fn lock(&self) -> Result<File, StartError> {
        let path = self.dir.join("lock");
        let file = self.open(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(fs::TryLockError::WouldBlock) => Err(StartError::InUse(self.dir.clone())),
            Err(fs::TryLockError::Error(error)) => Err(StartError::io("lock", &path)(error)),
        }
    }

    /// Opens a file of ours for appending, and makes it where it is missing.
    pub fn open(&self, path: &Path) -> Result<File, StartError> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            // The directory belongs to another account, who must not make root write elsewhere.
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
            .open(path)
            .map_err(StartError::io("open", path))?;
        self.account.own(path)?;
        Ok(file)
    }

    /// The directory of the socket: `run` beside the data, or a private one under `/tmp` where that path is too long.
    pub fn sockets(&self) -> PathBuf {
        let near = self.dir.join("run");
        if near.as_os_str().len() + "/".len() + SOCKET.len() + ".lock".len() <= LONGEST_SOCKET_PATH
        {
            return near;
        }
        // Not TMPDIR, which may be another one when the server is started next.
        let name = format!("{}:{}", self.account.uid(), self.dir.display());
        Path::new("/tmp").join(format!("posthaste-{}", digest(&name)))
    }

    /// Makes the directory of the socket, and clears it of what a killed Postgres left: its lock file may name a
    /// process that is someone else's by now, which would block the start.
    pub fn prepare_sockets(&self) -> Result<PathBuf, StartError> {
        let sockets = self.sockets();
        match DirBuilder::new().mode(0o700).create(&sockets) {
            Ok(()) => self.account.own(&sockets)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let found =
                    fs::symlink_metadata(&sockets).map_err(StartError::io("look at", &sockets))?;
                let private = found.is_dir() && found.mode() & 0o777 == 0o700;
                if !private || found.uid() != self.account.uid() {
                    return Err(StartError::SocketDirectory(sockets));
                }
            }
            Err(error) => return Err(StartError::io("make", &sockets)(error)),
        }
        for name in [SOCKET.to_owned(), format!("{SOCKET}.lock")] {
            remove_if_present(&sockets.join(name))?;
        }
        Ok(sockets)
    }
}

/// Removes a file, if it is there.
pub fn remove_if_present(path: &Path) -> Result<(), StartError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StartError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

fn has_data(dir: &Path) -> bool {
    dir.join("pgdata/PG_VERSION").exists()
}

fn set_mode(path: &Path, mode: u32) -> Result<(), StartError> {
    fs::set_permissions(path, Permissions::from_mode(mode))
        .map_err(StartError::io("set the permissions of", path))
}

/// The absolute path without symbolic links, as far as it exists: a database must have one name only, because a
/// running Postgres is recognized by it.
fn real_path(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    for above in path.ancestors() {
        if let Ok(real) = above.canonicalize() {
            let rest = path.strip_prefix(above).unwrap_or(Path::new(""));
            return Ok(if rest.as_os_str().is_empty() { real } else { real.join(rest) });
        }
    }
    Ok(path)
}

/// A name that shows people whose database it is, and that no other path has.
fn far_name(dir: &Path) -> String {
    let path = dir.to_string_lossy();
    let readable: String =
        path.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    // From the end, which tells them apart; file names may have 255 bytes.
    let readable: String =
        readable.chars().rev().take(100).collect::<Vec<_>>().into_iter().rev().collect();
    format!("{}-{}", readable.trim_matches('-'), digest(&path))
}

/// Sixteen hexadecimal digits. A hash that stays the same from one compiler to the next, since places rest on it.
fn digest(text: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    let first = digest.first_chunk().map_or(0, |first| u64::from_be_bytes(*first));
    format!("{first:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_far_places_differ_and_last() {
        let (one, other) =
            (far_name(Path::new("/root/a-b/postgres")), far_name(Path::new("/root/a/b/postgres")));
        assert_ne!(one, other);
        // Written down: data that people have must be found by later versions.
        assert_eq!(one, "root-a-b-postgres-7960fe774486f5f2");
        assert!(far_name(Path::new(&"/x".repeat(2000))).len() < 200);
    }

    #[test]
    fn a_long_path_has_its_socket_elsewhere() {
        let account = Account::for_new_data().unwrap();
        let place = |dir: &str| Place { dir: dir.into(), account, elsewhere: false };
        assert_eq!(place("/data/postgres").sockets(), Path::new("/data/postgres/run"));
        for length in 60..200 {
            let sockets = place(&format!("/{}", "d".repeat(length))).sockets();
            assert!(
                sockets.join(format!("{SOCKET}.lock")).as_os_str().len() <= LONGEST_SOCKET_PATH
            );
        }
    }
}
