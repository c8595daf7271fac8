//! The commands, beside a running server and without one.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::api_client::{self, Answer, ApiClient, mail_to};
use crate::server_process::Server;
use crate::smtp_server::SmtpServer;

#[tokio::test]
async fn a_key_made_beside_a_running_server_works_at_once() {
    let mut server = Server::new();
    server.start().await;

    let key = server.create_key(&[]).await;
    assert!(key.starts_with("AS_") && key.len() == 53, "{} characters", key.len());
    assert!(key[3..].bytes().all(|byte| byte.is_ascii_alphanumeric()));
    ApiClient::new(&server.url(""), &key).send(&mail_to("ada@example.net")).await.id();

    let test_key = server.create_key(&["--mode", "test"]).await;
    assert!(test_key.starts_with("AS_test_"));
    let account_key = server.create_key(&["--type", "account"]).await;
    assert!(account_key.starts_with("ASA_"));
}

#[tokio::test]
async fn a_key_made_before_the_first_start_works_afterwards() {
    let mut server = Server::new();
    let key = server.create_key(&["--permission", "sending_access"]).await;
    assert!(server.postgres().is_none(), "the command left its database behind");

    server.start().await;

    ApiClient::new(&server.url(""), &key).send(&mail_to("ada@example.net")).await.id();
}

#[tokio::test]
async fn a_key_is_held_to_what_it_was_made_for() {
    let mut server = Server::new();
    server.start().await;
    let flags = "--permission mails:send,mails:read --domains example.com,example.org --recipients example.net \
                 --ip-allowlist 127.0.0.0/8 --expires-at 2099-12-31T00:00:00Z";
    let flags: Vec<_> = flags.split_whitespace().collect();
    let client = ApiClient::new(&server.url(""), &server.create_key(&flags).await);
    client.send(&mail_to("ada@example.net")).await.id();
    let to_others = client.send(&mail_to("ada@example.edu")).await;
    let mut from_others = mail_to("ada@example.net");
    from_others["from"]["email"] = json!("sender@example.net");
    for refused in [to_others, client.send(&from_others).await] {
        assert!(matches!(refused, Answer::Refused(403, _)), "{refused:?}");
    }
    let elsewhere = server.create_key(&["--ip-allowlist", "192.0.2.0/24"]).await;
    let elsewhere = ApiClient::new(&server.url(""), &elsewhere);
    let refused = elsewhere.send(&mail_to("ada@example.net")).await;
    assert!(matches!(refused, Answer::Refused(403, _)), "{refused:?}");

    let listed: Value =
        serde_json::from_str(&server.told(&["keys", "list", "--json"]).await).unwrap();
    let listed = listed.as_array().unwrap();
    let held = listed.iter().find(|key| key["domains"].is_array()).unwrap();
    assert_eq!(held["domains"], json!(["example.com", "example.org"]));
    assert_eq!(held["recipients"], json!(["example.net"]));
    assert_eq!(held["expiresAt"], "2099-12-31T00:00:00.000Z");

    let output =
        server.run(&["keys", "create", "--name", "Over", "--expires-at", "2020-01-01T00:00:00Z"]);
    let output = output.await;
    assert!(!output.status.success());
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("--expires-at must lie in the future")
    );
}

#[tokio::test]
async fn projects_are_listed_as_json() {
    let mut server = Server::new();
    server.start().await;
    let made = server.told(&["projects", "create", "--name", "Shop"]).await;

    let listed: Value =
        serde_json::from_str(&server.told(&["projects", "list", "--json"]).await).unwrap();

    let projects = listed.as_array().unwrap();
    assert_eq!(projects.len(), 2, "{listed}");
    assert!(projects.iter().all(|project| {
        project["id"].as_str().is_some_and(|id| Uuid::parse_str(id).is_ok())
            && project["createdAt"].is_string()
    }));
    assert!(projects.iter().any(|project| project["id"] == *made && project["name"] == "Shop"));

    let key = server.create_key(&["--project", "Shop"]).await;
    let shop = ApiClient::new(&server.url(""), &key);
    shop.send(&mail_to("ada@example.net")).await.id();
    assert_eq!(shop.all_mails(None).await.len(), 1);
}

#[tokio::test]
async fn what_commands_do_is_in_the_audit_log() {
    let mut server = Server::new();
    server.start().await;
    let boss = server.create_key(&["--type", "account"]).await;
    server.told(&["projects", "create", "--name", "Shop"]).await;
    server.told(&["keys", "create", "--name", "Gone"]).await;
    let client = ApiClient::new(&server.url(""), &boss);
    let keys = client.get("/v1/account/api-keys?q=gone").await;
    let id = keys["apiKeys"][0]["id"].as_str().unwrap().to_owned();
    server.told(&["keys", "revoke", &id]).await;

    let log = client.get("/v1/account/audit-log").await;

    let told: Vec<_> = log["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (text(&entry["actor"]["kind"]), text(&entry["action"]))
        })
        .collect();
    let told: Vec<_> = told.iter().map(|(who, what)| (who.as_str(), what.as_str())).collect();
    let expected = [
        ("command_line", "api_key.revoked"),
        ("command_line", "api_key.created"),
        ("command_line", "project.created"),
        ("command_line", "api_key.created"),
        ("server", "api_key.created"),
    ];
    assert_eq!(told, expected, "{log}");
}

#[tokio::test]
async fn the_first_owner_joins_by_the_newest_link_and_then_no_more_are_made() {
    let mut server = Server::new();
    server.start().await;
    let token = |text: &str| {
        let (_, rest) = text.split_once("/dashboard/welcome#").expect("a link");
        rest.split_whitespace().next().unwrap().to_owned()
    };
    let printed = token(&server.printed());
    let told = server.told(&["users", "set-up-link"]).await;
    assert!(told.starts_with(&server.url("/dashboard/welcome#")), "{told}");
    let accept = async |token: String| {
        let request = api_client::plain().post(server.url("/v1/auth/links/accept"));
        let body =
            json!({"token": token, "email": "ada@example.com", "password": "a long enough phrase"});
        let request = request.header("sec-fetch-site", "same-origin").json(&body);
        request.send().await.unwrap().status()
    };
    assert_eq!(accept(printed).await, 400);
    assert_eq!(accept(token(&told)).await, 200);

    let output = server.run(&["users", "set-up-link"]).await;
    assert!(!output.status.success());
    let listed: Value =
        serde_json::from_str(&server.told(&["users", "list", "--json"]).await).unwrap();
    assert_eq!(
        (&listed[0]["email"], &listed[0]["role"]),
        (&json!("ada@example.com"), &json!("owner"))
    );
    let reset = server.told(&["users", "reset-link", "Ada@example.com"]).await;
    assert_eq!(accept(token(&reset)).await, 200);
    let output = server.run(&["users", "disable-totp", "ada@example.com"]).await;
    assert!(String::from_utf8_lossy(&output.stderr).contains("no second factor"));
    let output = server.run(&["users", "reset-link", "eve@example.com"]).await;
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("There is no such person. `posthaste users list` shows"), "{said}");

    server.terminate();
    assert!(server.ended().await.success(), "{}", server.log());
    let before = server.printed().len();
    server.start().await;
    assert!(!server.printed()[before..].contains("/dashboard/welcome#"));
}

#[tokio::test]
async fn the_doctor_finds_nothing_where_all_is_well() {
    let relay = SmtpServer::start().await;
    let mut server = Server::new().with("SMTP_URL", &relay.url());
    server.start().await;

    let told = server.told(&["doctor"]).await;

    assert!(!told.contains("MEND"), "{told}");
    for checked in ["settings", "database", "clock", "secret key", "relay", "TLS"] {
        assert!(told.contains(&format!("ok    {checked}: ")), "{told}");
    }
    assert!(relay.received().is_empty(), "it sent a mail");
}

#[tokio::test]
async fn the_doctor_names_a_relay_that_is_down_and_fails() {
    let relay = SmtpServer::start().await;
    let url = relay.url();
    relay.stop().await;
    let mut server = Server::new().with("SMTP_URL", &url);
    server.start().await;

    let output = server.run(&["doctor"]).await;

    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{told}");
    let relay: Vec<_> = told.lines().filter(|line| line.starts_with("MEND")).collect();
    assert!(matches!(relay[..], [line] if line.starts_with("MEND  relay: ")), "{told}");
    assert!(relay[0].contains("SMTP_URL"), "{told}");
    assert_eq!(relay[0].matches("refused").count(), 1, "{told}");
}
