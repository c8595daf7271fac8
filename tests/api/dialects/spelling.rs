//! Keys that begin as those of other services do.

use posthaste::domain::api_key::{KeyMode, Spelling};
use serde_json::json;

use super::post;
use crate::app::{TestApp, TestKey};
use crate::letter;

#[tokio::test]
async fn a_key_in_every_spelling_is_a_key() {
    let app = TestApp::start().await;
    for spelling in Spelling::ALL {
        for mode in KeyMode::ALL {
            let key = app
                .key_with(|key| {
                    key.spelling = spelling;
                    key.mode = mode;
                })
                .await;
            let id = app.accepted(&key, letter()).await;
            assert_eq!(app.mail(&key, &id).await["test"], mode == KeyMode::Test, "{spelling:?}");
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn the_spelling_is_chosen_when_a_key_is_made_and_rotation_keeps_it() {
    let app = TestApp::start().await;
    let maker = app.full_key().await;
    for (spelling, begins) in [
        ("native", "AS_"),
        ("resend", "re_"),
        ("sendgrid", "SG."),
        ("tosend", "tsend_"),
        ("tosend_admin", "tsend_admin_"),
        ("sendmailos", "sk_live_"),
        ("mailsage", "ms_live_"),
    ] {
        let made =
            app.post("/v1/api-keys", &maker, json!({"name": "K", "spelling": spelling})).await;
        let key = TestKey::made(&made);
        assert!(key.text().starts_with(begins), "{spelling}");
        let rotated = app.post(&format!("/v1/api-keys/{}/rotate", key.id), &maker, json!({})).await;
        let new = TestKey::made(&rotated);
        assert!(new.text().starts_with(begins) && new.text() != key.text(), "{spelling}");
        app.accepted(&new, letter()).await;
    }
    let refused =
        app.post("/v1/api-keys", &maker, json!({"name": "K", "spelling": "stripe"})).await;
    assert_eq!(refused.fields(), ["spelling"]);
    app.stop().await;
}

#[tokio::test]
async fn a_key_in_another_spelling_than_its_own_is_none() {
    let app = TestApp::start().await;
    let key = app.key_with(|key| key.spelling = Spelling::Resend).await;
    let respelled = key.text().replacen("re_", "tsend_", 1);
    let refused = post(&app, "/v1/mails/send", &respelled, &letter()).await;
    refused.assert_refused(401, "UNAUTHORIZED");
    app.stop().await;
}
