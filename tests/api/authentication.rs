//! Who is let in, and what the others are told.

use std::iter;

use insta::assert_json_snapshot;
use posthaste::domain::api_key::{ApiKeyToken, KeyMode, KeyType};
use posthaste::domain::permission::Permission;
use reqwest::Method;
use serde_json::json;

use crate::app::{Reply, Setup, TestApp, TestKey, eventually};
use crate::{letter, letter_with};

const NOT_VALID: &str = "The API key is not valid. Check that it is complete.";

/// Asks for the list of mails with these `Authorization` headers.
async fn ask_with(app: &TestApp, authorizations: &[&str]) -> Reply {
    let request = app.request(Method::GET, "/v1/mails");
    app.ask(
        authorizations
            .iter()
            .fold(request, |request, value| request.header("authorization", *value)),
    )
    .await
}

/// The sentence of a 401.
async fn refusal(app: &TestApp, authorization: &str) -> String {
    let reply = ask_with(app, &[authorization]).await;
    reply.assert_refused(401, "UNAUTHORIZED");
    assert_eq!(reply.header("www-authenticate"), "Bearer");
    reply.body["error"]["message"].as_str().unwrap().to_owned()
}

/// The same public id with another secret, and a checksum that fits: CRC-32 in base 62, as DESIGN.md says.
fn with_another_secret(key: &TestKey) -> String {
    let stranger = ApiKeyToken::generate(KeyType::Project, KeyMode::Live);
    let body = format!("AS_{}{}", key.public_id(), stranger.secret());
    let alphabet = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let crc = crc32fast::hash(body.as_bytes());
    let digits = iter::successors(Some(crc), |rest| Some(rest / 62)).take(6);
    let mut checksum: Vec<char> =
        digits.map(|rest| char::from(alphabet[(rest % 62) as usize])).collect();
    checksum.reverse();
    body + &String::from_iter(checksum)
}

#[tokio::test]
async fn a_401_is_exactly_the_documented_one_inside_the_envelope() {
    let app = TestApp::start().await;
    let reply = ask_with(&app, &[]).await;
    reply.assert_refused(401, "UNAUTHORIZED");
    assert_json_snapshot!(reply.body, { ".requestId" => "[id]" }, @r#"
    {
      "error": {
        "code": "UNAUTHORIZED",
        "message": "Send an API key: `Authorization: Bearer AS_…`."
      },
      "message": "Unauthorized",
      "requestId": "[id]",
      "success": false
    }
    "#);
    app.stop().await;
}

#[tokio::test]
async fn what_is_no_bearer_key_is_refused_before_any_look_up() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let text = key.text().to_owned();

    let send_a_key = "Send an API key: `Authorization: Bearer AS_…`.";
    for authorization in [text.as_str(), "", "Bearer", "Basic QVM6", &format!("Token {text}")] {
        assert_eq!(refusal(&app, authorization).await, send_a_key, "{authorization}");
    }
    let good = format!("Bearer {text}");
    let twice = ask_with(&app, &[&good, &good]).await;
    twice.assert_refused(401, "UNAUTHORIZED");

    let mistyped = "The API key is mistyped or cut short: its checksum does not fit.";
    let swapped: String = text.replacen(key.public_id(), "000000000000", 1);
    for wrong in ["AS_your_project_api_key", &text[..text.len() - 1], &swapped, "sk_live_1234"] {
        assert_eq!(refusal(&app, &format!("Bearer {wrong}")).await, mistyped, "{wrong}");
    }
    app.stop().await;
}

#[tokio::test]
async fn an_unknown_key_and_a_wrong_secret_cannot_be_told_apart() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let unknown = ApiKeyToken::generate(KeyType::Project, KeyMode::Live);

    assert_eq!(refusal(&app, &format!("Bearer {}", unknown.reveal())).await, NOT_VALID);
    let guess = with_another_secret(&key);
    assert_eq!(refusal(&app, &format!("Bearer {guess}")).await, NOT_VALID);
    assert_eq!(app.get("/v1/mails", &key).await.status, 200);
    app.stop().await;
}

#[tokio::test]
async fn scheme_and_prefix_are_read_in_any_case() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let old_form = key.text().replacen("AS_", "as_", 1);
    for authorization in [format!("Bearer {old_form}"), format!("bearer {}", key.text())] {
        assert_eq!(ask_with(&app, &[&authorization]).await.status, 200);
    }
    app.stop().await;
}

#[tokio::test]
async fn only_the_holder_of_the_secret_is_told_why_a_key_ended() {
    let app = TestApp::start().await;
    for (change, reason) in [
        ("revoked_at = now()", "The API key was revoked. Use another key."),
        ("expires_at = now()", "The API key has expired. Make a new key."),
        ("active = false", "The API key is switched off. Switch it on or use another."),
    ] {
        let key = app.full_key().await;
        app.sql(&format!("UPDATE api_keys SET {change} WHERE id = '{}'", key.id)).await;
        assert_eq!(refusal(&app, &format!("Bearer {}", key.text())).await, reason);
        assert_eq!(
            refusal(&app, &format!("Bearer {}", with_another_secret(&key))).await,
            NOT_VALID
        );
    }
    app.stop().await;
}

#[tokio::test]
async fn a_key_that_is_remembered_as_good_sends_nothing_once_it_was_revoked_elsewhere() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    app.accepted(&key, letter()).await;

    // Without a notification, so that the node goes on remembering it.
    app.sql(&format!("UPDATE api_keys SET revoked_at = now() WHERE id = '{}'", key.id)).await;
    let reply = app.send(&key, letter()).await;
    reply.assert_refused(401, "UNAUTHORIZED");
    assert_eq!(app.mails_stored().await, 1);
    app.stop().await;
}

#[tokio::test]
async fn a_key_revoked_by_another_process_is_soon_good_for_nothing_at_all() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    app.accepted(&key, letter()).await;
    app.revoke(&key).await;
    app.send(&key, letter()).await.assert_refused(401, "UNAUTHORIZED");
    let forgotten = async || (app.get("/v1/mails", &key).await.status == 401).then_some(());
    eventually(forgotten).await.expect("the node hears of it");
    assert_eq!(app.mails_stored().await, 1);
    app.stop().await;
}

#[tokio::test]
async fn a_new_secret_key_costs_a_key_one_argon2_and_nothing_else() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    app.sql(
        "CREATE TABLE renewals (key_id uuid);
         CREATE FUNCTION note_renewal() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN INSERT INTO renewals VALUES (NEW.id); RETURN NULL; END';
         CREATE TRIGGER renewed AFTER UPDATE OF digest ON api_keys FOR EACH ROW EXECUTE FUNCTION note_renewal()",
    )
    .await;
    let rotated = || {
        let secret_key = "a new secret key, since somebody has seen the old one";
        Setup::default().beside(&app).with(|settings| settings.secret_key = Some(secret_key.into()))
    };

    let node = rotated().start().await;
    let guess = format!("Bearer {}", with_another_secret(&key));
    assert_eq!(refusal(&node, &guess).await, NOT_VALID);
    let (first, second, third, fourth) = tokio::join!(
        node.get("/v1/mails", &key),
        node.get("/v1/mails", &key),
        node.get("/v1/mails", &key),
        node.get("/v1/mails", &key),
    );
    for reply in [first, second, third, fourth] {
        assert_eq!(reply.status, 200);
    }
    assert_eq!(app.number("SELECT count(*) FROM renewals").await, 1);
    node.stop().await;

    // A node that begins now has nothing but the renewed digest to go by.
    app.sql("UPDATE api_keys SET secret_phc = 'gone'").await;
    let node = rotated().start().await;
    assert_eq!(node.get("/v1/mails", &key).await.status, 200);
    assert_eq!(refusal(&node, &guess).await, NOT_VALID);
    node.stop().await;
    app.stop().await;
}

#[tokio::test]
async fn an_account_key_works_in_the_projects_of_its_account_and_says_in_which() {
    let app = TestApp::start().await;
    let key = app.account_key().await;
    let deleted = app.another_project().await;
    app.sql(&format!("UPDATE projects SET deleted_at = now() WHERE id = '{deleted}'")).await;
    let (stranger, foreign) = (uuid::Uuid::now_v7(), uuid::Uuid::now_v7());
    app.sql(&format!(
        "INSERT INTO accounts (id, name) VALUES ('{stranger}', 'Stranger');
         INSERT INTO projects (id, account_id, name) VALUES ('{foreign}', '{stranger}', 'Foreign')"
    ))
    .await;
    let ask = async |projects: &[&str]| {
        let request =
            app.request(Method::POST, "/v1/mails/send").bearer_auth(key.text()).json(&letter());
        app.ask(projects.iter().fold(request, |request, id| request.header("x-project-id", *id)))
            .await
    };

    ask(&[]).await.assert_refused(403, "PROJECT_REQUIRED");
    let (own, unknown) = (app.project.to_string(), uuid::Uuid::now_v7().to_string());
    for wrong in ["", "my project", &unknown, &foreign.to_string(), &deleted.to_string()] {
        ask(&[wrong]).await.assert_refused(403, "PROJECT_NOT_ALLOWED");
    }
    ask(&[&own, &own]).await.assert_refused(403, "PROJECT_NOT_ALLOWED");
    assert_eq!(app.mails_stored().await, 0);
    assert_eq!(ask(&[&own]).await.status, 200);
    let stored = format!("SELECT count(*) FROM mails WHERE project_id = '{own}'");
    assert_eq!(app.number(&stored).await, 1);
    app.stop().await;
}

#[tokio::test]
async fn a_project_key_may_name_its_own_project_and_no_other() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let other = app.another_project().await;
    let ask = async |project: String| {
        let request = app.request(Method::GET, "/v1/mails").bearer_auth(key.text());
        app.ask(request.header("x-project-id", project)).await
    };
    assert_eq!(ask(app.project.to_string()).await.status, 200);
    ask(other.to_string()).await.assert_refused(403, "PROJECT_NOT_ALLOWED");
    app.stop().await;
}

#[tokio::test]
async fn a_key_does_only_what_its_permissions_say() {
    let app = TestApp::start().await;
    let (sends, reads) =
        (app.key(&[Permission::MailsSend]).await, app.key(&[Permission::MailsRead]).await);
    let id = app.accepted(&sends, letter()).await;

    for path in ["/v1/mails", &format!("/v1/mails/{id}"), &format!("/v1/mails/{id}/status")] {
        assert_eq!(app.get(path, &reads).await.status, 200);
        app.get(path, &sends).await.assert_refused(403, "INSUFFICIENT_PERMISSIONS");
    }
    let reply = app.send(&reads, letter()).await;
    reply.assert_refused(403, "INSUFFICIENT_PERMISSIONS");
    // What is wrong with the request is nothing to those who may not make it.
    let reply = app.send(&reads, letter_with(json!({"to": 7}))).await;
    reply.assert_refused(403, "INSUFFICIENT_PERMISSIONS");
    assert_eq!(app.mails_stored().await, 1);
    app.stop().await;
}

#[tokio::test]
async fn a_flood_of_wrong_keys_blocks_its_address_and_no_good_key_in_use() {
    let app = Setup::default()
        .standing_clock()
        .with(|settings| settings.trusted_proxies = Some("127.0.0.1".into()))
        .start()
        .await;
    let (used, fresh) = (app.full_key().await, app.full_key().await);
    let ask = async |key: &str, address: &str| {
        let request = app.request(Method::GET, "/v1/mails").bearer_auth(key);
        let forwarded = [("x-forwarded-for", address), ("x-forwarded-proto", "https")];
        app.ask(
            forwarded
                .into_iter()
                .fold(request, |request, (name, value)| request.header(name, value)),
        )
        .await
    };
    assert_eq!(ask(used.text(), "192.0.2.1").await.status, 200);
    for _ in 0..30 {
        let unknown = ApiKeyToken::generate(KeyType::Project, KeyMode::Live);
        ask(unknown.reveal(), "192.0.2.1").await.assert_refused(401, "UNAUTHORIZED");
    }

    let unknown = ApiKeyToken::generate(KeyType::Project, KeyMode::Live);
    let blocked = ask(unknown.reveal(), "192.0.2.1").await;
    blocked.assert_refused(429, "RATE_LIMIT_EXCEEDED");
    assert_eq!(blocked.number("retry-after"), 2);
    assert_eq!(ask(used.text(), "192.0.2.1").await.status, 200);
    assert_eq!(ask(fresh.text(), "192.0.2.2").await.status, 200);
    app.pass(std::time::Duration::from_secs(2));
    ask(unknown.reveal(), "192.0.2.1").await.assert_refused(401, "UNAUTHORIZED");
    app.stop().await;
}
