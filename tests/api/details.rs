//! What an author says of a mail that its recipients do not read: tags, values of their own, its priority.

use serde_json::{Value, json};

use crate::app::Setup;
use crate::letter_with;
use crate::smtp_server::SmtpServer;
use crate::webhook_endpoint::WebhookEndpoint;

#[tokio::test]
async fn tags_and_metadata_stay_with_a_mail_and_priority_goes_into_its_headers() {
    let server = SmtpServer::start().await;
    let app = Setup::default().limits(1000, 10_000).delivering_to(&server).start().await;
    let key = app.full_key().await;
    let tags = json!(["receipt", "order 7", "receipt"]);
    let metadata = json!({"order": "7", "paid": true, "total": 19.99});
    let members = json!({"tags": tags, "metadata": metadata, "priority": "high"});
    let id = app.accepted(&key, letter_with(members)).await;
    let mail = app.mail_in(&key, &id, "sent").await;
    let status = app.get(&format!("/v1/mails/{id}/status"), &key).await.body["data"].clone();
    for shown in [&mail, &status] {
        assert_eq!(shown["tags"], json!(["receipt", "order 7"]));
        assert_eq!((&shown["metadata"], &shown["priority"]), (&metadata, &json!("high")));
        assert_eq!((&shown["batchId"], &shown["templateId"]), (&Value::Null, &Value::Null));
    }
    let text = String::from_utf8(server.received()[0].data.clone()).unwrap();
    assert!(text.contains("\r\nX-Priority: 1\r\nImportance: high\r\n"), "{text}");
    assert!(!text.contains("order"), "{text}");

    let own = json!({"priority": 5, "headers": {"x-priority": "4"}, "categories": "news"});
    let id = app.accepted(&key, letter_with(own)).await;
    assert_eq!(app.mail_in(&key, &id, "sent").await["tags"], json!(["news"]));
    let text = String::from_utf8(server.received()[1].data.clone()).unwrap();
    assert!(
        text.contains("x-priority: 4\r\nImportance: low\r\n") && !text.contains("X-P"),
        "{text}"
    );
    app.stop().await;
}

#[tokio::test]
async fn a_list_of_mails_is_narrowed_to_a_tag_or_a_request() {
    let app = Setup::default().limits(1000, 10_000).start().await;
    let (key, stranger) = (app.full_key().await, app.key_of(app.another_project().await).await);
    let mut tagged = Vec::new();
    for tags in [json!(["a"]), json!(["b", "a"]), json!(["b"]), json!([])] {
        tagged.push(app.accepted(&key, letter_with(json!({"tags": tags}))).await);
    }
    app.accepted(&stranger, letter_with(json!({"tags": ["a"]}))).await;
    let bulk = json!({
        "recipients": [{"email": "ada@example.org"}, {"email": "bob@example.org"}], "tags": ["a"],
        "from": {"email": "shop@example.com"}, "subject": "Hello", "text": "Hello",
    });
    let batch = app.post("/v1/mails/bulk", &key, bulk).await.body["data"]["batchId"].clone();
    let batch = batch.as_str().unwrap().to_owned();

    let found = async |query: &str| -> Vec<String> {
        let reply = app.get(&format!("/v1/mails?{query}"), &key).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let mails = reply.body["data"]["mails"].as_array().unwrap();
        mails.iter().map(|mail| mail["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(found("tag=b").await, [tagged[2].clone(), tagged[1].clone()]);
    assert_eq!(found("tag=a").await.len(), 4);
    assert_eq!(found("tag=a&to=bob@example.org").await.len(), 1);
    assert_eq!(found(&format!("batchId={batch}")).await.len(), 2);
    assert_eq!(found(&format!("batchId={batch}&tag=b")).await.len(), 0);
    for wrong in ["tag=%00", "tag=", "batchId=x"] {
        app.get(&format!("/v1/mails?{wrong}"), &key).await.assert_refused(400, "VALIDATION_FAILED");
    }
    app.sql("DELETE FROM mails WHERE details->'tags' ? 'b'").await;
    assert_eq!(app.number("SELECT count(*) FROM mail_labels WHERE label = 'tag:b'").await, 0);
    assert_eq!(app.number("SELECT count(*) FROM mail_labels").await, 6);
    app.stop().await;
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused_by_name() {
    let app = Setup::default().limits(1000, 10_000).start().await;
    let key = app.full_key().await;
    let many: Vec<String> = (0..21).map(|n| n.to_string()).collect();
    let values: serde_json::Map<String, Value> =
        (0..51).map(|n| (n.to_string(), n.into())).collect();
    for (members, field) in [
        (json!({"tags": many}), "tags"),
        (json!({"tags": many[..15], "categories": many[..15]}), "categories"),
        (json!({"tags": ["a", "b\u{0}"]}), "tags[1]"),
        (json!({"tags": [""]}), "tags[0]"),
        (json!({"tags": ["x".repeat(65)]}), "tags[0]"),
        (json!({"tags": {"name": "a"}}), "tags"),
        (json!({"metadata": values}), "metadata"),
        (json!({"metadata": {"a": {"b": 1}}}), "metadata"),
        (json!({"metadata": {"a": "\u{0}"}}), "metadata"),
        (json!({"metadata": {"a": "x".repeat(100_000)}}), "metadata"),
        (json!({"metadata": ["a"]}), "metadata"),
        (json!({"priority": "urgent"}), "priority"),
        (json!({"priority": 6}), "priority"),
        (json!({"priority": 1.5}), "priority"),
    ] {
        let refused = app.send(&key, letter_with(members)).await;
        refused.assert_refused(400, "VALIDATION_FAILED");
        assert_eq!(refused.fields(), [field]);
    }
    assert_eq!(app.mails_stored().await, 0);
    app.stop().await;
}

#[tokio::test]
async fn webhooks_tell_what_the_author_said() {
    let endpoint = WebhookEndpoint::start().await;
    let app = Setup::default().telling_this_machine().start().await;
    let key = app.full_key().await;
    let hook = json!({"url": endpoint.url(), "events": ["email.delivered"]});
    assert_eq!(app.post("/v1/webhooks", &key, hook).await.status, 201);
    let bulk = json!({
        "recipients": [{"email": "ada@example.org"}], "tags": ["a"], "metadata": {"order": 7},
        "from": {"email": "shop@example.com"}, "subject": "Hello", "text": "Hello",
    });
    let sent = app.post("/v1/mails/bulk", &key, bulk).await;
    let told = endpoint.wait_for(1).await[0].json();
    assert_eq!(told["data"]["batchId"], sent.body["data"]["batchId"]);
    assert_eq!(
        (&told["data"]["tags"], &told["data"]["metadata"]),
        (&json!(["a"]), &json!({"order": 7}))
    );
    assert!(told["data"].get("templateId").is_none(), "{told}");
    app.stop().await;
}
