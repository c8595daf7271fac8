//! A template is a stranger's program, and is kept: it is held to its bounds when it is stored and when it is used.

use serde_json::json;

use super::{made, path, welcome, welcome_with};
use crate::app::TestApp;

#[tokio::test]
async fn what_cannot_be_read_is_not_stored() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    for source in [
        "{{#if a}}".repeat(65) + &"{{/if}}".repeat(65),
        "{{#each a}}".repeat(90_000),
        "{{a}}".repeat(10_001),
        "{{{a}}}".repeat(100_000),
        "{{{".repeat(300_000),
        "{{!--".repeat(200_000),
        format!("{{{{{}}}}}", "a.".repeat(400)),
        "{{lookup a b}}".into(),
        "{{> /etc/passwd}}".into(),
        "{{{{raw}}}}".into(),
    ] {
        let reply =
            app.post("/v1/templates", &key, welcome_with(json!({"emailTemplate": source}))).await;
        reply.assert_refused(400, "VALIDATION_FAILED");
        assert_eq!(reply.fields(), ["emailTemplate"]);
        let reply = app.post("/v1/templates/preview", &key, json!({"html": source})).await;
        assert_eq!(reply.fields(), ["html"]);
    }
    assert_eq!(app.number("SELECT count(*) FROM templates").await, 0);
    app.stop().await;
}

#[tokio::test]
async fn what_takes_too_much_work_with_its_data_makes_no_mail() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let nested = "{{#each a}}{{#each @root.a}}{{#each @root.a}}x{{/each}}{{/each}}{{/each}}";
    let loud = "{{#each a}}{{{@root.b}}}{{/each}}";
    let data = json!({"a": vec![0; 10_000], "b": "x".repeat(10_000)});
    for source in [nested, loud] {
        let id = made(&app, &key, welcome_with(json!({"emailTemplate": source}))).await;
        let letter = json!({
            "to": {"email": "ada@example.org"}, "from": {"email": "shop@example.com"}, "templateId": id, "dynamicData": data,
        });
        let reply = app.send(&key, letter).await;
        reply.assert_refused(400, "VALIDATION_FAILED");
        assert_eq!(reply.fields(), ["html"]);
        let preview =
            app.post(&path(&format!("{id}/preview")), &key, json!({"dynamicData": data})).await;
        assert_eq!(preview.fields(), ["html"]);
    }
    assert_eq!(app.mails_stored().await, 0);
    app.stop().await;
}

#[tokio::test]
async fn data_cannot_leave_the_preview_text_or_the_subject() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let id = made(&app, &key, welcome_with(json!({"previewText": "{{{firstName}}}"}))).await;
    let letter = |name: &str| {
        json!({
            "to": {"email": "ada@example.org"}, "from": {"email": "shop@example.com"}, "templateId": id,
            "dynamicData": {"firstName": name, "companyName": "C"},
        })
    };
    let mail = app.accepted(&key, letter("</div><script>alert(1)</script>")).await;
    let html = app.mail(&key, &mail).await["html"].as_str().unwrap().to_owned();
    assert!(!html.contains("<script>"), "{html}");
    let reply = app.send(&key, letter("a\r\nBcc: eve@evil.example")).await;
    assert_eq!(reply.fields(), ["subject"]);
    app.stop().await;
}

#[tokio::test]
async fn a_preview_takes_no_more_data_than_a_mail() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let id = made(&app, &key, welcome()).await;
    for data in [json!({"a": vec![0; 20_000]}), json!({"a": "x".repeat(1 << 20)})] {
        for place in ["preview".to_owned(), format!("{id}/preview")] {
            let reply = app.post(&path(&place), &key, json!({"dynamicData": data})).await;
            assert_eq!(reply.fields(), ["dynamicData"], "{place}");
        }
    }
    let large = json!({"html": "x".repeat(3 << 20), "text": "x".repeat(3 << 20)});
    assert_eq!(app.post(&path("preview"), &key, large).await.fields(), ["html"]);
    app.stop().await;
}
