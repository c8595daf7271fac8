//! The connections to Postgres, whoever runs it.

use std::io::ErrorKind;
use std::time::Duration;

use anyhow::{Context, Result};
use secrecy::ExposeSecret;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgPool};

use crate::config::Config;
use crate::postgres::{self, Durability, Embedded};
use crate::store;

/// How long a connection to the database is waited for. Past that the caller is told to come back.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// An idle connection is used without a question for so long.
const TRUSTED_WHEN_IDLE_FOR: Duration = Duration::from_secs(1);

/// What every session of ours asks of the server, whatever its own settings say.
const SESSION: [(&str, &str); 5] = [
    // What is acknowledged must be durable.
    ("synchronous_commit", "on"),
    // One plan fits all values of a statement of ours, and to plan the accepting one takes longer than to run it.
    ("plan_cache_mode", "force_generic_plan"),
    // A plan made while a table is empty would read all of it, and be kept until statistics are taken when it has grown.
    ("enable_seqscan", "off"),
    // The same for reading all of an index and sorting what it finds, where it could be read in order.
    ("enable_bitmapscan", "off"),
    // To compile a plan takes longer than any statement of ours.
    ("jit", "off"),
];

/// The one that every cluster has from the beginning.
const EMBEDDED_DATABASE: &str = "postgres";

/// The database that a command or a server works with.
pub struct Database {
    /// Connections to it.
    pub pool: PgPool,
    /// The Postgres that runs for us; `None` if somebody else runs it.
    pub embedded: Option<Embedded>,
}

impl Database {
    /// Starts or finds the database, and brings its schema up to date.
    pub async fn open(config: &Config) -> Result<Self> {
        let (options, embedded) = if let Some(url) = &config.database_url {
            (parse(url.expose_secret())?, None)
        } else {
            let embedded = start_embedded(config).await?;
            (embedded.connect_options(EMBEDDED_DATABASE), Some(embedded))
        };
        Self::with(options, embedded, config.database_connections.get()).await
    }

    /// Like [`Database::open`], but beside a server that may be running on the same data.
    pub async fn open_beside(config: &Config) -> Result<Self> {
        match (&config.database_url, postgres::running(&database_dir(config), EMBEDDED_DATABASE)) {
            (None, Some(options)) => Self::with(options, None, 2).await,
            _ => Self::open(config).await,
        }
    }

    async fn with(
        options: PgConnectOptions,
        embedded: Option<Embedded>,
        connections: u32,
    ) -> Result<Self> {
        let options = options.application_name("posthaste").options(SESSION);
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(CONNECT_PATIENCE)
            .test_before_acquire(false)
            .before_acquire(|connection, used| {
                Box::pin(async move {
                    // One that was idle may have died with its server; one in steady use is known to live, and a
                    // question before every statement would cost as much as the statement.
                    if used.idle_for > TRUSTED_WHEN_IDLE_FOR {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .after_release(|connection, _| {
                Box::pin(async move {
                    // What was given up in the middle is heard to its end, and a connection that carries nothing any
                    // more is closed instead of being waited for.
                    tokio::time::timeout(CONNECT_PATIENCE, connection.ping())
                        .await
                        .unwrap_or_else(
                            |_| Err(std::io::Error::from(ErrorKind::TimedOut).into()),
                        )?;
                    Ok(true)
                })
            })
            .connect_with(options)
            .await
            .context("cannot connect to the database; check DATABASE_URL and that it is running")?;
        store::MIGRATOR
            .run(&pool)
            .await
            .context("cannot bring the database's schema up to date")?;
        Ok(Self { pool, embedded })
    }

    /// Closes connections, and stops the Postgres that ran for us.
    pub async fn close(self) {
        self.pool.close().await;
        if let Some(embedded) = self.embedded {
            embedded.stop().await;
        }
    }
}

fn parse(url: &str) -> Result<PgConnectOptions> {
    // The parser's own message may quote the URL, and so the password.
    url.parse().ok().context(
        "DATABASE_URL is not a Postgres URL such as postgresql://user:password@host:5432/posthaste",
    )
}

fn database_dir(config: &Config) -> std::path::PathBuf {
    config.data_dir.join("postgres")
}

async fn start_embedded(config: &Config) -> Result<Embedded> {
    let settings = postgres::Settings {
        dir: database_dir(config),
        bin_dir: config.postgres_bin_dir.clone(),
        durability: Durability::Durable,
    };
    Ok(Embedded::start(settings).await?)
}
