//! A child process that does not outlive this one, in whatever way this one ends.

use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};

use rustix::process::Signal;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin};

use super::error::StartError;
use super::place::Place;

/// Waits for a line and becomes the program: it must not begin before somebody watches over it.
const GATE: &str = r#"read -r line && exec "$@" </dev/null"#;

/// Waits until the pipe from this process breaks, as it does however we end, and ends the program: `$1` is its pid,
/// `$2` the signal. What else is named is removed afterwards, that is when Postgres has removed its pid file: the
/// process may stay a zombie for as long as the system likes. Deaf to what service managers send to a whole group.
const WATCHDOG: &str = r#"
    trap '' HUP INT TERM
    read -r line
    kill -"$2" "$1" 2>/dev/null
    pid=$1
    shift 2
    [ $# -gt 0 ] || exit 0
    rounds=0
    while kill -0 "$pid" 2>/dev/null && [ "$rounds" -lt 200 ]; do
        [ "$rounds" -lt 5 ] || [ -e "$1/pgdata/postmaster.pid" ] || break
        sleep 0.05
        rounds=$((rounds + 1))
    done
    rm -rf -- "$@"
"#;

/// A child process that does not outlive this one.
///
/// Neither a `PR_SET_PDEATHSIG` (Linux only, bound to a thread, and `unsafe` to set) nor a signal handler (deaf to
/// `kill -9`) would do: a watchdog holds the other end of a pipe. Dropping this has the same effect as our end.
#[derive(Debug)]
pub struct Guarded {
    child: Child,
    pid: u32,
    watchdog: Child,
    _lifeline: Option<ChildStdin>,
}

/// What the watchdog does when this process has ended.
#[derive(Clone, Debug)]
pub struct Farewell {
    /// How the child is told.
    pub signal: Signal,
    /// Directories that go with it.
    pub removed: Vec<PathBuf>,
}

impl Guarded {
    /// Starts `program`, whose arguments, output and directory `command` gives when handed a shell to put them on.
    pub async fn spawn(
        place: &Place,
        farewell: &Farewell,
        program: &std::path::Path,
        shape: impl FnOnce(&mut Command),
    ) -> Result<Self, StartError> {
        let mut gate = place.account.command("/bin/sh", &place.dir);
        gate.args(["-c", GATE, "sh"]).arg(program).stdin(Stdio::piped());
        shape(&mut gate);
        let failed = || StartError::io("run", program);
        let mut child = tokio::process::Command::from(gate).spawn().map_err(failed())?;
        let pid = child.id().unwrap_or_default();

        let mut watchdog = Command::new("/bin/sh");
        let signal = if farewell.signal == Signal::QUIT { "QUIT" } else { "INT" };
        watchdog.args(["-c", WATCHDOG, "sh", &pid.to_string(), signal]).args(&farewell.removed);
        watchdog.env_clear().env("PATH", "/usr/bin:/bin").current_dir("/");
        watchdog.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        std::os::unix::process::CommandExt::process_group(&mut watchdog, 0);
        let mut watchdog = tokio::process::Command::from(watchdog).spawn().map_err(failed())?;
        let lifeline = watchdog.stdin.take();

        if let Some(mut gate) = child.stdin.take() {
            gate.write_all(b"\n").await.map_err(failed())?;
        }
        Ok(Self { child, pid, watchdog, _lifeline: lifeline })
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits for the end of the process, and relieves the watchdog. May be dropped and called again.
    pub async fn ended(&mut self) -> std::io::Result<ExitStatus> {
        let status = self.child.wait().await?;
        // At once, since the pid is free for others from now on.
        let _ = self.watchdog.kill().await;
        Ok(status)
    }

    /// The status of a process that has ended.
    pub async fn poll(&mut self) -> std::io::Result<Option<ExitStatus>> {
        match self.child.try_wait()? {
            Some(_) => self.ended().await.map(Some),
            None => Ok(None),
        }
    }

    /// Sends a signal, if the process has not ended.
    pub fn signal(&self, signal: Signal) {
        // `id` is empty once the process was waited for, and its number might be another's.
        if let Some(pid) = self.child.id() {
            let _ = super::pid_file::send(pid, signal);
        }
    }
}
