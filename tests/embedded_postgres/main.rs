//! The embedded Postgres, and everything that may happen to it and to its owner.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]
#![expect(clippy::print_stdout, reason = "a child process reports to its test on standard output")]
#![expect(clippy::print_stderr, reason = "a test that cannot run on this machine says so")]

mod kills;
mod places;

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use posthaste::postgres::{Durability, Embedded, Settings, running};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use sqlx::postgres::PgPool;
use sqlx::{Connection, PgConnection};

/// How long anything may take on a busy machine before the test gives up.
const LIMIT: Duration = Duration::from_mins(1);

/// Names the directory for the child processes that play the owner.
const OWNED: &str = "POSTHASTE_TEST_OWNED_DIRECTORY";

/// A directory that is removed in the end, and passable for the account that Postgres runs as.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir()
            .join(format!("posthaste-embedded-{}-{number}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        fs::set_permissions(&dir, Permissions::from_mode(0o755)).unwrap();
        Self(dir)
    }

    fn database(&self) -> PathBuf {
        self.0.join("postgres")
    }

    fn settings(&self) -> Settings {
        settings(self.database())
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn settings(dir: PathBuf) -> Settings {
    Settings { dir, bin_dir: None, durability: Durability::Durable }
}

fn kill(pid: u32) {
    // It may have ended by itself.
    let _ = kill_process(pid_of(pid), Signal::KILL);
}

fn lives(pid: u32) -> bool {
    let zombie =
        fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "));
    test_kill_process(pid_of(pid)).is_ok() && !zombie
}

fn pid_of(pid: u32) -> Pid {
    Pid::from_raw(pid.try_into().unwrap()).unwrap()
}

async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(begun.elapsed() < LIMIT, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn select_one(postgres: &Embedded) -> sqlx::Result<i32> {
    let mut connection = PgConnection::connect_with(&postgres.connect_options("postgres")).await?;
    sqlx::query_scalar("SELECT 1").fetch_one(&mut connection).await
}

/// A child process that owns a database, and may be killed.
struct Owner {
    process: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Owner {
    fn start(dir: &Path) -> Self {
        let command = Command::new(std::env::current_exe().unwrap());
        Self::start_by(command, dir)
    }

    fn start_by(mut command: Command, dir: &Path) -> Self {
        command.args(["--ignored", "--exact", "a_process_that_owns_a_database", "--nocapture"]);
        command.env(OWNED, dir).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut process = command.spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    /// The next report that begins with this word.
    fn next(&mut self, word: &str) -> Option<i64> {
        // The harness of the child writes the name of the test into the same line.
        let found = |line: std::io::Result<String>| {
            let line = line.ok()?;
            line.split_once(&format!("{word}="))?.1.trim().parse().ok()
        };
        self.lines.by_ref().find_map(found)
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

#[ignore = "plays a part in other tests"]
#[tokio::test]
async fn a_process_that_owns_a_database() {
    #[expect(clippy::disallowed_methods, reason = "tells the child of a test what it is")]
    let Some(dir) = std::env::var_os(OWNED) else {
        return;
    };
    let postgres = Embedded::start(settings(dir.into())).await.unwrap();
    let mut out = std::io::stdout();
    writeln!(out, "postmaster={}", postgres.pid()).unwrap();
    let mut connection =
        PgConnection::connect_with(&postgres.connect_options("postgres")).await.unwrap();
    sqlx::query("CREATE TABLE IF NOT EXISTS row (id bigserial PRIMARY KEY)")
        .execute(&mut connection)
        .await
        .unwrap();
    loop {
        let inserted = sqlx::query_scalar::<_, i64>("INSERT INTO row DEFAULT VALUES RETURNING id");
        let id = inserted.fetch_one(&mut connection).await.unwrap();
        writeln!(out, "row={id}").unwrap();
        out.flush().unwrap();
    }
}

#[tokio::test]
async fn the_first_start_makes_a_database_and_later_ones_keep_it() {
    let directory = Directory::new();
    let begun = Instant::now();
    let postgres = Embedded::start(directory.settings()).await.unwrap();
    println!("first start: {:?}", begun.elapsed());
    assert!(postgres.created());
    let pool = PgPool::connect_with(postgres.connect_options("postgres")).await.unwrap();
    for (name, value) in [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("listen_addresses", ""),
        ("lc_collate", "C"),
    ] {
        let found: String = sqlx::query_scalar("SELECT current_setting($1)")
            .bind(name)
            .fetch_one(&pool)
            .await
            .unwrap();
        assert_eq!(found, value, "{name}");
    }
    sqlx::query("CREATE TABLE kept ()").execute(&pool).await.unwrap();
    let by_url = PgConnection::connect(&postgres.url("postgres")).await;
    assert!(by_url.is_ok(), "{by_url:?}");
    let mode = fs::metadata(postgres.dir()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);

    let beside = running(&directory.database(), "postgres").unwrap();
    assert!(PgConnection::connect_with(&beside).await.is_ok());
    let pid = postgres.pid();
    // With the pool still open: sessions do not keep it from stopping.
    let begun = Instant::now();
    postgres.stop().await;
    println!("stop: {:?}", begun.elapsed());
    assert!(!lives(pid));
    assert!(running(&directory.database(), "postgres").is_none());

    let begun = Instant::now();
    let postgres = Embedded::start(directory.settings()).await.unwrap();
    println!("later start: {:?}", begun.elapsed());
    assert!(!postgres.created());
    let mut connection =
        PgConnection::connect_with(&postgres.connect_options("postgres")).await.unwrap();
    sqlx::query("SELECT FROM kept").execute(&mut connection).await.unwrap();
    postgres.stop().await;
}

#[tokio::test]
async fn the_log_of_postgres_tells_no_values() {
    let directory = Directory::new();
    let postgres = Embedded::start(directory.settings()).await.unwrap();
    let mut connection =
        PgConnection::connect_with(&postgres.connect_options("postgres")).await.unwrap();
    sqlx::query("CREATE TABLE people (address text PRIMARY KEY)")
        .execute(&mut connection)
        .await
        .unwrap();
    for _ in 0..2 {
        let insert = sqlx::query("INSERT INTO people VALUES ($1)").bind("ada@example.com");
        let _ = insert.execute(&mut connection).await;
    }
    assert!(sqlx::query("SELECT 'ada@example.com'::uuid").execute(&mut connection).await.is_err());
    let log = postgres.dir().join("postgres.log");
    postgres.stop().await;
    let log = fs::read_to_string(log).unwrap();
    assert!(!log.contains("ada@"), "{log}");
    assert!(log.contains("shut down"), "the log is that of this server: {log}");
}
