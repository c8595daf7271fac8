//! What a request says to receivers of Resend's webhooks.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};

use super::payload::{bounce_type, in_words, timestamp};
use crate::domain::webhook::telling::{MailTelling, Telling, TellingSubject};

#[derive(Serialize)]
struct Payload<'a> {
    r#type: &'a str,
    created_at: String,
    data: Data<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Data<'a> {
    Mail(Box<MailData<'a>>),
    Given(&'a Map<String, Value>),
}

#[derive(Serialize)]
struct MailData<'a> {
    email_id: String,
    message_id: String,
    created_at: String,
    from: &'a str,
    to: Vec<&'a str>,
    subject: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    template_id: Option<&'a str>,
    tags: &'a Map<String, Value>,
    #[serde(flatten)]
    more: More<'a>,
}

/// What only one type tells, under a name of its own.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum More<'a> {
    Bounce {
        r#type: &'static str,
        #[serde(rename = "subType")]
        sub_type: &'static str,
        message: String,
        #[serde(rename = "diagnosticCode")]
        diagnostic_code: Vec<String>,
    },
    Failed {
        reason: String,
    },
    Suppressed {
        r#type: &'static str,
        message: &'static str,
    },
    #[serde(rename_all = "camelCase")]
    Click {
        link: &'a str,
        timestamp: String,
        /// Nothing is kept of those who read.
        ip_address: &'static str,
        user_agent: &'static str,
    },
    #[serde(untagged)]
    Nothing {},
}

/// Writes what is told, as the type that Resend calls `name`.
///
/// # Panics
///
/// Never: nothing in it is beyond JSON.
pub(super) fn write(name: &str, telling: &Telling) -> Vec<u8> {
    let data = match &telling.subject {
        TellingSubject::Mail(mail) => Data::Mail(Box::new(MailData {
            email_id: mail.mail.to_string(),
            message_id: message_id(mail),
            created_at: timestamp(made_at(mail).unwrap_or(telling.at)),
            from: &mail.from,
            to: mail.to.as_deref().into_iter().collect(),
            subject: &mail.subject,
            template_id: mail.details.template_id.as_deref(),
            tags: &mail.details.metadata,
            more: more(name, telling.at, mail),
        })),
        TellingSubject::Given(data) => Data::Given(data),
    };
    let payload = Payload { r#type: name, created_at: timestamp(telling.at), data };
    serde_json::to_vec(&payload).expect("a payload has nothing that JSON cannot say")
}

fn more<'a>(name: &str, at: DateTime<Utc>, mail: &'a MailTelling) -> More<'a> {
    let reply = mail.reply.as_ref();
    match name {
        "email.bounced" => {
            let (kind, sub_type) = bounce_type(&mail.event, reply);
            let message = in_words(reply);
            More::Bounce { r#type: kind, sub_type, diagnostic_code: vec![message.clone()], message }
        }
        "email.failed" => More::Failed { reason: in_words(reply) },
        "email.suppressed" => More::Suppressed {
            r#type: "OnAccountSuppressionList",
            message: "The recipient is on the suppression list.",
        },
        "email.clicked" => More::Click {
            link: mail.url.as_deref().unwrap_or_default(),
            timestamp: timestamp(at),
            ip_address: "",
            user_agent: "",
        },
        _ => More::Nothing {},
    }
}

/// As it stands in the header of the mail.
fn message_id(mail: &MailTelling) -> String {
    let domain = mail.from.rsplit_once('@').map_or("", |(_, domain)| domain);
    format!("<{}@{domain}>", mail.mail)
}

/// When the mail was accepted, which its id says (RFC 9562, section 5.7).
fn made_at(mail: &MailTelling) -> Option<DateTime<Utc>> {
    let (seconds, nanoseconds) = mail.mail.as_uuid().get_timestamp()?.to_unix();
    DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanoseconds)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::delivery::Reply;
    use crate::domain::id::MailId;
    use crate::domain::mail_details::MailDetails;

    fn told(name: &str, event: &str, reply: Option<Reply>) -> Value {
        let mail = MailTelling {
            mail: "0198c8b5-5ad4-7c14-8de3-6f1bd7bb0a41".parse::<MailId>().unwrap(),
            from: "acme@example.com".into(),
            to: Some("ada@example.org".into()),
            to_name: None,
            subject: "Hi".into(),
            test: false,
            event: event.into(),
            reply,
            url: Some("https://example.com/a".into()),
            expires_at: DateTime::UNIX_EPOCH,
            details: MailDetails {
                metadata: Map::from_iter([("category".to_owned(), json!("welcome"))]),
                ..MailDetails::default()
            },
        };
        let telling = Telling {
            id: "1".into(),
            kind: format!("resend.{name}"),
            at: DateTime::UNIX_EPOCH,
            subject: TellingSubject::Mail(Box::new(mail)),
        };
        serde_json::from_slice(&super::super::payload::write(&telling)).unwrap()
    }

    #[test]
    fn it_is_what_resend_tells() {
        assert_eq!(
            told("email.delivered", "sent", None),
            json!({
                "type": "email.delivered",
                "created_at": "1970-01-01T00:00:00.000Z",
                "data": {
                    "email_id": "0198c8b5-5ad4-7c14-8de3-6f1bd7bb0a41",
                    "message_id": "<0198c8b5-5ad4-7c14-8de3-6f1bd7bb0a41@example.com>",
                    "created_at": "2025-08-20T18:19:45.236Z",
                    "from": "acme@example.com",
                    "to": ["ada@example.org"],
                    "subject": "Hi",
                    "tags": {"category": "welcome"},
                },
            })
        );
    }

    #[test]
    fn each_type_tells_what_resend_tells_with_it() {
        let nobody =
            Reply { code: Some(550), enhanced: Some("5.1.1".into()), text: "No such user".into() };
        assert_eq!(
            told("email.bounced", "bounced", Some(nobody.clone()))["data"]["bounce"],
            json!({
                "type": "Permanent",
                "subType": "NoEmail",
                "message": "550 5.1.1 No such user",
                "diagnosticCode": ["550 5.1.1 No such user"],
            })
        );
        let failed = told("email.failed", "failed", Some(nobody));
        assert_eq!(failed["data"]["failed"]["reason"], "550 5.1.1 No such user");
        let suppressed = told("email.suppressed", "suppressed", None);
        assert!(suppressed["data"]["suppressed"]["message"].is_string());
        let clicked = told("email.clicked", "clicked", None);
        assert_eq!(clicked["data"]["click"]["link"], "https://example.com/a");
        assert_eq!(clicked["data"]["click"]["ipAddress"], "");
    }
}
