//! Requests that do much at once, and a kill in the middle of them: nothing is left half done.

use std::time::Duration;

use posthaste::postgres::running;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::PATIENCE;
use crate::api_client::plain;
use crate::server_process::Server;

/// Recipients of one request.
const RECIPIENTS: usize = 100;

/// Who is to be forgotten.
const FORGOTTEN: &str = "forgotten@example.net";

/// A server that captures mail, and a key.
async fn started() -> (Server, String) {
    let mut server = Server::new().with("LEASE_SECONDS", "4").with("LOG_LEVEL", "warn");
    server.start().await;
    let key = server.create_key(&[]).await;
    (server, key)
}

async fn database(server: &Server) -> PgConnection {
    let options = running(&server.data_dir().join("postgres"), "postgres").unwrap();
    PgConnection::connect_with(&options).await.unwrap()
}

/// The `data` of the answer, if there is one.
async fn ask(url: String, key: String, body: Value) -> Option<Value> {
    let response = plain().post(url).bearer_auth(key).json(&body).send().await.ok()?;
    let mut body: Value = response.json().await.ok()?;
    assert_eq!(body["success"], true, "{body}");
    Some(body["data"].take())
}

fn to_many(copy: Option<&str>) -> Value {
    let recipient = |number: usize| match copy {
        Some(copy) => json!({"email": format!("r{number}@example.net"), "cc": [copy]}),
        None => json!({"email": format!("r{number}@example.net")}),
    };
    json!({
        "from": {"email": "sender@example.com"},
        "recipients": (0..RECIPIENTS).map(recipient).collect::<Vec<_>>(),
        "subject": "For many",
        "text": "Hello!",
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_request_for_many_all_mails_are_stored_or_none() {
    let (mut server, key) = started().await;
    let mut acknowledged = Vec::new();
    for round in 0..8 {
        let asked = tokio::spawn(ask(server.url("/v1/mails/bulk"), key.clone(), to_many(None)));
        tokio::time::sleep(Duration::from_millis(round * 4)).await;
        server.kill();
        server.kill_postgres();
        if let Some(data) = asked.await.unwrap() {
            acknowledged.push(data["batchId"].as_str().unwrap().to_owned());
        }
        server.start().await;
    }
    let last = ask(server.url("/v1/mails/bulk"), key, to_many(None)).await.expect("all is well");
    acknowledged.push(last["batchId"].as_str().unwrap().to_owned());

    let mut database = database(&server).await;
    let batches: Vec<(String, i64, i64)> = sqlx::query_as(
        "SELECT details->>'batchId', count(*), count(mail_bodies.mail_id)
         FROM mails LEFT JOIN mail_bodies ON mail_bodies.mail_id = mails.id
         GROUP BY 1",
    )
    .fetch_all(&mut database)
    .await
    .unwrap();
    let all = i64::try_from(RECIPIENTS).unwrap();
    assert!(
        batches.iter().all(|(_, mails, bodies)| (*mails, *bodies) == (all, all)),
        "{batches:?}"
    );
    for batch in acknowledged {
        assert!(batches.iter().any(|(stored, ..)| *stored == batch), "{batch} is lost");
    }
    let begun = std::time::Instant::now();
    loop {
        let left: i64 = sqlx::query_scalar("SELECT count(*) FROM deliveries")
            .fetch_one(&mut database)
            .await
            .unwrap();
        if left == 0 {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{left} deliveries are stuck");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forgetting_somebody_goes_on_after_kills_until_nothing_is_left() {
    let (mut server, key) = started().await;
    for _ in 0..3 {
        let sent = ask(server.url("/v1/mails/bulk"), key.clone(), to_many(Some(FORGOTTEN))).await;
        assert_eq!(sent.expect("all is well")["successCount"], RECIPIENTS);
    }
    let wish = json!({"email": FORGOTTEN});
    let erasure = ask(server.url("/v1/recipients/erase"), key, wish).await.expect("all is well");
    let mut kills = 0;
    let begun = std::time::Instant::now();
    loop {
        let mut database = database(&server).await;
        // Whoever died in the middle of it has it for two minutes more.
        sqlx::query("UPDATE erasures SET claimed_until = now()")
            .execute(&mut database)
            .await
            .unwrap();
        let (changed, is_done): (i64, bool) =
            sqlx::query_as("SELECT mails_changed, completed_at IS NOT NULL FROM erasures")
                .fetch_one(&mut database)
                .await
                .unwrap();
        let left: i64 =
            sqlx::query_scalar("SELECT count(*) FROM mail_recipients WHERE address = $1")
                .bind(FORGOTTEN)
                .fetch_one(&mut database)
                .await
                .unwrap();
        // What is counted is done, and what is done is counted.
        assert!(is_done || changed + left <= 300, "{changed} were changed, {left} are left");
        if is_done {
            assert_eq!((changed, left), (300, 0), "{erasure}");
            let named: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM mails WHERE mails::text LIKE '%forgotten@%'",
            )
            .fetch_one(&mut database)
            .await
            .unwrap();
            assert_eq!(named, 0);
            break;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "it never ends: {changed} were changed, {left} are left"
        );
        drop(database);
        if kills < 5 && changed > kills * 40 {
            server.kill();
            if kills % 2 == 0 {
                server.kill_postgres();
            }
            server.start().await;
            kills += 1;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(kills > 0, "it was too fast to be killed in the middle");
}
