//! A way to the database that a test can cut and mend again, while Postgres itself goes on.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::database::TestDatabase;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Whole,
    Cut,
    Stalled,
}

/// A way to one database. Ends when it is dropped.
pub struct DatabaseLink {
    /// For `DATABASE_URL`.
    pub url: String,
    state: watch::Sender<State>,
    listening: JoinHandle<()>,
}

impl DatabaseLink {
    pub async fn to(database: &TestDatabase) -> Self {
        let (options, name) = (&database.options, database.options.get_database().unwrap());
        let socket = options.get_socket().unwrap().join(".s.PGSQL.5432");
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
        let (user, address) = (options.get_username(), listener.local_addr().unwrap());
        let url = format!("postgresql://{user}@{address}/{name}?sslmode=disable");
        let (state, seen) = watch::channel(State::Whole);
        let listening = tokio::spawn(accept(listener, socket, seen));
        Self { url, state, listening }
    }

    /// Breaks every connection off, and every new one as soon as it is made.
    pub fn cut(&self) {
        self.state.send_replace(State::Cut);
    }

    /// Lets no connection carry anything more, without breaking it off. Those that there are then stay silent for ever.
    pub fn stall(&self) {
        self.state.send_replace(State::Stalled);
    }

    /// New connections work again.
    pub fn mend(&self) {
        self.state.send_replace(State::Whole);
    }
}

impl Drop for DatabaseLink {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn accept(listener: TcpListener, socket: PathBuf, state: watch::Receiver<State>) {
    while let Ok((client, _)) = listener.accept().await {
        if *state.borrow() != State::Cut {
            tokio::spawn(connect(client, socket.clone(), state.clone()));
        }
    }
}

async fn connect(mut client: TcpStream, socket: PathBuf, mut state: watch::Receiver<State>) {
    let Ok(mut server) = UnixStream::connect(socket).await else { return };
    let troubled = state.wait_for(|state| *state != State::Whole);
    let cut = tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => true,
        trouble = troubled => trouble.is_ok_and(|state| *state == State::Cut),
    };
    if !cut {
        // Longer than any test.
        std::future::pending::<()>().await;
    }
}
