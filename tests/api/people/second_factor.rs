//! The second factor.

use chrono::Utc;
use posthaste::domain::totp::{TotpSecret, step_at};
use posthaste::service::people;
use serde_json::{Value, json};

use super::actions;
use crate::app::{Browser, OWNER, PASSWORD, Reply, TestApp};

/// The secret that an app was told.
fn read(base32: &str) -> TotpSecret {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut bits = base32.chars().flat_map(|c| {
        let value = alphabet.find(c).unwrap();
        (0..5).rev().map(move |bit| u8::from(value >> bit & 1 == 1))
    });
    let mut byte = || bits.by_ref().take(8).fold(0, |byte, bit| byte << 1 | bit);
    let bytes: Vec<u8> = (0..20).map(|_| byte()).collect();
    TotpSecret::from_bytes(&bytes).unwrap()
}

/// The secret that an app reads from a picture.
pub fn secret_of(uri: &str) -> TotpSecret {
    let (_, rest) = uri.split_once("secret=").unwrap();
    read(rest.split_once('&').unwrap().0)
}

/// A person with a second factor, of which no code was shown for a long time: the secret and the recovery codes.
async fn enable(app: &TestApp, owner: &mut Browser) -> (TotpSecret, Vec<String>) {
    let new = owner.post(app, "/v1/auth/totp", json!({"password": PASSWORD})).await;
    assert_eq!(new.status, 200, "{}", new.body);
    let secret = read(new.body["data"]["secret"].as_str().unwrap());
    let uri = new.body["data"]["uri"].as_str().unwrap();
    assert!(uri.starts_with("otpauth://totp/Posthaste:ada%40example%2Ecom?secret="), "{uri}");
    let code = secret.code(step_at(Utc::now()));
    let reply = owner.post(app, "/v1/auth/totp/confirm", json!({"code": code})).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    app.sql("UPDATE users SET totp_step = totp_step - 100").await;
    let codes = reply.body["data"]["recoveryCodes"].as_array().unwrap();
    (secret, codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect())
}

async fn sign_in(app: &TestApp, code: Value) -> Reply {
    let body = json!({"email": OWNER, "password": PASSWORD, "code": code});
    Browser::new().post(app, "/v1/auth/sign-in", body).await
}

#[tokio::test]
async fn a_code_is_asked_for_beside_the_password_and_is_good_once() {
    let app = TestApp::start().await;
    let mut owner = app.owner().await;
    assert_eq!(sign_in(&app, Value::Null).await.status, 200);
    let (secret, codes) = enable(&app, &mut owner).await;
    assert_eq!(codes.len(), 10);

    for missing in [Value::Null, "".into(), " ".into()] {
        sign_in(&app, missing).await.assert_refused(401, "TOTP_REQUIRED");
    }
    // Whoever does not know the password is not told that there is a second factor.
    let body = json!({"email": OWNER, "password": "not the password"});
    let reply = Browser::new().post(&app, "/v1/auth/sign-in", body).await;
    reply.assert_refused(401, "UNAUTHORIZED");
    let now = step_at(Utc::now());
    sign_in(&app, secret.code(now - 50).into()).await.assert_refused(401, "UNAUTHORIZED");
    let code = secret.code(now);
    assert_eq!(sign_in(&app, code.clone().into()).await.status, 200);
    sign_in(&app, code.into()).await.assert_refused(401, "UNAUTHORIZED");
    // Nor is an earlier one good after a later one.
    sign_in(&app, secret.code(now - 1).into()).await.assert_refused(401, "UNAUTHORIZED");
    assert!(owner.get(&app, "/v1/auth/me").await.body["data"]["user"]["totpEnabled"] == true);
    app.stop().await;
}

#[tokio::test]
async fn of_two_at_once_with_one_code_one_gets_in() {
    let app = TestApp::start().await;
    let mut owner = app.owner().await;
    let (secret, codes) = enable(&app, &mut owner).await;
    for code in [secret.code(step_at(Utc::now())), codes[0].clone()] {
        let (one, two) =
            tokio::join!(sign_in(&app, code.clone().into()), sign_in(&app, code.clone().into()));
        let mut statuses = [one.status, two.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 401]);
    }
    app.stop().await;
}

#[tokio::test]
async fn each_recovery_code_stands_in_once() {
    let app = TestApp::start().await;
    let mut owner = app.owner().await;
    let (_, codes) = enable(&app, &mut owner).await;
    assert_eq!(sign_in(&app, codes[3].to_uppercase().replace('-', " ").into()).await.status, 200);
    sign_in(&app, codes[3].clone().into()).await.assert_refused(401, "UNAUTHORIZED");
    assert_eq!(sign_in(&app, codes[4].clone().into()).await.status, 200);
    assert_eq!(app.number("SELECT cardinality(recovery_codes)::bigint FROM users").await, 8);
    app.stop().await;
}

#[tokio::test]
async fn it_counts_only_once_a_code_was_shown_and_ends_with_the_password() {
    let app = TestApp::start().await;
    let mut owner = app.owner().await;
    let path = "/v1/auth/totp";
    owner
        .post(&app, "/v1/auth/totp/confirm", json!({"code": "123456"}))
        .await
        .assert_refused(400, "TOTP_NOT_SET_UP");
    let reply = owner.post(&app, path, json!({"password": "not the password"})).await;
    assert_eq!((reply.status, reply.fields()), (400, vec!["password"]));
    owner.post(&app, path, json!({"password": PASSWORD})).await;
    let reply = owner.post(&app, "/v1/auth/totp/confirm", json!({"code": "12345"})).await;
    assert_eq!((reply.status, reply.fields()), (400, vec!["code"]));
    assert_eq!(sign_in(&app, Value::Null).await.status, 200);

    enable(&app, &mut owner).await;
    owner
        .post(&app, path, json!({"password": PASSWORD}))
        .await
        .assert_refused(409, "TOTP_ALREADY_ENABLED");
    let reply = owner.delete(&app, path, json!({"password": "not the password"})).await;
    assert_eq!((reply.status, reply.fields()), (400, vec!["password"]));
    sign_in(&app, Value::Null).await.assert_refused(401, "TOTP_REQUIRED");
    assert_eq!(owner.delete(&app, path, json!({"password": PASSWORD})).await.status, 200);
    assert_eq!(sign_in(&app, Value::Null).await.status, 200);
    let done = actions(&app).await;
    assert!(
        done.contains(&"user.totp_enabled".into()) && done.contains(&"user.totp_disabled".into())
    );
    app.stop().await;
}

#[tokio::test]
async fn whoever_runs_the_machine_takes_it_away_from_those_who_lost_it() {
    let app = TestApp::start().await;
    let mut owner = app.owner().await;
    enable(&app, &mut owner).await;
    let email = OWNER.parse().unwrap();
    let take_away = || people::take_totp_away(&app.database.pool, app.account, &email);
    assert!(take_away().await.unwrap());
    assert!(!take_away().await.unwrap());
    assert_eq!(sign_in(&app, Value::Null).await.status, 200);
    let by = "SELECT count(*) FROM audit_log WHERE action = 'user.totp_disabled' AND actor_kind = 'command_line'";
    assert_eq!(app.number(by).await, 1);
    app.stop().await;
}

#[tokio::test]
async fn the_secret_is_not_in_the_database_in_the_clear() {
    let app = TestApp::start().await;
    let mut owner = app.owner().await;
    let (secret, _) = enable(&app, &mut owner).await;
    let stored: Vec<u8> = sqlx::query_scalar("SELECT totp_secret FROM users")
        .fetch_one(&app.database.pool)
        .await
        .unwrap();
    assert!(!stored.windows(20).any(|window| window == secret.as_bytes()));
    app.stop().await;
}
