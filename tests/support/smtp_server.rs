//! A real SMTP server for tests: it listens on a socket, speaks RFC 5321, keeps what it is given, and misbehaves where
//! it is told to.
//!
//! ```ignore
//! let server = SmtpServer::start().await;
//! server.add(Rule::at(Stage::Recipient, Answer::reply("550 5.1.1 no such user")).only_to("bounce@example.com"));
//! …
//! let mails = server.wait_for(3).await;
//! ```

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

/// How long a test waits for what must happen. Reached only by a test that fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// Where in a conversation something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Connect,
    Hello,
    StartTls,
    Auth,
    Mail,
    Recipient,
    Data,
    /// The first bytes of a message have come, its end has not.
    Message,
    /// The message has come to its end.
    End,
    Reset,
    Noop,
}

/// What the server does instead of what it should.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Says this, of one line or more. At the end of a message, 2xx keeps it. In the middle of one, hangs up after it.
    Reply(String),
    /// Says this, a byte at a time.
    Bytewise(String),
    /// Says nothing more and leaves the connection open. In the middle of a message it stops reading, too.
    Hang,
    /// Hangs up.
    Close,
    /// Breaks the connection off (RST).
    Reset,
    /// Keeps the message and then hangs up, resets or says nothing. At [`Stage::End`] only.
    KeepThenClose,
    KeepThenReset,
    KeepThenHang,
    /// Waits for a permit, then behaves.
    Wait(Arc<Semaphore>),
}

impl Answer {
    pub fn reply(text: &str) -> Self {
        Self::Reply(text.to_owned())
    }
}

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

/// How a server is set up. By default: no TLS, no login, PIPELINING, 8BITMIME, SMTPUTF8, SIZE.
#[derive(Clone)]
pub struct Setup {
    extensions: Vec<&'static str>,
    tls: Option<Arc<ServerConfig>>,
    implicit_tls: bool,
    login: Option<(&'static str, &'static str)>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            extensions: vec!["PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 50000000"],
            tls: None,
            implicit_tls: false,
            login: None,
        }
    }
}

impl Setup {
    pub fn without(mut self, extension: &str) -> Self {
        self.extensions.retain(|line| !line.starts_with(extension));
        self
    }

    pub fn with(mut self, extension: &'static str) -> Self {
        self.extensions.push(extension);
        self
    }

    pub fn starttls(mut self, identity: &Identity) -> Self {
        self.tls = Some(identity.config.clone());
        self
    }

    pub fn implicit_tls(self, identity: &Identity) -> Self {
        Self { implicit_tls: true, ..self.starttls(identity) }
    }

    /// Lets this user log in, by PLAIN or LOGIN unless another AUTH is announced; inside TLS only, if there is TLS.
    pub fn login(mut self, user: &'static str, password: &'static str) -> Self {
        self.login = Some((user, password));
        self
    }

    pub async fn start(self) -> SmtpServer {
        SmtpServer::listen(self, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }
}

/// A certificate that it signed itself, with its key.
pub struct Identity {
    /// For those who are to trust it.
    pub root: CertificateDer<'static>,
    config: Arc<ServerConfig>,
}

impl Identity {
    pub fn of(host: &str) -> Self {
        let made = rcgen::generate_simple_self_signed([host.to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let root = made.cert.der().clone();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![root.clone()], key)
            .unwrap();
        Self { root, config: Arc::new(config) }
    }
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

/// What the server does instead of what it should, where and to whom.
pub struct Rule {
    stage: Stage,
    answer: Answer,
    recipient: Option<String>,
    times: usize,
}

impl Rule {
    /// Always at this stage.
    pub fn at(stage: Stage, answer: Answer) -> Self {
        Self { stage, answer, recipient: None, times: usize::MAX }
    }

    /// For one recipient only; from RCPT on.
    pub fn only_to(self, address: &str) -> Self {
        Self { recipient: Some(address.to_owned()), ..self }
    }

    /// Not for ever.
    pub fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }
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
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { setup, state: Mutex::default(), changed: Notify::new() });
        let listening = tokio::spawn(accept(listener, shared.clone()));
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

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut sessions = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let number = shared.change(|state| {
            let connections = &mut state.connections;
            connections.now += 1;
            connections.ever += 1;
            connections.most = connections.most.max(connections.now);
            connections.ever - 1
        });
        let counted = Counted(shared.clone());
        let shared = shared.clone();
        sessions.spawn(async move {
            let _counted = counted;
            // Clients vanish; that is what some tests are about.
            let _ = serve(shared, stream, number).await;
        });
        while sessions.try_join_next().is_some() {}
    }
}

struct Counted(Arc<Shared>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.change(|state| state.connections.now -= 1);
    }
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

struct Session {
    shared: Arc<Shared>,
    stream: BufReader<Box<dyn Duplex>>,
    socket: OwnedFd,
    number: usize,
    encrypted: bool,
    from: Option<(String, String)>,
    to: Vec<String>,
}

/// The end of a session, in good order or not.
type Gone = io::Error;

async fn serve(shared: Arc<Shared>, stream: TcpStream, number: usize) -> Result<(), Gone> {
    let socket = stream.as_fd().try_clone_to_owned()?;
    let implicit = shared.setup.implicit_tls;
    let acceptor = shared.setup.tls.clone().map(TlsAcceptor::from).filter(|_| implicit);
    let stream: Box<dyn Duplex> = match acceptor {
        Some(acceptor) => Box::new(acceptor.accept(stream).await?),
        None => Box::new(stream),
    };
    let mut session = Session {
        shared,
        stream: BufReader::new(stream),
        socket,
        number,
        encrypted: implicit,
        from: None,
        to: Vec::new(),
    };
    session.step(Stage::Connect, "220 test.example ESMTP").await?;
    while let Some(line) = session.line().await? {
        let word = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        match word.as_str() {
            "EHLO" => session.hello().await?,
            "STARTTLS" if session.shared.setup.tls.is_some() && !session.encrypted => {
                session = session.encrypt().await?;
            }
            "AUTH" => session.log_in(&line).await?,
            "MAIL" => session.mail(&line).await?,
            "RCPT" => session.recipient(&line).await?,
            "DATA" => session.data().await?,
            "RSET" => {
                session.forget();
                session.step(Stage::Reset, "250 2.0.0 forgotten").await?;
            }
            "NOOP" => _ = session.step(Stage::Noop, "250 2.0.0 here").await?,
            "QUIT" => return session.say("221 2.0.0 bye").await,
            _ => session.say("502 5.5.1 what?").await?,
        }
    }
    Ok(())
}

impl Session {
    async fn line(&mut self) -> Result<Option<String>, Gone> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line).await?;
        let Some(line) = line.strip_suffix(b"\r\n") else { return Ok(None) };
        let line = String::from_utf8_lossy(line).into_owned();
        let heard =
            Heard { line: line.clone(), encrypted: self.encrypted, connection: self.number };
        self.shared.change(|state| state.heard.push(heard));
        Ok(Some(line))
    }

    async fn say(&mut self, text: &str) -> Result<(), Gone> {
        self.stream.write_all(format!("{text}\r\n").as_bytes()).await?;
        self.stream.flush().await
    }

    /// Answers with `usual`, or as the rules have it; whether it was a 2xx or 3xx.
    async fn step(&mut self, stage: Stage, usual: &str) -> Result<bool, Gone> {
        let answer = self.shared.answer(stage, &self.to);
        self.perform(answer, usual).await
    }

    async fn perform(&mut self, answer: Option<Answer>, usual: &str) -> Result<bool, Gone> {
        let text = match answer {
            None => usual.to_owned(),
            Some(Answer::Reply(text)) => text,
            Some(Answer::Bytewise(text)) => {
                for byte in text.bytes().chain(*b"\r\n") {
                    self.stream.write_all(&[byte]).await?;
                    self.stream.flush().await?;
                    tokio::task::yield_now().await;
                }
                return Ok(text.starts_with(['2', '3']));
            }
            Some(Answer::Wait(permits)) => {
                permits.acquire().await.unwrap().forget();
                usual.to_owned()
            }
            Some(answer) => return Err(self.misbehave(&answer).await),
        };
        self.say(&text).await?;
        Ok(text.starts_with(['2', '3']))
    }

    async fn misbehave(&mut self, answer: &Answer) -> Gone {
        if matches!(answer, Answer::Reset | Answer::KeepThenReset) {
            rustix::net::sockopt::set_socket_linger(&self.socket, Some(Duration::ZERO)).unwrap();
        }
        if matches!(answer, Answer::Hang | Answer::KeepThenHang) {
            let _ = tokio::io::copy(&mut self.stream, &mut tokio::io::sink()).await;
        }
        io::ErrorKind::ConnectionAborted.into()
    }

    async fn hello(&mut self) -> Result<(), Gone> {
        let setup = &self.shared.setup;
        let mut lines = vec!["test.example greets you"];
        lines.extend(&setup.extensions);
        if setup.tls.is_some() && !self.encrypted {
            lines.push("STARTTLS");
        } else if setup.login.is_some() && !lines.iter().any(|line| line.starts_with("AUTH")) {
            lines.push("AUTH PLAIN LOGIN");
        }
        let last = lines.len() - 1;
        let lines: Vec<_> = lines
            .iter()
            .enumerate()
            .map(|(index, line)| format!("250{}{line}", if index == last { ' ' } else { '-' }))
            .collect();
        self.step(Stage::Hello, &lines.join("\r\n")).await.map(drop)
    }

    async fn encrypt(mut self) -> Result<Self, Gone> {
        if !self.step(Stage::StartTls, "220 2.0.0 go ahead").await? {
            return Ok(self);
        }
        let config = self.shared.setup.tls.clone().unwrap();
        let stream: Box<dyn Duplex> =
            Box::new(TlsAcceptor::from(config).accept(self.stream.into_inner()).await?);
        Ok(Self { stream: BufReader::new(stream), encrypted: true, ..self })
    }

    async fn log_in(&mut self, line: &str) -> Result<(), Gone> {
        let mut given = Vec::new();
        if let Some(initial) = line.strip_prefix("AUTH PLAIN ") {
            given.extend(decode(initial).split('\0').skip(1).map(ToOwned::to_owned));
        } else {
            for prompt in ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"] {
                self.say(prompt).await?;
                given.push(decode(&self.line().await?.unwrap_or_default()));
            }
        }
        let wanted = self.shared.setup.login.map(|(user, password)| [user, password]);
        let usual = if wanted.is_some_and(|wanted| given == wanted) {
            "235 2.7.0 welcome"
        } else {
            "535 5.7.8 wrong user name or password"
        };
        self.step(Stage::Auth, usual).await.map(drop)
    }

    fn forget(&mut self) {
        self.from = None;
        self.to.clear();
    }

    async fn mail(&mut self, line: &str) -> Result<(), Gone> {
        let Some((from, parameters)) = path(line) else {
            return self.say("501 5.5.4 whose?").await;
        };
        if self.from.is_some() {
            return self.say("503 5.5.1 one at a time").await;
        }
        if self.step(Stage::Mail, "250 2.1.0 ok").await? {
            self.from = Some((from, parameters));
        }
        Ok(())
    }

    async fn recipient(&mut self, line: &str) -> Result<(), Gone> {
        let Some((to, _)) = path(line) else { return self.say("501 5.5.4 who?").await };
        if self.from.is_none() {
            return self.say("503 5.5.1 MAIL first").await;
        }
        self.to.push(to);
        if !self.step(Stage::Recipient, "250 2.1.5 ok").await? {
            self.to.pop();
        }
        Ok(())
    }

    async fn data(&mut self) -> Result<(), Gone> {
        let usual = if self.to.is_empty() { "503 5.5.1 RCPT first" } else { "354 go ahead" };
        if !self.step(Stage::Data, usual).await? {
            return Ok(());
        }
        if self.stream.fill_buf().await?.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match self.shared.answer(Stage::Message, &self.to) {
            None => {}
            Some(Answer::Hang) => std::future::pending().await,
            Some(Answer::Reply(text)) => {
                self.say(&text).await?;
                return Err(self.misbehave(&Answer::Close).await);
            }
            Some(answer) => return Err(self.misbehave(&answer).await),
        }
        let data = self.message().await?;
        let (from, parameters) = self.from.take().unwrap_or_default();
        let mail = ReceivedMail {
            from,
            to: self.to.clone(),
            data,
            at: Instant::now(),
            parameters,
            connection: self.number,
        };

        let answer = self.shared.answer(Stage::End, &self.to);
        self.to.clear();
        let keeps = match &answer {
            Some(Answer::Reply(text) | Answer::Bytewise(text)) => text.starts_with('2'),
            Some(Answer::Hang | Answer::Close | Answer::Reset) => false,
            _ => true,
        };
        if keeps {
            // A mail is on record before its sender hears of it.
            self.shared.change(|state| state.received.push(mail));
        }
        self.perform(answer, "250 2.0.0 taken").await.map(drop)
    }

    /// A strict reader: only CRLF ends a line, so that a client that sends anything else is found out.
    async fn message(&mut self) -> Result<Vec<u8>, Gone> {
        let (mut message, mut line) = (Vec::new(), Vec::new());
        loop {
            if self.stream.read_until(b'\n', &mut line).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if !line.ends_with(b"\r\n") {
                continue;
            }
            if line == b".\r\n" {
                return Ok(message);
            }
            message.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            line.clear();
        }
    }
}

fn decode(text: &str) -> String {
    String::from_utf8(STANDARD.decode(text).unwrap_or_default()).unwrap_or_default()
}

/// The address in angle brackets, and what is behind it.
fn path(line: &str) -> Option<(String, String)> {
    let (_, rest) = line.split_once(":<")?;
    let (address, parameters) = rest.split_once('>')?;
    Some((address.to_owned(), parameters.trim().to_owned()))
}

/// The server's own test. It uses every part of it, so that no binary with this module has unused code in it.
mod tests {
    use super::*;

    struct Client(BufReader<TcpStream>);

    impl Client {
        async fn of(server: &SmtpServer) -> Self {
            Self(BufReader::new(TcpStream::connect(server.address()).await.unwrap()))
        }

        async fn send(&mut self, text: &str) {
            self.0.write_all(text.as_bytes()).await.unwrap();
        }

        /// All that comes until a line that starts with this.
        async fn until(&mut self, start: &str) -> String {
            let mut line = String::new();
            while !line.starts_with(start) {
                line.clear();
                assert!(self.0.read_line(&mut line).await.unwrap() > 0, "no {start}");
            }
            line
        }

        /// Reads what is left, to the end.
        async fn is_hung_up_on(&mut self) -> bool {
            let mut rest = Vec::new();
            let reading = self.0.read_to_end(&mut rest);
            tokio::time::timeout(PATIENCE, reading).await.is_ok()
        }
    }

    const MAIL: &str = "EHLO me\r\nMAIL FROM:<a@x.example> SIZE=3\r\nRCPT TO:<b@y.example>\r\nDATA\r\n..\r\nhi\r\n.\r\n";

    #[tokio::test]
    async fn it_keeps_what_it_takes() {
        let server = SmtpServer::start().await;
        assert_eq!(server.url(), format!("smtp://{}?tls=none", server.address()));
        server.add(Rule::at(Stage::Hello, Answer::Bytewise("250 slow".into())).times(1));
        let mut client = Client::of(&server).await;
        client.send(MAIL).await;
        client.until("250 2.0.0 taken").await;

        let mail = server.wait_for(1).await.remove(0);
        assert_eq!((mail.from.as_str(), mail.parameters.as_str()), ("a@x.example", "SIZE=3"));
        assert_eq!((mail.to, mail.data), (vec!["b@y.example".to_owned()], b".\r\nhi\r\n".to_vec()));
        assert!(mail.connection == 0 && mail.at <= Instant::now());
        assert_eq!(server.connections(), Connections { now: 1, most: 1, ever: 1 });
        assert!(server.heard().iter().all(|heard| !heard.encrypted && heard.connection == 0));
        drop(client);
        server.wait_for_connections(0).await;
    }

    #[tokio::test]
    async fn it_misbehaves_and_comes_back() {
        let server = SmtpServer::start().await;
        server.add(
            Rule::at(Stage::Recipient, Answer::reply("550 no")).only_to("b@y.example").times(1),
        );
        let mut client = Client::of(&server).await;
        client.send(MAIL).await;
        client.until("503 5.5.1 RCPT first").await;

        for answer in [Answer::Close, Answer::Reset, Answer::KeepThenClose, Answer::KeepThenReset] {
            server.add(Rule::at(Stage::End, answer).times(1));
            let mut client = Client::of(&server).await;
            client.send(MAIL).await;
            client.until("354").await;
            assert!(client.is_hung_up_on().await);
        }
        assert_eq!(server.received().len(), 2);

        server.on(Stage::End, Answer::KeepThenHang);
        let mut patient = Client::of(&server).await;
        patient.send(MAIL).await;
        server.wait_for(3).await;
        server.behave();
        server.on(Stage::Connect, Answer::Hang);
        let mut greeted_by_nobody = Client::of(&server).await;
        server.wait_for_connections(3).await;

        let address = server.address();
        server.stop().await;
        assert!(patient.is_hung_up_on().await && greeted_by_nobody.is_hung_up_on().await);
        let again = SmtpServer::start_on(address).await;
        let gate = Arc::new(Semaphore::new(0));
        again.on(Stage::Connect, Answer::Wait(gate.clone()));
        let mut client = Client::of(&again).await;
        gate.add_permits(1);
        client.send("NOOP\r\n").await;
        client.until("250 2.0.0 here").await;
        again.wait_for_line("NOOP").await;
        again.wait_for_lines(1).await;
    }

    #[tokio::test]
    async fn it_announces_what_it_is_set_up_for() {
        let identity = Identity::of("127.0.0.1");
        assert!(!identity.root.is_empty());
        let tls = Setup::default().without("PIPELINING").with("X-NEW").login("u", "p");
        let server = tls.clone().starttls(&identity).start().await;
        assert_eq!(server.url(), format!("smtp://u:p@{}", server.address()));
        let implicit = tls.implicit_tls(&identity).start().await;
        assert!(implicit.url().starts_with("smtps://u:p@"));

        let mut client = Client::of(&server).await;
        client.send("EHLO me\r\nAUTH PLAIN AHUAcA==\r\n").await;
        client.until("250-X-NEW").await;
        client.until("250 STARTTLS").await;
        client.until("235").await;
        for stage in [
            Stage::StartTls,
            Stage::Auth,
            Stage::Mail,
            Stage::Data,
            Stage::Message,
            Stage::Reset,
            Stage::Noop,
        ] {
            server.on(stage, Answer::reply("400 no"));
        }
        client.send("STARTTLS\r\n").await;
        client.until("400 no").await;
    }
}
