//! Versions: what is published is sent, what is a draft is not, and nothing that was said is lost.

use serde_json::{Value, json};

use super::{changed, made, path, put, shown, welcome, welcome_with};
use crate::app::{TestApp, TestKey};

/// The numbers of the versions, the published one negative.
async fn versions(app: &TestApp, key: &TestKey, id: &str) -> Vec<i64> {
    let listed = shown(app, key, &format!("{id}/versions")).await;
    let number = |version: &Value| {
        let sign = if version["published"] == true { -1 } else { 1 };
        sign * version["version"].as_i64().unwrap()
    };
    listed["versions"].as_array().unwrap().iter().map(number).collect()
}

#[tokio::test]
async fn a_change_is_a_new_version_and_sent_at_once() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let id = made(&app, &key, welcome()).await;
    let change = json!({"templateName": "Updated", "subject": "Welcome aboard!", "previewText": "Your journey starts here"});
    let template = changed(&app, &key, &id, change).await;
    for (field, expected) in [
        ("templateName", json!("Updated")),
        ("description", welcome()["description"].clone()),
        ("subject", json!("Welcome aboard!")),
        ("emailTemplate", welcome()["emailTemplate"].clone()),
        ("version", json!(2)),
        ("publishedVersion", json!(2)),
    ] {
        assert_eq!(template[field], expected, "{field}");
    }
    assert!(template["updatedAt"].as_str() > template["createdAt"].as_str());

    // What is no other content makes no version.
    let same = json!({"description": "Other words", "subject": "Welcome aboard!", "templateType": "marketing"});
    let template = changed(&app, &key, &id, same).await;
    assert_eq!((&template["version"], &template["templateType"]), (&json!(2), &json!("marketing")));
    let place = path(&format!("{id}/preview-text"));
    let reply = app.patch(&place, &key, json!({"previewText": ""})).await;
    assert_eq!(reply.body["data"]["previewText"], "");
    assert_eq!(versions(&app, &key, &id).await, [-3, 2, 1]);
    let old = shown(&app, &key, &format!("{id}?version=1")).await;
    assert_eq!((&old["subject"], &old["version"]), (&welcome()["subject"], &json!(1)));
    app.get(&path(&format!("{id}?version=4")), &key)
        .await
        .assert_refused(404, "TEMPLATE_NOT_FOUND");
    app.stop().await;
}

#[tokio::test]
async fn a_draft_waits_and_is_never_published_by_somebody_elses_change() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let id = made(&app, &key, welcome()).await;
    let draft =
        changed(&app, &key, &id, json!({"emailTemplate": "<p>Half</p>", "publish": false})).await;
    assert_eq!((&draft["version"], &draft["publishedVersion"]), (&json!(2), &json!(1)));
    // Drafts build on drafts …
    let draft = changed(&app, &key, &id, json!({"subject": "Better", "publish": false})).await;
    assert_eq!((&draft["emailTemplate"], &draft["version"]), (&json!("<p>Half</p>"), &json!(3)));
    // … and what is sent builds on what is sent.
    let sent = changed(&app, &key, &id, json!({"subject": "Urgent"})).await;
    assert_eq!(sent["emailTemplate"], welcome()["emailTemplate"]);
    assert_eq!(versions(&app, &key, &id).await, [-4, 3, 2, 1]);

    let publish = path(&format!("{id}/publish"));
    let published = app.post(&publish, &key, json!({"version": 3})).await.body["data"].clone();
    assert_eq!(
        (&published["subject"], &published["publishedVersion"]),
        (&json!("Better"), &json!(3))
    );
    let request = app.request(reqwest::Method::POST, &publish).bearer_auth(key.text());
    assert_eq!(app.ask(request).await.body["data"]["publishedVersion"], 4);
    app.post(&publish, &key, json!({"version": 9})).await.assert_refused(404, "NOT_FOUND");
    app.post(&publish, &key, json!({"version": -1})).await.assert_refused(404, "NOT_FOUND");
    app.stop().await;
}

#[tokio::test]
async fn an_old_version_comes_back_as_a_draft() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let id = made(&app, &key, welcome()).await;
    changed(&app, &key, &id, json!({"emailTemplate": "<p>New</p>"})).await;
    let revert = path(&format!("{id}/revert"));
    let draft = app.post(&revert, &key, json!({"version": 1})).await.body["data"].clone();
    assert_eq!(draft["emailTemplate"], welcome()["emailTemplate"]);
    assert_eq!((&draft["version"], &draft["publishedVersion"]), (&json!(3), &json!(2)));
    let listed = shown(&app, &key, &format!("{id}/versions")).await;
    assert_eq!(listed["versions"][0]["basedOn"], 1);
    assert!(listed["versions"][0]["createdBy"].as_str().unwrap().starts_with("Test ("));
    assert_eq!(app.post(&revert, &key, json!({})).await.fields(), ["version"]);
    app.post(&revert, &key, json!({"version": 7})).await.assert_refused(404, "NOT_FOUND");
    app.stop().await;
}

#[tokio::test]
async fn fifty_versions_are_kept_and_the_published_one() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let id = made(&app, &key, welcome()).await;
    for turn in 0..52 {
        let change = json!({"subject": format!("Draft {turn}"), "publish": false});
        changed(&app, &key, &id, change).await;
    }
    let kept = versions(&app, &key, &id).await;
    assert_eq!((kept.len(), kept[0], kept[49], kept[50]), (51, 53, 4, -1));
    changed(&app, &key, &id, json!({"subject": "Published"})).await;
    let kept = versions(&app, &key, &id).await;
    assert_eq!((kept.len(), kept[0], kept[49]), (50, -54, 5));
    app.stop().await;
}

#[tokio::test]
async fn changes_at_the_same_time_make_a_version_each() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let id = made(&app, &key, welcome()).await;
    let change =
        async |turn: usize| changed(&app, &key, &id, json!({"subject": format!("S{turn}")})).await;
    let all = tokio::join!(change(0), change(1), change(2), change(3), change(4));
    let all = [all.0, all.1, all.2, all.3, all.4];
    let mut numbers: Vec<_> = all.iter().map(|one| one["version"].as_i64().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (2..7).collect::<Vec<_>>());
    assert_eq!(versions(&app, &key, &id).await[0], -6);
    app.stop().await;
}

#[tokio::test]
async fn a_bad_change_changes_nothing() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let id = made(&app, &key, welcome()).await;
    let before = shown(&app, &key, &id).await;
    for (field, value) in [
        ("templateName", json!("")),
        ("subject", json!(" ")),
        ("subject", json!("a\nb")),
        ("emailTemplate", json!("{{#each a}}")),
        ("emailTemplate", json!("\0")),
        ("emailTemplate", json!("x".repeat((1 << 20) + 1))),
        ("plainTextTemplate", json!("{{{a}}")),
        ("previewText", json!("x".repeat(141))),
        ("templateType", json!("x")),
        ("senderId", json!("x")),
        ("senderId", json!("01a1fc94-0000-7000-8000-000000000000")),
        ("dynamicVariables", json!({"a": "\0"})),
        ("publish", json!("yes")),
    ] {
        let reply = put(&app, &key, &id, json!({field: value, "description": "Changed"})).await;
        reply.assert_refused(400, "VALIDATION_FAILED");
        assert_eq!(reply.fields(), [field]);
    }
    assert_eq!(shown(&app, &key, &id).await, before);
    let reply = app.patch(&path(&format!("{id}/preview-text")), &key, json!({})).await;
    assert_eq!(reply.fields(), ["previewText"]);
    app.stop().await;
}

#[tokio::test]
async fn what_was_shown_may_be_sent_back() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let id = made(&app, &key, welcome()).await;
    let mut template = shown(&app, &key, &id).await;
    assert_eq!(
        template["plainTextTemplate"],
        "Welcome, {{firstName}}!\n\nThanks for joining {{companyName}}."
    );
    assert_eq!(changed(&app, &key, &id, template.clone()).await["version"], 1);

    // The text that came from the HTML goes on to come from it.
    template["emailTemplate"] = json!("<p>Other</p>");
    let template = changed(&app, &key, &id, template).await;
    assert_eq!(
        (&template["plainTextTemplate"], &template["version"]),
        (&json!("Other"), &json!(2))
    );
    // One of its own stays until it is taken away.
    changed(&app, &key, &id, json!({"plainTextTemplate": "Own"})).await;
    let template = changed(&app, &key, &id, json!({"emailTemplate": "<p>Third</p>"})).await;
    assert_eq!(template["plainTextTemplate"], "Own");
    let template = changed(&app, &key, &id, json!({"plainTextTemplate": null})).await;
    assert_eq!(template["plainTextTemplate"], "Third");
    app.stop().await;
}

#[tokio::test]
async fn a_sender_that_a_template_writes_from_stays() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let sender = async |key: &TestKey, email: &str| {
        let reply = app.post("/v1/senders", key, json!({"email": email})).await;
        reply.body["data"]["sender"]["id"].as_str().unwrap().to_owned()
    };
    let (used, free) =
        (sender(&key, "used@example.com").await, sender(&key, "free@example.com").await);
    let stranger = app.key_of(app.another_project().await).await;
    let foreign = sender(&stranger, "foreign@example.com").await;

    let reply = app.post("/v1/templates", &key, welcome_with(json!({"senderId": foreign}))).await;
    assert_eq!(reply.fields(), ["senderId"]);
    let id = made(&app, &key, welcome_with(json!({"senderId": used}))).await;
    let place = format!("/v1/senders/{used}");
    app.delete(&place, &key).await.assert_refused(400, "AUTHENTICATED_SENDER_IN_USE");
    assert_eq!(app.get(&place, &key).await.status, 200);

    let template = changed(&app, &key, &id, json!({"senderId": free})).await;
    assert_eq!((&template["senderId"], &template["version"]), (&json!(free), &json!(1)));
    assert_eq!(app.delete(&place, &key).await.status, 200);
    changed(&app, &key, &id, json!({"senderId": null})).await;
    assert_eq!(app.delete(&format!("/v1/senders/{free}"), &key).await.status, 200);
    app.stop().await;
}
