//! Contacts, their lists and their properties.

mod examples;
mod hostile;
mod lists;
mod properties;

use posthaste::domain::permission::Permission;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Reply, Setup, TestApp, TestKey};
use crate::webhook_endpoint::WebhookEndpoint;

async fn delete(app: &TestApp, key: &TestKey, path: &str) -> Reply {
    app.ask(app.request(Method::DELETE, path).bearer_auth(key.text())).await
}

async fn patch(app: &TestApp, key: &TestKey, path: &str, body: Value) -> Reply {
    app.ask(app.request(Method::PATCH, path).bearer_auth(key.text()).json(&body)).await
}

/// The `data` of what must have been done.
#[track_caller]
fn data(reply: &Reply) -> Value {
    assert_eq!((reply.status, &reply.body["success"]), (200, &json!(true)), "{}", reply.body);
    reply.body["data"].clone()
}

#[tokio::test]
async fn a_contact_is_made_and_changed_by_its_address() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let made = json!({
        "email": " Ada@Example.ORG ", "firstName": "Ada", "userId": "u1", "mobile": "+14155552671",
        "customFields": {"plan": "free", "seats": 3, "beta": true},
    });
    let first = data(&app.post("/v1/contacts", &key, made).await);
    assert_eq!(first["email"], "ada@example.org");
    assert_eq!(first["projectId"], app.project.to_string());
    assert_eq!(first["customFields"], json!({"beta": true, "plan": "free", "seats": 3}));

    let change = json!({
        "email": "ADA@example.org", "firstName": null, "lastName": "Lovelace", "mobile": "",
        "customFields": {"plan": "premium", "beta": "", "seats": null},
    });
    let second = data(&app.post("/v1/contacts/email", &key, change).await);
    assert_eq!(second["id"], first["id"]);
    assert_eq!((&second["firstName"], &second["lastName"]), (&json!("Ada"), &json!("Lovelace")));
    assert_eq!((&second["userId"], &second["mobile"]), (&json!("u1"), &Value::Null));
    assert_eq!(second["customFields"], json!({"plan": "premium", "seats": 3}));
    assert_eq!(second["createdAt"], first["createdAt"]);
    assert_ne!(second["updatedAt"], first["updatedAt"]);

    let path = format!("/v1/contacts/{}", first["id"].as_str().unwrap());
    assert_eq!(data(&app.get(&path, &key).await), second);
    let path_of_groups = format!("{path}/unsubscribe-groups");
    assert_eq!(data(&app.get(&path_of_groups, &key).await), json!({"groups": []}));
    let group = data(&app.post("/v1/suppression-groups", &key, json!({"name": "Our blog"})).await);
    let group = group["groupId"].as_str().unwrap();
    for group in [group, "GLOBAL"] {
        let unwanted = json!({"groupId": group, "emails": ["ada@example.org"]});
        data(&app.post("/v1/suppression-groups/emails/suppress", &key, unwanted).await);
    }
    let groups = data(&app.get(&path_of_groups, &key).await);
    assert_eq!(groups, json!({"groups": [{"groupId": group, "name": "Our blog"}]}));

    let fields = json!({"customFields": {"seats": 5}});
    let patched =
        data(&patch(&app, &key, "/v1/contacts/email/Ada@example.org/custom-fields", fields).await);
    assert_eq!(patched["customFields"], json!({"plan": "premium", "seats": 5}));
    let nobody = "/v1/contacts/email/bob@example.org/custom-fields";
    let fields = json!({"customFields": {"seats": 5}});
    patch(&app, &key, nobody, fields).await.assert_refused(404, "CONTACT_NOT_FOUND");
    app.stop().await;
}

#[tokio::test]
async fn contacts_are_found_and_removed_by_addresses_in_both_shapes() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    for name in ["ada", "bob", "cyd"] {
        let contact = json!({"email": format!("{name}@example.org"), "userId": name});
        data(&app.post("/v1/contacts", &key, contact).await);
    }
    let emails = json!(["ADA@example.org", "bob@example.org", "nobody@example.org"]);
    for body in [emails.clone(), json!({ "emails": emails })] {
        let found = data(&app.post("/v1/contacts/search/emails", &key, body).await);
        let found: Vec<_> =
            found["contacts"].as_array().unwrap().iter().map(|one| &one["email"]).collect();
        assert_eq!(found, ["ada@example.org", "bob@example.org"]);
    }
    let gone =
        app.post("/v1/contacts/remove", &key, json!(["ada@example.org", "x@example.org"])).await;
    assert_eq!(data(&gone)["removed"], 1);
    let gone = app.post("/v1/contacts/remove", &key, json!({"emails": ["ada@example.org"]})).await;
    assert_eq!(data(&gone)["removed"], 0);

    let gone = delete(&app, &key, "/v1/contacts/email/userId/bob").await;
    assert_eq!(gone.body, json!({"success": true, "message": "Contact deleted successfully"}));
    delete(&app, &key, "/v1/contacts/email/userId/bob")
        .await
        .assert_refused(404, "CONTACT_NOT_FOUND");
    let cyd = data(&app.post("/v1/contacts/search/emails", &key, json!(["cyd@example.org"])).await);
    let path = format!("/v1/contacts/{}", cyd["contacts"][0]["id"].as_str().unwrap());
    assert_eq!(delete(&app, &key, &path).await.status, 200);
    delete(&app, &key, &path).await.assert_refused(404, "CONTACT_NOT_FOUND");
    app.get(&path, &key).await.assert_refused(404, "CONTACT_NOT_FOUND");
    assert_eq!(app.number("SELECT count(*) FROM contacts").await, 0);
    app.stop().await;
}

#[tokio::test]
async fn a_bulk_update_refuses_each_contact_by_itself() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    data(
        &app.post("/v1/contact-properties", &key, json!({"name": "seats", "type": "number"})).await,
    );
    let contacts = json!({"contacts": [
        {"email": "ada@example.org", "firstName": "Ada"},
        {"email": "no address"},
        {"email": "bob@example.org", "customFields": {"seats": "many"}},
        {"email": "ADA@example.org", "lastName": "Lovelace"},
        {"email": "cyd@example.org", "listIds": ["01a1fc94-0000-7000-8000-000000000000"]},
    ], "runWorkflow": true});
    let done = data(&app.post("/v1/contacts/bulk-update", &key, contacts).await);
    assert_eq!(
        (&done["successCount"], &done["failedCount"], &done["totalCount"]),
        (&json!(2), &json!(3), &json!(5))
    );
    let told: Vec<_> = done["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["index"].as_u64().unwrap(), one["errors"][0]["field"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [(1, "email"), (2, "customFields.seats"), (4, "listIds[0]")]);
    let ada = data(&app.post("/v1/contacts/search/emails", &key, json!(["ada@example.org"])).await);
    assert_eq!(ada["contacts"][0]["firstName"], "Ada");
    assert_eq!(ada["contacts"][0]["lastName"], "Lovelace");
    assert_eq!(app.number("SELECT count(*) FROM contacts").await, 1);

    let many: Vec<_> = (0..101).map(|n| json!({"email": format!("a{n}@example.org")})).collect();
    for contacts in [json!([]), json!(many)] {
        let refused =
            app.post("/v1/contacts/bulk-update", &key, json!({ "contacts": contacts })).await;
        refused.assert_refused(400, "VALIDATION_FAILED");
        assert_eq!(refused.fields(), ["contacts"]);
    }
    app.stop().await;
}

#[tokio::test]
async fn webhooks_are_told_of_contacts() {
    let app = Setup::default().telling_this_machine().start().await;
    let (key, endpoint) = (app.full_key().await, WebhookEndpoint::start().await);
    let events = json!(["contact.created", "contact.updated", "contact.deleted"]);
    let hook = json!({"url": endpoint.url(), "events": events});
    assert_eq!(app.post("/v1/webhooks", &key, hook).await.status, 201);

    let contact = |members: Value| {
        let mut contact = json!({"email": "ada@example.org"});
        contact.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        contact
    };
    let named = contact(json!({"firstName": "Ada", "lastName": "Lovelace"}));
    let made = data(&app.post("/v1/contacts", &key, named.clone()).await);
    let told = endpoint.wait_for(1).await.remove(0).json();
    assert_eq!(told["type"], "contact.created");
    let expected =
        json!({"contactId": made["id"], "email": "ada@example.org", "name": "Ada Lovelace"});
    assert_eq!(told["data"], expected);

    // Nothing is different, so that nothing is told.
    data(&app.post("/v1/contacts", &key, named).await);
    data(
        &app.post("/v1/contacts", &key, contact(json!({"lastName": "", "customFields": {"a": 1}})))
            .await,
    );
    let told = endpoint.wait_for(2).await.remove(1).json();
    assert_eq!((&told["type"], &told["data"]["name"]), (&json!("contact.updated"), &json!("Ada")));
    assert_eq!(told["data"]["changedFields"], json!(["lastName", "customFields"]));

    data(&app.post("/v1/contacts/remove", &key, json!(["ada@example.org"])).await);
    let told = endpoint.wait_for(3).await.remove(2).json();
    assert_eq!(
        (&told["type"], &told["data"]["contactId"]),
        (&json!("contact.deleted"), &made["id"])
    );
    app.stop().await;
}

#[tokio::test]
async fn a_contact_is_copied_to_an_address_of_nobody() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let list = data(&app.post("/v1/contact-lists", &key, json!({"name": "News"})).await);
    let ada = json!({
        "email": "ada@example.org", "firstName": "Ada", "customFields": {"a": 1}, "listIds": [list["id"]],
    });
    let ada = data(&app.post("/v1/contacts", &key, ada).await);
    let copy = json!({"email": "ada@example.org", "newEmail": "Bob@example.org"});
    let bob = data(&app.post("/v1/contacts/email/duplicate", &key, copy.clone()).await);
    assert_ne!(bob["id"], ada["id"]);
    assert_eq!(bob["email"], "bob@example.org");
    for member in ["firstName", "customFields", "listIds"] {
        assert_eq!(bob[member], ada[member]);
    }
    let again = app.post("/v1/contacts/email/duplicate", &key, copy).await;
    again.assert_refused(409, "CONTACT_ALREADY_EXISTS");
    let nobody = json!({"email": "nobody@example.org", "newEmail": "x@example.org"});
    let refused = app.post("/v1/contacts/email/duplicate", &key, nobody).await;
    refused.assert_refused(404, "CONTACT_NOT_FOUND");
    app.stop().await;
}

#[tokio::test]
async fn nobody_sees_or_changes_the_contacts_of_another_project() {
    let app = TestApp::start().await;
    let (key, stranger) = (app.full_key().await, app.key_of(app.another_project().await).await);
    let list = data(&app.post("/v1/contact-lists", &key, json!({"name": "News"})).await);
    let list = list["id"].as_str().unwrap();
    let ada = json!({"email": "ada@example.org", "userId": "ada", "listIds": [list]});
    let ada = data(&app.post("/v1/contacts", &key, ada).await);
    let path = format!("/v1/contacts/{}", ada["id"].as_str().unwrap());

    app.get(&path, &stranger).await.assert_refused(404, "CONTACT_NOT_FOUND");
    delete(&app, &stranger, &path).await.assert_refused(404, "CONTACT_NOT_FOUND");
    let by_name = "/v1/contacts/email/userId/ada";
    delete(&app, &stranger, by_name).await.assert_refused(404, "CONTACT_NOT_FOUND");
    let removed = app.post("/v1/contacts/remove", &stranger, json!(["ada@example.org"])).await;
    assert_eq!(data(&removed)["removed"], 0);
    let theirs = json!({"email": "ada@example.org", "listIds": [list]});
    let refused = app.post("/v1/contacts", &stranger, theirs).await;
    assert_eq!(refused.fields(), ["listIds[0]"]);
    let adding = json!({"contactListId": list, "contactIds": [ada["id"]]});
    let refused = app.post("/v1/contact-lists/contacts/bulk-add", &stranger, adding).await;
    refused.assert_refused(404, "CONTACT_LIST_NOT_FOUND");
    let own = data(&app.post("/v1/contact-lists", &stranger, json!({"name": "News"})).await);
    let adding = json!({"contactListId": own["id"], "contactIds": [ada["id"]]});
    let added = data(&app.post("/v1/contact-lists/contacts/bulk-add", &stranger, adding).await);
    assert_eq!(added["errors"][0]["contactId"], ada["id"]);
    let taking = json!({"contactIds": [ada["id"]]});
    let refused =
        app.post(&format!("/v1/contact-lists/{list}/contacts/remove"), &stranger, taking).await;
    refused.assert_refused(404, "CONTACT_LIST_NOT_FOUND");
    let searching = json!({"contactListId": list});
    let refused = app.post("/v1/contact-lists/contacts/search", &stranger, searching).await;
    refused.assert_refused(404, "CONTACT_LIST_NOT_FOUND");
    assert_eq!(data(&app.get(&path, &key).await), ada);
    app.stop().await;
}

#[tokio::test]
async fn who_may_only_read_changes_nothing() {
    let app = TestApp::start().await;
    let key = app.key(&[Permission::ContactsRead]).await;
    let refused = app.post("/v1/contacts", &key, json!({"email": "ada@example.org"})).await;
    refused.assert_refused(403, "INSUFFICIENT_PERMISSIONS");
    data(&app.post("/v1/contacts/search/emails", &key, json!(["ada@example.org"])).await);
    app.stop().await;
}
