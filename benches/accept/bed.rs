//! What is measured: the server as it is shipped, in a process of its own, on a durable Postgres.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use posthaste::app::Database;
use posthaste::domain::api_key::{ApiKeyToken, KeyMode, KeyType, Spelling};
use posthaste::domain::audit::Doer;
use posthaste::domain::id::ApiKeyId;
use posthaste::domain::permission;
use posthaste::domain::restrictions::Restrictions;
use posthaste::postgres::{Durability, Embedded, Settings};
use posthaste::service::keys::{Keys, NewKey};
use posthaste::service::pepper::Pepper;
use posthaste::service::projects;
use sqlx::PgPool;
use uuid::Uuid;

use crate::machine;

/// The server's; of no worth.
const SECRET_KEY: &str = "benchmarks have no secrets to keep";

/// How long a process may take to start.
const STARTED_WITHIN: Duration = Duration::from_secs(30);

/// A Postgres with our schema.
pub struct Bed {
    pub pool: PgPool,
    directory: PathBuf,
    postgres: Embedded,
}

/// A process that takes requests. It is killed when this is dropped.
pub struct Server {
    pub address: SocketAddr,
    process: Child,
}

/// CPU seconds that were used so far.
#[derive(Clone, Copy)]
pub struct Used {
    server: f64,
    postgres: f64,
}

impl Bed {
    /// Makes it, on the disk that holds the build.
    pub async fn make() -> Self {
        let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bench");
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).unwrap();
        let settings = Settings {
            dir: directory.join("postgres"),
            bin_dir: None,
            durability: Durability::Durable,
        };
        let postgres = Embedded::start(settings).await.unwrap();
        // What this made is applied by whoever opens it first.
        let config = posthaste::config::Settings {
            database_url: Some(postgres.url("postgres").into()),
            secret_key: Some(SECRET_KEY.into()),
            database_connections: Some("4".into()),
            ..Default::default()
        };
        let database = Database::open(&config.validate().unwrap()).await.unwrap();
        Self { pool: database.pool, directory, postgres }
    }

    pub fn url(&self) -> String {
        self.postgres.url("postgres")
    }

    /// The keys as the server knows them, in this process.
    pub fn keys(&self) -> Keys {
        Keys::new(self.pool.clone(), Pepper::derive(&SECRET_KEY.into()))
    }

    /// Makes `count` good keys of one project. All have one Argon2 hash, which would else take minutes to make; nothing
    /// looks at it as long as `SECRET_KEY` stays the same.
    pub async fn make_keys(&self, count: usize) -> Vec<ApiKeyToken> {
        let (account, _) = projects::set_up(&self.pool).await.unwrap();
        let project = projects::list(&self.pool, account).await.unwrap()[0].id;
        let model = NewKey {
            name: "Benchmark".into(),
            project: Some(project),
            mode: KeyMode::Live,
            spelling: Spelling::Native,
            permissions: permission::preset("full_access").unwrap(),
            restrictions: Restrictions::default(),
            per_second: None,
            per_minute: None,
            expires_at: None,
            created_by: Doer::server(),
        };
        let (model, _) = self.keys().create(account, model).await.unwrap();
        let pepper = Pepper::derive(&SECRET_KEY.into());
        let tokens: Vec<ApiKeyToken> =
            (0..count).map(|_| ApiKeyToken::generate(KeyType::Project, KeyMode::Live)).collect();
        let ids: Vec<Uuid> = tokens.iter().map(|_| ApiKeyId::generate().as_uuid()).collect();
        let public: Vec<&str> = tokens.iter().map(ApiKeyToken::public_id).collect();
        let digests: Vec<Vec<u8>> =
            tokens.iter().map(|token| pepper.digest(token).to_vec()).collect();
        sqlx::query(
            "INSERT INTO api_keys (id, account_id, project_id, name, type, mode, public_id, display_key, secret_phc,
                                   digest, digest_version, permissions, created_by)
             SELECT new.id, account_id, project_id, name, type, mode, new.public_id, display_key, secret_phc,
                    new.digest, digest_version, permissions, created_by
             FROM api_keys, UNNEST($1::uuid[], $2::text[], $3::bytea[]) AS new (id, public_id, digest)
             WHERE api_keys.id = $4",
        )
        .bind(ids)
        .bind(public)
        .bind(digests)
        .bind(model.id.as_uuid())
        .execute(&self.pool)
        .await
        .unwrap();
        self.settle().await;
        tokens
    }

    /// Leaves Postgres nothing to catch up with, so that the next measurement pays only for itself.
    pub async fn settle(&self) {
        sqlx::query("VACUUM ANALYZE").execute(&self.pool).await.unwrap();
        sqlx::query("CHECKPOINT").execute(&self.pool).await.unwrap();
    }

    /// Forgets all mail: what one measurement leaves is not the next one's work.
    pub async fn empty(&self) {
        sqlx::query("TRUNCATE mails, mail_bodies, deliveries, events, idempotency_keys")
            .execute(&self.pool)
            .await
            .unwrap();
        self.settle().await;
    }

    /// Bytes of WAL that were ever written.
    pub async fn wal(&self) -> f64 {
        sqlx::query_scalar("SELECT (pg_current_wal_insert_lsn() - '0/0')::double precision")
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }

    /// Bytes that the packed content of the mails stored last takes.
    pub async fn content_size(&self) -> f64 {
        sqlx::query_scalar(
            "SELECT avg(length(content))::double precision
             FROM (SELECT content FROM mail_bodies ORDER BY mail_id DESC LIMIT 1000) AS latest",
        )
        .fetch_one(&self.pool)
        .await
        .unwrap()
    }

    /// How many rows wait in the queue.
    pub async fn queued(&self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM deliveries").fetch_one(&self.pool).await.unwrap()
    }

    /// Starts the server as it is shipped, and waits until it is ready.
    pub async fn serve(&self, more: &[(&str, String)]) -> Server {
        let address = free_address();
        let log = File::create(self.directory.join("server.log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_posthaste"));
        command
            .env_clear()
            .env("LISTEN_ADDR", address.to_string())
            .env("DATA_DIR", self.directory.join("data"))
            .env("DATABASE_URL", self.url())
            .env("SECRET_KEY", SECRET_KEY)
            .env("RATE_LIMIT_PER_SECOND", "1000000")
            .env("RATE_LIMIT_PER_MINUTE", "1000000")
            .envs(more.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::null())
            .stderr(log);
        Server::spawn(command, address).await
    }

    /// Starts this program again as one of the floors.
    pub async fn floor(&self, name: &str) -> Server {
        let address = free_address();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg(name).arg(address.to_string()).arg(self.url());
        Server::spawn(command, address).await
    }

    /// CPU seconds that this server and Postgres have used.
    pub fn used(&self, server: &Server) -> Used {
        Used {
            server: machine::cpu_of(server.process.id()),
            postgres: machine::cpu_of_postgres(self.postgres.pid()),
        }
    }

    /// Ends everything and removes it.
    pub async fn clear(self) {
        self.pool.close().await;
        self.postgres.stop().await;
        let _ = fs::remove_dir_all(&self.directory);
    }
}

impl Server {
    async fn spawn(mut command: Command, address: SocketAddr) -> Self {
        let process = command.spawn().unwrap();
        let deadline = Instant::now() + STARTED_WITHIN;
        while tokio::net::TcpStream::connect(address).await.is_err() {
            assert!(Instant::now() < deadline, "{command:?} does not listen");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Self { address, process }
    }

    /// The most memory that it ever had, in MiB.
    pub fn peak_memory(&self) -> f64 {
        machine::peak_memory_of(self.process.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Used {
    /// CPU seconds since then for a thousand of `count`: the server's and those of Postgres.
    pub fn per_thousand_since(self, before: Self, count: u64) -> (f64, f64) {
        let thousands = f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / 1000.0;
        ((self.server - before.server) / thousands, (self.postgres - before.postgres) / thousands)
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}
