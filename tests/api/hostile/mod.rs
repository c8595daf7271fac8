//! Requests that nobody sends in good faith. Each is refused in the envelope, stores nothing, and harms nobody.

mod amounts;
mod fields;
mod requests;
mod smuggling;
mod templates;
mod wire;

use serde_json::{Value, json};

use crate::app::{TestApp, TestKey};
use crate::letter;

/// Every table that a send writes to.
const WRITTEN: [&str; 5] = ["mails", "mail_bodies", "deliveries", "events", "idempotency_keys"];

/// A node under attack, and a key that is good for everything.
struct Target {
    app: TestApp,
    key: TestKey,
}

impl Target {
    async fn start() -> Self {
        let app = TestApp::start().await;
        let key = app.full_key().await;
        Self { app, key }
    }

    /// Checks that nothing of what was sent is stored, and that the node still accepts and delivers; then stops it,
    /// which fails if anything panicked.
    async fn assert_unharmed(self) {
        let Self { app, key } = self;
        for table in WRITTEN {
            let stored = app.number(&format!("SELECT count(*) FROM {table}")).await;
            assert_eq!(stored, 0, "{table}");
        }
        let id = app.accepted(&key, letter()).await;
        app.mail_in(&key, &id, "captured").await;
        app.stop().await;
    }
}

/// A mail that uses every field, so that each has something to be spoiled.
fn full_letter() -> Value {
    json!({
        "from": {"email": "shop@example.com", "name": "Shop"},
        "to": {"email": "ada@example.org", "name": "Ada"},
        "cc": [{"email": "bob@example.org", "name": "Bob"}],
        "bcc": [{"email": "dan@example.org", "name": "Dan"}],
        "replyTo": {"email": "help@example.com", "name": "Help"},
        "subject": "Your receipt",
        "html": "<p>Thank you!</p>",
        "text": "Thank you!",
        "dynamicData": {"name": "Ada"},
        "headers": {"X-Order": "7"},
        "attachments": [{"fileName": "a.txt", "content": "aGk=", "contentType": "text/plain", "description": "A"}],
        "onAmbiguous": "retry",
        "test": false,
        "bypassSuppressions": false,
    })
}

/// That mail with the value at a path replaced.
fn spoiled(path: &str, value: Value) -> Value {
    let mut letter = full_letter();
    *letter.pointer_mut(path).unwrap() = value;
    letter
}
