//! Bounces and complaints that other mail systems report when the mail has long left.

mod hostile;
mod inbound;
mod reported;
mod ses;

use posthaste::domain::permission::Permission;
use reqwest::Method;
use serde_json::Value;

use crate::app::{Reply, Setup, TestApp, TestKey};
use crate::letter_with;
use crate::smtp_server::SmtpServer;

/// The domain that bounces come back to.
const DOMAIN: &str = "bounces.example.com";

/// A mail that the relay took.
struct Sent {
    id: String,
    recipient: String,
    return_path: String,
}

impl Sent {
    /// A report about it, out of the folder `reports`.
    fn report(&self, name: &str) -> String {
        let path = format!("{}/tests/api/bounces/reports/{name}.eml", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path)
            .unwrap()
            .replace('\n', "\r\n")
            .replace("{RETURN_PATH}", &self.return_path)
            .replace("{MESSAGE_ID}", &format!("{}@example.com", self.id))
            .replace("{RECIPIENT}", &self.recipient)
    }
}

/// A node whose bounces come back to [`DOMAIN`].
fn bouncing(server: &SmtpServer) -> Setup {
    Setup::default()
        .delivering_to(server)
        .with(|settings| settings.bounce_domain = Some(DOMAIN.into()))
}

/// Sends a mail to these and waits until the relay has taken it for all of them.
async fn sent(app: &TestApp, server: &SmtpServer, key: &TestKey, to: &[&str]) -> Vec<Sent> {
    let to: Value = to.iter().copied().collect();
    let id = app.accepted(key, letter_with(serde_json::json!({"to": to}))).await;
    app.mail_in(key, &id, "sent").await;
    let is_of = |data: &[u8]| String::from_utf8_lossy(data).contains(&id);
    let received = server.received().into_iter().filter(|mail| is_of(&mail.data));
    let mut sent: Vec<Sent> = received
        .map(|mail| Sent { id: id.clone(), recipient: mail.to[0].clone(), return_path: mail.from })
        .collect();
    sent.sort_by(|one, other| one.recipient.cmp(&other.recipient));
    sent
}

/// Passes a report on, as whoever fetches it from a mailbox does.
async fn report(app: &TestApp, key: &TestKey, message: impl Into<Vec<u8>>) -> Reply {
    let request = app.request(Method::POST, "/v1/inbound/bounces").bearer_auth(key.text());
    app.ask(request.header("content-type", "message/rfc822").body(message.into())).await
}

/// What happened, without what was said.
fn kinds(mail: &Value) -> Vec<&str> {
    mail["events"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect()
}

async fn suppressed(app: &TestApp, address: &str) -> bool {
    let query = format!("SELECT count(*) FROM suppressions WHERE address = '{address}'");
    app.number(&query).await == 1
}

async fn reporter(app: &TestApp) -> TestKey {
    app.key(&[Permission::MailsSend, Permission::MailsRead, Permission::BouncesWrite]).await
}
