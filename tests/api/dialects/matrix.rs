//! What holds in every dialect alike.

use posthaste::domain::permission::Permission;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::app::{Setup, TestApp};
use crate::entries;
use crate::smtp_server::SmtpServer;

/// One dialect's way to send one mail.
pub(super) struct Way {
    pub(super) path: &'static str,
    /// A mail from `shop@example.com`, which is the first sender where it cannot be said, to this recipient.
    mail: fn(&str) -> Value,
    /// Its status when it is accepted, when the key is missing, when it is bad, when it may not, and when the sender may
    /// not be used.
    pub(super) told: [u16; 5],
    /// When the idempotency key was used for something else.
    conflict: u16,
}

pub(super) const WAYS: &[Way] = &[
    Way {
        path: "/v1/mails/send",
        mail: |to| json!({"from": {"email": "shop@example.com"}, "to": {"email": to}, "subject": "s", "text": "t"}),
        told: [200, 401, 401, 403, 403],
        conflict: 409,
    },
    Way {
        path: "/emails",
        mail: |to| json!({"from": "shop@example.com", "to": to, "subject": "s", "text": "t"}),
        told: [200, 401, 403, 401, 403],
        conflict: 409,
    },
    Way {
        path: "/v3/mail/send",
        mail: |to| {
            json!({
                "from": {"email": "shop@example.com"}, "personalizations": [{"to": [{"email": to}]}], "subject": "s",
                "content": [{"type": "text/plain", "value": "t"}],
            })
        },
        told: [202, 401, 401, 403, 403],
        conflict: 409,
    },
    Way {
        path: "/email",
        mail: |to| json!({"From": "shop@example.com", "To": to, "Subject": "s", "TextBody": "t"}),
        told: [200, 401, 401, 401, 422],
        conflict: 422,
    },
    Way {
        path: "/v2/emails",
        mail: |to| json!({"from": {"email": "shop@example.com"}, "to": [{"email": to}], "subject": "s", "text": "t"}),
        told: [200, 401, 403, 403, 422],
        conflict: 409,
    },
    Way {
        path: "/api/v1/send",
        mail: |to| json!({"to": to, "subject": "s", "text": "t"}),
        told: [200, 401, 401, 403, 403],
        conflict: 409,
    },
    Way {
        path: "/api/v1/emails/send",
        mail: |to| json!({"recipient": {"email": to}, "subject": "s", "body": "t"}),
        told: [202, 401, 401, 403, 403],
        conflict: 409,
    },
];

impl Way {
    pub(super) fn request(&self, app: &TestApp, key: &str, to: &str) -> RequestBuilder {
        let request = self.keyless(app, to);
        if self.path == "/email" {
            request.header("x-postmark-server-token", key)
        } else {
            request.bearer_auth(key)
        }
    }

    fn keyless(&self, app: &TestApp, to: &str) -> RequestBuilder {
        app.request(Method::POST, self.path).json(&(self.mail)(to))
    }
}

/// A node whose project has a sender.
pub(super) async fn with_sender(app: &TestApp) {
    let key = app.full_key().await;
    let sender = json!({"email": "shop@example.com", "name": "Shop"});
    assert!(app.post("/v1/senders", &key, sender).await.status < 300);
}

#[tokio::test]
async fn a_mail_is_stored_once_it_is_accepted_and_only_then() {
    let app = TestApp::start().await;
    with_sender(&app).await;
    let good = app.key(&[Permission::MailsSend]).await;
    let powerless = app.key(&[]).await;
    let elsewhere =
        app.key_with(|key| key.restrictions.domains = Some(entries(&["example.net"]))).await;
    let stranger = good.mistyped();
    for (stored, way) in (1..).zip(WAYS) {
        let [accepted, missing, bad, may_not, not_from_here] = way.told;
        let to = "ada@example.org";
        let ask = async |request| app.ask(request).await.status;
        assert_eq!(ask(way.request(&app, good.text(), to)).await, accepted, "{}", way.path);
        assert_eq!(ask(way.keyless(&app, to)).await, missing, "{}", way.path);
        assert_eq!(ask(way.request(&app, &stranger, to)).await, bad, "{}", way.path);
        assert_eq!(ask(way.request(&app, powerless.text(), to)).await, may_not, "{}", way.path);
        assert_eq!(
            ask(way.request(&app, elsewhere.text(), to)).await,
            not_from_here,
            "{}",
            way.path
        );
        assert_eq!(app.mails_stored().await, stored, "{}", way.path);
    }
    app.stop().await;
}

#[tokio::test]
async fn a_request_repeated_under_its_name_makes_one_mail() {
    let app = TestApp::start().await;
    with_sender(&app).await;
    let key = app.full_key().await;
    for (stored, way) in (1..).zip(WAYS) {
        let send = async |to: &str| {
            app.ask(way.request(&app, key.text(), to).header("idempotency-key", way.path)).await
        };
        let (first, again) = (send("ada@example.org").await, send("ada@example.org").await);
        assert_eq!((first.status, again.status), (way.told[0], way.told[0]), "{}", first.body);
        assert_eq!(first.bytes, again.bytes, "{}", way.path);
        assert_eq!(again.header("idempotent-replayed"), "true", "{}", way.path);
        assert_eq!(send("bob@example.org").await.status, way.conflict, "{}", way.path);
        assert_eq!(app.mails_stored().await, stored, "{}", way.path);
    }
    app.stop().await;
}

#[tokio::test]
async fn what_was_accepted_once_is_answered_again_to_a_key_that_may_less_by_now() {
    let app = TestApp::start().await;
    with_sender(&app).await;
    let account = app.account_key().await;
    let key = app.full_key().await;
    let mut answers = Vec::new();
    let ask = async |way: &Way| {
        let request = way.request(&app, key.text(), "ada@example.org");
        app.ask(request.header("idempotency-key", way.path)).await
    };
    for way in WAYS {
        answers.push(ask(way).await);
    }
    let narrow = json!({"domains": ["example.net"]});
    let path = format!("/v1/account/api-keys/{}", key.id);
    assert_eq!(app.patch(&path, &account, narrow).await.status, 200);
    for (way, first) in WAYS.iter().zip(&answers) {
        let again = ask(way).await;
        assert_eq!((again.status, &again.bytes), (first.status, &first.bytes), "{}", way.path);
        assert_eq!(again.header("idempotent-replayed"), "true", "{}", way.path);
        let new = app.ask(way.request(&app, key.text(), "ada@example.org")).await;
        assert_eq!(new.status, way.told[4], "{}", way.path);
    }
    assert_eq!(app.mails_stored().await, i64::try_from(WAYS.len()).unwrap());
    app.stop().await;
}

#[tokio::test]
async fn limits_hold_across_all_of_them() {
    let app = Setup::default().limits(100, 3).standing_clock().start().await;
    with_sender(&app).await;
    let key = app.full_key().await;
    for way in WAYS.iter().take(3) {
        assert_eq!(
            app.ask(way.request(&app, key.text(), "a@example.org")).await.status,
            way.told[0]
        );
    }
    for way in WAYS {
        let refused = app.ask(way.request(&app, key.text(), "a@example.org")).await;
        assert_eq!((refused.status, refused.header("retry-after")), (429, "60"), "{}", way.path);
        assert_eq!(refused.header("content-type"), "application/json", "{}", way.path);
    }
    assert_eq!(app.mails_stored().await, 3);
    app.stop().await;
}

#[tokio::test]
async fn test_keys_and_suppressions_hold_everywhere() {
    let server = SmtpServer::start().await;
    let app = TestApp::delivering_to(&server).await;
    with_sender(&app).await;
    let (live, test) = (app.full_key().await, app.test_key().await);
    for way in WAYS {
        let sent = app.ask(way.request(&app, test.text(), "ada@example.org")).await;
        assert_eq!(sent.status, way.told[0], "{}", sent.body);
    }
    let captured = || app.number("SELECT count(*) FROM events WHERE type = 'captured'");
    let reached = crate::app::eventually(async || {
        (captured().await == i64::try_from(WAYS.len()).unwrap()).then_some(())
    });
    reached.await.expect("all test mail is captured");

    app.sql(&format!(
        "INSERT INTO suppressions (project_id, address, reason, mail_id) VALUES ('{0}', 'gone@example.org', 'bounce', '{0}')",
        app.project
    ))
    .await;
    for way in WAYS {
        let sent = app.ask(way.request(&app, live.text(), "gone@example.org")).await;
        assert_eq!(sent.status, way.told[0], "{}", sent.body);
    }
    let suppressed = || app.number("SELECT count(*) FROM events WHERE type = 'suppressed'");
    let reached = crate::app::eventually(async || {
        (suppressed().await == i64::try_from(WAYS.len()).unwrap()).then_some(())
    });
    reached.await.expect("suppressed recipients are suppressed in every dialect");
    assert_eq!(server.received().len(), 0);
    app.stop().await;
}
