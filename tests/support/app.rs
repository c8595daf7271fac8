//! A whole node for a test: the server as it is run, on a port of its own, and a client for it.
//!
//! ```ignore
//! let app = TestApp::start().await;
//! let key = app.key(Permission::ALL).await;
//! let reply = app.post("/v1/mails/send", &key, json!({…})).await;
//! assert_eq!(reply.status, 200);
//! app.stop().await;
//! ```
//!
//! Nothing in it is replaced: requests go through a socket and into Postgres. A test ends with [`TestApp::stop`], which
//! finds out what a test would otherwise not notice: a node that does not stop, or a panic that it survived.

#[path = "app/browser.rs"]
mod browser;
#[path = "app/keys.rs"]
mod keys;
#[path = "app/panics.rs"]
mod panics;
#[path = "app/reply.rs"]
mod reply;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use posthaste::app::App;
use posthaste::config::Settings;
use posthaste::domain::audit::Doer;
use posthaste::domain::id::{AccountId, ProjectId};
use posthaste::service::clock::Clock;
use posthaste::service::keys::Keys;
use posthaste::service::pepper::Pepper;
use posthaste::service::projects;
use posthaste::telemetry::install_metrics;
use reqwest::Method;
use serde_json::Value;
use sqlx::AssertSqlSafe;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub use self::browser::{Browser, OWNER, PASSWORD, token_of};
pub use self::keys::TestKey;
pub use self::reply::Reply;
use crate::database::TestDatabase;
use crate::smtp_server::SmtpServer;

/// How long a test waits for what must happen. Reached only by a test that fails.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Between two looks at what is waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// What a node has for `SECRET_KEY` unless it is said otherwise.
const SECRET_KEY: &str = "the secret key of every test that does not care";

/// A node that runs.
pub struct TestApp {
    /// Its database, which other nodes may share.
    pub database: Arc<TestDatabase>,
    pub address: SocketAddr,
    /// Where bounces are taken.
    pub inbound: Option<SocketAddr>,
    pub account: AccountId,
    /// The account's first project.
    pub project: ProjectId,
    keys: Keys,
    time: Option<Arc<AtomicU64>>,
    client: reqwest::Client,
    stop: CancellationToken,
    running: Option<JoinHandle<anyhow::Result<()>>>,
}

/// How a node is set up.
#[derive(Default)]
pub struct Setup {
    database: Option<Arc<TestDatabase>>,
    settings: Settings,
    time: Option<Arc<AtomicU64>>,
}

impl Setup {
    /// Changes settings, by their names.
    pub fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// Limits for keys that name none.
    pub fn limits(self, per_second: u32, per_minute: u32) -> Self {
        self.with(|settings| {
            settings.rate_limit_per_second = Some(per_second.to_string());
            settings.rate_limit_per_minute = Some(per_minute.to_string());
        })
    }

    /// Delivers to this server instead of into the capture mailbox.
    pub fn delivering_to(self, server: &SmtpServer) -> Self {
        self.with(|settings| settings.smtp_url = Some(server.url().into()))
    }

    /// Lets webhooks be on this machine.
    pub fn telling_this_machine(self) -> Self {
        self.with(|settings| settings.outbound_allow = Some("127.0.0.1".into()))
    }

    /// Uses this database, reached in the way that the settings say.
    pub fn on(mut self, database: TestDatabase) -> Self {
        self.database = Some(Arc::new(database));
        self
    }

    /// Shares the database of another node.
    pub fn beside(mut self, other: &TestApp) -> Self {
        self.database = Some(Arc::clone(&other.database));
        self
    }

    /// Lets the clock of the limits stand still; [`TestApp::pass`] moves it.
    pub fn standing_clock(mut self) -> Self {
        self.time = Some(Arc::default());
        self
    }

    pub async fn start(self) -> TestApp {
        panics::watch();
        let database = match self.database {
            Some(database) => database,
            None => Arc::new(TestDatabase::create().await),
        };
        let mut settings = self.settings;
        settings.listen_addr = Some("127.0.0.1:0".into());
        settings.database_url.get_or_insert_with(|| database.url.clone().into());
        settings.database_connections.get_or_insert_with(|| "8".into());
        settings.rate_limit_per_second.get_or_insert_with(|| "1000000".into());
        settings.rate_limit_per_minute.get_or_insert_with(|| "1000000".into());
        // With a relay it would be on; whether that works is a matter of the tests of domains.
        settings.require_verified_domains.get_or_insert_with(|| "off".into());
        let secret_key = settings.secret_key.get_or_insert_with(|| SECRET_KEY.into()).clone();

        let mut app = App::prepare(settings.validate().unwrap()).await.unwrap();
        let (address, inbound, (account, _)) =
            (app.address(), app.inbound_address(), app.account());
        if let Some(time) = self.time.clone() {
            let read = move || Duration::from_nanos(time.load(Ordering::SeqCst));
            app = app.with_clock(Clock::reading(read));
        }
        let stop = CancellationToken::new();
        let running = tokio::spawn(app.run(metrics(), stop.clone()));
        TestApp {
            project: projects::list(&database.pool, account).await.unwrap()[0].id,
            keys: Keys::new(database.pool.clone(), Pepper::derive(&secret_key)),
            database,
            address,
            inbound,
            account,
            time: self.time,
            client: client(),
            stop,
            running: Some(running),
        }
    }
}

impl TestApp {
    /// Captures mail, and limits nobody.
    pub async fn start() -> Self {
        Setup::default().start().await
    }

    /// Sends mail to the server, and limits nobody.
    pub async fn delivering_to(server: &SmtpServer) -> Self {
        Setup::default().delivering_to(server).start().await
    }

    /// A request that is still to be described and sent, with [`TestApp::ask`].
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    /// Sends a request.
    pub async fn ask(&self, request: reqwest::RequestBuilder) -> Reply {
        let sent = timeout(PATIENCE, request.send()).await.expect("an answer in time");
        Reply::read(sent.unwrap()).await
    }

    pub async fn get(&self, path: &str, key: &TestKey) -> Reply {
        self.ask(self.request(Method::GET, path).bearer_auth(key.text())).await
    }

    pub async fn post(&self, path: &str, key: &TestKey, body: impl Into<Value>) -> Reply {
        let request = self.request(Method::POST, path).bearer_auth(key.text());
        self.ask(request.json(&body.into())).await
    }

    pub async fn patch(&self, path: &str, key: &TestKey, body: impl Into<Value>) -> Reply {
        let request = self.request(Method::PATCH, path).bearer_auth(key.text());
        self.ask(request.json(&body.into())).await
    }

    pub async fn delete(&self, path: &str, key: &TestKey) -> Reply {
        self.ask(self.request(Method::DELETE, path).bearer_auth(key.text())).await
    }

    pub async fn send(&self, key: &TestKey, mail: impl Into<Value>) -> Reply {
        self.post("/v1/mails/send", key, mail).await
    }

    /// Sends a mail that must be accepted; its id.
    #[track_caller]
    pub fn accepted(&self, key: &TestKey, mail: impl Into<Value>) -> impl Future<Output = String> {
        let caller = std::panic::Location::caller();
        let sent = self.send(key, mail);
        async move {
            let reply = sent.await;
            assert_eq!(reply.status, 200, "{caller}: {}", reply.body);
            reply.body["data"]["emailId"].as_str().unwrap().to_owned()
        }
    }

    /// All that is known of a mail.
    pub async fn mail(&self, key: &TestKey, id: &str) -> Value {
        let reply = self.get(&format!("/v1/mails/{id}"), key).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.body["data"].clone()
    }

    /// Waits until the mail is as it should be.
    pub async fn mail_when(
        &self,
        key: &TestKey,
        id: &str,
        is_so: impl Fn(&Value) -> bool,
    ) -> Value {
        let look = async || Some(self.mail(key, id).await).filter(|mail| is_so(mail));
        match eventually(look).await {
            Some(mail) => mail,
            None => panic!("waited in vain: {:#}", self.mail(key, id).await),
        }
    }

    /// Waits until the mail has this state.
    pub async fn mail_in(&self, key: &TestKey, id: &str, status: &str) -> Value {
        self.mail_when(key, id, |mail| mail["status"] == status).await
    }

    /// Lets so much time pass on the clock of the limits.
    pub fn pass(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap();
        self.time.as_ref().expect("a standing clock").fetch_add(nanos, Ordering::SeqCst);
    }

    /// Runs a statement behind the server's back.
    pub async fn sql(&self, statement: &str) {
        sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
            .execute(&self.database.pool)
            .await
            .unwrap();
    }

    /// Looks up one number behind the server's back.
    pub async fn number(&self, query: &str) -> i64 {
        let number = sqlx::query_scalar(AssertSqlSafe(query.to_owned()));
        number.fetch_one(&self.database.pool).await.unwrap()
    }

    /// How many mails are stored.
    pub async fn mails_stored(&self) -> i64 {
        self.number("SELECT count(*) FROM mails").await
    }

    /// Another project of the same account.
    pub async fn another_project(&self) -> ProjectId {
        let name = "Another project".parse().unwrap();
        let made =
            projects::create(&self.database.pool, self.account, &name, None, Doer::server()).await;
        made.unwrap().id
    }

    /// Stops the node as SIGTERM would, and fails if that failed or if anything in it ever panicked.
    pub async fn stop(mut self) {
        self.stop.cancel();
        let running = self.running.take().expect("it is stopped only once");
        let ended = timeout(PATIENCE, running).await.expect("the node stops when it is told to");
        ended.expect("the node does not panic").unwrap();
        panics::assert_none();
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.stop.cancel();
        let is_running = self.running.is_some();
        assert!(!is_running || std::thread::panicking(), "a test ends with `app.stop().await`");
    }
}

/// Looks again and again for what must come to be; nothing if it does not.
pub async fn eventually<T>(look: impl AsyncFn() -> Option<T>) -> Option<T> {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    timeout(PATIENCE, looking).await.ok()
}

/// Metrics of all nodes of this process together.
fn metrics() -> PrometheusHandle {
    static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();
    METRICS.get_or_init(|| install_metrics().unwrap()).clone()
}

#[expect(clippy::disallowed_methods, reason = "the server under test has a private address")]
fn client() -> reqwest::Client {
    // It insists on one although it never speaks TLS here. Another test may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}
