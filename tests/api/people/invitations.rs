//! Inviting people.

use serde_json::{Value, json};

use super::{actions, user_id};
use crate::app::{Browser, Setup, TestApp, token_of};

const INVITATIONS: &str = "/v1/account/invitations";
const EVE: &str = "eve@example.com";

async fn invite(
    app: &TestApp,
    browser: &mut Browser,
    email: &str,
    role: &str,
) -> crate::app::Reply {
    browser.post(app, INVITATIONS, json!({"email": email, "role": role})).await
}

#[tokio::test]
async fn an_invited_person_joins_in_the_role_that_was_said() {
    let app = TestApp::start().await;
    let mut owner = app.owner().await;
    let invited = invite(&app, &mut owner, "Eve@Example.com", "member").await;
    assert_eq!(invited.status, 201, "{}", invited.body);
    let base = format!("http://{}/dashboard/welcome#", app.address);
    assert!(invited.body["data"]["link"].as_str().unwrap().starts_with(&base));
    // The test's server has no domain to send from.
    assert_eq!(invited.body["data"]["mailed"], false);
    let list = owner.get(&app, INVITATIONS).await;
    let listed = &list.body["data"]["invitations"][0];
    assert_eq!((&listed["email"], &listed["role"]), (&json!(EVE), &json!("member")));
    let token = token_of(&invited.body["data"]["link"]);
    assert!(!list.body.to_string().contains(&token));

    let mut eve = Browser::new();
    let told = eve.post(&app, "/v1/auth/links/inspect", json!({"token": token})).await;
    assert_eq!(
        told.body["data"],
        json!({
            "purpose": "invitation", "email": EVE, "role": "member", "accountName": "My account",
        })
    );
    // The address is the invited one, whatever else is said.
    let joined = eve.accept(&app, &token).await;
    assert_eq!(joined.body["data"]["user"]["email"], EVE);
    assert_eq!(joined.body["data"]["user"]["role"], "member");
    Browser::new().accept(&app, &token).await.assert_refused(400, "LINK_NOT_VALID");
    assert_eq!(owner.get(&app, INVITATIONS).await.body["data"]["invitations"], json!([]));
    assert_eq!(actions(&app).await, ["user.joined", "user.invited", "user.joined"]);
    app.stop().await;
}

#[tokio::test]
async fn an_invitation_is_taken_back_or_replaced() {
    let app = TestApp::start().await;
    let mut owner = app.owner().await;
    let first = invite(&app, &mut owner, EVE, "admin").await;
    let second = invite(&app, &mut owner, EVE, "viewer").await;
    let token = token_of(&first.body["data"]["link"]);
    Browser::new().accept(&app, &token).await.assert_refused(400, "LINK_NOT_VALID");

    let id = second.body["data"]["id"].as_str().unwrap();
    let path = format!("{INVITATIONS}/{id}");
    assert_eq!(owner.delete(&app, &path, Value::Null).await.status, 200);
    owner.delete(&app, &path, Value::Null).await.assert_refused(404, "NOT_FOUND");
    let token = token_of(&second.body["data"]["link"]);
    Browser::new().accept(&app, &token).await.assert_refused(400, "LINK_NOT_VALID");
    assert_eq!(actions(&app).await.last().unwrap(), "invitation.revoked");
    app.stop().await;
}

#[tokio::test]
async fn who_is_there_already_is_not_invited() {
    let app = TestApp::start().await;
    let mut owner = app.owner().await;
    let reply = invite(&app, &mut owner, "ada@EXAMPLE.com", "viewer").await;
    reply.assert_refused(409, "ALREADY_A_USER");
    let reply = invite(&app, &mut owner, "nobody", "king").await;
    assert_eq!(reply.fields(), ["email", "role"]);
    app.stop().await;
}

#[tokio::test]
async fn nobody_invites_above_himself() {
    let app = TestApp::start().await;
    let mut owner = app.owner().await;
    let mut admin = app.colleague(&mut owner, "admin@example.com", "admin").await;
    invite(&app, &mut admin, EVE, "owner").await.assert_refused(403, "ROLE_NOT_ALLOWED");
    assert_eq!(invite(&app, &mut admin, EVE, "admin").await.status, 201);
    for role in ["member", "viewer"] {
        let email = format!("{role}@example.com");
        let mut colleague = app.colleague(&mut owner, &email, role).await;
        let reply = invite(&app, &mut colleague, EVE, "viewer").await;
        reply.assert_refused(403, "INSUFFICIENT_PERMISSIONS");
    }

    // Nor takes an owner's invitation back, in whatever way.
    let invited = invite(&app, &mut owner, "next@example.com", "owner").await;
    let path = format!("{INVITATIONS}/{}", invited.body["data"]["id"].as_str().unwrap());
    admin.delete(&app, &path, Value::Null).await.assert_refused(403, "ROLE_NOT_ALLOWED");
    let reply = invite(&app, &mut admin, "next@example.com", "viewer").await;
    reply.assert_refused(403, "ROLE_NOT_ALLOWED");
    let token = token_of(&invited.body["data"]["link"]);
    assert_eq!(Browser::new().accept(&app, &token).await.status, 200);
    app.stop().await;
}

#[tokio::test]
async fn an_invitation_goes_with_the_right_to_make_it() {
    let app = TestApp::start().await;
    let mut owner = app.owner().await;
    for step in ["lowered", "removed"] {
        let email = format!("{step}@example.com");
        let mut admin = app.colleague(&mut owner, &email, "admin").await;
        let invited = invite(&app, &mut admin, "second@example.com", "admin").await;
        let me = admin.get(&app, "/v1/auth/me").await;
        let path = format!("/v1/account/users/{}", user_id(&me.body));
        let reply = match step {
            "lowered" => owner.patch(&app, &path, json!({"role": "viewer"})).await,
            _ => owner.delete(&app, &path, Value::Null).await,
        };
        assert_eq!(reply.status, 200, "{}", reply.body);
        let token = token_of(&invited.body["data"]["link"]);
        Browser::new().accept(&app, &token).await.assert_refused(400, "LINK_NOT_VALID");
    }
    app.stop().await;
}

#[tokio::test]
async fn nobody_is_flooded_with_invitations() {
    let app = Setup::default().standing_clock().start().await;
    let mut owner = app.owner().await;
    for _ in 0..5 {
        assert_eq!(invite(&app, &mut owner, EVE, "viewer").await.status, 201);
    }
    let reply = invite(&app, &mut owner, EVE, "viewer").await;
    reply.assert_refused(429, "RATE_LIMIT_EXCEEDED");
    assert_eq!(invite(&app, &mut owner, "other@example.com", "viewer").await.status, 201);
    app.stop().await;
}
