//! A real SMTP server for tests: it listens on a socket, speaks RFC 5321, keeps what it is given, and misbehaves where
//! it is told to.
//!
//! ```ignore
//! let server = SmtpServer::start().await;
//! server.add(Rule::at(Stage::Recipient, Answer::reply("550 5.1.1 no such user")).only_to("bounce@example.com"));
//! …
//! let mails = server.wait_for(3).await;
//! ```

#[path = "smtp_server/rule.rs"]
mod rule;
#[path = "smtp_server/session.rs"]
mod session;
#[path = "smtp_server/setup.rs"]
mod setup;
#[path = "smtp_server/tests.rs"]
mod tests;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

pub use rule::{Answer, Rule, Stage};
pub use setup::{Identity, Setup};

/// How long a test waits for what must happen. Reached only by a test that fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// A mail that the server took.
#[derive(Clone, Debug)]
pub struct ReceivedMail {
    pub from: String,
    pub to: Vec<String>,
    /// Dots undone.
    pub data: Vec<u8>,
    pub at: Instant,
    /// What MAIL said behind the address.
    pub parameters: String,
    /// Which connection it came on, from 0.
    pub connection: usize,
}

/// How many connections there are and were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    pub now: usize,
    /// The most at once.
    pub most: usize,
    pub ever: usize,
}

/// A line from the client.
#[derive(Clone, Debug)]
pub struct Heard {
    pub line: String,
    pub encrypted: bool,
    pub connection: usize,
}

/// The server. Stops when it is dropped.
pub struct SmtpServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: JoinHandle<()>,
}

struct Shared {
    setup: Setup,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    rules: Vec<Rule>,
    received: Vec<ReceivedMail>,
    connections: Connections,
    heard: Vec<Heard>,
}

/// How long a port may be kept by somebody's outgoing connection, which the system may give it to once it is free.
const PORT_DEADLINE: Duration = Duration::from_secs(30);

/// Asks for the address until nobody else has it.
async fn bind(address: SocketAddr) -> TcpListener {
    let asking = async {
        loop {
            match TcpListener::bind(address).await {
                Err(error) if error.kind() == ErrorKind::AddrInUse => {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                bound => return bound.unwrap(),
            }
        }
    };
    tokio::time::timeout(PORT_DEADLINE, asking).await.expect("the port becomes free")
}

impl SmtpServer {
    /// On 127.0.0.1, on a port of its own.
    pub async fn start() -> Self {
        Setup::default().start().await
    }

    /// On this address, where another may have stopped a moment ago.
    pub async fn start_on(address: SocketAddr) -> Self {
        Self::listen(Setup::default(), address).await
    }

    async fn listen(setup: Setup, address: SocketAddr) -> Self {
        let listener = bind(address).await;
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { setup, state: Mutex::default(), changed: Notify::new() });
        let listening = tokio::spawn(session::accept(listener, shared.clone()));
        Self { address, shared, listening }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// For `SMTP_URL`, with the login.
    pub fn url(&self) -> String {
        let setup = &self.shared.setup;
        let login = setup.login.map(|(user, password)| format!("{user}:{password}@"));
        let (scheme, tls) = match (&setup.tls, setup.implicit_tls) {
            (Some(_), true) => ("smtps", ""),
            (Some(_), false) => ("smtp", ""),
            (None, _) => ("smtp", "?tls=none"),
        };
        format!("{scheme}://{}{}{tls}", login.unwrap_or_default(), self.address)
    }

    /// From now on does `answer` at `stage`. The latest rule that fits wins.
    pub fn on(&self, stage: Stage, answer: Answer) {
        self.add(Rule::at(stage, answer));
    }

    pub fn add(&self, rule: Rule) {
        self.state(|state| state.rules.push(rule));
    }

    /// Forgets all rules.
    pub fn behave(&self) {
        self.state(|state| state.rules.clear());
    }

    /// What was taken so far, in order.
    pub fn received(&self) -> Vec<ReceivedMail> {
        self.state(|state| state.received.clone())
    }

    pub fn connections(&self) -> Connections {
        self.state(|state| state.connections)
    }

    /// Every line that came, messages aside.
    pub fn heard(&self) -> Vec<Heard> {
        self.state(|state| state.heard.clone())
    }

    /// Waits until `count` mails have been taken.
    pub async fn wait_for(&self, count: usize) -> Vec<ReceivedMail> {
        self.wait_until("mails", |server| server.received().len() >= count).await;
        self.received()
    }

    /// Waits until as many connections are open.
    pub async fn wait_for_connections(&self, now: usize) {
        self.wait_until("connections", |server| server.connections().now == now).await;
    }

    /// Waits until a line has come that begins with this.
    pub async fn wait_for_line(&self, start: &str) {
        let is_heard =
            |server: &Self| server.heard().iter().any(|heard| heard.line.starts_with(start));
        self.wait_until(start, is_heard).await;
    }

    /// Waits until so many lines have come since the beginning.
    pub async fn wait_for_lines(&self, count: usize) {
        self.wait_until("lines", |server| server.heard().len() >= count).await;
    }

    async fn wait_until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let waiting = async {
            loop {
                let changed = self.shared.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if is_so(self) {
                    return;
                }
                changed.await;
            }
        };
        let done = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(done.is_ok(), "waited in vain for {what}: {:?}", self.connections());
    }

    /// Hangs up on everybody and gives the port back.
    pub async fn stop(mut self) {
        self.listening.abort();
        let _ = (&mut self.listening).await;
    }

    fn state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.shared.state.lock().unwrap())
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Shared {
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state.lock().unwrap());
        self.changed.notify_waiters();
        result
    }

    fn answer(&self, stage: Stage, recipients: &[String]) -> Option<Answer> {
        self.change(|state| {
            let fits = |rule: &&mut Rule| {
                rule.stage == stage
                    && rule.times > 0
                    && rule.recipient.as_ref().is_none_or(|wanted| recipients.contains(wanted))
            };
            let rule = state.rules.iter_mut().rev().find(fits)?;
            rule.times -= 1;
            Some(rule.answer.clone())
        })
    }
}
