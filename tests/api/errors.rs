//! Every kind of refusal has the one shape, and none of them outlives its cause.

use std::collections::BTreeMap;

use posthaste::domain::permission::Permission;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Reply, Setup, TestApp, eventually};
use crate::database::TestDatabase;
use crate::database_link::DatabaseLink;
use crate::{letter, letter_with};

/// The parts of a refusal that a client reads, without what differs from one to the next.
fn shape(reply: &Reply) -> Value {
    reply.assert_enveloped();
    let mut body = reply.body.clone();
    body["requestId"] = json!("[id]");
    json!({"status": reply.status, "body": body})
}

#[tokio::test]
async fn every_kind_of_refusal_has_the_one_shape() {
    let app = Setup::default().limits(100, 1000).standing_clock().start().await;
    let (key, reads) = (app.full_key().await, app.key(&[Permission::MailsRead]).await);
    let slow = app.key_with(|key| key.per_second = Some(1)).await;
    let account = app.account_key().await;
    app.sql("ALTER TABLE mails ADD CHECK (subject <> 'What Postgres will not have')").await;
    let ask = async |method: Method, path: &str, name: &'static str, value: &str, body: String| {
        let request = app.request(method, path).bearer_auth(key.text()).header(name, value);
        app.ask(request.body(body)).await
    };
    let send = async |name: &'static str, value: &str, letter: &Value| {
        let request = app.request(Method::POST, "/v1/mails/send").bearer_auth(key.text());
        app.ask(request.header(name, value).json(letter)).await
    };

    let mut kinds = BTreeMap::new();
    let mut note = |name, reply: &Reply| kinds.insert(name, shape(reply));
    let json = ("content-type", "application/json");
    note("400 fields", &app.send(&key, json!({"to": "x", "from": "a@b.example"})).await);
    note("400 type", &app.send(&key, letter_with(json!({"to": [{"email": 7}]}))).await);
    let broken = ask(Method::POST, "/v1/mails/send", json.0, json.1, "{".into()).await;
    note("400 no JSON", &broken);
    note("401", &app.ask(app.request(Method::GET, "/v1/mails")).await);
    note("403 permission", &app.send(&reads, letter()).await);
    note("403 project required", &app.get("/v1/mails", &account).await);
    note("403 other project", &send("x-project-id", "x", &letter()).await);
    note("404 mail", &app.get("/v1/mails/x", &key).await);
    note("404 path", &app.get("/nowhere", &key).await);
    note("405", &ask(Method::PUT, "/v1/mails/send", json.0, json.1, String::new()).await);
    assert_eq!(send("idempotency-key", "a", &letter()).await.status, 200);
    let other = letter_with(json!({"subject": "Other"}));
    note("409", &send("idempotency-key", "a", &other).await);
    let large = "x".repeat(46 << 20);
    note("413", &ask(Method::POST, "/v1/mails/send", json.0, json.1, large).await);
    let plain = ask(Method::POST, "/v1/mails/send", "content-type", "text/plain", "x".into()).await;
    note("415", &plain);
    app.get("/v1/mails", &slow).await;
    note("429", &app.get("/v1/mails", &slow).await);
    let poison = letter_with(json!({"subject": "What Postgres will not have"}));
    note("500", &app.send(&key, poison).await);
    insta::assert_json_snapshot!(kinds);
    app.stop().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_named_by_its_field_in_words_of_json() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let to = |to: Value| letter_with(json!({ "to": to }));
    for (path, body, field, message) in [
        ("mails/send", to(json!({"name": "Ada"})), "to.email", "is required"),
        ("mails/send", to(json!([{"email": 7}])), "to[0].email", "must be a string, not a number"),
        (
            "mails/send",
            letter_with(json!({"test": "yes"})),
            "test",
            "must be true or false, not a string",
        ),
        (
            "mails/send",
            letter_with(json!({"priority": true})),
            "priority",
            "must be `high`, `normal` or `low`, or a number from 1 to 5",
        ),
        (
            "suppression-groups/entries",
            json!({"page": "1"}),
            "page",
            "must be a whole number, not a string",
        ),
        (
            "suppression-groups/entries",
            json!({"page": -1}),
            "page",
            "must be a whole number from 0 to 4294967295",
        ),
        (
            "suppression-groups/entries",
            json!({"startDate": "2026-01-01"}),
            "startDate",
            "must be a time such as 2026-01-31T12:00:00Z",
        ),
    ] {
        let reply = app.post(&format!("/v1/{path}"), &key, body).await;
        reply.assert_refused(400, "VALIDATION_FAILED");
        let expected = json!([{"field": field, "message": message}]);
        assert_eq!(reply.body["error"]["details"], expected, "{path}");
    }
    let reply = app.post("/v1/mails/send", &key, json!([letter()])).await;
    reply.assert_refused(400, "VALIDATION_FAILED");
    assert_eq!(reply.body["error"]["message"], "The body must be an object, not a list.");

    for (path, field, message) in [
        ("mails?limit=-1", "limit", "must be a number, in digits alone"),
        ("mails?limit=100000", "limit", "must be a smaller number"),
        ("mails?test=maybe", "test", "must be true or false"),
        ("mails?test=true&test=true", "test", "is given twice"),
        ("mails?batchId=x", "batchId", "is not a valid id"),
        ("contact-lists?type=group", "type", "must be `list` or `segment`"),
    ] {
        let reply = app.get(&format!("/v1/{path}"), &key).await;
        reply.assert_refused(400, "VALIDATION_FAILED");
        let expected = json!([{"field": field, "message": message}]);
        assert_eq!(reply.body["error"]["details"], expected, "{path}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_mail_that_postgres_will_not_have_keeps_no_other_from_being_stored() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    app.sql("ALTER TABLE mails ADD CHECK (subject <> 'Poison')").await;
    let poison = letter_with(json!({"subject": "Poison"}));
    let (first, refused, second, again, third) = tokio::join!(
        app.send(&key, letter()),
        app.send(&key, poison.clone()),
        app.send(&key, letter()),
        app.send(&key, poison),
        app.send(&key, letter()),
    );
    assert_eq!([first.status, second.status, third.status], [200; 3]);
    for refused in [refused, again] {
        refused.assert_refused(500, "INTERNAL_SERVER_ERROR");
        assert!(!refused.body.to_string().contains("constraint"), "{}", refused.body);
    }
    assert_eq!(app.mails_stored().await, 3);
    app.stop().await;
}

#[tokio::test]
async fn a_database_that_goes_away_is_503_until_it_is_back() {
    let database = TestDatabase::create().await;
    let link = DatabaseLink::to(&database).await;
    let url = link.url.clone();
    let app = Setup::default()
        .on(database)
        .with(|settings| {
            settings.database_url = Some(url.into());
            settings.database_connections = Some("3".into());
        })
        .start()
        .await;
    let key = app.full_key().await;
    let before = app.accepted(&key, letter()).await;
    app.mail_in(&key, &before, "captured").await;
    let ready = async || app.ask(app.request(Method::GET, "/readyz")).await;
    assert_eq!(ready().await.status, 200);

    link.cut();
    // More often than there are connections, so that none is left that only seems to be there.
    for _ in 0..4 {
        let reply = app.get("/v1/mails", &key).await;
        reply.assert_refused(503, "SERVICE_UNAVAILABLE");
        assert_eq!(reply.number("retry-after"), 2);
    }
    app.send(&key, letter()).await.assert_refused(503, "SERVICE_UNAVAILABLE");
    ready().await.assert_refused(503, "SERVICE_UNAVAILABLE");
    let alive = app.ask(app.request(Method::GET, "/healthz")).await;
    assert_eq!((alive.status, alive.body), (200, json!({"status": "ok"})));
    // A key that the node has never seen is neither good nor bad now.
    let unseen = app.full_key().await;
    app.get("/v1/mails", &unseen).await.assert_refused(503, "SERVICE_UNAVAILABLE");

    link.mend();
    assert_eq!(ready().await.status, 200);
    assert_eq!(app.get("/v1/mails", &unseen).await.status, 200);
    let after = app.accepted(&key, letter()).await;
    app.mail_in(&key, &after, "captured").await;
    assert_eq!(app.mails_stored().await, 2);
    app.stop().await;
}

#[tokio::test]
async fn a_database_that_falls_silent_is_503_until_it_can_be_reached() {
    let database = TestDatabase::create().await;
    let link = DatabaseLink::to(&database).await;
    let url = link.url.clone();
    let app = Setup::default()
        .on(database)
        .with(|settings| {
            settings.database_url = Some(url.into());
            settings.database_connections = Some("4".into());
        })
        .start()
        .await;
    let key = app.full_key().await;
    let before = app.accepted(&key, letter()).await;
    app.mail_in(&key, &before, "captured").await;

    link.stall();
    let unseen = app.full_key().await;
    let mail = format!("/v1/mails/{before}");
    let (one, two, three, four, five) = tokio::join!(
        app.get("/v1/mails", &key),
        app.get(&mail, &key),
        app.get("/v1/mails", &unseen),
        app.get("/v1/mails", &key),
        app.get("/v1/mails", &key),
    );
    for reply in [one, two, three, four, five] {
        reply.assert_refused(503, "SERVICE_UNAVAILABLE");
    }
    // Now that nothing is taken for a connection any more, it is certain that nothing is stored.
    app.send(&key, letter()).await.assert_refused(503, "SERVICE_UNAVAILABLE");

    // The old connections stay silent.
    link.mend();
    let accepted =
        async || Some(app.send(&key, letter()).await).filter(|reply| reply.status == 200);
    eventually(accepted).await.expect("new connections are made");
    assert_eq!(app.get("/v1/mails", &unseen).await.status, 200);
    assert_eq!(app.mails_stored().await, 2);
    app.stop().await;
}

#[tokio::test]
async fn whoever_is_answered_503_by_connections_that_died_unnoticed_can_try_again_and_has_one_mail()
{
    let app = TestApp::start().await;
    let key = app.full_key().await;
    app.accepted(&key, letter()).await;
    app.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE application_name = 'posthaste' AND datname = current_database()",
    )
    .await;
    let accepted = async || {
        let reply = app.send(&key, letter()).await;
        if reply.status == 200 {
            return reply.body["data"]["emailId"].as_str().map(ToOwned::to_owned);
        }
        reply.assert_refused(503, "SERVICE_UNAVAILABLE");
        None
    };
    let id = eventually(accepted).await.expect("the node makes new connections");
    app.mail_in(&key, &id, "captured").await;
    assert_eq!(app.mails_stored().await, 2);
    app.stop().await;
}
