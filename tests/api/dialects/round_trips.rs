//! What is sent in one dialect reads back right in every other that can show it.

use serde_json::{Value, json};

use super::get;
use super::matrix::{WAYS, with_sender};
use crate::app::{Reply, TestApp};

/// One dialect's way to show a mail.
struct Reader {
    /// With `{}` for the id.
    path: &'static str,
    /// The author, the first recipient and the subject; null for what this dialect does not show.
    shown: fn(&Value) -> [Value; 3],
}

const READERS: &[Reader] = &[
    Reader {
        path: "/v1/mails/{}",
        shown: |body| {
            let mail = &body["data"];
            [mail["from"]["email"].clone(), mail["to"][0]["email"].clone(), mail["subject"].clone()]
        },
    },
    Reader {
        path: "/emails/{}",
        shown: |body| {
            // With the author's name, where there is one.
            let from =
                body["from"].as_str().unwrap().trim_start_matches("Shop <").trim_end_matches('>');
            [json!(from), body["to"][0].clone(), body["subject"].clone()]
        },
    },
    Reader {
        path: "/v2/emails/{}",
        shown: |body| {
            let mail = &body["data"];
            [mail["from"]["email"].clone(), mail["to"][0]["email"].clone(), mail["subject"].clone()]
        },
    },
    Reader {
        path: "/api/v1/messages/{}",
        shown: |body| {
            let mail = &body["message"];
            [mail["from_email"].clone(), mail["to"].clone(), mail["subject"].clone()]
        },
    },
    Reader {
        path: "/api/v1/emails/jobs/{}/deliveries",
        shown: |body| [Value::Null, body["deliveries"][0]["recipient"].clone(), Value::Null],
    },
];

/// The id of a mail, wherever an answer has it.
fn id(reply: &Reply) -> String {
    let told = [
        &reply.body["data"]["emailId"],
        &reply.body["id"],
        &reply.body["MessageID"],
        &reply.body["message_id"],
        &reply.body["job_id"],
    ];
    let told = told.into_iter().find_map(Value::as_str).map(ToOwned::to_owned);
    told.unwrap_or_else(|| reply.header("x-message-id").to_owned())
}

#[tokio::test]
async fn a_mail_of_any_dialect_is_shown_by_every_other() {
    let app = TestApp::start().await;
    with_sender(&app).await;
    let key = app.full_key().await;
    for way in WAYS {
        let sent = app.ask(way.request(&app, key.text(), "ada@example.org")).await;
        assert_eq!(sent.status, way.told[0], "{}: {}", way.path, sent.body);
        let id = id(&sent);
        app.mail_in(&key, &id, "captured").await;
        for reader in READERS {
            let read = get(&app, &reader.path.replace("{}", &id), key.text()).await;
            assert_eq!(read.status, 200, "{} by {}: {}", way.path, reader.path, read.body);
            let expected = ["shop@example.com", "ada@example.org", "s"].map(Value::from);
            for (shown, expected) in (reader.shown)(&read.body).into_iter().zip(expected) {
                let is_right = shown.is_null() || shown == expected;
                assert!(is_right, "{} by {}: {}", way.path, reader.path, read.body);
            }
        }
        let job = get(&app, &format!("/api/v1/emails/jobs/{id}/status"), key.text()).await;
        assert_eq!(job.body["status"], "completed", "{}: {}", way.path, job.body);
    }
    // Lists show all of them.
    for path in ["/v1/mails", "/emails", "/v2/emails"] {
        let listed = get(&app, path, key.text()).await;
        let mails = [&listed.body["data"]["mails"], &listed.body["data"]];
        let count = mails.into_iter().find_map(Value::as_array).map(Vec::len);
        assert_eq!(count, Some(WAYS.len()), "{path}: {}", listed.body);
    }
    app.stop().await;
}
