//! Links for a forgotten password, and the mails that carry them.

use chrono::Utc;
use mail_parser::MessageParser;
use posthaste::domain::totp::{RecoveryCode, step_at};
use posthaste::service::people;
use serde_json::{Value, json};

use super::actions;
use crate::app::{Browser, OWNER, PASSWORD, Setup, TestApp, eventually};
use crate::smtp_server::SmtpServer;

const NEW_PASSWORD: &str = "quite another phrase";

/// A node whose own mails have somebody to be from.
fn with_a_name(server: &SmtpServer) -> Setup {
    Setup::default().delivering_to(server).with(|settings| {
        settings.public_url = Some("https://mail.example.com".into());
    })
}

/// The token in the newest of so many mails that the server took.
async fn mailed_token(server: &SmtpServer, mails: usize) -> String {
    let taken = server.wait_for(mails).await;
    let parsed = MessageParser::default().parse(&taken[mails - 1].data).unwrap();
    assert_eq!(
        parsed.from().unwrap().first().unwrap().address(),
        Some("posthaste@mail.example.com")
    );
    let text = parsed.body_text(0).unwrap();
    let (_, rest) = text.split_once("https://mail.example.com/dashboard/welcome#").expect("a link");
    rest.chars().take_while(|c| !c.is_whitespace()).collect()
}

async fn choose(
    app: &TestApp,
    browser: &mut Browser,
    token: &str,
    code: Value,
) -> crate::app::Reply {
    let body = json!({"token": token, "password": NEW_PASSWORD, "code": code});
    browser.post(app, "/v1/auth/links/accept", body).await
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_by_mail_and_ends_all_sessions() {
    let server = SmtpServer::start().await;
    let app = with_a_name(&server).start().await;
    let mut owner = app.owner().await;
    let ask = json!({"email": "Ada@Example.com"});
    let reply = Browser::new().post(&app, "/v1/auth/password-reset", ask).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let token = mailed_token(&server, 1).await;
    assert_eq!(server.received()[0].to, [OWNER]);

    let mut browser = Browser::new();
    let told = browser.post(&app, "/v1/auth/links/inspect", json!({"token": token})).await;
    assert_eq!(told.body["data"]["purpose"], "password_reset");
    assert_eq!(told.body["data"]["email"], OWNER);
    let reply = choose(&app, &mut browser, &token, Value::Null).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert!(browser.is_signed_in(&app).await && !owner.is_signed_in(&app).await);
    choose(&app, &mut browser, &token, Value::Null).await.assert_refused(400, "LINK_NOT_VALID");
    owner.sign_in(&app, OWNER).await.assert_refused(401, "UNAUTHORIZED");
    assert_eq!(actions(&app).await.last().unwrap(), "user.password_changed");
    app.stop().await;
}

#[tokio::test]
async fn everybody_is_told_the_same_and_only_people_get_mail() {
    let server = SmtpServer::start().await;
    let app = with_a_name(&server).start().await;
    app.owner().await;
    let mut told = Vec::new();
    // The fifth is the last that one address gets in a while, and nobody is told.
    for email in ["nobody@example.com", OWNER, OWNER, OWNER, OWNER, OWNER, OWNER, OWNER] {
        let reply =
            Browser::new().post(&app, "/v1/auth/password-reset", json!({"email": email})).await;
        told.push((reply.status, reply.body));
    }
    assert!(told.iter().all(|reply| *reply == told[0]) && told[0].0 == 200, "{told:?}");
    server.wait_for(5).await;
    let reply = Browser::new().post(&app, "/v1/auth/password-reset", json!({"email": "x"})).await;
    assert_eq!(reply.fields(), ["email"]);
    app.stop().await;
    assert_eq!(server.received().len(), 5);
}

#[tokio::test]
async fn using_one_link_ends_the_others() {
    let app = TestApp::start().await;
    let mut owner = app.owner().await;
    let make = async || {
        let email = OWNER.parse().unwrap();
        people::make_reset_link(&app.database.pool, app.account, &email).await.unwrap().reveal()
    };
    let (one, two, three) = (make().await, make().await, make().await);
    let mut browser = Browser::new();
    assert_eq!(choose(&app, &mut browser, &one, Value::Null).await.status, 200);
    choose(&app, &mut browser, &two, Value::Null).await.assert_refused(400, "LINK_NOT_VALID");
    // So does a password that is changed by hand.
    let four = make().await;
    let body = json!({"currentPassword": NEW_PASSWORD, "newPassword": PASSWORD});
    assert_eq!(browser.post(&app, "/v1/auth/password", body).await.status, 200);
    for token in [three, four] {
        choose(&app, &mut owner, &token, Value::Null).await.assert_refused(400, "LINK_NOT_VALID");
    }
    app.stop().await;
}

#[tokio::test]
async fn links_end_with_time_and_are_not_guessed() {
    let app = Setup::default().standing_clock().start().await;
    app.owner().await;
    let email = OWNER.parse().unwrap();
    let token = people::make_reset_link(&app.database.pool, app.account, &email).await.unwrap();
    let minutes =
        "SELECT (extract(epoch FROM expires_at - created_at) / 60)::bigint FROM one_time_links";
    assert_eq!(app.number(minutes).await, 60);
    app.sql("UPDATE one_time_links SET expires_at = now()").await;
    let mut browser = Browser::new();
    let reply = choose(&app, &mut browser, &token.reveal(), Value::Null).await;
    reply.assert_refused(400, "LINK_NOT_VALID");
    for number in 1..30 {
        let guess = json!({"token": format!("{number}")});
        let reply = browser.post(&app, "/v1/auth/links/inspect", guess).await;
        reply.assert_refused(400, "LINK_NOT_VALID");
    }
    let reply = choose(&app, &mut browser, &token.reveal(), Value::Null).await;
    reply.assert_refused(429, "RATE_LIMIT_EXCEEDED");
    app.stop().await;
}

#[tokio::test]
async fn a_mailbox_alone_does_not_get_past_a_second_factor() {
    let app = TestApp::start().await;
    let mut owner = app.owner().await;
    let new = owner.post(&app, "/v1/auth/totp", json!({"password": PASSWORD})).await;
    let uri = new.body["data"]["uri"].as_str().unwrap().to_owned();
    let secret = super::second_factor::secret_of(&uri);
    let code = secret.code(step_at(Utc::now()));
    owner.post(&app, "/v1/auth/totp/confirm", json!({"code": code})).await;
    app.sql("UPDATE users SET totp_step = totp_step - 100").await;

    let email = OWNER.parse().unwrap();
    let token = people::make_reset_link(&app.database.pool, app.account, &email).await.unwrap();
    let token = token.reveal();
    let mut browser = Browser::new();
    choose(&app, &mut browser, &token, Value::Null).await.assert_refused(401, "TOTP_REQUIRED");
    let wrong = RecoveryCode::generate().reveal().to_owned();
    for wrong in [wrong, secret.code(5)] {
        let reply = choose(&app, &mut browser, &token, wrong.into()).await;
        assert_eq!((reply.status, reply.fields()), (400, vec!["code"]));
    }
    // Nothing has happened until now, and the link is as good as before.
    assert!(owner.is_signed_in(&app).await && !browser.is_signed_in(&app).await);
    let code = secret.code(step_at(Utc::now()));
    assert_eq!(choose(&app, &mut browser, &token, code.into()).await.status, 200);
    app.stop().await;
}

#[tokio::test]
async fn our_own_mails_are_nobodys_to_read() {
    let app = Setup::default()
        .with(|settings| settings.public_url = Some("https://mail.example.com".into()))
        .start()
        .await;
    let mut owner = app.owner().await;
    let body = json!({"email": "eve@example.com", "role": "viewer"});
    let reply = owner.post(&app, "/v1/account/invitations", body).await;
    assert_eq!(reply.body["data"]["mailed"], true);
    let captured = async || {
        let waiting = app.number("SELECT count(*) FROM mails WHERE status = 'captured'").await;
        (waiting == 1).then_some(())
    };
    eventually(captured).await.expect("the mail is captured");

    // Whoever may read mails would read links that let their finder in.
    let key = app.full_key().await;
    let list = app.get("/v1/mails", &key).await;
    assert_eq!(list.body["data"]["mails"], json!([]));
    let id: uuid::Uuid =
        sqlx::query_scalar("SELECT id FROM mails").fetch_one(&app.database.pool).await.unwrap();
    let account_key = app.account_key().await;
    let nil = "00000000-0000-0000-0000-000000000000";
    for path in [format!("/v1/mails/{id}"), format!("/v1/mails/{id}/captured/0")] {
        app.get(&path, &key).await.assert_refused(404, "NOT_FOUND");
        let request = app.request(reqwest::Method::GET, &path).bearer_auth(account_key.text());
        let reply = app.ask(request.header("x-project-id", nil)).await;
        reply.assert_refused(403, "PROJECT_NOT_ALLOWED");
    }
    app.stop().await;
}
