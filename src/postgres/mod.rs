//! The embedded database: a real Postgres, run as a child process, for those who have no `DATABASE_URL`.
//!
//! It is served on a private Unix socket, ends with its owner however that ends, and survives what kills either of
//! them. Read `supervisor` first: it is the whole story. `place` says where things lie, `account` who runs
//! them, `binaries` which Postgres, `cluster` with which settings, `guarded` how it ends with us, and
//! `pid_file` what an earlier run may have left.

mod account;
mod binaries;
mod cluster;
mod download;
mod error;
mod guarded;
mod pid_file;
mod place;
mod postmaster;
mod server_log;
mod supervisor;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use sqlx::postgres::PgConnectOptions;
use tokio::sync::oneshot;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use cluster::Durability;
pub use error::StartError;
use pid_file::PidFile;
use place::Place;
use supervisor::Started;

/// The superuser of the cluster; the socket's directory is what keeps others out.
const USER: &str = "postgres";

/// How the embedded database is run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it is kept: `DATA_DIR/postgres`. Nothing else may be in there.
    pub dir: PathBuf,
    /// Where its programs are (`POSTGRES_BIN_DIR`); without it they are searched for, and fetched if need be.
    pub bin_dir: Option<PathBuf>,
    /// What the data are worth.
    pub durability: Durability,
}

/// A Postgres of our own. It is stopped by [`stop`](Self::stop), by being dropped, and by the end of this process.
#[derive(Debug)]
pub struct Embedded {
    place: Place,
    created: bool,
    pid: Arc<AtomicU32>,
    stop: DropGuard,
    stopped: oneshot::Receiver<()>,
}

impl Embedded {
    /// Starts the database, and makes it first where there is none. Comes back when it takes connections.
    ///
    /// Takes about a second the first time and a tenth of one later; longer where Postgres must be fetched, or
    /// recover. It is looked after by a thread of its own and needs nothing of the caller's runtime.
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        let pid = Arc::new(AtomicU32::new(0));
        let token = CancellationToken::new();
        let stop = token.clone().drop_guard();
        let (started, starting) = oneshot::channel();
        let (ended, stopped) = oneshot::channel();
        let dir = settings.dir.clone();
        let thread = thread::Builder::new().name("postgres".to_owned());
        let shared = Arc::clone(&pid);
        thread
            .spawn(move || {
                supervisor::run(settings, shared, started, &token);
                // Nobody may be waiting, when the owner was dropped.
                let _ = ended.send(());
            })
            .map_err(StartError::io("look after", &dir))?;
        let Started { place, created } = starting.await.map_err(|_| StartError::Supervisor)??;
        Ok(Self { place, created, pid, stop, stopped })
    }

    /// How to connect to one of its databases; `postgres` is always there.
    pub fn connect_options(&self, database: &str) -> PgConnectOptions {
        options(&self.place.sockets(), database)
    }

    /// The same as a URL, for messages and tests.
    pub fn url(&self, database: &str) -> String {
        let sockets = self.place.sockets();
        let host = percent_encoded(&sockets.to_string_lossy());
        format!("postgresql://{USER}@localhost/{}?host={host}", percent_encoded(database))
    }

    /// The server's process; 0 while it is being started again.
    pub fn pid(&self) -> u32 {
        self.pid.load(Ordering::Acquire)
    }

    /// Where it is kept, which as root may be another place than was asked for.
    pub fn dir(&self) -> &Path {
        &self.place.dir
    }

    /// Whether its data were made in this start.
    pub fn created(&self) -> bool {
        self.created
    }

    /// Ends all sessions, writes everything out, and stops the server. Takes up to half a minute when there is much
    /// to write.
    pub async fn stop(self) {
        drop(self.stop);
        // An error means that the thread has gone, and Postgres with it.
        let _ = self.stopped.await;
    }
}

/// How to connect to the Postgres that a running server keeps in `dir`, for commands beside it. None if there is none.
pub fn running(dir: &Path, database: &str) -> Option<PgConnectOptions> {
    let place = Place::find(dir).ok()?;
    let data = place.data();
    let file = PidFile::read(&data)?;
    (file.ready && pid_file::serves(file.pid, &data)).then(|| options(&file.sockets, database))
}

fn options(sockets: &Path, database: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .socket(sockets)
        .port(5432)
        .username(USER)
        .database(database)
        // An error names the value that caused it, which may be an address. We hear of it ourselves; the log of
        // Postgres is for what happens outside of sessions.
        .options([("log_min_messages", "fatal")])
}

/// Percent-encodes all but the characters that are safe everywhere in a URL (RFC 3986, section 2.3).
fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_may_hold_any_path() {
        assert_eq!(percent_encoded("/tmp/a b?#&é"), "%2Ftmp%2Fa%20b%3F%23%26%C3%A9");
    }

    #[test]
    fn nothing_runs_where_nothing_is() {
        assert!(running(Path::new("/nowhere/at/all"), "postgres").is_none());
    }
}
