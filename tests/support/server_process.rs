//! The program itself, as a process of its own with a directory of its own, that can be killed and started again.
//!
//! ```ignore
//! let mut server = Server::new().with("SMTP_URL", &relay.url());
//! server.start().await;
//! let key = server.create_key(&[]).await;
//! …
//! server.kill();
//! server.start().await;
//! ```

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, Permissions};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long anything may take on a busy machine before the test gives up.
const PATIENCE: Duration = Duration::from_mins(1);

/// Between looks at something that is about to happen.
const LOOK: Duration = Duration::from_millis(10);

/// A server with its directory. When it is dropped, its processes end and the directory goes.
pub struct Server {
    dir: PathBuf,
    program: PathBuf,
    account: Option<(u32, u32)>,
    address: SocketAddr,
    settings: BTreeMap<String, String>,
    running: Option<Running>,
}

/// The server's process, and one that kills it should the test itself be killed.
struct Running {
    child: Child,
    watchdog: Child,
}

impl Server {
    /// Not started yet. It will listen on a port of its own, every time on the same.
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let dir =
            std::env::temp_dir().join(format!("posthaste-server-{}-{number}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        // Passable for the account that Postgres runs as.
        fs::set_permissions(&dir, Permissions::from_mode(0o755)).unwrap();
        let program = env!("CARGO_BIN_EXE_posthaste").into();
        let server = Self {
            dir,
            program,
            account: None,
            address: free_address(),
            settings: BTreeMap::new(),
            running: None,
        };
        let many = "1000000";
        let server = server.with("RATE_LIMIT_PER_SECOND", many).with("RATE_LIMIT_PER_MINUTE", many);
        // With a relay it would be on, and there is no DNS here in which a domain could be proved.
        server.with("REQUIRE_VERIFIED_DOMAINS", "off")
    }

    /// Sets what the environment of the next start says.
    pub fn set(&mut self, setting: &str, value: &str) {
        self.settings.insert(setting.to_owned(), value.to_owned());
    }

    /// Takes a setting back.
    pub fn unset(&mut self, setting: &str) {
        self.settings.remove(setting);
    }

    pub fn with(mut self, setting: &str, value: &str) -> Self {
        self.set(setting, value);
        self
    }

    /// Runs it as another user and group, from a copy of the program that they can reach.
    pub fn run_by(mut self, uid: u32, gid: u32) -> Self {
        let copy = self.dir.join("posthaste");
        fs::copy(&self.program, &copy).unwrap();
        std::os::unix::fs::chown(&self.dir, Some(uid), Some(gid)).unwrap();
        (self.program, self.account) = (copy, Some((uid, gid)));
        self
    }

    /// Starts it, and waits until it takes requests.
    pub async fn start(&mut self) {
        self.spawn();
        self.ready().await;
    }

    /// Starts it, and waits for nothing.
    pub fn spawn(&mut self) {
        assert!(self.running.is_none(), "it runs already");
        let mut command = self.command(&[]);
        command.stdout(self.output("stdout.log")).stderr(self.output("stderr.log"));
        let child = command.spawn().unwrap();
        let mut watchdog = Command::new("/bin/sh");
        watchdog.args(["-c", "read -r line; kill -9 \"$1\"", "sh", &child.id().to_string()]);
        watchdog.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let watchdog = watchdog.process_group(0).spawn().unwrap();
        self.running = Some(Running { child, watchdog });
    }

    /// Waits until it takes requests.
    pub async fn ready(&mut self) {
        let client = super::api_client::plain();
        let url = self.url("/readyz");
        let begun = Instant::now();
        while !client.get(&url).send().await.is_ok_and(|answer| answer.status() == 200) {
            let ended = self.running.as_mut().unwrap().child.try_wait().unwrap();
            assert!(ended.is_none(), "the server ended, {}: {}", ended.unwrap(), self.log());
            assert!(begun.elapsed() < PATIENCE, "the server is not ready: {}", self.log());
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Kills the server (SIGKILL), and waits until it is gone. Its Postgres finds out by itself.
    pub fn kill(&mut self) {
        if let Some(running) = &mut self.running {
            running.child.kill().unwrap();
        }
        self.reap();
    }

    /// Kills the Postgres of the server (SIGKILL), if there is one at this moment.
    pub fn kill_postgres(&self) -> bool {
        self.postgres().is_some_and(|pid| kill_process(pid, Signal::KILL).is_ok())
    }

    /// Asks the server to stop (SIGTERM).
    pub fn terminate(&self) {
        let pid = self.running.as_ref().unwrap().child.id();
        kill_process(pid_of(pid), Signal::TERM).unwrap();
    }

    /// Waits for the end of the server.
    pub async fn ended(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.running.as_mut().unwrap().child.try_wait().unwrap() {
                self.reap();
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "the server does not end: {}", self.log());
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Runs a command with the settings of the server, beside it if it runs.
    pub async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = tokio::process::Command::from(self.command(arguments));
        let output = command.kill_on_drop(true).output();
        tokio::time::timeout(PATIENCE, output).await.expect("the command never ended").unwrap()
    }

    /// What a command prints, without the end of the line.
    pub async fn told(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments).await;
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {}, {complaint}", output.status);
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// Makes a key; `more` is put behind `keys create`.
    pub async fn create_key(&self, more: &[&str]) -> String {
        let command = ["keys", "create", "--quiet", "--name", "Test"];
        self.told(&[&command, more].concat()).await
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Puts a file beside the server's data.
    pub fn write_file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.join(name);
        fs::write(&path, text).unwrap();
        path
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// What all starts so far have written to standard error.
    pub fn log(&self) -> String {
        read(&self.dir.join("stderr.log"))
    }

    /// What all starts so far have written to standard output.
    pub fn printed(&self) -> String {
        read(&self.dir.join("stdout.log"))
    }

    /// What the embedded Postgres has written.
    pub fn postgres_log(&self) -> String {
        read(&self.data_dir().join("postgres/postgres.log"))
    }

    /// The process of the embedded Postgres, if it is one of ours: the file may be older than its process.
    pub fn postgres(&self) -> Option<Pid> {
        let data = self.data_dir().join("postgres/pgdata");
        let pid: u32 = read(&data.join("postmaster.pid")).lines().next()?.trim().parse().ok()?;
        let arguments = read(Path::new(&format!("/proc/{pid}/cmdline")));
        arguments.contains(data.to_str()?).then(|| pid_of(pid))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(&self.dir).stdin(Stdio::null());
        command.env_clear().env("HOME", &self.dir).envs(kept_variables());
        command.env("DATA_DIR", self.data_dir()).env("LISTEN_ADDR", self.address.to_string());
        command.envs(&self.settings);
        if let Some((uid, gid)) = self.account {
            command.uid(uid).gid(gid);
        }
        command
    }

    fn output(&self, name: &str) -> File {
        OpenOptions::new().append(true).create(true).open(self.dir.join(name)).unwrap()
    }

    fn reap(&mut self) {
        if let Some(mut running) = self.running.take() {
            // The watchdog first: as long as the server is not waited for, its number is nobody else's.
            let _ = running.watchdog.kill().and_then(|()| running.watchdog.wait());
            running.child.wait().unwrap();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(running) = &mut self.running {
            let _ = running.child.kill();
        }
        self.reap();
        let begun = Instant::now();
        // Sessions end when they notice that their postmaster is gone, and may write until then.
        while self.kill_postgres() || (self.dir.exists() && fs::remove_dir_all(&self.dir).is_err())
        {
            if begun.elapsed() > PATIENCE {
                return;
            }
            #[expect(clippy::disallowed_methods, reason = "a drop cannot await")]
            std::thread::sleep(LOOK);
        }
    }
}

/// What programs of this machine are found by.
fn kept_variables() -> impl Iterator<Item = (&'static str, std::ffi::OsString)> {
    #[expect(clippy::disallowed_methods, reason = "it is the machine's, and no setting of ours")]
    ["PATH", "TMPDIR"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)))
}

/// An address that nobody listens on. Below the ports that systems give to outgoing connections, one of which might
/// otherwise take it while the server is down.
fn free_address() -> SocketAddr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let start = std::process::id().wrapping_mul(7);
        let offset = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        let port = 20_000 + u16::try_from(offset).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

fn pid_of(pid: u32) -> Pid {
    Pid::from_raw(pid.try_into().unwrap()).unwrap()
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}
