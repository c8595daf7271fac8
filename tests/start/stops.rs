//! SIGTERM: what has begun is finished, what has not is left for the next start, and nothing is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::task::JoinSet;

use crate::api_client::{Answer, ApiClient, mail_to};
use crate::server_process::Server;
use crate::smtp_server::{self, Rule, SmtpServer, Stage};
use crate::{client_of, mail_in_state};

/// How many send at the same time.
const SENDERS: usize = 8;

/// How many mails are accepted before the stop.
const BEFORE: usize = 40;

/// Sends until the server goes away, and answers the ids of what was acknowledged.
async fn send_until_the_end(client: ApiClient, accepted: Arc<AtomicUsize>) -> Vec<String> {
    let mut ids = Vec::new();
    loop {
        let number = accepted.load(Ordering::Relaxed);
        match client.send(&mail_to(&format!("r{number}@example.net"))).await {
            Answer::Accepted(id) => ids.push(id),
            _ => return ids,
        }
        accepted.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn a_stop_under_load_loses_nothing_and_leaves_the_rest_for_the_next_start_at_once() {
    let relay = SmtpServer::start().await;
    // A lease that was not given back would outlast this test.
    let mut server = Server::new().with("SMTP_URL", &relay.url()).with("SMTP_CONNECTIONS", "1");
    server.start().await;
    let client = client_of(&server).await;
    let accepted = Arc::new(AtomicUsize::new(0));
    let mut senders = JoinSet::new();
    for _ in 0..SENDERS {
        senders.spawn(send_until_the_end(client.clone(), accepted.clone()));
    }
    relay.wait_for(BEFORE).await;

    server.terminate();
    let status = server.ended().await;
    assert_eq!(status.code(), Some(0), "{}", server.log());
    let ids: Vec<_> = senders.join_all().await.into_iter().flatten().collect();
    assert!(ids.len() >= BEFORE);

    server.start().await;
    for id in &ids {
        let mail = mail_in_state(&client, id, "sent").await;
        let events = mail["events"].as_array().unwrap();
        let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["queued", "sent"], "{mail}");
    }
    assert_eq!(relay.received().len(), client.all_mails(None).await.len());
}

#[tokio::test]
async fn a_relay_that_says_nothing_keeps_no_server_from_stopping() {
    let relay = SmtpServer::start().await;
    relay.add(Rule::at(Stage::Mail, smtp_server::Answer::Hang));
    let mut server = Server::new()
        .with("SMTP_URL", &relay.url())
        .with("SMTP_CONNECTIONS", "1")
        .with("SHUTDOWN_TIMEOUT", "2s");
    server.start().await;
    let client = client_of(&server).await;
    let stuck = client.send(&mail_to("stuck@example.net")).await.id();
    relay.wait_for_line("MAIL").await;
    let mut waiting = Vec::new();
    for (number, choice) in ["hold", "retry"].into_iter().cycle().take(10).enumerate() {
        let mut mail = mail_to(&format!("waits-{number}@example.net"));
        mail["onAmbiguous"] = json!(choice);
        waiting.push(client.send(&mail).await.id());
    }

    server.terminate();
    let status = server.ended().await;
    assert_eq!(status.code(), Some(0), "{}", server.log());

    // Those that never got a connection were never in doubt: they go out at once.
    relay.behave();
    server.start().await;
    for id in &waiting {
        let mail = mail_in_state(&client, id, "sent").await;
        let events = mail["events"].as_array().unwrap();
        assert!(events.iter().all(|event| event["type"] != "ambiguous"), "{mail}");
    }
    let mail = client.get(&format!("/v1/mails/{stuck}")).await;
    assert_eq!(mail["deliveries"][0]["status"], "sending", "{mail}");
}
