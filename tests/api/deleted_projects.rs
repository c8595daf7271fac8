//! A deleted project takes no more mail, whoever sends it and whichever node is asked.

use posthaste::domain::audit::Doer;
use posthaste::domain::id::ProjectId;
use posthaste::error::Error;
use posthaste::service::projects;
use reqwest::Method;

use crate::app::{Reply, Setup, TestApp, TestKey, eventually};
use crate::letter;

async fn delete(app: &TestApp, project: ProjectId) -> Result<(), Error> {
    projects::delete(&app.database.pool, app.account, project, Doer::server()).await
}

async fn send_in(app: &TestApp, project: ProjectId, key: &TestKey) -> Reply {
    let request = app.request(Method::POST, "/v1/mails/send").bearer_auth(key.text());
    app.ask(request.header("x-project-id", project.to_string()).json(&letter())).await
}

/// Waits until a statement that begins like this waits for somebody's lock.
async fn somebody_waits_with(app: &TestApp, statement: &str) {
    let waiting = format!(
        "SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock' AND ltrim(query, E' \\n') LIKE '{statement}%'"
    );
    let look = async || (app.number(&waiting).await > 0).then_some(());
    eventually(look).await.expect("it has to wait");
}

#[tokio::test]
async fn nothing_is_sent_in_a_deleted_project_on_any_node() {
    let app = TestApp::start().await;
    let other = Setup::default().beside(&app).start().await;
    let project = app.another_project().await;
    let (key, account_key) = (app.key_of(project).await, app.account_key().await);
    for node in [&app, &other] {
        // Now they believe in the keys and in the project.
        assert_eq!(node.send(&key, letter()).await.status, 200);
        assert_eq!(send_in(node, project, &account_key).await.status, 200);
    }

    delete(&app, project).await.unwrap();

    for node in [&app, &other] {
        node.send(&key, letter()).await.assert_refused(401, "UNAUTHORIZED");
        let refused = send_in(node, project, &account_key).await;
        assert!([401, 403].contains(&refused.status), "{}", refused.body);
    }
    assert_eq!(app.mails_stored().await, 4);
    let entries = "SELECT count(*) FROM audit_log WHERE action = 'project.deleted'";
    assert_eq!(app.number(entries).await, 1);
    assert!(matches!(delete(&app, project).await, Err(Error::NotFound(_))));
    other.stop().await;
    app.stop().await;
}

#[tokio::test]
async fn deleting_a_project_waits_for_mail_that_is_being_stored_in_it() {
    for with_account_key in [false, true] {
        let app = TestApp::start().await;
        let project = app.another_project().await;
        let key =
            if with_account_key { app.account_key().await } else { app.key_of(project).await };
        // Whoever claims the same idempotency key waits for the end of this.
        let mut first = app.database.pool.begin().await.unwrap();
        sqlx::query(
            "INSERT INTO idempotency_keys VALUES ($1, encode(sha256('same'), 'hex'), '', $1, 1)",
        )
        .bind(project.as_uuid())
        .execute(&mut *first)
        .await
        .unwrap();
        let send = async {
            let request = app.request(Method::POST, "/v1/mails/send").bearer_auth(key.text());
            let request = request.header("x-project-id", project.to_string());
            app.ask(request.header("idempotency-key", "same").json(&letter())).await
        };
        let delete_meanwhile = async {
            somebody_waits_with(&app, "WITH mail AS").await;
            let proceed = async {
                somebody_waits_with(&app, "UPDATE").await;
                first.rollback().await.unwrap();
            };
            let (deleted, ()) = tokio::join!(delete(&app, project), proceed);
            deleted.unwrap();
            app.mails_stored().await
        };

        let (answer, stored_when_deleted) = tokio::join!(send, delete_meanwhile);

        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(stored_when_deleted, 1, "with an account key: {with_account_key}");
        app.stop().await;
    }
}

#[tokio::test]
async fn no_key_is_made_for_a_project_that_is_being_deleted() {
    let app = TestApp::start().await;
    let project = app.another_project().await;
    let mut deleting = app.database.pool.begin().await.unwrap();
    sqlx::query("UPDATE projects SET deleted_at = now() WHERE id = $1")
        .bind(project.as_uuid())
        .execute(&mut *deleting)
        .await
        .unwrap();
    let end = async {
        somebody_waits_with(&app, "INSERT INTO api_keys").await;
        deleting.commit().await.unwrap();
    };

    let (made, ()) = tokio::join!(app.try_key_of(project), end);

    assert!(matches!(made, Err(Error::NotFound("project"))));
    app.stop().await;
}

#[tokio::test]
async fn the_last_project_stays_and_so_do_its_keys() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let other = app.another_project().await;
    let (one, another) = tokio::join!(delete(&app, app.project), delete(&app, other));
    assert!(one.is_ok() != another.is_ok(), "one of two stays, whoever is first");
    let refusal = one.err().or(another.err()).unwrap();
    let is_last = |error: &Error| {
        matches!(error, Error::Impossible { code: "LAST_PROJECT_CANNOT_BE_DELETED", .. })
    };
    assert!(is_last(&refusal), "{refusal:?}");
    let left = projects::list(&app.database.pool, app.account).await.unwrap();
    assert_eq!(left.len(), 1);
    if left[0].id == app.project {
        assert_eq!(app.send(&key, letter()).await.status, 200);
    }
    app.stop().await;
}
