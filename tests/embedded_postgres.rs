//! The embedded Postgres, and everything that may happen to it and to its owner.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]
#![expect(clippy::print_stdout, reason = "a child process reports to its test on standard output")]
#![expect(clippy::print_stderr, reason = "a test that cannot run on this machine says so")]

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use posthaste::postgres::{Durability, Embedded, Settings, StartError, running};
use rand::RngExt;
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

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
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
async fn a_postgres_that_is_killed_comes_back() {
    let directory = Directory::new();
    let postgres = Embedded::start(directory.settings()).await.unwrap();
    let pool = PgPool::connect_with(postgres.connect_options("postgres")).await.unwrap();
    sqlx::query("CREATE TABLE kept ()").execute(&pool).await.unwrap();
    for round in 0..3 {
        // A session in the middle of a statement keeps the memory of the dead server for a while.
        let busy = tokio::spawn({
            let pool = pool.clone();
            async move {
                sqlx::query("SELECT count(*) FROM generate_series(1, 500000)").execute(&pool).await
            }
        });
        let before = postgres.pid();
        let begun = Instant::now();
        kill(before);
        let after = eventually("another postmaster", async || {
            Some(postgres.pid()).filter(|pid| ![0, before].contains(pid))
        })
        .await;
        println!("back after kill -9 of Postgres, round {round}: {:?}", begun.elapsed());
        assert!(lives(after));
        // The same pool recovers by itself.
        eventually("the pool's recovery", async || {
            sqlx::query("SELECT FROM kept").execute(&pool).await.ok()
        })
        .await;
        let _ = busy.await;
    }
    postgres.stop().await;
}

#[tokio::test]
async fn a_postgres_dies_with_a_dropped_owner() {
    let directory = Directory::new();
    let postgres = Embedded::start(directory.settings()).await.unwrap();
    let pid = postgres.pid();
    drop(postgres);
    eventually("the end of Postgres", async || (!lives(pid)).then_some(())).await;
    // Whether the lock is free yet or not, the next start waits for it.
    Embedded::start(directory.settings()).await.unwrap().stop().await;
}

#[tokio::test]
async fn nothing_that_was_acknowledged_is_lost_when_the_owner_is_killed() {
    let directory = Directory::new();
    let mut acknowledged = Vec::new();
    for round in 0..12 {
        let mut owner = Owner::start(&directory.database());
        let begun = Instant::now();
        let postmaster = u32::try_from(owner.next("postmaster").unwrap()).unwrap();
        println!("start {round} after a kill: {:?} with the start of the process", begun.elapsed());
        for _ in 0..rand::rng().random_range(1..60) {
            acknowledged.push(owner.next("row").unwrap());
        }
        // Every second time both at once, in either order.
        match round % 4 {
            1 => kill(postmaster),
            3 => {
                owner.process.kill().unwrap();
                kill(postmaster);
            }
            _ => {}
        }
        owner.kill();
        // What it wrote before it died was acknowledged as well.
        while let Some(id) = owner.next("row") {
            acknowledged.push(id);
        }
    }
    let begun = Instant::now();
    let postgres = Embedded::start(directory.settings()).await.unwrap();
    println!("start after kill -9 of the owner: {:?}", begun.elapsed());
    let mut connection =
        PgConnection::connect_with(&postgres.connect_options("postgres")).await.unwrap();
    let kept = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM row WHERE id = ANY($1)")
        .bind(&acknowledged);
    let kept = kept.fetch_one(&mut connection).await.unwrap();
    assert_eq!(kept, i64::try_from(acknowledged.len()).unwrap(), "rows are lost");
    println!("{kept} acknowledged rows, none lost");
    postgres.stop().await;
}

#[tokio::test]
async fn a_start_that_is_killed_half_way_can_be_repeated() {
    let directory = Directory::new();
    for _ in 0..10 {
        let mut owner = Owner::start(&directory.database());
        // Anywhere from before the directory is there to the first rows.
        tokio::time::sleep(Duration::from_micros(rand::rng().random_range(0..1_000_000))).await;
        owner.kill();
    }
    let postgres = Embedded::start(directory.settings()).await.unwrap();
    assert_eq!(select_one(&postgres).await.unwrap(), 1);
    let left: Vec<_> =
        fs::read_dir(postgres.dir()).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("pgdata.")), "{left:?}");
    postgres.stop().await;
}

#[tokio::test]
async fn no_postgres_outlives_its_owner() {
    let directory = Directory::new();
    let mut owner = Owner::start(&directory.database());
    let postmaster = u32::try_from(owner.next("postmaster").unwrap()).unwrap();
    owner.kill();
    let begun = Instant::now();
    eventually("the end of Postgres", async || (!lives(postmaster)).then_some(())).await;
    println!("Postgres ended {:?} after its owner was killed", begun.elapsed());
}

#[tokio::test]
async fn a_stale_pid_file_does_not_block_a_start() {
    let directory = Directory::new();
    let first = Embedded::start(directory.settings()).await.unwrap();
    let file = first.dir().join("pgdata/postmaster.pid");
    let content = fs::read_to_string(&file).unwrap();
    let (_, rest) = content.split_once('\n').unwrap();
    first.stop().await;
    // Of this process, of its parent, of one that does not exist; and torn files.
    let parent = rustix::process::getppid().unwrap().as_raw_nonzero();
    let stale = [std::process::id().to_string(), parent.to_string(), "4194000".to_owned()];
    let stale = stale
        .iter()
        .map(|pid| format!("{pid}\n{rest}"))
        .chain(["", "\n", "torn"].map(str::to_owned));
    for content in stale {
        fs::write(&file, &content).unwrap();
        let postgres = Embedded::start(directory.settings()).await.unwrap();
        assert_eq!(select_one(&postgres).await.unwrap(), 1, "{content}");
        postgres.stop().await;
    }
}

#[tokio::test]
async fn a_second_server_on_the_same_directory_is_told_so() {
    let directory = Directory::new();
    let postgres = Embedded::start(directory.settings()).await.unwrap();
    let error = Embedded::start(directory.settings()).await.unwrap_err();
    assert!(matches!(error, StartError::InUse(_)));
    let text = error.to_string();
    assert!(text.ends_with(
        "is in use by another running posthaste; stop that one, or choose another DATA_DIR"
    ));
    assert_eq!(select_one(&postgres).await.unwrap(), 1);
    postgres.stop().await;
}

#[tokio::test]
async fn a_long_path_is_no_hindrance() {
    let directory = Directory::new();
    let deep = directory
        .0
        .join("a long directory's name, with 'quotes' and $HOME ".repeat(3))
        .join("postgres");
    let postgres = Embedded::start(settings(deep.clone())).await.unwrap();
    assert_eq!(select_one(&postgres).await.unwrap(), 1);
    assert!(PgConnection::connect(&postgres.url("postgres")).await.is_ok());
    assert!(PgConnection::connect_with(&running(&deep, "postgres").unwrap()).await.is_ok());
    postgres.stop().await;
}

#[tokio::test]
async fn root_keeps_the_database_elsewhere_where_a_directory_is_closed() {
    if !is_root() {
        eprintln!("skipped: only root runs Postgres as somebody else");
        return;
    }
    let directory = Directory::new();
    fs::set_permissions(&directory.0, Permissions::from_mode(0o700)).unwrap();
    let postgres = Embedded::start(directory.settings()).await.unwrap();
    let place = postgres.dir().to_owned();
    assert!(place.starts_with("/var/lib/posthaste"), "{place:?}");
    assert!(
        PgConnection::connect_with(&running(&directory.database(), "postgres").unwrap())
            .await
            .is_ok()
    );
    postgres.stop().await;

    // Whatever becomes of the permissions, the data are found again.
    fs::set_permissions(&directory.0, Permissions::from_mode(0o755)).unwrap();
    let postgres = Embedded::start(directory.settings()).await.unwrap();
    assert!(!postgres.created());
    assert_eq!(postgres.dir(), place);
    postgres.stop().await;
    fs::remove_dir_all(place).unwrap();
}

#[tokio::test]
async fn an_ordinary_user_needs_nobody_else_and_root_may_follow() {
    let setpriv = || {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=nobody", "--clear-groups"]);
        command
    };
    let exe = std::env::current_exe().unwrap();
    if !is_root()
        || !setpriv()
            .arg(&exe)
            .arg("--list")
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    {
        eprintln!("skipped: needs root, setpriv, and a test binary that everybody may run");
        return;
    }
    let directory = Directory::new();
    fs::set_permissions(&directory.0, Permissions::from_mode(0o777)).unwrap();
    let mut command = setpriv();
    command.arg(exe);
    let mut owner = Owner::start_by(command, &directory.database());
    assert!(owner.next("row").is_some());
    owner.kill();
    let postgres = Embedded::start(directory.settings()).await.unwrap();
    assert!(!postgres.created());
    postgres.stop().await;
    let mut command = setpriv();
    command.arg(std::env::current_exe().unwrap());
    let mut owner = Owner::start_by(command, &directory.database());
    assert!(owner.next("row").is_some());
    owner.kill();
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

#[tokio::test]
async fn a_disposable_database_leaves_nothing() {
    let directory = Directory::new();
    let settings = Settings { durability: Durability::Disposable, ..directory.settings() };
    let postgres = Embedded::start(settings).await.unwrap();
    assert_eq!(select_one(&postgres).await.unwrap(), 1);
    postgres.stop().await;
    assert!(!directory.database().exists());
}
