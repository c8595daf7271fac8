//! What is over for long enough is removed, and nothing else is.

use serde_json::{Value, json};

use crate::app::{Setup, TestApp, TestKey, eventually};
use crate::letter_with;

/// Every table that has something of each mail.
const OF_MAILS: [(&str, &str); 4] = [
    ("mails", "id"),
    ("mail_bodies", "mail_id"),
    ("events", "mail_id"),
    ("mail_recipients", "mail_id"),
];

/// A mail that leaves something in each of them.
fn letter() -> Value {
    letter_with(json!({"cc": ["bob@example.org"]}))
}

/// Makes a mail that is over look as if it had come in 2019; its new id.
async fn aged(app: &TestApp, key: &TestKey) -> String {
    let id = app.accepted(key, letter()).await;
    app.mail_in(key, &id, "captured").await;
    let old = format!("0170{}", &id[4..]);
    for (table, column) in OF_MAILS {
        app.sql(&format!("UPDATE {table} SET {column} = '{old}' WHERE {column} = '{id}'")).await;
    }
    old
}

/// Which of these mails are stored, in every table alike.
async fn stored(app: &TestApp, ids: &[&String]) -> Vec<bool> {
    let mut stored = Vec::new();
    for id in ids {
        let mut rows = Vec::new();
        for (table, column) in OF_MAILS {
            let count = format!("SELECT count(*) FROM {table} WHERE {column} = '{id}'");
            rows.push(app.number(&count).await > 0);
        }
        assert!(rows.iter().all(|row| *row == rows[0]), "{id}: {rows:?}");
        stored.push(rows[0]);
    }
    stored
}

#[tokio::test]
async fn old_mails_are_removed_and_unfinished_ones_stay() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let new = app.accepted(&key, letter()).await;
    let (over, held, pending) =
        (aged(&app, &key).await, aged(&app, &key).await, aged(&app, &key).await);
    app.sql(&format!("UPDATE mails SET held = 1, sent = 0, status = 'held' WHERE id = '{held}'"))
        .await;
    app.sql(&format!("UPDATE mails SET pending = 1, sent = 0 WHERE id = '{pending}'")).await;
    // More than fit into one batch.
    app.sql(
        "INSERT INTO mails (id, project_id, key_id, test, on_ambiguous, status, pending, from_address, to_address,
                            subject, missing_variables)
         SELECT ('01600000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, project_id, key_id, false, 'retry',
                'sent', 0, '', '', '', '{}'
         FROM generate_series(1, 250) AS n, (SELECT * FROM mails LIMIT 1) AS mail",
    )
    .await;

    let forgetful = |settings: &mut posthaste::config::Settings| {
        settings.retention_days = Some("30".into());
    };
    let node = Setup::default().beside(&app).with(forgetful).start().await;
    eventually(async || (app.mails_stored().await == 3).then_some(())).await.unwrap();
    assert_eq!(stored(&app, &[&over, &held, &pending, &new]).await, [false, true, true, true]);
    app.get(&format!("/v1/mails/{over}"), &key).await.assert_refused(404, "NOT_FOUND");
    node.stop().await;
    app.stop().await;
}

#[tokio::test]
async fn the_mails_of_a_deleted_project_go_after_a_month_whatever_else_is_kept() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let old = aged(&app, &key).await;
    let (long_gone, just_gone) = (app.another_project().await, app.another_project().await);
    let mut of_projects = Vec::new();
    for (project, days) in [(long_gone, 31), (just_gone, 29)] {
        let id = app.accepted(&key, letter()).await;
        app.mail_in(&key, &id, "captured").await;
        app.sql(&format!("UPDATE mails SET project_id = '{project}' WHERE id = '{id}'")).await;
        app.sql(&format!(
            "UPDATE projects SET deleted_at = now() - interval '{days} days' WHERE id = '{project}'"
        ))
        .await;
        of_projects.push(id);
    }

    let node = Setup::default().beside(&app).start().await;
    eventually(async || (app.mails_stored().await == 2).then_some(())).await.unwrap();
    assert_eq!(stored(&app, &[&old, &of_projects[0], &of_projects[1]]).await, [true, false, true]);
    node.stop().await;
    app.stop().await;
}

#[tokio::test]
async fn a_project_may_keep_its_mails_for_less_time_than_the_server() {
    let app = TestApp::start().await;
    let (key, account) = (app.full_key().await, app.account_key().await);
    let other = app.another_project().await;
    let foreign = app.key_of(other).await;
    let (old, theirs) = (aged(&app, &key).await, aged(&app, &foreign).await);
    let new = app.accepted(&key, letter()).await;
    app.mail_in(&key, &new, "captured").await;
    let path = format!("/v1/account/projects/{}", app.project);
    let change = async |days: Value| {
        let request = app.request(reqwest::Method::PATCH, &path).bearer_auth(account.text());
        app.ask(request.json(&json!({ "retentionDays": days }))).await
    };
    for bad in [json!(0), json!(-1), json!(36501), json!(1.5), json!("30")] {
        change(bad).await.assert_refused(400, "VALIDATION_FAILED");
    }
    assert_eq!(change(json!(30)).await.body["data"]["retentionDays"], 30);

    let node = Setup::default().beside(&app).start().await;
    eventually(async || (app.mails_stored().await == 2).then_some(())).await.unwrap();
    assert_eq!(stored(&app, &[&old, &theirs, &new]).await, [false, true, true]);
    node.stop().await;
    assert_eq!(change(Value::Null).await.body["data"]["retentionDays"], Value::Null);
    app.stop().await;
}
