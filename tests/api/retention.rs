//! What is over for long enough is removed, and nothing else is.

use serde_json::{Value, json};

use crate::app::{Setup, TestApp, TestKey, eventually};
use crate::letter_with;

/// Every table that has something of each mail.
const OF_MAILS: [(&str, &str); 6] = [
    ("mails", "id"),
    ("mail_bodies", "mail_id"),
    ("events", "mail_id"),
    ("mail_recipients", "mail_id"),
    ("mail_labels", "mail_id"),
    ("engagements", "mail_id"),
];

/// A mail that leaves something in each of them.
fn letter() -> Value {
    letter_with(json!({"cc": ["bob@example.org"], "tags": ["news"]}))
}

/// A mail that is over, and was opened.
async fn opened(app: &TestApp, key: &TestKey) -> String {
    let id = app.accepted(key, letter()).await;
    app.mail_in(key, &id, "captured").await;
    app.sql(&format!(
        "INSERT INTO engagements (mail_id, position, type, automated, link, times, first_at, last_at)
         VALUES ('{id}', 0, 'opened', false, '', 1, now(), now())"
    ))
    .await;
    id
}

/// Makes a mail that is over look as if it had come in 2019; its new id.
async fn aged(app: &TestApp, key: &TestKey) -> String {
    let id = opened(app, key).await;
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
    let new = opened(&app, &key).await;
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
        let id = opened(&app, &key).await;
        for (table, column) in [("mails", "id"), ("mail_labels", "mail_id")] {
            let give =
                format!("UPDATE {table} SET project_id = '{project}' WHERE {column} = '{id}'");
            app.sql(&give).await;
        }
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
    let new = opened(&app, &key).await;
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

#[tokio::test]
async fn the_time_of_a_mail_begins_when_it_was_to_be_sent_and_ends_when_all_is_told() {
    let app = TestApp::start().await;
    let (key, theirs) = (app.full_key().await, app.another_project().await);
    let foreign = app.key_of(theirs).await;
    app.sql(&format!("UPDATE projects SET retention_days = 30 WHERE id = '{theirs}'")).await;
    let mut kept = Vec::new();
    for key in [&key, &foreign] {
        let (recent, long_ago, untold) =
            (aged(&app, key).await, aged(&app, key).await, aged(&app, key).await);
        for (id, days) in [(&recent, 29), (&long_ago, 31)] {
            app.sql(&format!(
                "UPDATE mails SET details = details || jsonb_build_object('scheduledAt', now() - interval '{days} days')
                 WHERE id = '{id}'"
            ))
            .await;
        }
        // One that is over, and one that waits.
        app.sql(&format!(
            "INSERT INTO webhook_deliveries (project_id, webhook_id, type, mail_id, due_at)
             SELECT project_id, gen_random_uuid(), 'email.sent', id, due
             FROM mails
             CROSS JOIN UNNEST('{{null,infinity}}'::timestamptz[]) AS due
             WHERE id = '{untold}'
             UNION ALL SELECT project_id, gen_random_uuid(), 'email.sent', id, NULL FROM mails WHERE id = '{long_ago}'"
        ))
        .await;
        kept.push([recent, long_ago, untold]);
    }
    let forgetful = |settings: &mut posthaste::config::Settings| {
        settings.retention_days = Some("30".into());
    };
    // First the other project's alone, which wants it so by itself.
    for (changed, stored_then) in [(false, 5), (true, 4)] {
        let setup = Setup::default().beside(&app);
        let node = if changed { setup.with(forgetful) } else { setup }.start().await;
        eventually(async || (app.mails_stored().await == stored_then).then_some(())).await.unwrap();
        node.stop().await;
    }
    for [recent, long_ago, untold] in &kept {
        assert_eq!(stored(&app, &[recent, long_ago, untold]).await, [true, false, true]);
    }
    app.stop().await;
}

#[tokio::test]
async fn of_a_project_that_was_deleted_long_ago_nothing_is_left_that_names_anybody() {
    let app = TestApp::start().await;
    let (gone, there) = (app.another_project().await, app.another_project().await);
    for project in [gone, there] {
        let key = app.key_of(project).await;
        for (path, body) in [
            ("/v1/contacts", json!({"email": "ada@example.org", "firstName": "Ada"})),
            ("/v1/contact-lists", json!({"name": "Friends of Ada"})),
            ("/v1/suppression-groups", json!({"name": "News"})),
            ("/v1/senders", json!({"email": "shop@example.com", "name": "Shop"})),
            ("/v1/webhooks", json!({"url": "https://example.com/ada", "events": ["email.opened"]})),
            ("/v1/recipients/erase", json!({"email": "bob@example.org"})),
        ] {
            let reply = app.post(path, &key, body).await;
            assert!(reply.status < 300, "{path}: {}", reply.body);
        }
        // More than go at once, and what needs more than a request.
        app.sql(&format!(
            "INSERT INTO contacts (id, project_id, email)
             SELECT gen_random_uuid(), '{project}', n::text FROM generate_series(1, 1200) AS n;
             INSERT INTO contact_list_members
             SELECT (SELECT id FROM contact_lists WHERE project_id = '{project}'), id FROM contacts WHERE project_id = '{project}';
             INSERT INTO contact_properties (id, project_id, name, type)
             VALUES (gen_random_uuid(), '{project}', 'plan', 'string');
             INSERT INTO suppressions (project_id, address, reason)
             SELECT '{project}', n::text, 'manual' FROM generate_series(1, 1200) AS n;
             INSERT INTO templates (id, project_id, name, description, type, builder, sender_id, latest_version)
             SELECT gen_random_uuid(), '{project}', '', '', 'transactional', 'code', id, 1
             FROM senders WHERE project_id = '{project}'"
        ))
        .await;
    }
    app.sql(&format!(
        "UPDATE projects SET deleted_at = now() - interval '31 days' WHERE id = '{gone}'"
    ))
    .await;
    app.sql(&format!(
        "UPDATE projects SET deleted_at = now() - interval '29 days' WHERE id = '{there}'"
    ))
    .await;
    let node = Setup::default().beside(&app).start().await;
    let emptied =
        format!("SELECT count(*) FROM projects WHERE id = '{gone}' AND emptied_at IS NOT NULL");
    eventually(async || (app.number(&emptied).await == 1).then_some(())).await.unwrap();
    let tables =
        "SELECT table_name::text FROM information_schema.columns WHERE column_name = 'project_id'";
    let tables: Vec<String> =
        sqlx::query_scalar(tables).fetch_all(&app.database.pool).await.unwrap();
    let mut left = Vec::new();
    for table in tables {
        let of = async |project| {
            app.number(&format!("SELECT count(*) FROM {table} WHERE project_id = '{project}'"))
                .await
        };
        if of(gone).await > 0 {
            left.push(table);
        } else if ["contacts", "senders", "suppressions", "templates", "webhooks"]
            .contains(&table.as_str())
        {
            assert!(of(there).await > 0, "{table}");
        }
    }
    left.sort();
    assert_eq!(left, ["api_keys", "audit_log"]);
    node.stop().await;
    app.stop().await;
}
