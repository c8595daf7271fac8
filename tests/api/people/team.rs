//! Who may do what to whom.

use posthaste::domain::permission::Permission;
use reqwest::Method;
use serde_json::{Value, json};

use super::{actions, user_id};
use crate::app::{Browser, OWNER, TestApp, TestKey};

const USERS: &str = "/v1/account/users";

async fn path_of(app: &TestApp, browser: &mut Browser) -> String {
    let me = browser.get(app, "/v1/auth/me").await;
    format!("{USERS}/{}", user_id(&me.body))
}

async fn set_role(
    app: &TestApp,
    browser: &mut Browser,
    path: &str,
    role: &str,
) -> crate::app::Reply {
    browser.patch(app, path, json!({"role": role})).await
}

#[tokio::test]
async fn people_are_listed_page_by_page() {
    let app = TestApp::start().await;
    let mut owner = app.owner().await;
    let mut viewer = app.colleague(&mut owner, "eve@example.com", "viewer").await;
    let list = viewer.get(&app, &format!("{USERS}?limit=1")).await;
    assert_eq!(list.body["data"]["users"][0]["email"], "eve@example.com");
    assert_eq!(list.body["data"]["hasMore"], true);
    let next = list.body["data"]["nextCursor"].as_str().unwrap();
    let rest = viewer.get(&app, &format!("{USERS}?cursor={next}")).await;
    assert_eq!(rest.body["data"]["users"][0]["email"], OWNER);
    assert_eq!(rest.body["data"]["nextCursor"], Value::Null);
    let wrong = viewer.get(&app, &format!("{USERS}?limit=0&cursor=x")).await;
    assert_eq!(wrong.fields(), ["limit", "cursor"]);
    let key = app.key(Permission::ALL).await;
    app.get(USERS, &key).await.assert_refused(403, "ACCOUNT_KEY_REQUIRED");
    app.stop().await;
}

#[tokio::test]
async fn a_role_counts_from_the_next_request_on() {
    let app = TestApp::start().await;
    let mut owner = app.owner().await;
    let mut colleague = app.colleague(&mut owner, "eve@example.com", "admin").await;
    let path = path_of(&app, &mut colleague).await;
    assert_eq!(set_role(&app, &mut owner, &path, "viewer").await.status, 200);
    let reply = set_role(&app, &mut colleague, &path, "admin").await;
    reply.assert_refused(403, "INSUFFICIENT_PERMISSIONS");
    let body = &colleague.get(&app, "/v1/auth/me").await.body["data"]["user"]["role"];
    assert_eq!(body, "viewer");
    assert_eq!(actions(&app).await.last().unwrap(), "user.role_changed");
    app.stop().await;
}

#[tokio::test]
async fn only_owners_change_owners_and_the_last_one_stays() {
    let app = TestApp::start().await;
    let mut owner = app.owner().await;
    let mut admin = app.colleague(&mut owner, "admin@example.com", "admin").await;
    let own = path_of(&app, &mut owner).await;
    let theirs = path_of(&app, &mut admin).await;
    for role in ["viewer", "admin"] {
        let reply = set_role(&app, &mut admin, &own, role).await;
        reply.assert_refused(403, "ROLE_NOT_ALLOWED");
        set_role(&app, &mut owner, &own, role).await.assert_refused(400, "LAST_OWNER");
    }
    admin.delete(&app, &own, Value::Null).await.assert_refused(403, "ROLE_NOT_ALLOWED");
    set_role(&app, &mut admin, &theirs, "owner").await.assert_refused(403, "ROLE_NOT_ALLOWED");
    owner.delete(&app, &own, Value::Null).await.assert_refused(400, "LAST_OWNER");
    assert_eq!(set_role(&app, &mut owner, &own, "owner").await.status, 200);

    assert_eq!(set_role(&app, &mut owner, &theirs, "owner").await.status, 200);
    assert_eq!(set_role(&app, &mut admin, &own, "member").await.status, 200);
    admin.delete(&app, &theirs, Value::Null).await.assert_refused(400, "LAST_OWNER");
    owner.delete(&app, &own, Value::Null).await.assert_refused(403, "INSUFFICIENT_PERMISSIONS");
    app.stop().await;
}

#[tokio::test]
async fn of_two_owners_who_leave_at_once_one_stays() {
    let app = TestApp::start().await;
    let mut one = app.owner().await;
    let mut two = app.colleague(&mut one, "eve@example.com", "owner").await;
    let (first, second) = (path_of(&app, &mut one).await, path_of(&app, &mut two).await);
    let (left, stayed) = tokio::join!(
        one.delete(&app, &first, Value::Null),
        set_role(&app, &mut two, &second, "viewer"),
    );
    let mut statuses = [left.status, stayed.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400]);
    assert_eq!(app.number("SELECT count(*) FROM users WHERE role = 'owner'").await, 1);
    app.stop().await;
}

#[tokio::test]
async fn what_is_not_there_or_foreign_is_not_found() {
    let app = TestApp::start().await;
    let mut owner = app.owner().await;
    app.sql(
        "INSERT INTO accounts (id, name) VALUES ('00000000-0000-7000-8000-000000000001', 'Theirs');
         INSERT INTO users (id, account_id, email, name, role, password_phc)
         VALUES ('00000000-0000-7000-8000-000000000003', '00000000-0000-7000-8000-000000000001', 'x@example.com', '',
                 'viewer', '')",
    )
    .await;
    for id in ["00000000-0000-7000-8000-000000000003", "00000000-0000-7000-8000-000000000009", "x"]
    {
        let path = format!("{USERS}/{id}");
        set_role(&app, &mut owner, &path, "admin").await.assert_refused(404, "NOT_FOUND");
        owner.delete(&app, &path, Value::Null).await.assert_refused(404, "NOT_FOUND");
    }
    assert_eq!(app.number("SELECT count(*) FROM users").await, 2);
    app.stop().await;
}

#[tokio::test]
async fn a_key_gives_no_more_than_it_has() {
    let app = TestApp::start().await;
    let mut owner = app.owner().await;
    let mut viewer = app.colleague(&mut owner, "viewer@example.com", "viewer").await;
    let path = path_of(&app, &mut viewer).await;
    let own = path_of(&app, &mut owner).await;
    let ask = async |key: &TestKey, path: &str, role: &str| {
        let request = app.request(Method::PATCH, path).bearer_auth(key.text());
        app.ask(request.json(&json!({"role": role}))).await
    };
    let inviting = app.key_with(|key| {
        key.project = None;
        key.permissions = vec![Permission::UsersRead, Permission::UsersWrite];
    });
    let inviting = inviting.await;
    for role in ["owner", "admin", "member"] {
        ask(&inviting, &path, role).await.assert_refused(403, "ROLE_NOT_ALLOWED");
        let body = json!({"email": "mallory@example.com", "role": role});
        let reply = app.post("/v1/account/invitations", &inviting, body).await;
        reply.assert_refused(403, "ROLE_NOT_ALLOWED");
    }
    let full = app.account_key().await;
    ask(&full, &path, "owner").await.assert_refused(403, "ROLE_NOT_ALLOWED");
    ask(&full, &own, "viewer").await.assert_refused(403, "ROLE_NOT_ALLOWED");
    assert_eq!(ask(&full, &path, "admin").await.status, 200);
    app.sql("UPDATE api_keys SET recipients = '{example.com}'").await;
    let bound = app.account_key().await;
    app.sql("UPDATE api_keys SET recipients = '{example.com}'").await;
    ask(&bound, &path, "viewer").await.assert_refused(403, "ROLE_NOT_ALLOWED");
    app.stop().await;
}
