//! Requests that say that they come from Amazon SNS.

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Setup, TestApp};

const TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:bounces";

fn envelope(members: &Value) -> String {
    let mut envelope = json!({
        "Type": "SubscriptionConfirmation",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Message": "{}",
        "Timestamp": "2026-11-21T10:00:00.000Z",
        "Token": "x",
        "SubscribeURL": "http://127.0.0.1:1/",
        "SignatureVersion": "2",
        "Signature": "AAAA",
        "SigningCertURL": "https://sns.eu-central-1.amazonaws.com/a.pem",
    });
    for (name, value) in members.as_object().unwrap() {
        envelope[name] = value.clone();
    }
    envelope.to_string()
}

async fn post(app: &TestApp, body: String) -> crate::app::Reply {
    let request = app.request(Method::POST, "/v1/inbound/ses");
    app.ask(request.header("content-type", "text/plain; charset=UTF-8").body(body)).await
}

#[tokio::test]
async fn only_topics_of_the_operator_and_certificates_of_amazon_are_looked_at() {
    let app = Setup::default()
        .with(|settings| settings.ses_topic_arns = Some(TOPIC.into()))
        .start()
        .await;
    for members in [
        json!({"TopicArn": "arn:aws:sns:eu-central-1:999999999999:bounces"}),
        json!({"SigningCertURL": "https://evil.s3.amazonaws.com/a.pem"}),
        json!({"SigningCertURL": "http://127.0.0.1:1/a.pem"}),
        json!({"SigningCertURL": "https://sns.us-east-1.amazonaws.com/a.pem"}),
    ] {
        post(&app, envelope(&members)).await.assert_refused(403, "NOT_FROM_SNS");
    }
    for other in ["", "{}", "[]", "\0"] {
        post(&app, other.into()).await.assert_refused(400, "VALIDATION_FAILED");
    }
    post(&app, "x".repeat(300 * 1024)).await.assert_refused(413, "PAYLOAD_TOO_LARGE");
    app.stop().await;

    let app = TestApp::start().await;
    post(&app, envelope(&json!({}))).await.assert_refused(403, "NOT_FROM_SNS");
    app.stop().await;
}
