//! Promise 8: whatever a server is given, whatever happens to it and however much it is told to log, no key, password,
//! address or subject is in anything that it or its database writes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

#[expect(dead_code, reason = "other tests need more of it")]
#[path = "../support/api_client.rs"]
mod api_client;
mod reports;
mod secrets;
#[expect(dead_code, reason = "other tests need more of it")]
#[path = "../support/server_process.rs"]
mod server_process;
#[path = "../support/smtp_server.rs"]
mod smtp_server;
mod traffic;

use std::time::{Duration, Instant};

use api_client::ApiClient;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use posthaste::domain::api_key::{ApiKeyToken, KeyMode, KeyType};
use secrets::{MARK, Secrets};
use server_process::Server;
use smtp_server::{Answer, Identity, Rule, Setup, SmtpServer, Stage};

/// How long what must happen may take on a busy machine before the test gives up.
const PATIENCE: Duration = Duration::from_mins(1);

/// The relay's user and password.
const LOGIN: (&str, &str) = ("zqx-user", "zqx-password");

#[tokio::test]
async fn json_logs_tell_nothing_at_the_finest_level() {
    a_busy_life_leaves_nothing_in_the_logs("json").await;
}

#[tokio::test]
async fn pretty_logs_tell_nothing_at_the_finest_level() {
    a_busy_life_leaves_nothing_in_the_logs("pretty").await;
}

async fn a_busy_life_leaves_nothing_in_the_logs(format: &str) {
    let identity = Identity::of("127.0.0.1");
    let relay = Setup::default().starttls(&identity).login(LOGIN.0, LOGIN.1).start().await;
    let secret_key = format!("{MARK}-{}", "secret-key-".repeat(4));
    let inbound = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut server = Server::new()
        .with("SMTP_URL", &relay.url())
        .with("SECRET_KEY", &secret_key)
        .with("SYSTEM_FROM", "zqx-posthaste@example.com")
        .with("LEASE_SECONDS", "2")
        .with("BOUNCE_DOMAIN", reports::DOMAIN)
        .with("INBOUND_ADDR", &inbound.to_string())
        .with("SES_TOPIC_ARNS", reports::TOPIC)
        .with("LOG_FORMAT", format)
        .with("LOG_LEVEL", "trace,sqlx=trace,hyper=trace,rustls=trace,lettre=trace,h2=trace");
    let authority = server.write_file("relay.pem", &pem(&identity));
    server.set("SSL_CERT_FILE", authority.to_str().unwrap());
    let mut secrets = Secrets::default();
    server.start().await;
    let key = server.create_key(&[]).await;
    secrets.add_key(&key);
    secrets.add_key(&std::fs::read_to_string(server.data_dir().join("first-api-key")).unwrap());
    let client = ApiClient::new(&server.url(""), &key);

    play_a_difficult_relay(&relay);
    let mails = traffic::send_good_mail(&client).await;
    traffic::send_bad_mail(&server.url(""), &key).await;
    traffic::come_with_wrong_keys(&server.url(""), &mut secrets).await;
    let link = server.told(&["users", "set-up-link"]).await;
    traffic::live_as_people(&server.url(""), &link, &mut secrets).await;
    traffic::speak_no_http(server.address()).await;
    for mail in &mails {
        wait_until_something_happened(&client, mail).await;
    }

    assert!(relay.received().len() >= mails.len(), "the relay took hardly anything");
    assert!(relay.heard().iter().all(|heard| heard.encrypted || !heard.line.contains(MARK)));

    let return_paths: Vec<_> = relay.received().iter().map(|mail| mail.from.clone()).collect();
    reports::bring(inbound, &return_paths).await;
    reports::post(&server.url(""), &key, &return_paths[0]).await;

    // The database goes away in the middle of things.
    assert!(server.kill_postgres());
    for _ in 0..20 {
        let _ = client.send(&traffic::rich_mail("during-the-fall")).await;
    }
    server.ready().await;

    // The relay goes away as well.
    relay.stop().await;
    let waiting = client.send(&traffic::rich_mail("nobody-is-there")).await.id();
    wait_until_something_happened(&client, &waiting).await;
    secrets.hold("doctor", &said(&server, &["doctor"]).await);
    said(&server, &["users", "reset-link", "zqx-owner@example.com"]).await;
    secrets.hold("keys list", &said(&server, &["keys", "list"]).await);
    let id = key_ids(&server).await.remove(0);
    secrets.hold("keys revoke", &said(&server, &["keys", "revoke", &id]).await);
    server.kill();
    server.start().await;
    server.terminate();
    assert!(server.ended().await.success());

    let (log, postgres_log) = (server.log(), server.postgres_log());
    assert!(log.lines().count() > 100, "there is hardly anything in the log: {log}");
    assert!(log.contains("DEBUG") && log.contains("Answered"), "it was told to log more");
    secrets.hold("the log", &log);
    secrets.hold("the log of Postgres", &postgres_log);
}

#[tokio::test]
async fn settings_that_are_refused_are_not_repeated() {
    let (server, secrets) = (Server::new(), Secrets::default());
    for (setting, value) in [
        ("SMTP_URL", "http://zqx-user:zqx-password@relay.example"),
        ("SMTP_URL", "smtp://zqx-user:zqx-password@[relay.example"),
        ("SMTP_URL", "smtp://zqx-user:zqx%password@relay.example:port"),
        ("SMTP_URL", "smtp://zqx-user:zqx-password@relay.example?tls=perhaps"),
        ("SECRET_KEY", "zqx-too-short"),
        ("DATABASE_URL", "mysql://zqx-user:zqx-password@database.example"),
        ("DATABASE_URL", "postgres://zqx-user:zqx-password@database.example:zqx"),
        ("DATABASE_URL", "postgres://zqx-user:zqx-password@127.0.0.1:1/zqx"),
        ("REDIS_URL", "redis://:zqx-password@127.0.0.1:1"),
    ] {
        let secret_key = "k".repeat(64);
        let mut arguments = vec!["serve".to_owned()];
        arguments.push(format!("--{}={value}", setting.to_lowercase().replace('_', "-")));
        if setting != "SECRET_KEY" {
            arguments.push(format!("--secret-key={secret_key}"));
        }
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let output = server.run(&arguments).await;
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{setting}={value} was taken: {complaint}");
        assert!(complaint.contains(setting), "{value}: {complaint}");
        secrets.hold(value, &complaint);
    }
}

/// Answers that quote what they were given, as relays do.
fn play_a_difficult_relay(relay: &SmtpServer) {
    let quoting = |address: &str, reply: &str| {
        let text = reply.replace("{}", address);
        Rule::at(Stage::Recipient, Answer::reply(&text)).only_to(address)
    };
    relay.add(quoting(traffic::BOUNCED, "550 5.1.1 <{}>: zqx user unknown"));
    relay.add(quoting(traffic::DEFERRED, "451 4.3.0 <{}> come again, zqx").times(1));
    relay.add(
        Rule::at(Stage::End, Answer::reply("554 5.7.1 zqx-subject looks like spam"))
            .only_to(traffic::REFUSED),
    );
    relay.add(Rule::at(Stage::End, Answer::KeepThenClose).only_to(traffic::AMBIGUOUS).times(1));
    relay.add(Rule::at(Stage::Mail, Answer::reply("zqx is no reply")).times(1));
}

/// Waits until a mail's record shows more than that it was stored.
async fn wait_until_something_happened(client: &ApiClient, id: &str) {
    let begun = Instant::now();
    loop {
        if let Some(mail) = client.find(id).await {
            let waits = mail["deliveries"].as_array().unwrap().iter().any(|delivery| {
                delivery["lastReply"].is_null() && !delivery["nextAttemptAt"].is_null()
            });
            if !waits {
                return;
            }
        }
        assert!(begun.elapsed() < PATIENCE, "nothing becomes of a mail");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What a command prints, to whomever.
async fn said(server: &Server, arguments: &[&str]) -> String {
    let output = server.run(arguments).await;
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

async fn key_ids(server: &Server) -> Vec<String> {
    let listed = server.told(&["keys", "list", "--json"]).await;
    let listed: Vec<serde_json::Value> = serde_json::from_str(&listed).unwrap();
    listed.iter().map(|key| key["id"].as_str().unwrap().to_owned()).collect()
}

fn pem(identity: &Identity) -> String {
    let lines = STANDARD.encode(&identity.root);
    format!("-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n")
}

/// A key that nobody made, with a checksum that fits.
fn invented_key() -> ApiKeyToken {
    ApiKeyToken::generate(KeyType::Project, KeyMode::Live)
}
