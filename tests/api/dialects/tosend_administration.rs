//! What `ToSend`'s client for administrators asks; its own program is in `tests/clients`.

use reqwest::Method;
use serde_json::json;

use super::{get, post};
use crate::app::TestApp;

#[tokio::test]
async fn refusals_have_no_kind_and_codes_without_sentences() {
    let app = TestApp::start().await;
    let sender = app.key(&[posthaste::domain::permission::Permission::MailsSend]).await;
    let lacking = get(&app, "/v2/domains", sender.text()).await;
    let told = json!({"code": "insufficient_scope", "required_scope": "domains:read"});
    assert_eq!((lacking.status, &lacking.body["errors"]), (403, &told), "{}", lacking.body);
    assert!(lacking.body.get("error_type").is_none());
    let key = app.full_key().await;
    let empty = post(&app, "/v2/domains", key.text(), &json!({})).await;
    assert_eq!((empty.status, &empty.body["errors"]), (422, &json!({"name": "required"})));
    for (path, key, status, code) in [
        ("/v2/webhooks", "", 401, "unauthorized"),
        ("/v2/webhooks", "tsend_admin_x", 403, "forbidden"),
        ("/v2/nothing", key.text(), 404, "not_found"),
        ("/v2/teams", key.text(), 403, "account_key_required"),
    ] {
        let request = app.request(Method::GET, path);
        let request = if key.is_empty() { request } else { request.bearer_auth(key) };
        let refused = app.ask(request).await;
        assert_eq!((refused.status, &refused.body["errors"]["code"]), (status, &json!(code)));
    }
    app.stop().await;
}

#[tokio::test]
async fn a_mail_is_found_by_the_name_that_its_author_gave_it() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let mail = |hash: &str| {
        json!({"from": {"email": "a@example.com"}, "to": [{"email": "b@example.org"}], "subject": hash, "text": "t",
               "tags": {"k": "v"}, "message_hash": hash})
    };
    for hash in ["order 7/8", "00000000-0000-7000-8000-000000000000", &"ä".repeat(255)] {
        let sent = post(&app, "/v2/emails", key.text(), &mail(hash)).await;
        assert_eq!((sent.status, sent.body["message_id"].as_str()), (200, Some(hash)));
        let path = format!("/v2/emails/{}", hash.replace('/', "%2F").replace(' ', "%20"));
        let found = get(&app, &path, key.text()).await;
        assert_eq!(found.body["data"]["message_id"], hash, "{}", found.body);
        assert_eq!(found.body["data"]["email_id"], sent.body["email_id"]);
        assert_eq!(found.body["data"]["tags"], json!({"k": "v"}));
    }
    // A word that others use as a tag is no such name.
    let tagged = json!({"From": "a@example.com", "To": "b@example.org", "Subject": "s", "TextBody": "t", "Tag": "welcome"});
    assert_eq!(post(&app, "/email", key.text(), &tagged).await.status, 200);
    assert_eq!(get(&app, "/v2/emails/welcome", key.text()).await.status, 404);
    app.stop().await;
}

#[tokio::test]
async fn reactivating_takes_an_address_off_the_list_of_all_mail_only() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let group = app.post("/v1/suppression-groups", &key, json!({"name": "News"})).await;
    let group = group.body["data"]["groupId"].as_str().unwrap().to_owned();
    for body in [
        json!({"emails": ["ada@example.org"]}),
        json!({"emails": ["ada@example.org"], "groupId": group}),
    ] {
        app.post("/v1/suppression-groups/emails/suppress", &key, body).await;
    }
    let listed = get(&app, "/v2/suppressions?search=ADA&status=manual", key.text()).await;
    assert_eq!(
        (&listed.body["total"], &listed.body["data"][0]["email"]),
        (&json!(1), &json!("ada@example.org")),
        "{}",
        listed.body
    );
    let reactivate = async || {
        let request = app.request(Method::DELETE, "/v2/suppressions?email=Ada%40example.org");
        app.ask(request.bearer_auth(key.text())).await.body["deleted"].clone()
    };
    assert_eq!((reactivate().await, reactivate().await), (json!(true), json!(false)));
    assert_eq!(app.number("SELECT count(*) FROM suppressions").await, 1);
    app.stop().await;
}
