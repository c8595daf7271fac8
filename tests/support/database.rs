//! A database for each test, in a Postgres that lives and dies with the test process.
//!
//! Making a cluster and migrating takes a second, which nextest, with its process per test, would spend on every
//! one. So that is done once for each state of `migrations/`, kept under `target/tmp`, and copied. A process then
//! starts its own Postgres in 0.2 s, and a test gets its database in 20 ms.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use posthaste::postgres::{Durability, Embedded, Settings};
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// The migrated database that all others are copies of.
const TEMPLATE: &str = "template_posthaste";

/// The connections a test's pool may have. The cluster has 300, and a machine rarely runs more than 32 tests at once.
const CONNECTIONS: u32 = 8;

/// A cluster takes 50 MB, a database 8; containers often have 64 MB of it in all. In bytes.
const ENOUGH_MEMORY: u64 = 2 << 30;

/// A migrated database that belongs to one test. It is dropped behind the test's back when the test lets go of it.
#[derive(Debug)]
pub struct TestDatabase {
    /// Connections to it. They belong to the runtime of the test that made it.
    pub pool: PgPool,
    /// How to make more of them.
    pub options: PgConnectOptions,
    /// The same as text, for `DATABASE_URL` of a child process.
    pub url: String,
    name: String,
}

impl TestDatabase {
    /// Makes a database as the migrations leave it: empty but for what they put there.
    pub async fn create() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let cluster = Cluster::of_this_process();
        let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let statement = format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE} {}", cluster.strategy);
        let mut connection = cluster.connect().await;
        sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        let options = cluster.postgres.connect_options(&name);
        let pool =
            PgPoolOptions::new().max_connections(CONNECTIONS).connect_lazy_with(options.clone());
        Self { pool, options, url: cluster.postgres.url(&name), name }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // Left to the cluster's end if its thread has gone.
        let _ = Cluster::of_this_process().dropped.send(std::mem::take(&mut self.name));
    }
}

/// The Postgres of this process. It is in a static, which is never dropped: the end of the process ends and removes it.
struct Cluster {
    postgres: Embedded,
    /// How a database is copied: file by file, as it was before 15 knew another way. With fsync off that takes a
    /// quarter of the time, since nothing goes through the log and the buffers.
    strategy: &'static str,
    /// Names of databases that nobody needs any more.
    dropped: UnboundedSender<String>,
}

impl Cluster {
    fn of_this_process() -> &'static Self {
        static CLUSTER: OnceLock<Cluster> = OnceLock::new();
        // In a thread and a runtime of its own, because those of the test that happens to be first end with it.
        CLUSTER.get_or_init(|| thread::spawn(|| runtime().block_on(Self::start())).join().unwrap())
    }

    async fn start() -> Self {
        let dir = fastest_directory().join(format!("posthaste-test-{}", std::process::id()));
        // Of a process with our number, before the machine was cut off.
        let _ = fs::remove_dir_all(&dir);
        copy_seed(&dir).await;
        let settings = Settings { dir, bin_dir: None, durability: Durability::Disposable };
        let postgres = Embedded::start(settings).await.unwrap();
        let mut connection =
            PgConnection::connect_with(&postgres.connect_options("postgres")).await.unwrap();
        let version: String =
            sqlx::query_scalar("SHOW server_version_num").fetch_one(&mut connection).await.unwrap();
        let strategy = if version.as_str() < "150000" { "" } else { "STRATEGY file_copy" };

        let (dropped, mut names) = unbounded_channel::<String>();
        // One after the other: dropping costs more than creating, and no test waits for it.
        thread::spawn(move || {
            runtime().block_on(async {
                let mut connection = connection;
                while let Some(name) = names.recv().await {
                    let statement = format!("DROP DATABASE {name} WITH (FORCE)");
                    let _ = sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await;
                }
            });
        });
        Self { postgres, strategy, dropped }
    }

    async fn connect(&self) -> PgConnection {
        PgConnection::connect_with(&self.postgres.connect_options("postgres")).await.unwrap()
    }
}

/// Where the cluster lives: in memory where there is enough of it, since copying databases on a disk takes five times
/// as long, whatever Postgres does not wait for.
fn fastest_directory() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let free = rustix::fs::statvfs(memory).map_or(0, |found| found.f_bavail * found.f_frsize);
    if free > ENOUGH_MEMORY { memory.to_owned() } else { std::env::temp_dir() }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Puts a copy of the prepared cluster into `dir`, and prepares it first where that has not been done.
async fn copy_seed(dir: &Path) {
    let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let migrator = if migrations.exists() {
        Migrator::new(migrations).await.unwrap()
    } else {
        Migrator::DEFAULT
    };
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let seed = kept.join(format!("postgres-seed-{}", fingerprint(&migrator)));

    let lock = File::create(kept.join("postgres-seed.lock")).unwrap();
    lock.lock_shared().unwrap();
    if !seed.exists() {
        // One process prepares it; those that come at the same time wait here and find it done.
        lock.unlock().unwrap();
        lock.lock().unwrap();
        if !seed.exists() {
            remove_seeds(kept);
            prepare_seed(&seed, &migrator).await;
        }
    }
    fs::create_dir(dir).unwrap();
    copy(&seed, &dir.join("pgdata"));
}

async fn prepare_seed(seed: &Path, migrator: &Migrator) {
    let workshop = std::env::temp_dir().join(format!("posthaste-seed-{}", std::process::id()));
    let _ = fs::remove_dir_all(&workshop);
    // Durable, so that it ends in order: a copy of it starts without recovery.
    let settings =
        Settings { dir: workshop.clone(), bin_dir: None, durability: Durability::Durable };
    let postgres = Embedded::start(settings).await.unwrap();
    let mut connection =
        PgConnection::connect_with(&postgres.connect_options("postgres")).await.unwrap();
    sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {TEMPLATE}")))
        .execute(&mut connection)
        .await
        .unwrap();
    let mut template =
        PgConnection::connect_with(&postgres.connect_options(TEMPLATE)).await.unwrap();
    migrator.run(&mut template).await.unwrap();
    // Autovacuum is off in tests, and plans should be those of a table that is known.
    sqlx::query("ANALYZE").execute(&mut template).await.unwrap();
    template.close().await.unwrap();
    let data = postgres.dir().join("pgdata");
    postgres.stop().await;
    // Copied beside its place and renamed: a copy that was broken off is never used.
    let side = seed.with_extension("new");
    let _ = fs::remove_dir_all(&side);
    copy(&data, &side);
    fs::rename(&side, seed).unwrap();
    fs::remove_dir_all(workshop).unwrap();
}

/// Removes the seeds of other states of the migrations.
fn remove_seeds(kept: &Path) {
    for entry in fs::read_dir(kept).unwrap().flatten() {
        if entry.file_name().to_string_lossy().starts_with("postgres-seed-") {
            fs::remove_dir_all(entry.path()).unwrap();
        }
    }
}

/// Copies a directory with owners and permissions, on which Postgres insists.
fn copy(from: &Path, to: &PathBuf) {
    let status = Command::new("cp").arg("-Rp").args([from, to]).status().unwrap();
    assert!(status.success(), "cp -Rp {} {}", from.display(), to.display());
    fs::set_permissions(to, Permissions::from_mode(0o700)).unwrap();
}

/// Tells states of the migrations apart.
fn fingerprint(migrator: &Migrator) -> String {
    use sha2::{Digest, Sha256};
    let mut hasher = Sha256::new();
    for migration in migrator.iter() {
        hasher.update(migration.version.to_be_bytes());
        hasher.update(&migration.checksum);
    }
    let digest = hasher.finalize();
    digest.iter().take(8).fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
