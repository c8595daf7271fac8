//! Lists of contacts.

use serde_json::{Value, json};

use super::{data, delete};
use crate::app::{TestApp, TestKey};

async fn list(app: &TestApp, key: &TestKey, name: &str) -> String {
    let made = data(&app.post("/v1/contact-lists", key, json!({ "name": name })).await);
    made["id"].as_str().unwrap().to_owned()
}

async fn add(app: &TestApp, key: &TestKey, list: &str, emails: Value) -> Value {
    let body = json!({"contactListId": list, "emails": emails});
    data(&app.post("/v1/contact-lists/contacts/bulk-add", key, body).await)
}

async fn found(app: &TestApp, key: &TestKey, search: Value) -> (Vec<String>, Value) {
    let found = data(&app.post("/v1/contact-lists/contacts/search", key, search).await);
    let contacts = found["contacts"].as_array().unwrap().iter();
    (
        contacts.map(|one| one["email"].as_str().unwrap().to_owned()).collect(),
        found["pagination"].clone(),
    )
}

#[tokio::test]
async fn a_list_is_made_shown_and_deleted_and_its_contacts_stay() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let news = json!({"name": " News ", "description": "Weekly", "type": "list"});
    let made = data(&app.post("/v1/contact-lists", &key, news.clone()).await);
    assert_eq!((&made["name"], &made["type"]), (&json!("News"), &json!("list")));
    assert_eq!((&made["description"], &made["contactCount"]), (&json!("Weekly"), &json!(0)));
    let again = app.post("/v1/contact-lists", &key, news).await;
    again.assert_refused(409, "CONTACT_LIST_ALREADY_EXISTS");

    let id = made["id"].as_str().unwrap();
    add(&app, &key, id, json!(["ada@example.org"])).await;
    let lists = data(&app.get("/v1/contact-lists", &key).await);
    assert_eq!(lists["lists"][0]["id"], "GLOBAL_CONTACT_LIST");
    assert_eq!(
        (&lists["lists"][1]["id"], &lists["lists"][1]["contactCount"]),
        (&json!(id), &json!(1))
    );
    assert_eq!(data(&app.get("/v1/contact-lists?type=segment", &key).await)["lists"], json!([]));
    let global = data(&app.get("/v1/contact-lists/GLOBAL_CONTACT_LIST", &key).await);
    assert_eq!((&global["name"], &global["contactCount"]), (&json!("All Contacts"), &json!(1)));

    let gone = delete(&app, &key, &format!("/v1/contact-lists/{id}")).await;
    assert_eq!(gone.body["message"], "Contact list deleted successfully");
    assert_eq!(data(&gone)["contactCount"], 1);
    assert_eq!(gone.body["data"]["filterCriteria"], Value::Null);
    let path = format!("/v1/contact-lists/{id}");
    app.get(&path, &key).await.assert_refused(404, "CONTACT_LIST_NOT_FOUND");
    delete(&app, &key, &path).await.assert_refused(404, "CONTACT_LIST_NOT_FOUND");
    let global = delete(&app, &key, "/v1/contact-lists/GLOBAL_CONTACT_LIST").await;
    global.assert_refused(400, "CANNOT_CHANGE_GLOBAL_CONTACT_LIST");
    let ada = data(&app.post("/v1/contacts/search/emails", &key, json!(["ada@example.org"])).await);
    assert_eq!(ada["contacts"][0]["listIds"], json!([]));
    let actions =
        app.number("SELECT count(*) FROM audit_log WHERE action LIKE 'contact\\_list.%'").await;
    assert_eq!(actions, 2);
    app.stop().await;
}

#[tokio::test]
async fn contacts_are_put_on_a_list_and_counted_by_what_they_were_before() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let news = list(&app, &key, "News").await;
    data(&app.post("/v1/contacts", &key, json!({"email": "ada@example.org"})).await);
    app.sql(&format!(
        "INSERT INTO suppressions (project_id, address, reason) VALUES ('{0}', 'cyd@example.org', 'bounce')",
        app.project
    ))
    .await;
    let emails = json!([
        "ADA@example.org",
        "bob@example.org",
        "cyd@example.org",
        "bob@example.org",
        "no address"
    ]);
    let added = add(&app, &key, &news, emails).await;
    assert_eq!(
        (
            &added["added"],
            &added["created"],
            &added["alreadyInList"],
            &added["totalContactsInList"]
        ),
        (&json!(1), &json!(2), &json!(0), &json!(3))
    );
    let validation = &added["validation"];
    assert_eq!(validation["valid"].as_array().unwrap().len(), 2);
    assert_eq!(
        validation["suppressed"],
        json!([{"email": "cyd@example.org", "status": "suppressed"}])
    );
    assert_eq!(validation["invalid"][0]["email"], "no address");
    assert_eq!(added["contacts"][0]["listIds"], json!([news]));

    let ids: Vec<_> =
        added["contacts"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
    let other = list(&app, &key, "Other").await;
    let nobody = "01a1fc94-0000-7000-8000-000000000000";
    let by_ids = json!({"contactListId": other, "contactIds": [ids[0], nobody]});
    let added = data(&app.post("/v1/contact-lists/contacts/bulk-add", &key, by_ids.clone()).await);
    assert_eq!((&added["added"], &added["errors"][0]["contactId"]), (&json!(1), &json!(nobody)));
    let added = data(&app.post("/v1/contact-lists/contacts/bulk-add", &key, by_ids).await);
    assert_eq!((&added["added"], &added["alreadyInList"]), (&json!(0), &json!(1)));

    let removing =
        json!({"emails": ["ada@example.org", "x@example.org"], "contactIds": [ids[1], nobody]});
    let path = format!("/v1/contact-lists/{news}/contacts/remove");
    let removed = data(&app.post(&path, &key, removing).await);
    assert_eq!(removed, json!({"removed": 2, "notInList": 2, "errors": []}));
    assert_eq!(app.number("SELECT count(*) FROM contacts").await, 3);
    app.stop().await;
}

#[tokio::test]
async fn a_list_is_searched_page_by_page() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let news = list(&app, &key, "News").await;
    let emails: Vec<_> = (0..5).map(|n| format!("ada{n}@example.org")).collect();
    add(&app, &key, &news, json!(emails)).await;
    for email in ["bob@example.org", "100%@example.org"] {
        add(&app, &key, "GLOBAL_CONTACT_LIST", json!([email])).await;
    }
    for (whose, total) in [(news.as_str(), 5), ("GLOBAL_CONTACT_LIST", 7)] {
        let (all, pagination) = found(&app, &key, json!({"contactListId": whose})).await;
        assert_eq!(all.len(), total);
        assert_eq!(pagination, json!({"page": 1, "limit": 20, "total": total, "pages": 1}));
        let search = json!({"contactListId": whose, "email": "ADA", "page": 3, "limit": 2});
        let (page, pagination) = found(&app, &key, search).await;
        assert_eq!(page.len(), 1);
        assert_eq!(pagination, json!({"page": 3, "limit": 2, "total": 5, "pages": 3}));
    }
    let literal = json!({"contactListId": "GLOBAL_CONTACT_LIST", "email": "%"});
    assert_eq!(found(&app, &key, literal).await.0, ["100%@example.org"]);
    for (member, value) in [("page", json!(0)), ("limit", json!(101)), ("email", json!("\0"))] {
        let search = json!({"contactListId": news, member: value});
        let refused = app.post("/v1/contact-lists/contacts/search", &key, search).await;
        assert_eq!(refused.fields(), [member]);
    }
    app.stop().await;
}

#[tokio::test]
async fn what_names_no_contacts_is_refused_and_nothing_is_stored() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let news = list(&app, &key, "News").await;
    let many: Vec<_> = (0..501).map(|n| format!("a{n}@example.org")).collect();
    for body in [
        json!({"contactListId": news}),
        json!({"contactListId": news, "emails": []}),
        json!({"contactListId": news, "emails": ["a@example.org"], "contactIds": [news]}),
        json!({"contactListId": news, "emails": many}),
        json!({"contactListId": news, "contactIds": ["x"]}),
        json!({"emails": ["a@example.org"]}),
    ] {
        let refused = app.post("/v1/contact-lists/contacts/bulk-add", &key, body).await;
        refused.assert_refused(400, "VALIDATION_FAILED");
    }
    let nowhere = json!({"contactListId": "x", "emails": ["a@example.org"]});
    let refused = app.post("/v1/contact-lists/contacts/bulk-add", &key, nowhere).await;
    refused.assert_refused(404, "CONTACT_LIST_NOT_FOUND");
    for (name, field) in [("", "name"), (" ", "name"), ("a\nb", "name"), (&"x".repeat(201), "name")]
    {
        let refused = app.post("/v1/contact-lists", &key, json!({ "name": name })).await;
        assert_eq!(refused.fields()[0], field);
    }
    let segment = json!({"name": "x", "type": "segment"});
    assert_eq!(app.post("/v1/contact-lists", &key, segment).await.fields(), ["type"]);
    assert_eq!(app.number("SELECT count(*) FROM contacts").await, 0);
    app.stop().await;
}
