//! The same promises on two nodes that share a database and lose it in every way there is.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use crate::api_client::ApiClient;
use crate::books::Books;
use crate::database::TestDatabase;
use crate::database_proxy::{DatabaseProxy, Moment};
use crate::load::Load;
use crate::server_process::Server;
use crate::smtp_server::SmtpServer;
use crate::{empty_the_queue, misbehave, seed};

/// How often something happens.
const ROUNDS: usize = 30;

/// In the statement that stores a mail, and in that of its record: see [`crate::smtp_server`].
const IN_STATEMENTS: &[u8] = b"@example.net";

/// What happens to one node.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    Cut(Moment),
    CutForAWhile(Moment),
    Silence(Moment),
    Kill,
}

const TROUBLES: [Trouble; 8] = [
    Trouble::Cut(Moment::Before),
    Trouble::Cut(Moment::After),
    Trouble::Cut(Moment::Late),
    Trouble::CutForAWhile(Moment::Before),
    Trouble::CutForAWhile(Moment::After),
    Trouble::Silence(Moment::Before),
    Trouble::Silence(Moment::After),
    Trouble::Kill,
];

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_keep_every_promise_whatever_happens_to_their_database() {
    let seed = seed();
    let mut chance = StdRng::seed_from_u64(seed);
    let relay = SmtpServer::start().await;
    let database = TestDatabase::create().await;
    let (mut proxies, mut servers) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        let proxy = DatabaseProxy::start(&database.options).await;
        let mut server = Server::new()
            .with("DATABASE_URL", proxy.url())
            .with("SECRET_KEY", &"k".repeat(64))
            .with("SMTP_URL", &relay.url())
            .with("LEASE_SECONDS", "4")
            .with("LOG_LEVEL", "error");
        server.start().await;
        proxies.push(proxy);
        servers.push(server);
    }
    let key = servers[0].create_key(&[]).await;
    let clients = [0, 1].map(|node| ApiClient::new(&servers[node].url(""), &key));

    let loads = [Load::start(&clients[0], "one"), Load::start(&clients[1], "two")];
    for round in 0..ROUNDS {
        misbehave(&relay, &mut chance);
        tokio::time::sleep(Duration::from_millis(chance.random_range(50..600))).await;
        let (node, trouble) = (chance.random_range(0..2), *TROUBLES.choose(&mut chance).unwrap());
        eprintln!("round {round}: {trouble:?} of node {node}, {} received", relay.received().len());
        let proxy: &DatabaseProxy = &proxies[node];
        match trouble {
            Trouble::Cut(moment) => proxy.cut_at(IN_STATEMENTS, moment),
            Trouble::Silence(moment) => proxy.silence_at(IN_STATEMENTS, moment),
            Trouble::CutForAWhile(moment) => {
                proxy.cut_for_good_at(IN_STATEMENTS, moment);
                tokio::time::sleep(Duration::from_millis(chance.random_range(50..2000))).await;
                proxy.mend();
            }
            Trouble::Kill => {
                servers[node].kill();
                proxy.forget_orders();
                servers[node].start().await;
            }
        }
    }
    relay.behave();
    let mut sent = Vec::new();
    for load in loads {
        sent.extend(load.finish().await);
    }
    // What was ordered and has not happened would happen now.
    for (server, proxy) in servers.iter_mut().zip(&proxies) {
        server.kill();
        proxy.forget_orders();
        server.start().await;
    }
    empty_the_queue(&database.options, &clients[0]).await;

    let books = Books::new(&sent, &relay, &clients[0]).await;
    eprintln!("{books}, {ROUNDS} rounds, seed {seed}");
    books.hold();
}
