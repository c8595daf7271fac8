//! Stands between a server and its Postgres, and cuts all connections at a moment that a test has chosen: when
//! certain bytes come by on their way to the database.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How long a cut may be waited for. Reached only by a test that fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// How a database says that it has done everything that was asked, and that no transaction is open.
const READY_FOR_QUERY: &[u8] = b"Z\0\0\0\x05I";

/// What is awaited is shorter than this, in bytes.
const OVERLAP: usize = 64;

/// What the database has done of the statement when the connections are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Nothing: it never heard of it.
    Before,
    /// All of it, the commit included. Only the answer is lost.
    After,
    /// Nothing yet: it hears of it when the same statement comes by again, just before that.
    Late,
}

/// What happens at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// All connections are cut; new ones can be made.
    Cut,
    /// All connections are cut, and none can be made until it is mended.
    CutForGood,
    /// This connection carries nothing more, and stays open.
    Silence,
}

/// What is waited for, and what happens then.
struct Order {
    bytes: Vec<u8>,
    moment: Moment,
    trouble: Trouble,
}

/// The proxy. Stops when it is dropped.
pub struct DatabaseProxy {
    url: String,
    shared: Arc<Shared>,
    _connections: JoinSet<()>,
}

struct Shared {
    socket: PathBuf,
    state: Mutex<State>,
    happened: Notify,
}

#[derive(Default)]
struct State {
    armed: Option<Order>,
    orders: usize,
    cuts: usize,
    is_away: bool,
    /// What is to come by again, and what the database is told before: see [`Moment::Late`].
    late: Option<(Vec<u8>, UnixStream, Vec<u8>)>,
    /// Cancelled by a cut, and then another one.
    cut: CancellationToken,
}

impl DatabaseProxy {
    /// In front of the database that is reached by a socket.
    pub async fn start(options: &PgConnectOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, database) = (listener.local_addr().unwrap(), options.get_database().unwrap());
        let url = format!("postgresql://postgres@{address}/{database}?sslmode=disable");
        let socket = options.get_socket().unwrap().join(".s.PGSQL.5432");
        let shared = Arc::new(Shared { socket, state: Mutex::default(), happened: Notify::new() });
        let mut connections = JoinSet::new();
        connections.spawn(accept(listener, shared.clone()));
        Self { url, shared, _connections: connections }
    }

    /// For `DATABASE_URL`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Cuts all connections, once, when a statement has these bytes among its values.
    pub fn cut_at(&self, bytes: &[u8], moment: Moment) {
        self.order(bytes, moment, Trouble::Cut);
    }

    /// Like [`DatabaseProxy::cut_at`], and lets no new connection be made until [`DatabaseProxy::mend`].
    pub fn cut_for_good_at(&self, bytes: &[u8], moment: Moment) {
        self.order(bytes, moment, Trouble::CutForGood);
    }

    /// Lets a connection be silent for ever, once, when a statement has these bytes among its values.
    pub fn silence_at(&self, bytes: &[u8], moment: Moment) {
        self.order(bytes, moment, Trouble::Silence);
    }

    /// Lets nothing happen any more, and connections be made again.
    pub fn forget_orders(&self) {
        self.shared.state.lock().unwrap().armed = None;
        self.mend();
    }

    /// Lets connections be made again.
    pub fn mend(&self) {
        self.shared.state.lock().unwrap().is_away = false;
    }

    fn order(&self, bytes: &[u8], moment: Moment, trouble: Trouble) {
        let mut state = self.shared.state.lock().unwrap();
        state.armed = Some(Order { bytes: bytes.to_owned(), moment, trouble });
        state.orders += 1;
    }

    /// Waits until connections have been cut so many times.
    pub async fn wait_for_cuts(&self, count: usize) {
        let cut = async {
            loop {
                let happened = self.shared.happened.notified();
                tokio::pin!(happened);
                happened.as_mut().enable();
                if self.shared.state.lock().unwrap().cuts >= count {
                    return;
                }
                happened.await;
            }
        };
        tokio::time::timeout(PATIENCE, cut).await.expect("the statement never came by");
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        client.set_nodelay(true).unwrap();
        if shared.state.lock().unwrap().is_away {
            continue;
        }
        let (shared, cut) = (shared.clone(), shared.state.lock().unwrap().cut.clone());
        connections.spawn(async move { cut.run_until_cancelled(shared.carry(client)).await });
        while connections.try_join_next().is_some() {}
    }
}

impl Shared {
    async fn carry(&self, mut client: TcpStream) {
        let mut database = UnixStream::connect(&self.socket).await.unwrap();
        let (mut asked, mut answered) = (Window::default(), Window::default());
        let (mut after, mut orders) = (None, 0);
        loop {
            tokio::select! {
                news = asked.read(&mut client) => {
                    let Some(news) = news else { return };
                    let given = self.state.lock().unwrap().orders;
                    if std::mem::replace(&mut orders, given) != given {
                        asked.forget_all_but(news.len());
                    }
                    self.catch_up(asked.seen()).await;
                    if let Some(Order { bytes, moment, trouble }) = self.fires_at(asked.seen()) {
                        match moment {
                            Moment::Before => return self.make(trouble).await,
                            Moment::After => after = Some(trouble),
                            Moment::Late => {
                                self.state.lock().unwrap().late = Some((bytes, database, news));
                                return self.make(trouble).await;
                            }
                        }
                    }
                    if database.write_all(&news).await.is_err() {
                        return;
                    }
                }
                news = answered.read(&mut database) => {
                    let Some(news) = news else { return };
                    if let Some(trouble) = after {
                        if answered.seen().ends_with(READY_FOR_QUERY) {
                            return self.make(trouble).await;
                        }
                    } else if client.write_all(&news).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Takes the order, if this is what it waits for.
    fn fires_at(&self, seen: &[u8]) -> Option<Order> {
        self.state.lock().unwrap().armed.take_if(|order| is_in(&order.bytes, seen))
    }

    /// Tells the database what it was not told in time, if this is the same again, and waits until it is done.
    async fn catch_up(&self, seen: &[u8]) {
        let late = self.state.lock().unwrap().late.take_if(|(bytes, ..)| is_in(bytes, seen));
        if let Some((_, mut database, news)) = late {
            database.write_all(&news).await.unwrap();
            let mut answered = Window::default();
            while !answered.seen().ends_with(READY_FOR_QUERY) {
                answered.read(&mut database).await.expect("the database does what it was asked");
            }
        }
    }

    async fn make(&self, trouble: Trouble) {
        let cut = {
            let mut state = self.state.lock().unwrap();
            state.cuts += 1;
            state.is_away = trouble == Trouble::CutForGood;
            (trouble != Trouble::Silence).then(|| std::mem::take(&mut state.cut))
        };
        self.happened.notify_waiters();
        match cut {
            Some(cut) => cut.cancel(),
            None => std::future::pending().await,
        }
    }
}

fn is_in(bytes: &[u8], seen: &[u8]) -> bool {
    seen.windows(bytes.len()).any(|window| window == bytes)
}

/// What came last on one way, so that nothing is missed that came in two parts.
#[derive(Default)]
struct Window(Vec<u8>);

impl Window {
    /// What comes next; nothing, if that is the end.
    async fn read(&mut self, from: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
        let mut news = vec![0; 64 * 1024];
        let length = from.read(&mut news).await.ok().filter(|length| *length > 0)?;
        news.truncate(length);
        self.0.drain(..self.0.len().saturating_sub(OVERLAP));
        self.0.extend_from_slice(&news);
        Some(news)
    }

    /// Forgets what came before an order was given, which does not mean it.
    fn forget_all_but(&mut self, last: usize) {
        self.0.drain(..self.0.len() - last);
    }

    fn seen(&self) -> &[u8] {
        &self.0
    }
}
