//! The first owner, and what is told about oneself.

use reqwest::Method;
use serde_json::json;

use super::actions;
use crate::app::{Browser, OWNER, PASSWORD, TestApp};

#[tokio::test]
async fn the_first_owner_joins_by_the_set_up_link() {
    let app = TestApp::start().await;
    let token = app.set_up_token().await.unwrap();
    let mut browser = Browser::new();
    let told = browser.post(&app, "/v1/auth/links/inspect", json!({"token": token})).await;
    insta::assert_json_snapshot!(told.body, @r#"
    {
      "data": {
        "accountName": "My account",
        "email": null,
        "purpose": "set_up",
        "role": null
      },
      "success": true
    }
    "#);

    let joined = browser.accept(&app, &token).await;
    assert_eq!(joined.status, 200, "{}", joined.body);
    assert_eq!(joined.body["data"]["user"]["role"], "owner");
    let me = browser.get(&app, "/v1/auth/me").await;
    assert_eq!(me.status, 200, "{}", me.body);
    insta::assert_json_snapshot!(me.body["data"], {
        ".**.id" => "[id]", ".user.createdAt" => "[time]", ".user.signedInAt" => "[time]", ".server.publicUrl" => "[url]",
        ".server.version" => "[version]", ".user.permissions" => "[all]",
    }, @r#"
    {
      "account": {
        "id": "[id]",
        "name": "My account"
      },
      "projects": [
        {
          "id": "[id]",
          "name": "My project"
        }
      ],
      "server": {
        "captureMailbox": true,
        "permissions": [
          "mails:send",
          "mails:read",
          "domains:read",
          "domains:write",
          "senders:read",
          "senders:write",
          "contacts:read",
          "contacts:write",
          "recipients:erase",
          "keys:read",
          "keys:write",
          "projects:read",
          "projects:write",
          "users:read",
          "users:write",
          "audit:read",
          "webhooks:read",
          "webhooks:write",
          "bounces:write",
          "suppressions:read",
          "suppressions:write",
          "templates:read",
          "templates:write"
        ],
        "publicUrl": "[url]",
        "version": "[version]"
      },
      "session": {
        "id": "[id]"
      },
      "user": {
        "createdAt": "[time]",
        "email": "ada@example.com",
        "id": "[id]",
        "name": "Ada",
        "permissions": "[all]",
        "role": "owner",
        "signedInAt": "[time]",
        "totpEnabled": false
      }
    }
    "#);
    assert_eq!(actions(&app).await, ["user.joined"]);
    app.stop().await;
}

#[tokio::test]
async fn nobody_else_joins_by_a_set_up_link() {
    let app = TestApp::start().await;
    let (first, second) = (app.set_up_token().await.unwrap(), app.set_up_token().await.unwrap());
    let mut browser = Browser::new();
    // A newer link takes the place of the older one.
    browser.accept(&app, &first).await.assert_refused(400, "LINK_NOT_VALID");
    assert_eq!(browser.accept(&app, &second).await.status, 200);
    Browser::new().accept(&app, &second).await.assert_refused(400, "LINK_NOT_VALID");
    assert_eq!(app.set_up_token().await, None);
    assert_eq!(app.number("SELECT count(*) FROM users").await, 1);
    app.stop().await;
}

#[tokio::test]
async fn of_two_at_once_with_one_link_one_joins() {
    let app = TestApp::start().await;
    let token = app.set_up_token().await.unwrap();
    let join = async |email: &str| {
        let body = json!({"token": token, "email": email, "password": PASSWORD});
        Browser::new().post(&app, "/v1/auth/links/accept", body).await
    };
    let replies = tokio::join!(join("a@example.com"), join("b@example.com"), join("c@example.com"));
    let mut statuses = [replies.0.status, replies.1.status, replies.2.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400, 400]);
    assert_eq!(app.number("SELECT count(*) FROM users").await, 1);
    assert_eq!(app.number("SELECT count(*) FROM sessions").await, 1);
    app.stop().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_newcomer_is_told_at_once_and_uses_no_link_up() {
    let app = TestApp::start().await;
    let token = app.set_up_token().await.unwrap();
    let mut browser = Browser::new();
    let mut join = async |email: &str, name: &str, password: &str| {
        let body = json!({"token": token, "email": email, "name": name, "password": password});
        browser.post(&app, "/v1/auth/links/accept", body).await
    };
    let reply = join("nobody", "two\nlines", PASSWORD).await;
    reply.assert_refused(400, "VALIDATION_FAILED");
    assert_eq!(reply.fields(), ["name", "email"]);
    assert_eq!(join("nobody", "", "short").await.fields(), ["email", "password"]);
    for password in ["short", "password123", "ada@example.com", &"x".repeat(257)] {
        assert_eq!(join(OWNER, "", password).await.fields(), ["password"], "{password}");
    }
    assert_eq!(join(OWNER, "", PASSWORD).await.status, 200);
    app.stop().await;
}

#[tokio::test]
async fn strangers_and_keys_are_nobody() {
    let app = TestApp::start().await;
    Browser::new().get(&app, "/v1/auth/me").await.assert_refused(401, "UNAUTHORIZED");
    let key = app.account_key().await;
    app.get("/v1/auth/me", &key).await.assert_refused(403, "SESSION_REQUIRED");
    app.stop().await;
}

#[tokio::test]
async fn people_name_themselves() {
    let app = TestApp::start().await;
    let mut owner = app.owner().await;
    let reply = owner.patch(&app, "/v1/auth/me", json!({"name": " Ada Lovelace "})).await;
    assert_eq!(reply.body["data"]["user"]["name"], "Ada Lovelace");
    let reply = owner.patch(&app, "/v1/auth/me", json!({"name": "x".repeat(101)})).await;
    assert_eq!(reply.fields(), ["name"]);
    app.stop().await;
}

#[tokio::test]
async fn a_person_works_in_any_project_of_the_account_and_in_no_other() {
    let app = TestApp::start().await;
    let owner = app.owner().await;
    let other = app.another_project().await;
    app.sql(
        "INSERT INTO accounts (id, name) VALUES ('00000000-0000-7000-8000-000000000001', 'Theirs');
         INSERT INTO projects (id, account_id, name)
         VALUES ('00000000-0000-7000-8000-000000000002', '00000000-0000-7000-8000-000000000001', 'Theirs')",
    )
    .await;
    let ask = async |project: &str| {
        let request = owner.request(&app, Method::GET, "/v1/mails");
        app.ask(request.header("x-project-id", project)).await
    };
    for own in [app.project, other] {
        assert_eq!(ask(&own.to_string()).await.status, 200);
    }
    ask("00000000-0000-7000-8000-000000000002").await.assert_refused(403, "PROJECT_NOT_ALLOWED");
    ask("00000000-0000-0000-0000-000000000000").await.assert_refused(403, "PROJECT_NOT_ALLOWED");
    app.stop().await;
}
