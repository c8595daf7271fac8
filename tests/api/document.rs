//! What the document of the API promises.

use posthaste::domain::id::MailId;
use reqwest::Method;
use serde_json::Value;

use crate::app::TestApp;
use crate::letter;

/// Every operation that the document describes, with its parameters filled in.
async fn operations(app: &TestApp) -> Vec<(Method, String)> {
    let reply = app.ask(app.request(Method::GET, "/openapi.json")).await;
    assert_eq!((reply.status, &reply.body["openapi"]), (200, &Value::from("3.1.0")));
    let mut operations = Vec::new();
    for (path, methods) in reply.body["paths"].as_object().unwrap() {
        for (method, described) in methods.as_object().unwrap() {
            assert!(described["operationId"].is_string(), "{method} {path}");
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            operations.push((method, path.clone()));
        }
    }
    operations
}

fn filled_in(path: &str) -> String {
    let path = path
        .replace("{id}", &MailId::generate().to_string())
        .replace("{projectId}", &MailId::generate().to_string())
        .replace("{contactListId}", &MailId::generate().to_string())
        .replace("{propertyName}", "plan")
        .replace("{customFieldName}", "plan")
        .replace("{email}", "ada@example.org")
        .replace("{userId}", "ada")
        .replace("{entry}", &MailId::generate().to_string())
        .replace("{position}", "0")
        .replace("{groupId}", "AB12C3");
    assert!(!path.contains('{'), "{path} has a parameter that this test does not know");
    path
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "it is the list")]
async fn it_lists_every_route() {
    let app = TestApp::start().await;
    let listed: Vec<_> =
        operations(&app).await.iter().map(|(method, path)| format!("{method} {path}")).collect();
    insta::assert_json_snapshot!(listed, @r#"
    [
      "GET /healthz",
      "GET /readyz",
      "GET /v1/account/alerts",
      "POST /v1/account/alerts/{id}/dismiss",
      "GET /v1/account/api-keys",
      "POST /v1/account/api-keys",
      "DELETE /v1/account/api-keys/{id}",
      "GET /v1/account/api-keys/{id}",
      "PATCH /v1/account/api-keys/{id}",
      "GET /v1/account/api-keys/{id}/requests",
      "POST /v1/account/api-keys/{id}/rotate",
      "GET /v1/account/api-keys/{id}/usage",
      "GET /v1/account/api-keys/{id}/would-have-blocked",
      "GET /v1/account/audit-log",
      "GET /v1/account/invitations",
      "POST /v1/account/invitations",
      "DELETE /v1/account/invitations/{id}",
      "GET /v1/account/overview",
      "GET /v1/account/projects",
      "POST /v1/account/projects",
      "DELETE /v1/account/projects/{projectId}",
      "GET /v1/account/projects/{projectId}",
      "PATCH /v1/account/projects/{projectId}",
      "GET /v1/account/users",
      "DELETE /v1/account/users/{id}",
      "PATCH /v1/account/users/{id}",
      "GET /v1/api-keys",
      "POST /v1/api-keys",
      "GET /v1/api-keys/me",
      "POST /v1/api-keys/revoke-leaked",
      "DELETE /v1/api-keys/{id}",
      "GET /v1/api-keys/{id}",
      "PATCH /v1/api-keys/{id}",
      "GET /v1/api-keys/{id}/requests",
      "POST /v1/api-keys/{id}/rotate",
      "GET /v1/api-keys/{id}/usage",
      "GET /v1/api-keys/{id}/would-have-blocked",
      "POST /v1/auth/links/accept",
      "POST /v1/auth/links/inspect",
      "GET /v1/auth/me",
      "PATCH /v1/auth/me",
      "POST /v1/auth/password",
      "POST /v1/auth/password-reset",
      "GET /v1/auth/sessions",
      "POST /v1/auth/sessions/end-others",
      "DELETE /v1/auth/sessions/{id}",
      "POST /v1/auth/sign-in",
      "POST /v1/auth/sign-out",
      "DELETE /v1/auth/totp",
      "POST /v1/auth/totp",
      "POST /v1/auth/totp/confirm",
      "GET /v1/contact-lists",
      "POST /v1/contact-lists",
      "POST /v1/contact-lists/contacts/bulk-add",
      "POST /v1/contact-lists/contacts/search",
      "DELETE /v1/contact-lists/{contactListId}",
      "GET /v1/contact-lists/{contactListId}",
      "POST /v1/contact-lists/{contactListId}/contacts/remove",
      "GET /v1/contact-properties",
      "POST /v1/contact-properties",
      "DELETE /v1/contact-properties/name/{propertyName}",
      "GET /v1/contact-properties/name/{propertyName}",
      "POST /v1/contacts",
      "POST /v1/contacts/bulk-update",
      "POST /v1/contacts/email",
      "POST /v1/contacts/email/duplicate",
      "DELETE /v1/contacts/email/userId/{userId}",
      "PATCH /v1/contacts/email/{email}/custom-fields",
      "POST /v1/contacts/remove",
      "POST /v1/contacts/search/emails",
      "DELETE /v1/contacts/{id}",
      "GET /v1/contacts/{id}",
      "GET /v1/contacts/{id}/unsubscribe-groups",
      "GET /v1/custom-fields",
      "POST /v1/custom-fields",
      "DELETE /v1/custom-fields/fieldName/{customFieldName}",
      "GET /v1/custom-fields/fieldName/{customFieldName}",
      "GET /v1/domains",
      "POST /v1/domains",
      "DELETE /v1/domains/{id}",
      "GET /v1/domains/{id}",
      "GET /v1/domains/{id}/health",
      "POST /v1/domains/{id}/inbound/disable",
      "POST /v1/domains/{id}/inbound/enable",
      "POST /v1/domains/{id}/verify",
      "POST /v1/inbound/bounces",
      "POST /v1/inbound/ses",
      "GET /v1/mails",
      "POST /v1/mails/bulk",
      "POST /v1/mails/send",
      "GET /v1/mails/{id}",
      "PATCH /v1/mails/{id}",
      "POST /v1/mails/{id}/cancel",
      "GET /v1/mails/{id}/captured/{position}",
      "GET /v1/mails/{id}/preview",
      "POST /v1/mails/{id}/retry",
      "GET /v1/mails/{id}/status",
      "GET /v1/mails/{id}/webhook-deliveries",
      "POST /v1/recipients/erase",
      "GET /v1/recipients/erasures/{id}",
      "GET /v1/senders",
      "POST /v1/senders",
      "DELETE /v1/senders/{id}",
      "GET /v1/senders/{id}",
      "GET /v1/suppression-groups",
      "POST /v1/suppression-groups",
      "POST /v1/suppression-groups/emails/suppress",
      "POST /v1/suppression-groups/emails/unsuppress",
      "POST /v1/suppression-groups/entries",
      "DELETE /v1/suppression-groups/{groupId}",
      "GET /v1/suppression-groups/{groupId}",
      "PUT /v1/suppression-groups/{groupId}",
      "GET /v1/templates",
      "POST /v1/templates",
      "POST /v1/templates/preview",
      "GET /v1/templates/search",
      "DELETE /v1/templates/{id}",
      "GET /v1/templates/{id}",
      "PUT /v1/templates/{id}",
      "POST /v1/templates/{id}/preview",
      "PATCH /v1/templates/{id}/preview-text",
      "POST /v1/templates/{id}/publish",
      "POST /v1/templates/{id}/revert",
      "POST /v1/templates/{id}/test",
      "GET /v1/templates/{id}/versions",
      "GET /v1/webhooks",
      "POST /v1/webhooks",
      "DELETE /v1/webhooks/{id}",
      "GET /v1/webhooks/{id}",
      "PUT /v1/webhooks/{id}",
      "GET /v1/webhooks/{id}/logs",
      "POST /v1/webhooks/{id}/logs/{entry}/replay",
      "POST /v1/webhooks/{id}/replay",
      "POST /v1/webhooks/{id}/resend",
      "GET /v1/webhooks/{id}/reveal"
    ]
    "#);
    app.stop().await;
}

/// What needs no key, or no permission, because it concerns nobody but who asks.
const FOR_EVERYBODY: [&str; 3] =
    ["/v1/api-keys/me", "/v1/api-keys/revoke-leaked", "/v1/inbound/ses"];

/// The operations that need a permission. Whoever lacks it is told so before anything else.
async fn guarded(app: &TestApp) -> Vec<(Method, String)> {
    // What is under `/v1/auth` is for people, who need no permission for what concerns themselves.
    let is_guarded = |path: &str| {
        path.starts_with("/v1/") && !path.starts_with("/v1/auth/") && !FOR_EVERYBODY.contains(&path)
    };
    let mut operations = operations(app).await;
    operations.retain(|(_, path)| is_guarded(path));
    operations
}

#[tokio::test]
async fn no_operation_of_the_api_is_open_to_strangers_or_to_the_powerless() {
    let app = TestApp::start().await;
    let powerless = app.key(&[]).await;
    let guarded = guarded(&app).await;
    assert!(guarded.len() >= 20);
    for (method, path) in guarded {
        let request = || app.request(method.clone(), &filled_in(&path)).json(&letter());
        app.ask(request()).await.assert_refused(401, "UNAUTHORIZED");
        let reply = app.ask(request().bearer_auth(powerless.text())).await;
        assert_eq!(reply.status, 403, "{method} {path}");
        reply.assert_refused(403, "INSUFFICIENT_PERMISSIONS");
    }
    let stranger = app.ask(app.request(Method::GET, "/v1/api-keys/me")).await;
    stranger.assert_refused(401, "UNAUTHORIZED");
    assert_eq!(app.mails_stored().await, 0);
    assert_eq!(app.number("SELECT count(*) FROM api_keys").await, 1);
    app.stop().await;
}

#[tokio::test]
async fn every_operation_answers_as_it_is_described() {
    let app = TestApp::start().await;
    for key in [app.full_key().await, app.account_key().await] {
        for (method, path) in operations(&app).await {
            let request = app.request(method.clone(), &filled_in(&path)).bearer_auth(key.text());
            let project = app.project.to_string();
            let request = request.header("x-project-id", project).json(&letter());
            let reply = app.ask(request).await;
            let what = format!("{method} {path}: {} {}", reply.status, reply.body);
            let refusals = ["ACCOUNT_KEY_REQUIRED", "SESSION_REQUIRED", "CROSS_SITE_REQUEST"];
            match reply.status {
                200 => assert!(reply.body.is_object(), "{what}"),
                // The body of a mail is not that of a key, a project or a webhook.
                400 if method == Method::DELETE => {
                    assert_eq!(reply.code(), "DELETE_TEMPLATE_FAILED", "{what}");
                }
                400 => assert!(reply.code().starts_with("VALIDATION_"), "{what}"),
                403 => assert!(refusals.contains(&reply.code()), "{what}"),
                404 => assert!(reply.code().ends_with("NOT_FOUND"), "{what}"),
                // A report is no JSON.
                415 => assert!(path.starts_with("/v1/inbound/"), "{what}"),
                _ => panic!("{what}"),
            }
        }
    }
    app.stop().await;
}

/// What belongs to somebody else does not exist, whichever way it is asked for.
#[tokio::test]
async fn no_operation_confirms_what_belongs_to_another_project_or_account() {
    let app = TestApp::start().await;
    let other = app.another_project().await;
    let mail = app.accepted(&app.key_of(other).await, letter()).await;
    let foreign_key = app.key_of(other).await;
    let (account, project, key) = stranger(&app).await;
    let ids = [
        ("/mails/", vec![mail.clone()]),
        ("/v1/api-keys/", vec![foreign_key.id.to_string(), key.clone()]),
        ("/v1/account/api-keys/", vec![key.clone()]),
        ("/v1/account/projects/", vec![project.clone()]),
    ];
    let (own, own_account) = (app.full_key().await, app.account_key().await);
    let mut asked = 0;
    for (method, path) in guarded(&app).await {
        let Some((_, ids)) = ids.iter().find(|(part, _)| path.contains(part) && path.contains('{'))
        else {
            continue;
        };
        for id in ids {
            let place =
                path.replace("{id}", id).replace("{projectId}", id).replace("{position}", "0");
            let holder = if path.contains("/account/") { &own_account } else { &own };
            let request = app.request(method.clone(), &place).bearer_auth(holder.text());
            let reply = app
                .ask(request.json(&serde_json::json!({"name": "Mine", "scheduledAt": null})))
                .await;
            assert_eq!(reply.status, 404, "{method} {path}: {}", reply.body);
            asked += 1;
        }
    }
    assert!(asked >= 18, "{asked}");
    let changed = format!(
        "SELECT count(*) FROM api_keys WHERE account_id = '{account}' AND (revoked_at IS NOT NULL OR name = 'Mine')"
    );
    assert_eq!(app.number(&changed).await, 0);
    app.stop().await;
}

/// Another account with a project and a key.
async fn stranger(app: &TestApp) -> (String, String, String) {
    let (account, project, key) =
        (uuid::Uuid::now_v7(), uuid::Uuid::now_v7(), uuid::Uuid::now_v7());
    app.sql(&format!(
        "INSERT INTO accounts (id, name) VALUES ('{account}', 'Stranger');
         INSERT INTO projects (id, account_id, name) VALUES ('{project}', '{account}', 'Foreign');
         INSERT INTO api_keys (id, account_id, project_id, name, type, mode, public_id, display_key, secret_phc, digest,
                               digest_version, permissions, created_by)
         VALUES ('{key}', '{account}', '{project}', 'Foreign', 'project', 'live', 'foreign00000', '', '', '', '', '{{}}', '')"
    ))
    .await;
    (account.to_string(), project.to_string(), key.to_string())
}
