//! The examples of the upstream API's reference work as they stand there, but for ids.

use serde_json::{Value, json};

use super::data;
use crate::app::TestApp;

/// The names of the members, at every depth.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), shape(value))).collect()
        }
        Value::Array(items) => items.iter().take(1).map(shape).collect(),
        _ => Value::Null,
    }
}

/// Whether an answer has every member that the example has.
#[track_caller]
fn assert_has(answer: &Value, example: &Value, at: &str) {
    match (answer, example) {
        (Value::Object(answer), Value::Object(example)) => {
            for (name, value) in example {
                let found = answer
                    .get(name)
                    .unwrap_or_else(|| panic!("{at}: there is no {name}: {answer:?}"));
                assert_has(found, value, &format!("{at}.{name}"));
            }
        }
        (Value::Array(answer), Value::Array(example)) => {
            for value in example {
                let first = answer.first().unwrap_or_else(|| panic!("{at} is empty"));
                assert_has(first, value, at);
            }
        }
        (answer, _) => assert!(!answer.is_object() && !answer.is_array(), "{at}: {answer}"),
    }
}

#[tokio::test]
async fn every_example_is_answered_in_the_shape_that_stands_beside_it() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let list = json!({
        "name": "Newsletter Subscribers", "description": "Users who signed up for the weekly newsletter", "type": "list",
    });
    let list = data(&app.post("/v1/contact-lists", &key, list).await);
    let id = &list["id"];
    let john = json!({
        "email": "john.doe@example.com", "firstName": "John", "lastName": "Doe", "userId": "user_12345",
        "mobile": "+14155552671", "listIds": [id],
        "customFields": {"company": "Acme Corp", "role": "Developer", "plan": "premium"},
    });
    let contact = json!({
        "id": "", "email": "", "firstName": "", "lastName": "", "userId": "",
        "customFields": {"company": "", "role": "", "plan": ""},
        "listIds": [""], "updatedAt": "", "createdAt": "", "projectId": "",
    });
    let emails = json!({"emails": ["john.doe@example.com", "jane.smith@example.com"]});
    let added = json!({
        "added": 0, "created": 0, "alreadyInList": 0, "errors": [],
        "validation": {"valid": [{"email": "", "status": ""}], "invalid": [], "suppressed": []},
        "totalContactsInList": 0,
        "contacts": [{"id": "", "email": "", "updatedAt": "", "createdAt": "", "projectId": "", "listIds": [""], "segmentIds": []}],
    });
    let property = json!({"id": "", "name": "", "type": "", "fieldName": "", "fieldType": "", "createdAt": "", "updatedAt": ""});
    let jane = json!({"emails": ["jane@example.com", "john@example.com", "alice@example.com"], "contactListId": id});
    for (path, request, expected) in [
        ("/v1/contacts", john.clone(), contact.clone()),
        ("/v1/contacts/email", john.clone(), contact.clone()),
        (
            "/v1/contacts/bulk-update",
            json!({"contacts": [john], "runWorkflow": false}),
            json!({"successCount": 0, "failedCount": 0, "totalCount": 0}),
        ),
        ("/v1/contacts/search/emails", emails.clone(), json!({"contacts": [contact]})),
        ("/v1/contact-lists/contacts/bulk-add", jane, added),
        (
            "/v1/contact-lists/contacts/search",
            json!({"contactListId": id, "page": 1, "limit": 20, "email": "jane"}),
            json!({"contacts": [{"id": "", "email": "", "createdAt": ""}], "pagination": {"page": 1, "limit": 20, "total": 1, "pages": 1}}),
        ),
        ("/v1/contact-properties", json!({"name": "company", "type": "string"}), property),
        (
            "/v1/custom-fields",
            json!({"fieldName": "role", "fieldType": "string"}),
            json!({"id": "", "fieldName": "", "fieldType": "", "projectId": "", "createdAt": "", "updatedAt": ""}),
        ),
        ("/v1/contacts/remove", emails, json!({})),
    ] {
        let answer = data(&app.post(path, &key, request).await);
        assert_has(&answer, &shape(&expected), path);
    }
    app.stop().await;
}

#[tokio::test]
async fn what_the_upstream_has_and_we_do_not_is_not_found() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    for path in ["/v1/campaigns", "/v1/automations", "/v1/events", "/v1/inbound/messages"] {
        app.get(path, &key).await.assert_refused(404, "NOT_FOUND");
    }
    app.stop().await;
}
