//! Promises 1, 2 and 3, on the program itself: what was acknowledged is delivered, what was refused is not, and what
//! comes twice says so, whatever is killed and whenever.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]
#![expect(clippy::print_stderr, reason = "the figures of a run are worth seeing")]

#[expect(dead_code, reason = "other tests need more of it")]
#[path = "../support/api_client.rs"]
mod api_client;
mod books;
#[expect(dead_code, reason = "other tests need more of it")]
#[path = "../support/database.rs"]
mod database;
#[expect(dead_code, reason = "other tests need more of it")]
#[path = "../support/database_proxy.rs"]
mod database_proxy;
mod load;
mod network;
mod requests;
#[expect(dead_code, reason = "other tests need more of it")]
#[path = "../support/server_process.rs"]
mod server_process;
#[path = "../support/smtp_server.rs"]
mod smtp_server;

use std::time::{Duration, Instant};

use api_client::ApiClient;
use books::Books;
use load::Load;
use posthaste::postgres::running;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use server_process::Server;
use smtp_server::{Answer, Rule, SmtpServer, Stage};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};

/// How often something is killed.
const ROUNDS: usize = 24;

/// How long the queue may take to become empty in the end.
const PATIENCE: Duration = Duration::from_mins(2);

/// Repeats the choices of an earlier run, if not its timing.
const SEED: &str = "POSTHASTE_CRASH_SEED";

/// What is killed, in which order.
#[derive(Clone, Copy, Debug)]
enum Victim {
    Server,
    Postgres,
    ServerThenPostgres,
    PostgresThenServer,
}

const VICTIMS: [Victim; 4] =
    [Victim::Server, Victim::Postgres, Victim::ServerThenPostgres, Victim::PostgresThenServer];

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_kill_9_of_server_and_database_at_any_moment() {
    let seed = seed();
    let mut chance = StdRng::seed_from_u64(seed);
    let relay = SmtpServer::start().await;
    let mut server = Server::new()
        .with("SMTP_URL", &relay.url())
        .with("LEASE_SECONDS", "4")
        .with("LOG_LEVEL", "warn");
    server.start().await;
    let key = server.create_key(&[]).await;
    let client = ApiClient::new(&server.url(""), &key);

    let load = Load::start(&client, "recipient");
    for round in 0..ROUNDS {
        misbehave(&relay, &mut chance);
        let moment = Duration::from_millis(chance.random_range(50..900));
        tokio::time::sleep(moment).await;
        let victim = *VICTIMS.choose(&mut chance).unwrap();
        kill(&mut server, victim).await;
        eprintln!(
            "round {round}: {victim:?} after {moment:?}, {} received",
            relay.received().len()
        );
    }
    relay.behave();
    let sent = load.finish().await;
    let emptied = Instant::now();
    let options = running(&server.data_dir().join("postgres"), "postgres").unwrap();
    empty_the_queue(&options, &client).await;
    eprintln!("the queue was empty after {:?}", emptied.elapsed());

    let books = Books::new(&sent, &relay, &client).await;
    eprintln!("{books}, {ROUNDS} rounds, seed {seed}");
    books.hold();
}

/// Makes the relay lose some of the next conversations, at places that are worth losing them at.
fn misbehave(relay: &SmtpServer, chance: &mut StdRng) {
    let (stage, answer) = [
        (Stage::End, Answer::KeepThenClose),
        (Stage::End, Answer::KeepThenReset),
        (Stage::End, Answer::Close),
        (Stage::Data, Answer::Close),
        (Stage::Recipient, Answer::reply("451 4.3.0 later")),
    ]
    .choose(chance)
    .cloned()
    .unwrap();
    relay.behave();
    relay.add(Rule::at(stage, answer).times(chance.random_range(0..4)));
}

async fn kill(server: &mut Server, victim: Victim) {
    let postgres = server.postgres();
    match victim {
        Victim::Server => server.kill(),
        Victim::Postgres => drop(server.kill_postgres()),
        Victim::ServerThenPostgres => {
            server.kill();
            server.kill_postgres();
        }
        Victim::PostgresThenServer => {
            server.kill_postgres();
            server.kill();
        }
    }
    if matches!(victim, Victim::Postgres) {
        let begun = Instant::now();
        while server.postgres().is_none() || server.postgres() == postgres {
            assert!(begun.elapsed() < PATIENCE, "Postgres stays away: {}", server.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        server.ready().await;
    } else {
        server.start().await;
    }
}

/// Waits until nothing waits to be delivered. Later attempts are made at once: the test has seen what it wanted to see,
/// and the fourth one would come after a minute.
async fn empty_the_queue(options: &PgConnectOptions, client: &ApiClient) {
    let mut database = PgConnection::connect_with(options).await.unwrap();
    let begun = Instant::now();
    loop {
        let (queued, deferred) =
            (client.all_mails(Some("queued")).await, client.all_mails(Some("deferred")).await);
        if queued.is_empty() && deferred.is_empty() {
            break;
        }
        let left = queued.len() + deferred.len();
        assert!(begun.elapsed() < PATIENCE, "{left} mails are stuck, such as {:?}", queued.first());
        sqlx::query(
            "UPDATE deliveries SET due_at = now() WHERE lease_token IS NULL AND due_at > now()",
        )
        .execute(&mut database)
        .await
        .unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM deliveries")
        .fetch_one(&mut database)
        .await
        .unwrap();
    assert_eq!(left, 0, "there are deliveries of mails that are done");
}

fn seed() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "it is the test's own")]
    let given = std::env::var(SEED).ok();
    given.map_or_else(rand::random, |text| text.parse().unwrap())
}
