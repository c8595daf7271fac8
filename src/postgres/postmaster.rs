//! One run of the Postgres server, from its start to its end.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::binaries::Binaries;
use super::cluster::{Durability, settings};
use super::error::StartError;
use super::guarded::{Farewell, Guarded};
use super::pid_file::{self, PidFile};
use super::place::Place;
use super::server_log;

/// How often a starting server is looked at. It is ready after about 60 ms.
const LOOK: Duration = Duration::from_millis(5);

/// How long sessions of a killed server may hold its memory before that is an error. They end by themselves when
/// they notice; one in the middle of a long statement notices late.
const DYING_SESSIONS: Duration = Duration::from_secs(15);

/// How long a start may take. Recovery reads up to `max_wal_size` of log, which takes a slow disk minutes.
const START_LIMIT: Duration = Duration::from_mins(10);

/// How often a long start says that it goes on.
const PROGRESS: Duration = Duration::from_secs(10);

/// How long a server may take to write its last checkpoint before its sessions are cut off without one.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// How long it may take to cut them off. Postgres kills what is left after five seconds itself.
const CUT_LIMIT: Duration = Duration::from_secs(8);

/// One run of the Postgres server.
#[derive(Debug)]
pub struct Postmaster {
    process: Guarded,
}

impl Postmaster {
    /// Starts the server, and comes back when it takes connections.
    pub async fn start(
        binaries: &Binaries,
        place: &Place,
        durability: Durability,
        farewell: &Farewell,
    ) -> Result<Self, StartError> {
        let begun = Instant::now();
        let mut spoken = begun;
        'start: loop {
            pid_file::clear(place).await?;
            let (mut process, log_start) = spawn(binaries, place, durability, farewell).await?;
            loop {
                if PidFile::read(&place.data())
                    .is_some_and(|file| file.ready && file.pid == process.pid())
                {
                    return Ok(Self { process });
                }
                let ended = process.poll().await.map_err(StartError::io("wait for", &place.dir))?;
                if let Some(status) = ended {
                    let log = server_log::since(&place.log(), log_start);
                    if log.contains("shared memory block") && begun.elapsed() < DYING_SESSIONS {
                        tokio::time::sleep(10 * LOOK).await;
                        continue 'start;
                    }
                    return Err(StartError::Ended { status, log });
                }
                if begun.elapsed() > START_LIMIT {
                    return Err(StartError::NotReady {
                        minutes: START_LIMIT.as_secs() / 60,
                        log: place.log(),
                    });
                }
                if spoken.elapsed() > PROGRESS {
                    spoken = Instant::now();
                    tracing::info!(
                        seconds = begun.elapsed().as_secs(),
                        "Postgres is recovering from its last end"
                    );
                }
                tokio::time::sleep(LOOK).await;
            }
        }
    }

    /// The server's process.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Waits for an end that nobody asked for.
    pub async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.process.ended().await
    }

    /// Ends all sessions, writes a checkpoint where that is of use, and ends the server.
    pub async fn stop(mut self, durability: Durability) {
        let steps: &[_] = match durability {
            Durability::Durable => &[(Signal::INT, STOP_LIMIT), (Signal::QUIT, CUT_LIMIT)],
            Durability::Disposable => &[(Signal::QUIT, CUT_LIMIT)],
        };
        for (signal, limit) in steps {
            self.process.signal(*signal);
            if tokio::time::timeout(*limit, self.process.ended()).await.is_ok() {
                return;
            }
        }
        tracing::error!(
            pid = self.pid(),
            "Postgres did not stop and is killed; it will recover when it is started"
        );
        self.process.signal(Signal::KILL);
        let _ = self.process.ended().await;
    }
}

async fn spawn(
    binaries: &Binaries,
    place: &Place,
    durability: Durability,
    farewell: &Farewell,
) -> Result<(Guarded, u64), StartError> {
    let sockets = place.prepare_sockets()?;
    let (log, log_start) = server_log::open(place)?;
    let errors = log.try_clone().map_err(StartError::io("write to", &place.log()))?;
    let process = Guarded::spawn(place, farewell, &binaries.program("postgres"), |command| {
        command.arg("-D").arg(place.data()).arg("-k").arg(sockets).args(settings(durability));
        command.stdout(Stdio::from(log)).stderr(Stdio::from(errors));
    })
    .await?;
    Ok((process, log_start))
}
