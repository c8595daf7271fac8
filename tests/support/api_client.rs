//! A client of the API over real connections, that never repeats a request by itself.

use std::time::Duration;

use serde_json::{Value, json};

/// How long a request may take. Reached only by a test that fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// A client without a key.
pub fn plain() -> reqwest::Client {
    // It may speak TLS in this tree and insists on a provider, even for HTTP; the first one stays.
    let _ = rustls::crypto::ring::default_provider().install_default();
    #[expect(clippy::disallowed_methods, reason = "it speaks to a server of the test's own")]
    let builder = reqwest::Client::builder();
    builder.timeout(PATIENCE).retry(reqwest::retry::never()).no_proxy().build().unwrap()
}

/// How a send ended, as far as its sender knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 200, with the mail's id.
    Accepted(String),
    /// Another status, with the envelope's message.
    Refused(u16, String),
    /// None: the connection broke.
    Silence,
}

impl Answer {
    /// The mail's id, where there must be one.
    pub fn id(self) -> String {
        match self {
            Self::Accepted(id) => id,
            other => panic!("the mail was not accepted: {other:?}"),
        }
    }
}

/// A client with a key. Clones share their connections.
#[derive(Clone)]
pub struct ApiClient {
    http: reqwest::Client,
    base: String,
    key: String,
}

impl ApiClient {
    /// `base` is the URL without a path.
    pub fn new(base: &str, key: &str) -> Self {
        Self { http: plain(), base: base.to_owned(), key: key.to_owned() }
    }

    /// Sends a mail.
    pub async fn send(&self, mail: &Value) -> Answer {
        self.send_with(mail, None).await
    }

    /// Sends a mail with an idempotency key.
    pub async fn send_with(&self, mail: &Value, idempotency_key: Option<&str>) -> Answer {
        let url = format!("{}/v1/mails/send", self.base);
        let mut request = self.http.post(url).bearer_auth(&self.key).json(mail);
        if let Some(key) = idempotency_key {
            request = request.header("idempotency-key", key);
        }
        let Ok(response) = request.send().await else { return Answer::Silence };
        let status = response.status().as_u16();
        // An answer that breaks off is none, whatever its status says.
        let Ok(body) = response.json::<Value>().await else { return Answer::Silence };
        match (status, body["data"]["emailId"].as_str()) {
            (200, Some(id)) => Answer::Accepted(id.to_owned()),
            _ => Answer::Refused(status, body["error"]["message"].to_string()),
        }
    }

    /// Asks for something that must be there; answers its `data`.
    pub async fn get(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.base);
        let response = self.http.get(&url).bearer_auth(&self.key).send().await.unwrap();
        let status = response.status();
        let mut body: Value = response.json().await.unwrap();
        assert_eq!(status, 200, "{path}: {body}");
        body["data"].take()
    }

    /// A mail's record, if the server can tell at this moment.
    pub async fn find(&self, id: &str) -> Option<Value> {
        let url = format!("{}/v1/mails/{id}", self.base);
        let response = self.http.get(&url).bearer_auth(&self.key).send().await.ok()?;
        let response = response.error_for_status().ok()?;
        Some(response.json::<Value>().await.ok()?["data"].take())
    }

    /// Every mail of the project, or those in one state, newest first.
    pub async fn all_mails(&self, status: Option<&str>) -> Vec<Value> {
        let filter = status.map(|status| format!("&status={status}")).unwrap_or_default();
        let mut mails = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("/v1/mails?limit=100{filter}{cursor}")).await;
            mails.extend(page["mails"].as_array().unwrap().iter().cloned());
            let Some(next) = page["nextCursor"].as_str() else { return mails };
            cursor = format!("&cursor={next}");
        }
    }
}

/// A mail to one address, by which it is told apart from all others.
pub fn mail_to(address: &str) -> Value {
    json!({
        "from": {"email": "sender@example.com"},
        "to": {"email": address},
        "subject": format!("For {address}"),
        "text": "Hello!",
    })
}
