//! Finding mails among many.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::app::{TestApp, TestKey};
use crate::{letter, letter_with};

/// The ids of all pages, newest first, and how many pages there were.
async fn found(app: &TestApp, key: &TestKey, query: &str) -> (Vec<String>, usize) {
    let (mut ids, mut pages) = (Vec::new(), 0);
    let mut cursor = String::new();
    loop {
        let reply = app.get(&format!("/v1/mails?{query}{cursor}"), key).await;
        assert_eq!(reply.status, 200, "{query}: {}", reply.body);
        let page = &reply.body["data"];
        let mails = page["mails"].as_array().unwrap();
        ids.extend(mails.iter().map(|mail| mail["id"].as_str().unwrap().to_owned()));
        pages += 1;
        assert_eq!(page["hasMore"], page["nextCursor"].is_string());
        let Some(next) = page["nextCursor"].as_str() else { return (ids, pages) };
        cursor = format!("&cursor={next}");
    }
}

async fn assert_finds(app: &TestApp, key: &TestKey, query: &str, expected: &[&String]) {
    for limit in [1, 2, 100] {
        let (ids, _) = found(app, key, &format!("{query}&limit={limit}")).await;
        let once: BTreeSet<_> = ids.iter().collect();
        assert_eq!(once.len(), ids.len(), "{query}");
        assert_eq!(once, expected.iter().copied().collect(), "{query}");
        assert!(ids.is_sorted_by(|one, other| one > other), "{query}");
    }
}

#[tokio::test]
async fn mails_are_found_by_everyone_who_has_to_do_with_them() {
    let app = TestApp::start().await;
    let (key, other) = (app.full_key().await, app.full_key().await);
    let plain = app.accepted(&key, letter()).await;
    let copied =
        letter_with(json!({"to": "bob@example.org", "cc": ["Ada@Example.org", "ada@example.org"]}));
    let copied = app.accepted(&other, copied).await;
    let blind =
        letter_with(json!({"to": "bob@example.org", "bcc": ["eve@example.org"], "test": true}));
    let blind = app.accepted(&key, blind).await;
    let from_ada = letter_with(json!({"from": "ada@example.org", "to": "bob@example.org"}));
    let from_ada = app.accepted(&key, from_ada).await;
    for id in [&plain, &copied, &blind, &from_ada] {
        app.mail_in(&key, id, "captured").await;
    }

    let all = [&plain, &copied, &blind, &from_ada];
    let with_other = format!("keyId={}", other.id);
    let with_key_to_bob = format!("keyId={}&to=bob@example.org", key.id);
    let by_id = format!("q={plain}");
    let by_id_and_more = format!("q={plain}&to=bob@example.org");
    for (query, expected) in [
        ("to=ada@example.org", vec![&plain, &copied]),
        ("to=EVE@example.org", vec![&blind]),
        ("to=eve@example.org&test=false", vec![]),
        ("q=ada@example.org", vec![&plain, &copied, &from_ada]),
        ("q=ada@example.org&from=ada@example.org", vec![&from_ada]),
        ("q=ada@example.org&to=bob@example.org", vec![&copied, &from_ada]),
        ("from=shop@example.com", vec![&plain, &copied, &blind]),
        ("from=shop@example.com&to=bob@example.org", vec![&copied, &blind]),
        (with_other.as_str(), vec![&copied]),
        (with_key_to_bob.as_str(), vec![&blind, &from_ada]),
        (by_id.as_str(), vec![&plain]),
        (by_id_and_more.as_str(), vec![]),
        ("status=captured,bounced", all.to_vec()),
        ("status=sent,queued", vec![]),
        ("q=", all.to_vec()),
    ] {
        assert_finds(&app, &key, query, &expected).await;
    }
    let stranger = app.key_of(app.another_project().await).await;
    for query in ["q=ada@example.org", by_id.as_str(), with_other.as_str(), "status=captured"] {
        assert_finds(&app, &stranger, query, &[]).await;
    }
    for (query, field) in [
        ("q=Your%20receipt", "q"),
        ("keyId=1", "keyId"),
        ("after=yesterday", "after"),
        ("before=2026-11-21", "before"),
        ("status=captured,lost", "status"),
        ("status=", "status"),
    ] {
        let reply = app.get(&format!("/v1/mails?{query}"), &key).await;
        reply.assert_refused(400, "VALIDATION_FAILED");
        assert_eq!(reply.fields(), [field], "{query}");
    }
    app.stop().await;
}

#[tokio::test]
async fn mails_are_found_by_the_state_that_they_are_in_now() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let mut ids = Vec::new();
    for (to, status) in [
        ("ada@example.org", "captured"),
        ("bounced@example.org", "bounced"),
        ("suppressed@example.org", "suppressed"),
        ("complained@example.org", "captured"),
        ("delayed@example.org", "deferred"),
        ("ambiguous@example.org", "held"),
    ] {
        let mail = letter_with(json!({"to": to, "test": true, "onAmbiguous": "hold"}));
        let id = app.accepted(&key, mail).await;
        app.mail_in(&key, &id, status).await;
        ids.push(id);
    }
    let both = json!({"to": "bounced@example.org", "cc": ["ada@example.org"], "test": true});
    let both = app.accepted(&key, letter_with(both)).await;
    app.mail_in(&key, &both, "partially_sent").await;

    let [captured, bounced, suppressed, complained, deferred, held] = &ids[..] else { panic!() };
    for (query, expected) in [
        ("status=captured", vec![captured, complained]),
        ("status=bounced", vec![bounced]),
        ("status=suppressed", vec![suppressed]),
        ("status=deferred", vec![deferred]),
        ("status=queued", vec![]),
        ("status=held", vec![held]),
        ("status=partially_sent", vec![&both]),
        ("status=held,deferred,bounced", vec![held, deferred, bounced]),
        ("status=sent,held", vec![held]),
        ("status=held&test=false", vec![]),
        ("status=failed,cancelled", vec![]),
        ("status=complained", vec![complained]),
        ("status=complained&test=true&to=complained@example.org", vec![complained]),
        ("status=complained&test=false", vec![]),
        ("status=complained&to=ada@example.org", vec![]),
        (&format!("status=complained&q={complained}"), vec![complained]),
        (&format!("status=complained&q={bounced}"), vec![]),
    ] {
        assert_finds(&app, &key, query, &expected).await;
    }
    let rows = app.get("/v1/mails", &key).await.body["data"]["mails"].clone();
    for row in rows.as_array().unwrap() {
        assert_eq!(row["complained"], json!(row["id"] == **complained), "{row}");
    }
    let reply = app.get("/v1/mails?status=complained,bounced", &key).await;
    reply.assert_refused(400, "VALIDATION_FAILED");
    let stranger = app.key_of(app.another_project().await).await;
    assert_finds(&app, &stranger, "status=complained", &[]).await;
    app.post(&format!("/v1/mails/{held}/cancel"), &key, json!({})).await;
    app.post(&format!("/v1/mails/{deferred}/cancel"), &key, json!({})).await;
    assert_finds(&app, &key, "status=held,deferred", &[]).await;
    assert_finds(&app, &key, "status=cancelled", &[held, deferred]).await;
    app.stop().await;
}

#[tokio::test]
async fn mails_are_found_by_the_time_at_which_they_were_accepted() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let mut mails = Vec::new();
    for _ in 0..3 {
        let id = app.accepted(&key, letter()).await;
        let at = app.mail(&key, &id).await["createdAt"].as_str().unwrap().to_owned();
        mails.push((id, at));
    }
    let [(first, _), (second, at), (third, _)] = &mails[..] else { panic!() };
    // Times are told in milliseconds and kept in microseconds.
    let (ids, _) = found(&app, &key, &format!("after={at}")).await;
    assert!(ids.contains(second) && ids.contains(third), "{ids:?} {at}");
    let (ids, _) = found(&app, &key, &format!("before={at}")).await;
    assert!(!ids.contains(second) && !ids.contains(third), "{ids:?} {at}");
    let (ids, _) =
        found(&app, &key, "after=2020-01-01T00:00:00%2B02:00&before=2100-01-01T00:00:00Z").await;
    assert_eq!(ids, [third, second, first].map(ToOwned::to_owned));
    assert_finds(&app, &key, "after=2100-01-01T00:00:00Z", &[]).await;
    assert_finds(&app, &key, "before=2020-01-01T00:00:00Z", &[]).await;
    app.stop().await;
}

#[tokio::test]
async fn a_few_among_very_many_are_all_found_although_pages_are_short() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let sent_long_ago = app.accepted(&key, letter()).await;
    app.mail_in(&key, &sent_long_ago, "captured").await;
    app.sql("UPDATE mails SET status = 'sent'").await;
    app.sql(&format!(
        "INSERT INTO mails (id, project_id, key_id, test, on_ambiguous, status, pending, from_address, to_address, subject,
                            missing_variables)
         SELECT ('0fffffff-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, '{}', '{}', false, 'retry', 'captured', 0,
                'from', 'to', 'subject', '{{}}'
         FROM generate_series(1, 25000) AS n",
        app.project, key.id
    ))
    .await;
    let (ids, pages) = found(&app, &key, "status=sent").await;
    assert_eq!((ids, pages), (vec![sent_long_ago], 3));
    app.stop().await;
}

#[tokio::test]
async fn the_status_of_a_mail_is_told_without_its_content() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let people = json!({
        "to": {"email": "ada@example.org", "name": "Ada"}, "from": {"email": "shop@example.com", "name": "Shop"},
    });
    let id = app.accepted(&key, letter_with(people)).await;
    app.sql("DELETE FROM mail_bodies").await;
    let reply = app.get(&format!("/v1/mails/{id}/status"), &key).await;
    assert_eq!(reply.status, 200);
    let names = ["recipient", "sender"].map(|who| &reply.body["data"][who]["name"]);
    assert_eq!(names, [&Value::from("Ada"), &Value::from("Shop")]);
    // The worker may have looked for the content in vain.
    app.sql("DELETE FROM deliveries").await;
    app.stop().await;
}
