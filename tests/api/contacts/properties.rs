//! Contact properties, and the same under their older name.

use serde_json::{Value, json};

use super::{data, delete};
use crate::app::TestApp;

#[tokio::test]
async fn a_property_is_made_shown_and_deleted_under_both_names() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let made = app
        .post("/v1/contact-properties", &key, json!({"name": "company", "type": "string"}))
        .await;
    assert_eq!(made.body["message"], "Contact property created successfully");
    let made = data(&made);
    assert_eq!((&made["name"], &made["fieldName"]), (&json!("company"), &json!("company")));
    assert_eq!((&made["type"], &made["fieldType"]), (&json!("string"), &json!("string")));
    let old = json!({"fieldName": "seats", "fieldType": "number", "defaultValue": "1"});
    let old = app.post("/v1/custom-fields", &key, old).await;
    assert_eq!(old.body["message"], "Custom field created successfully");
    let old = data(&old);
    assert_eq!((&old["fieldName"], &old["name"]), (&json!("seats"), &Value::Null));
    assert_eq!(old["projectId"], app.project.to_string());

    let twice = json!({"name": "seats", "type": "string"});
    let refused = app.post("/v1/contact-properties", &key, twice.clone()).await;
    refused.assert_refused(409, "CONTACT_PROPERTY_ALREADY_EXISTS");
    let refused = app.post("/v1/custom-fields", &key, twice).await;
    refused.assert_refused(409, "CUSTOM_FIELD_ALREADY_EXISTS");

    let own = data(&app.get("/v1/contact-properties?includeReservedFields=false", &key).await);
    let own: Vec<_> =
        own["contactProperties"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(own, ["company", "seats"]);
    let all = data(&app.get("/v1/custom-fields", &key).await);
    assert_eq!(all["customFields"].as_array().unwrap().len(), 7);
    assert_eq!(all["customFields"][0]["fieldName"], "email");

    let one = app.get("/v1/contact-properties/name/seats", &key).await;
    assert_eq!(one.body["message"], "Contact property retrieved successfully");
    assert_eq!(data(&one)["defaultValue"], "1");
    assert_eq!(
        data(&app.get("/v1/custom-fields/fieldName/seats", &key).await)["fieldType"],
        "number"
    );

    let gone = delete(&app, &key, "/v1/custom-fields/fieldName/seats").await;
    assert_eq!(gone.body, json!({"success": true, "message": "Custom field deleted successfully"}));
    delete(&app, &key, "/v1/custom-fields/fieldName/seats")
        .await
        .assert_refused(404, "CUSTOM_FIELD_NOT_FOUND");
    let path = "/v1/contact-properties/name/seats";
    app.get(path, &key).await.assert_refused(404, "CONTACT_PROPERTY_NOT_FOUND");
    delete(&app, &key, path).await.assert_refused(404, "CONTACT_PROPERTY_NOT_FOUND");
    let gone = delete(&app, &key, "/v1/contact-properties/name/company").await;
    assert_eq!(gone.body["message"], "Contact property deleted successfully");
    app.stop().await;
}

#[tokio::test]
async fn names_that_every_contact_has_and_names_that_are_none_are_refused() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    for name in
        ["email", "first_name", "unsubscribe", "zip", "__proto__", "constructor", "a.b", "", "ä"]
    {
        let refused =
            app.post("/v1/contact-properties", &key, json!({"name": name, "type": "string"})).await;
        refused.assert_refused(400, "VALIDATION_FAILED");
        assert_eq!(refused.fields(), ["name"], "{name}");
    }
    let refused = app
        .post("/v1/custom-fields", &key, json!({"fieldName": "email", "fieldType": "text"}))
        .await;
    assert_eq!(refused.fields(), ["fieldName", "fieldType"]);
    let path = "/v1/contact-properties/name/a%00b";
    app.get(path, &key).await.assert_refused(404, "CONTACT_PROPERTY_NOT_FOUND");
    app.stop().await;
}

#[tokio::test]
async fn a_value_of_another_type_than_its_property_is_refused() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    for kind in ["string", "number", "boolean", "date"] {
        let property = json!({"name": format!("a_{kind}"), "type": kind});
        data(&app.post("/v1/contact-properties", &key, property).await);
    }
    let good = json!({"a_string": "x", "a_number": 1.5, "a_boolean": false, "a_date": "2026-01-31", "else": 1});
    let contact = data(
        &app.post("/v1/contacts", &key, json!({"email": "a@example.org", "customFields": good}))
            .await,
    );
    assert_eq!(contact["customFields"], good);
    let bad = json!({"a_string": 1, "a_number": "1", "a_boolean": "yes", "a_date": "soon"});
    let refused = app
        .post("/v1/contacts", &key, json!({"email": "a@example.org", "customFields": bad}))
        .await;
    let fields = [
        "customFields.a_boolean",
        "customFields.a_date",
        "customFields.a_number",
        "customFields.a_string",
    ];
    assert_eq!(refused.fields(), fields);
    app.stop().await;
}
