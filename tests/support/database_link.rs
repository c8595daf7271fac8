//! A way to the database that a test can cut and mend again, while Postgres itself goes on.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::database::TestDatabase;

/// A way to one database. Ends when it is dropped.
pub struct DatabaseLink {
    /// For `DATABASE_URL`.
    pub url: String,
    is_whole: watch::Sender<bool>,
    listening: JoinHandle<()>,
}

impl DatabaseLink {
    pub async fn to(database: &TestDatabase) -> Self {
        let (options, name) = (&database.options, database.options.get_database().unwrap());
        let socket = options.get_socket().unwrap().join(".s.PGSQL.5432");
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
        let (user, address) = (options.get_username(), listener.local_addr().unwrap());
        let url = format!("postgresql://{user}@{address}/{name}?sslmode=disable");
        let (is_whole, state) = watch::channel(true);
        let listening = tokio::spawn(accept(listener, socket, state));
        Self { url, is_whole, listening }
    }

    /// Breaks every connection off, and every new one as soon as it is made.
    pub fn cut(&self) {
        self.is_whole.send_replace(false);
    }

    pub fn mend(&self) {
        self.is_whole.send_replace(true);
    }
}

impl Drop for DatabaseLink {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn accept(listener: TcpListener, socket: PathBuf, state: watch::Receiver<bool>) {
    while let Ok((client, _)) = listener.accept().await {
        if *state.borrow() {
            tokio::spawn(connect(client, socket.clone(), state.clone()));
        }
    }
}

async fn connect(mut client: TcpStream, socket: PathBuf, mut state: watch::Receiver<bool>) {
    let Ok(mut server) = UnixStream::connect(socket).await else { return };
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        _ = state.wait_for(|is_whole| !is_whole) => {}
    }
}
