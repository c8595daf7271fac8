//! Making templates, and looking at them.

use reqwest::Method;
use serde_json::{Value, json};

use super::{made, path, shown, welcome, welcome_with};
use crate::app::{TestApp, TestKey};

#[tokio::test]
async fn a_template_is_answered_in_the_upstream_shape() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let reply = app.post("/v1/templates", &key, welcome()).await;
    insta::assert_json_snapshot!(
        reply.body,
        { ".data.templateId" => "[id]", ".data.projectId" => "[project]", ".data.createdAt" => "[time]", ".data.updatedAt" => "[time]" },
        @r#"
    {
      "data": {
        "builderType": "code",
        "createdAt": "[time]",
        "description": "Welcome email for new users",
        "dynamicVariables": {},
        "emailTemplate": "<h1>Welcome, {{firstName}}!</h1><p>Thanks for joining {{companyName}}.</p>",
        "latestVersion": 1,
        "plainTextTemplate": "Welcome, {{firstName}}!\n\nThanks for joining {{companyName}}.",
        "previewText": "We are glad to have you on board",
        "projectId": "[project]",
        "publishedVersion": 1,
        "senderId": null,
        "subject": "Welcome to {{companyName}}, {{firstName}}!",
        "templateId": "[id]",
        "templateName": "Welcome Email",
        "templateType": "transactional",
        "updatedAt": "[time]",
        "variables": [
          "companyName",
          "firstName"
        ],
        "version": 1
      },
      "success": true
    }
    "#
    );
    let id = reply.body["data"]["templateId"].as_str().unwrap();
    assert!(id.starts_with("A-") && id.len() == 22, "{id}");
    assert_eq!(shown(&app, &key, id).await, reply.body["data"]);
    app.stop().await;
}

#[tokio::test]
async fn what_may_be_left_out_has_a_sensible_value() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let id = made(&app, &key, json!({"templateName": " Bare ", "subject": "Hi"})).await;
    let bare = shown(&app, &key, &id).await;
    for (field, expected) in [
        ("templateName", json!("Bare")),
        ("description", json!("")),
        ("previewText", json!("")),
        ("emailTemplate", json!("")),
        ("plainTextTemplate", Value::Null),
        ("templateType", json!("transactional")),
        ("builderType", json!("code")),
        ("dynamicVariables", json!({})),
        ("senderId", Value::Null),
        ("variables", json!([])),
    ] {
        assert_eq!(bare[field], expected, "{field}");
    }
    app.stop().await;
}

#[tokio::test]
async fn every_bad_field_is_told_at_once_with_the_place_of_a_mistake() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let bad = json!({
        "templateName": "x".repeat(91), "subject": "{{#if a}}", "description": "x".repeat(141), "previewText": "a\nb",
        "emailTemplate": "<p>\n  {{> partial}}", "plainTextTemplate": "{{a b}}", "templateType": "other",
        "builderType": "other", "senderId": "x", "dynamicVariables": {"a": "x".repeat(20_000)},
    });
    let reply = app.post("/v1/templates", &key, bad).await;
    reply.assert_refused(400, "VALIDATION_FAILED");
    let mut fields = reply.fields();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "builderType",
            "description",
            "dynamicVariables",
            "emailTemplate",
            "plainTextTemplate",
            "previewText",
            "senderId",
            "subject",
            "templateName",
            "templateType",
        ]
    );
    let details = reply.body["error"]["details"].as_array().unwrap();
    let told = details.iter().find(|detail| detail["field"] == "emailTemplate").unwrap();
    let message = told["message"].as_str().unwrap();
    assert!(message.contains("line 2, column 3"), "{message}");

    let reply = app.post("/v1/templates", &key, json!({})).await;
    assert_eq!(reply.fields(), ["templateName", "subject"]);
    let large = welcome_with(json!({"emailTemplate": "x".repeat((1 << 20) + 1)}));
    assert_eq!(app.post("/v1/templates", &key, large).await.fields(), ["emailTemplate"]);
    assert_eq!(app.number("SELECT count(*) FROM templates").await, 0);
    app.stop().await;
}

async fn found(app: &TestApp, key: &TestKey, query: &str) -> Vec<String> {
    let reply = app.get(&path(query), key).await;
    assert_eq!(reply.status, 200, "{query}: {}", reply.body);
    let templates = reply.body["data"]["templates"].as_array().unwrap();
    templates.iter().map(|one| one["templateName"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn templates_are_listed_and_searched() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let mut ids = Vec::new();
    for (name, subject, kind) in [
        ("Welcome", "Hello {{name}}", "transactional"),
        ("Reset 100%", "Your password", "transactional"),
        ("News", "Welcome to May", "marketing"),
    ] {
        let template = json!({"templateName": name, "subject": subject, "templateType": kind});
        ids.push(made(&app, &key, template).await);
    }
    let stranger = app.key_of(app.another_project().await).await;
    made(&app, &stranger, welcome()).await;

    let list = app.get("/v1/templates", &key).await.body;
    let first = &list["data"]["templates"][0];
    assert_eq!(
        (&first["templateName"], &first["subject"]),
        (&json!("News"), &json!("Welcome to May"))
    );
    assert!(first.get("emailTemplate").is_none() && list["data"].get("pagination").is_none());
    for (query, expected) in [
        ("?templateType=transactional", vec!["Reset 100%", "Welcome"]),
        ("?limit=1", vec!["News"]),
        ("?limit=1&page=2", vec!["Reset 100%"]),
        ("search", vec!["News", "Reset 100%", "Welcome"]),
        ("search?query=WELCOME", vec!["News", "Welcome"]),
        ("search?query=welcome&templateType=marketing", vec!["News"]),
        ("search?query=100%25", vec!["Reset 100%"]),
        ("search?query=_", vec![]),
        ("search?templateName=Welcome", vec!["Welcome"]),
        ("search?templateName=welc", vec![]),
        ("search?subject=password", vec!["Reset 100%"]),
        ("search?sortBy=templateName", vec!["News", "Reset 100%", "Welcome"]),
        ("search?sortBy=subject", vec!["Welcome", "News", "Reset 100%"]),
        ("search?limit=2&page=2", vec!["Welcome"]),
        ("search?limit=2&page=9", vec![]),
        ("search?templateId=nothing", vec![]),
    ] {
        assert_eq!(found(&app, &key, query).await, expected, "{query}");
    }
    for query in [format!("search?query={}", ids[1]), format!("search?templateId={}", ids[1])] {
        assert_eq!(found(&app, &key, &query).await, ["Reset 100%"], "{query}");
    }
    let page = app.get(&path("search?limit=2&page=9"), &key).await.body;
    let expected = json!({"page": 9, "limit": 2, "total": 3, "pages": 2});
    assert_eq!(page["data"]["pagination"], expected);
    super::changed(&app, &key, &ids[0], json!({"description": "Changed"})).await;
    assert_eq!(found(&app, &key, "search?sortBy=updatedAt&limit=1").await, ["Welcome"]);
    for (query, field) in [
        ("search?limit=101", "limit"),
        ("search?page=0", "page"),
        ("search?sortBy=secret", "sortBy"),
        ("search?templateType=x", "templateType"),
        ("search?query=%00", "query"),
        ("?limit=0", "limit"),
    ] {
        assert_eq!(app.get(&path(query), &key).await.fields(), [field], "{query}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_preview_takes_the_names_that_templates_have_and_needs_no_body() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let parts = json!({
        "subject": "Hi {{name}}", "emailTemplate": "<p>{{name}}</p>", "plainTextTemplate": "Dear {{name}}",
        "dynamicData": {"name": "Ada"},
    });
    let shown = app.post(&path("preview"), &key, parts).await.body["data"].clone();
    assert_eq!(shown["html"], "<p>Ada</p>");
    assert_eq!(shown["text"], "Dear Ada");

    let id = made(&app, &key, welcome()).await;
    let place = path(&format!("{id}/preview"));
    let empty = app.ask(app.request(Method::POST, &place).bearer_auth(key.text())).await;
    assert_eq!(empty.status, 200, "{}", empty.body);
    assert_eq!(empty.body["data"]["missingVariables"], json!(["companyName", "firstName"]));
    app.stop().await;
}

#[tokio::test]
async fn a_project_has_a_thousand_templates_at_most() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    app.sql(&format!(
        "INSERT INTO templates (id, project_id, name, description, type, builder, latest_version)
         SELECT gen_random_uuid(), '{}', n::text, '', 'marketing', 'code', 1 FROM generate_series(1, 999) AS n",
        app.project
    ))
    .await;
    made(&app, &key, welcome()).await;
    let reply = app.post("/v1/templates", &key, welcome()).await;
    reply.assert_refused(400, "TEMPLATE_LIMIT_REACHED");
    app.stop().await;
}

#[tokio::test]
async fn a_preview_shows_what_would_be_sent_and_stores_nothing() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let parts = json!({
        "subject": "Hi {{name}}", "html": "<body><p>{{name}} {{{raw}}} {{gone}} {{email}}</p></body>", "previewText": "<{{name}}>",
        "dynamicData": {"name": "A&B", "raw": "<b>x</b>"},
    });
    let reply = app.post("/v1/templates/preview", &key, parts).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let preview = &reply.body["data"];
    assert_eq!(
        (&preview["subject"], &preview["missingVariables"]),
        (&json!("Hi A&B"), &json!(["gone"]))
    );
    let html = preview["html"].as_str().unwrap();
    assert!(html.starts_with("<body><div style=\"display:none"), "{html}");
    assert!(
        html.ends_with(
            ">&lt;A&amp;B&gt;</div><p>A&amp;B <b>x</b>  recipient@example.com</p></body>"
        ),
        "{html}"
    );
    assert_eq!(preview["text"], "A&B x recipient@example.com");

    for (field, source) in
        [("subject", "{{#if}}"), ("html", "a\n{{/if}}"), ("text", "{{"), ("previewText", "{{>a}}")]
    {
        let reply = app.post("/v1/templates/preview", &key, json!({field: source})).await;
        reply.assert_refused(400, "VALIDATION_FAILED");
        assert_eq!(reply.fields(), [field]);
        assert!(reply.body["errors"][0]["message"].as_str().unwrap().contains("line "));
    }
    let empty = app.post("/v1/templates/preview", &key, json!({})).await;
    assert_eq!(
        empty.body["data"],
        json!({"subject": "", "html": null, "text": null, "missingVariables": []})
    );

    let id = made(&app, &key, welcome()).await;
    super::changed(&app, &key, &id, json!({"subject": "Draft", "publish": false})).await;
    for (body, subject) in [
        (json!({"dynamicData": {"firstName": "Ada"}}), "Draft"),
        (json!({"version": 1, "dynamicData": {"firstName": "Ada"}}), "Welcome to , Ada!"),
    ] {
        let reply = app.post(&path(&format!("{id}/preview")), &key, body).await;
        assert_eq!(reply.body["data"]["subject"], subject, "{}", reply.body);
        assert_eq!(reply.body["data"]["missingVariables"], json!(["companyName"]));
    }
    let missing = app.post(&path(&format!("{id}/preview")), &key, json!({"version": 9})).await;
    missing.assert_refused(404, "TEMPLATE_NOT_FOUND");
    assert_eq!(app.mails_stored().await, 0);
    app.stop().await;
}
