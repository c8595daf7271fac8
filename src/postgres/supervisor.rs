//! The thread that looks after Postgres: starts it, starts it again when it dies, and stops it.

use std::fs::{self, File};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::Settings;
use super::binaries::Binaries;
use super::cluster::{self, Durability};
use super::error::StartError;
use super::guarded::Farewell;
use super::place::Place;
use super::postmaster::Postmaster;
use super::server_log;

/// How long a predecessor on its way out may keep the directory before it counts as another server.
const PREDECESSOR: Duration = Duration::from_secs(1);

/// The first and the longest wait before a Postgres that keeps dying is started once more.
const WAITS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// A run of this length was a good one: what ends it is a new misfortune, not the old one.
const GOOD_RUN: Duration = Duration::from_mins(1);

/// How often the length of the log is looked at.
const LOG_LOOK: Duration = Duration::from_mins(1);

/// What the owner learns when Postgres takes connections.
#[derive(Debug)]
pub struct Started {
    /// Where it is.
    pub place: Place,
    /// Whether its data were made in this start.
    pub created: bool,
}

/// The server with all that is needed to start it again.
struct Supervisor {
    settings: Settings,
    place: Place,
    binaries: Binaries,
    farewell: Farewell,
    pid: Arc<AtomicU32>,
    _lock: File,
}

/// Runs the supervisor until `stop`, and says through `started` how the start went.
///
/// It has a thread and a runtime of its own, because it must outlive the runtime that asked for it: in tests each
/// test has its own, and all use one database.
pub fn run(
    settings: Settings,
    pid: Arc<AtomicU32>,
    started: oneshot::Sender<Result<Started, StartError>>,
    stop: &CancellationToken,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = started.send(Err(StartError::io("look after", &settings.dir)(error)));
            return;
        }
    };
    runtime.block_on(async {
        match stop.run_until_cancelled(Supervisor::start(settings, pid)).await {
            Some(Ok((supervisor, postmaster, created))) => {
                let place = supervisor.place.clone();
                // Nobody waits any more: the owner was dropped, which also cancels.
                let _ = started.send(Ok(Started { place, created }));
                supervisor.watch(postmaster, stop).await;
            }
            Some(Err(error)) => {
                let _ = started.send(Err(error));
            }
            None => {}
        }
    });
}

impl Supervisor {
    async fn start(
        settings: Settings,
        pid: Arc<AtomicU32>,
    ) -> Result<(Self, Postmaster, bool), StartError> {
        let place = Place::find(&settings.dir)?;
        place.prepare()?;
        let lock = lock(&place).await?;
        let made_by = place.version();
        let binaries = Binaries::find(settings.bin_dir.as_deref(), made_by, place.account).await?;
        let farewell = match settings.durability {
            Durability::Durable => Farewell { signal: Signal::INT, removed: Vec::new() },
            Durability::Disposable => {
                Farewell { signal: Signal::QUIT, removed: vec![place.dir.clone(), place.sockets()] }
            }
        };
        if made_by.is_none() {
            tracing::info!(directory = %place.dir.display(), version = binaries.version, "Making a new database");
            cluster::create(&binaries, &place, settings.durability, &farewell).await?;
        } else {
            cluster::remove_unfinished(&place);
        }
        let supervisor = Self { settings, place, binaries, farewell, pid, _lock: lock };
        let postmaster = supervisor.start_postmaster().await?;
        Ok((supervisor, postmaster, made_by.is_none()))
    }

    async fn start_postmaster(&self) -> Result<Postmaster, StartError> {
        let durability = self.settings.durability;
        let postmaster =
            Postmaster::start(&self.binaries, &self.place, durability, &self.farewell).await?;
        self.pid.store(postmaster.pid(), Ordering::Release);
        Ok(postmaster)
    }

    /// Keeps a Postgres running until `stop`.
    async fn watch(self, mut postmaster: Postmaster, stop: &CancellationToken) {
        let mut wait = WAITS.0;
        let mut begun = Instant::now();
        loop {
            let Some(status) = stop.run_until_cancelled(self.end_of(&mut postmaster)).await else {
                break postmaster.stop(self.settings.durability).await;
            };
            self.pid.store(0, Ordering::Release);
            tracing::error!(status, "Postgres ended without being asked to; starting it again");
            if begun.elapsed() > GOOD_RUN {
                wait = WAITS.0;
            }
            match stop.run_until_cancelled(self.restart(&mut wait)).await {
                Some(restarted) => postmaster = restarted,
                None => break,
            }
            begun = Instant::now();
            tracing::info!(pid = postmaster.pid(), "Postgres runs again");
        }
        self.pid.store(0, Ordering::Release);
        self.leave();
    }

    /// Removes what nobody needs after an orderly end. What cannot be removed does no harm.
    fn leave(&self) {
        let sockets = self.place.sockets();
        if self.settings.durability == Durability::Disposable {
            let _ = fs::remove_dir_all(&self.place.dir);
        }
        if !sockets.starts_with(&self.place.dir) {
            let _ = fs::remove_dir_all(sockets);
        }
    }

    /// Waits for the end of the server, and says how it came.
    async fn end_of(&self, postmaster: &mut Postmaster) -> String {
        loop {
            match tokio::time::timeout(LOG_LOOK, postmaster.ended()).await {
                Ok(Ok(status)) => return status.to_string(),
                Ok(Err(error)) => return error.to_string(),
                Err(_) => {
                    if let Err(error) = server_log::bound(&self.place) {
                        tracing::warn!(%error, "Could not bound the log of Postgres");
                    }
                }
            }
        }
    }

    /// Starts the server again, until it is up. The first attempt follows at once after a good run.
    async fn restart(&self, wait: &mut Duration) -> Postmaster {
        loop {
            if *wait > WAITS.0 {
                tokio::time::sleep(*wait).await;
            }
            *wait = (*wait * 2).min(WAITS.1);
            match self.start_postmaster().await {
                Ok(postmaster) => return postmaster,
                Err(error) => tracing::error!(%error, "Postgres could not be started again"),
            }
        }
    }
}

/// Takes the directory, with a little patience: a process that was killed holds it until the kernel has cleared it away.
async fn lock(place: &Place) -> Result<File, StartError> {
    let begun = Instant::now();
    loop {
        match place.lock() {
            Err(StartError::InUse(_)) if begun.elapsed() < PREDECESSOR => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            taken => return taken,
        }
    }
}
