//! How the program starts and stops, and what its commands say beside a running server.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]
#![expect(clippy::print_stderr, reason = "a test that cannot run on this machine says so")]

#[expect(dead_code, reason = "other tests need more of it")]
#[path = "../support/api_client.rs"]
mod api_client;
mod commands;
mod operations;
mod refusals;
#[expect(dead_code, reason = "other tests need more of it")]
#[path = "../support/server_process.rs"]
mod server_process;
#[path = "../support/smtp_server.rs"]
mod smtp_server;
mod stops;

use std::time::{Duration, Instant};

use api_client::{ApiClient, mail_to};
use serde_json::Value;
use server_process::Server;

/// How long what must happen may take on a busy machine before the test gives up.
const PATIENCE: Duration = Duration::from_mins(1);

/// A client of a running server, with a key made for it.
async fn client_of(server: &Server) -> ApiClient {
    let key = server.create_key(&[]).await;
    ApiClient::new(&server.url(""), &key)
}

/// Waits until a mail is in this state, and answers its record.
async fn mail_in_state(client: &ApiClient, id: &str, state: &str) -> Value {
    let begun = Instant::now();
    loop {
        let mail = client.get(&format!("/v1/mails/{id}")).await;
        if mail["status"] == state {
            return mail;
        }
        assert!(begun.elapsed() < PATIENCE, "the mail did not become {state}: {mail}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_second_start_goes_on_with_what_the_first_one_left() {
    let mut server = Server::new();
    server.start().await;
    let printed = server.printed();
    let first_key = std::fs::read_to_string(server.data_dir().join("first-api-key")).unwrap();
    assert!(printed.contains(first_key.trim()), "{printed}");
    assert!(printed.contains("/dashboard/welcome#"), "{printed}");
    let client = ApiClient::new(&server.url(""), first_key.trim());
    let id = client.send(&mail_to("ada@example.net")).await.id();
    mail_in_state(&client, &id, "captured").await;

    server.terminate();
    assert!(server.ended().await.success(), "{}", server.log());
    assert!(server.postgres().is_none(), "its database is left behind");
    server.start().await;

    assert_eq!(client.all_mails(None).await.len(), 1);
    client.send(&mail_to("ada@example.net")).await.id();
}

#[tokio::test]
async fn a_start_after_kill_9_goes_on_with_everything_that_was_acknowledged() {
    let mut server = Server::new().with("LEASE_SECONDS", "1");
    server.start().await;
    let client = client_of(&server).await;
    let mut ids = Vec::new();
    for number in 0..20 {
        ids.push(client.send(&mail_to(&format!("r{number}@example.net"))).await.id());
    }
    server.kill();
    server.start().await;

    for id in ids {
        mail_in_state(&client, &id, "captured").await;
    }
}

#[tokio::test]
async fn everything_works_for_a_user_who_is_not_root() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: whoever is not root sees this in every other test");
        return;
    }
    let mut server = Server::new().run_by(65534, 65534);
    server.start().await;
    let client = client_of(&server).await;
    let id = client.send(&mail_to("ada@example.net")).await.id();
    mail_in_state(&client, &id, "captured").await;
    server.terminate();
    assert!(server.ended().await.success(), "{}", server.log());
}
