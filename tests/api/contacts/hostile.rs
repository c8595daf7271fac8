//! Contacts that nobody should send.

use serde_json::{Value, json};

use super::data;
use crate::app::TestApp;

#[tokio::test]
async fn what_is_no_contact_is_refused_and_every_field_is_named() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    for (contact, field) in [
        (json!({}), "email"),
        (json!({"email": "a@b"}), "email"),
        (json!({"email": "a@example.org\r\nBcc: b@example.org"}), "email"),
        (json!({"email": "a@example.org", "firstName": "a\nb"}), "firstName"),
        (json!({"email": "a@example.org", "lastName": "x".repeat(201)}), "lastName"),
        (json!({"email": "a@example.org", "userId": "x".repeat(256)}), "userId"),
        (json!({"email": "a@example.org", "userId": "\0"}), "userId"),
        (json!({"email": "a@example.org", "mobile": "call me"}), "mobile"),
        (json!({"email": "a@example.org", "listIds": ["x"]}), "listIds[0]"),
        (json!({"email": "a@example.org", "listIds": vec!["x"; 501]}), "listIds"),
        (
            json!({"email": "a@example.org", "customFields": {"__proto__": {"x": 1}}}),
            "customFields.__proto__",
        ),
        (json!({"email": "a@example.org", "customFields": {"a": {"b": 1}}}), "customFields.a"),
        (json!({"email": "a@example.org", "customFields": {"a": [1]}}), "customFields.a"),
        (json!({"email": "a@example.org", "customFields": {"a": "\0"}}), "customFields.a"),
        (json!({"email": "a@example.org", "customFields": [1]}), "customFields"),
        (json!({"email": "a@example.org", "customFields": "x"}), "customFields"),
        (json!({"email": 1}), "email"),
    ] {
        let refused = app.post("/v1/contacts/email", &key, contact.clone()).await;
        refused.assert_refused(400, "VALIDATION_FAILED");
        assert_eq!(refused.fields()[0], field, "{contact}");
    }
    for emails in [
        json!([]),
        json!({"emails": []}),
        json!({}),
        json!(vec!["a@example.org"; 501]),
        json!(["x"]),
    ] {
        for path in ["/v1/contacts/remove", "/v1/contacts/search/emails"] {
            app.post(path, &key, emails.clone()).await.assert_refused(400, "VALIDATION_FAILED");
        }
    }
    for text in ["[[1]]", "\"a@example.org\"", "7", "null", "[", "{\"emails\":{}}"] {
        let request =
            app.request(reqwest::Method::POST, "/v1/contacts/remove").bearer_auth(key.text());
        let sent = request.header("content-type", "application/json").body(text);
        app.ask(sent).await.assert_refused(400, "VALIDATION_FAILED");
    }
    assert_eq!(app.number("SELECT count(*) FROM contacts").await, 0);
    app.stop().await;
}

#[tokio::test]
async fn a_contact_never_has_more_fields_than_it_may() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let fields = |from: usize, to: usize| -> Value {
        (from..to).map(|n| (format!("x{n}"), json!(n))).collect::<serde_json::Map<_, _>>().into()
    };
    let contact = |fields: Value| json!({"email": "a@example.org", "customFields": fields});
    data(&app.post("/v1/contacts", &key, contact(fields(0, 100))).await);
    let refused = app.post("/v1/contacts", &key, contact(fields(100, 101))).await;
    assert_eq!(refused.fields(), ["customFields"]);
    let refused = app.post("/v1/contacts", &key, contact(fields(0, 101))).await;
    assert_eq!(refused.fields(), ["customFields"]);
    app.stop().await;
}

#[tokio::test]
async fn requests_about_the_same_contacts_at_once_make_each_of_them_once() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let bulk = |field: usize| {
        let mut contacts: Vec<_> = (0..20)
            .map(|n| json!({"email": format!("a{n}@example.org"), "customFields": {format!("x{field}"): field}}))
            .collect();
        contacts.rotate_left(field * 3);
        app.post("/v1/contacts/bulk-update", &key, json!({ "contacts": contacts }))
    };
    let replies = tokio::join!(bulk(0), bulk(1), bulk(2), bulk(3), bulk(4), bulk(5));
    let (zeroth, first, second, third, fourth, fifth) = &replies;
    for reply in [zeroth, first, second, third, fourth, fifth] {
        assert_eq!(data(reply)["successCount"], 20);
    }
    let complete = "SELECT count(*) FROM contacts WHERE custom_fields = '{\"x0\":0,\"x1\":1,\"x2\":2,\"x3\":3,\"x4\":4,\"x5\":5}'";
    assert_eq!(app.number(complete).await, 20);
    app.stop().await;
}
