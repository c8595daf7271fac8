//! `postmaster.pid`: what a running Postgres says of itself, and what a killed one leaves behind.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::error::StartError;
use super::place::{Place, remove_if_present};

/// After this long an orphan that was asked to end its sessions and write its checkpoint is told to drop everything;
/// recovery then reads the log instead.
const PATIENCE: Duration = Duration::from_secs(20);

/// After this long more we give up. Postgres itself kills what does not follow within five seconds.
const LAST_PATIENCE: Duration = Duration::from_secs(10);

/// What a running Postgres says of itself. Lines as in Postgres's `miscadmin.h`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PidFile {
    /// The process.
    pub pid: u32,
    /// The directory of its socket.
    pub sockets: PathBuf,
    /// Whether it takes connections.
    pub ready: bool,
}

impl PidFile {
    /// Reads the file of a cluster.
    pub fn read(data: &Path) -> Option<Self> {
        Self::parse(&fs::read_to_string(path_in(data)).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines().map(str::trim);
        let pid = lines.next()?.parse().ok()?;
        let sockets = lines.nth(3).unwrap_or_default().into();
        let ready = lines.nth(2) == Some("ready");
        Some(Self { pid, sockets, ready })
    }
}

/// Sees to it that no Postgres of an earlier owner serves the cluster, and that what it left behind does not keep a
/// new one from starting. The caller holds the directory's lock, so that nobody else's can be meant.
pub async fn clear(place: &Place) -> Result<(), StartError> {
    let data = place.data();
    let Some(left) = PidFile::read(&data) else {
        // Empty or torn by a full disk: Postgres would refuse to start beside it.
        return remove_if_present(&path_in(&data));
    };
    if serves(left.pid, &data) {
        tracing::info!(pid = left.pid, "Stopping the Postgres of an earlier run, which was killed");
        stop_orphan(left.pid, &data).await?;
    }
    disown(place)
}

/// Ends a Postgres that outlived its owner. Not by name: by its pid, after a look at what that process serves.
async fn stop_orphan(pid: u32, data: &Path) -> Result<(), StartError> {
    let begun = Instant::now();
    let mut sent = None;
    while serves(pid, data) {
        let signal = if begun.elapsed() < PATIENCE { Signal::INT } else { Signal::QUIT };
        if sent != Some(signal) {
            // It may have ended by itself between the look and the signal.
            let _ = send(pid, signal);
            sent = Some(signal);
        }
        if begun.elapsed() > PATIENCE + LAST_PATIENCE {
            return Err(StartError::Orphan(pid));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// Puts our own pid into the first line of a stale file.
///
/// Its pid may belong to a zombie or to some other program by now, which Postgres would take for a living server; its
/// parent it knows not to be one. The rest of the file is kept, for the shared memory key in it lets Postgres
/// refuse while sessions of a killed server still run. Replaced in one step: half a file would block every start.
fn disown(place: &Place) -> Result<(), StartError> {
    let path = path_in(&place.data());
    let Ok(text) = fs::read_to_string(&path) else {
        return Ok(());
    };
    let rest = text.split_once('\n').map_or("", |(_, rest)| rest);
    let side = place.dir.join("postmaster.pid.new");
    remove_if_present(&side)?;
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&side)
        .and_then(|mut file| write!(file, "{}\n{rest}", std::process::id()))
        .map_err(StartError::io("write", &side))?;
    place.account.own(&side)?;
    fs::rename(&side, &path).map_err(StartError::io("replace", &path))
}

/// Whether the process is a Postgres that serves this cluster.
pub fn serves(pid: u32, data: &Path) -> bool {
    let data = data.to_string_lossy();
    if Path::new("/proc/self/cmdline").exists() {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let arguments: Vec<_> =
            line.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
        return arguments.windows(2).any(|pair| pair[0] == "-D" && pair[1] == data);
    }
    let listed =
        Command::new("ps").args(["-ww", "-o", "command=", "-p", &pid.to_string()]).output();
    listed.is_ok_and(|listed| {
        String::from_utf8_lossy(&listed.stdout).contains(&format!("-D {data} "))
    })
}

/// Sends a signal to a process.
pub fn send(pid: u32, signal: Signal) -> rustix::io::Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(rustix::io::Errno::SRCH)?;
    kill_process(pid, signal)
}

fn path_in(data: &Path) -> PathBuf {
    data.join("postmaster.pid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_postgres_writes() {
        let text = "4711\n/data/pgdata\n1795000000\n5432\n/data/run\n\n  1234567   3\nready   \n";
        let expected = PidFile { pid: 4711, sockets: "/data/run".into(), ready: true };
        assert_eq!(PidFile::parse(text), Some(expected));
        assert!(!PidFile::parse(&text.replace("ready", "starting")).unwrap().ready);
        assert!(!PidFile::parse("4711\n").unwrap().ready);
        for torn in ["", "\n", "x\n/data", "-5\n"] {
            assert_eq!(PidFile::parse(torn), None);
        }
    }

    #[test]
    fn a_process_of_another_program_is_not_ours() {
        assert!(!serves(std::process::id(), Path::new("/data/pgdata")));
        assert!(!serves(u32::MAX, Path::new("/data/pgdata")));
    }

    #[test]
    fn no_signal_goes_to_a_group() {
        for pid in [0, u32::MAX] {
            assert!(send(pid, Signal::INT).is_err());
        }
    }
}
