//! Why the embedded database could not be started, each with what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// Why the embedded database could not be started.
///
/// Each text is a sentence for the person at the terminal. None holds a secret or anything out of a mail: what is
/// quoted of Postgres's log was written before it took its first connection.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another process holds the directory.
    #[error("{} is in use by another running posthaste; stop that one, or choose another DATA_DIR", .0.display())]
    InUse(PathBuf),

    /// There is no Postgres to run, and none could be fetched.
    #[error("no {wanted} was found{reason}; {remedy}")]
    NoPostgres {
        /// `Postgres 14 or newer`, or the one version that can read the data.
        wanted: String,
        /// Why what was found or fetched will not do: empty, or a clause in parentheses with a space before it.
        reason: String,
        /// What to install on this system, and the ways around it.
        remedy: String,
    },

    /// Postgres refuses to run as root, and there is nobody else.
    #[error(
        "running as root, and there is no account `postgres` or `nobody` to run Postgres as; run posthaste as \
         another user, or set DATABASE_URL"
    )]
    NoAccount,

    /// The database's files cannot be reached by the account that owns them.
    #[error(
        "{} is closed to user {uid}, who owns the database in {}; run `chmod o+x {}`, or move the database",
        .closed.display(), .dir.display(), .closed.display()
    )]
    Closed {
        /// Where the database is.
        dir: PathBuf,
        /// The directory above it that lacks the permission.
        closed: PathBuf,
        /// Who owns the database.
        uid: u32,
    },

    /// The database belongs to another user.
    #[error("the database in {} belongs to user {uid}; run posthaste as that user, or as root", .dir.display())]
    Foreign {
        /// Where the database is.
        dir: PathBuf,
        /// Who owns it.
        uid: u32,
    },

    /// The directory for the socket exists and cannot be trusted.
    #[error("{} is not a private directory of ours; remove it, or choose a DATA_DIR with a shorter path", .0.display())]
    SocketDirectory(PathBuf),

    /// Postgres looks its user up in the system's list and gives up without an entry.
    #[error(
        "user {0} has no entry in /etc/passwd, which Postgres needs; run posthaste as a user who has one (in a \
         container, leave out `--user`), or set DATABASE_URL"
    )]
    NoUserEntry(u32),

    /// A new database could not be made.
    #[error("initdb failed: {0}")]
    Initdb(String),

    /// Postgres gave up while starting.
    #[error("postgres ended while starting ({status}); its log says:\n{log}")]
    Ended {
        /// How it ended.
        status: std::process::ExitStatus,
        /// The last lines that it wrote in this start.
        log: String,
    },

    /// Postgres does not end its recovery.
    #[error("postgres was not ready after {} minutes; see {}", .minutes, .log.display())]
    NotReady {
        /// How long we waited.
        minutes: u64,
        /// Where it says what it is doing.
        log: PathBuf,
    },

    /// A Postgres that outlived its owner will not end.
    #[error(
        "an earlier Postgres (pid {0}) still serves this directory and will not stop; end it with `kill -QUIT {0}`"
    )]
    Orphan(u32),

    /// The system refused something.
    #[error("could not {action} {}: {source}", .path.display())]
    Io {
        /// Completes "could not".
        action: &'static str,
        /// What it was done to.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// The thread that looks after Postgres ended before it had said anything.
    #[error("the thread that looks after postgres ended early; this is a bug, please report it")]
    Supervisor,
}

impl StartError {
    /// Says what was being done, for `map_err`.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}
