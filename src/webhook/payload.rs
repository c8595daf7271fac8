//! What a request says, as JSON: compact, its members in one order, because some receivers check the signature over
//! what they have parsed and printed again.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::resend;
use crate::domain::delivery::Reply;
use crate::domain::webhook::event_type::resend_name;
use crate::domain::webhook::telling::{MailTelling, Telling, TellingSubject};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
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
#[serde(rename_all = "camelCase")]
struct MailData<'a> {
    email_id: String,
    from: &'a str,
    to: Recipient<'a>,
    subject: &'a str,
    test: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    template_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch_id: Option<Uuid>,
    #[serde(skip_serializing_if = "is_empty")]
    tags: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a Map<String, Value>>,
    #[serde(flatten)]
    more: More<'a>,
}

fn is_empty(tags: &&[String]) -> bool {
    tags.is_empty()
}

#[derive(Serialize)]
struct Recipient<'a> {
    email: Option<&'a str>,
    name: Option<&'a str>,
}

/// What only one type tells.
#[derive(Serialize)]
#[serde(untagged)]
enum More<'a> {
    #[serde(rename_all = "camelCase")]
    Deferred {
        delay_type: &'static str,
        delay_reason: String,
        expiration_time: String,
    },
    #[serde(rename_all = "camelCase")]
    Bounced {
        bounce_type: &'static str,
        bounce_sub_type: &'static str,
        reason: String,
    },
    #[serde(rename_all = "camelCase")]
    SpamReported {
        complaint_type: &'static str,
    },
    Ambiguous {
        reason: &'a str,
    },
    #[serde(rename_all = "camelCase")]
    Clicked {
        clicked_url: &'a str,
    },
    Nothing {},
}

/// Writes what is told.
///
/// # Panics
///
/// Never: nothing in it is beyond JSON.
pub fn write(telling: &Telling) -> Vec<u8> {
    if let Some(name) = resend_name(&telling.kind) {
        return resend::write(name, telling);
    }
    let data = match &telling.subject {
        TellingSubject::Mail(mail) => Data::Mail(Box::new(MailData {
            email_id: mail.mail.to_string(),
            from: &mail.from,
            to: Recipient { email: mail.to.as_deref(), name: mail.to_name.as_deref() },
            subject: &mail.subject,
            test: mail.test,
            template_id: mail.details.template_id.as_deref(),
            batch_id: mail.details.batch_id,
            tags: &mail.details.tags,
            metadata: Some(&mail.details.metadata).filter(|values| !values.is_empty()),
            more: more(&telling.kind, mail),
        })),
        TellingSubject::Given(data) => Data::Given(data),
    };
    let payload = Payload { r#type: &telling.kind, created_at: timestamp(telling.at), data };
    serde_json::to_vec(&payload).expect("a payload has nothing that JSON cannot say")
}

fn more<'a>(kind: &str, mail: &'a MailTelling) -> More<'a> {
    let reply = mail.reply.as_ref();
    match kind {
        "email.deferred" => More::Deferred {
            delay_type: delay_type(reply),
            delay_reason: in_words(reply),
            expiration_time: timestamp(mail.expires_at),
        },
        "email.bounced" => {
            let (bounce_type, bounce_sub_type) = bounce_type(&mail.event, reply);
            let reason = match (mail.event.as_str(), reply) {
                ("suppressed", None) => "The recipient is on the suppression list.".to_owned(),
                (_, reply) => in_words(reply),
            };
            More::Bounced { bounce_type, bounce_sub_type, reason }
        }
        "email.spam_reported" => More::SpamReported { complaint_type: "abuse" },
        "email.ambiguous" => More::Ambiguous { reason: reply.map_or("", |reply| &reply.text) },
        "email.clicked" => More::Clicked { clicked_url: mail.url.as_deref().unwrap_or_default() },
        _ => More::Nothing {},
    }
}

/// Why it takes longer, in the words of the upstream API.
fn delay_type(reply: Option<&Reply>) -> &'static str {
    match (reply.and_then(|reply| reply.code), enhanced(reply)) {
        (None, _) => "TransientCommunicationFailure",
        (Some(452 | 552), _) | (_, "4.2.2") => "MailboxFull",
        _ => "General",
    }
}

/// Whether another try would help, and what is wrong, in the words of the upstream API.
pub(super) fn bounce_type(event: &str, reply: Option<&Reply>) -> (&'static str, &'static str) {
    match (event, enhanced(reply)) {
        ("suppressed", _) => ("Permanent", "Suppressed"),
        // Its time was over; nothing was refused for good.
        ("failed", _) => ("Transient", "General"),
        (_, "5.2.2") => ("Permanent", "MailboxFull"),
        (_, "5.2.3" | "5.3.4") => ("Permanent", "MessageTooLarge"),
        (_, code) if code.starts_with("5.1.") => ("Permanent", "NoEmail"),
        (_, code) if code.starts_with("5.6.") || code.starts_with("5.7.") => {
            ("Permanent", "ContentRejected")
        }
        _ => ("Permanent", "General"),
    }
}

fn enhanced(reply: Option<&Reply>) -> &str {
    reply.and_then(|reply| reply.enhanced.as_deref()).unwrap_or_default()
}

/// The relay's answer as it reads on the wire, as far as there was one.
pub(super) fn in_words(reply: Option<&Reply>) -> String {
    let Some(reply) = reply else { return String::new() };
    let code = reply.code.map(|code| code.to_string());
    let parts = [code.as_deref(), reply.enhanced.as_deref(), Some(reply.text.as_str())];
    parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// RFC 3339 in UTC with milliseconds.
pub(super) fn timestamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;
    use crate::domain::id::MailId;
    use crate::domain::mail_details::MailDetails;

    fn told(kind: &str, event: &str, reply: Option<Reply>) -> String {
        let mail = MailTelling {
            mail: MailId::from(uuid::Uuid::nil()),
            from: "sender@yourdomain.com".into(),
            to: Some("user@example.com".into()),
            to_name: Some("John Doe".into()),
            subject: "Grüße, \"Ada\"\u{2028}".into(),
            test: false,
            event: event.into(),
            reply,
            url: Some("https://example.com/a".into()),
            expires_at: Utc.with_ymd_and_hms(2025, 11, 13, 10, 15, 0).unwrap(),
            details: MailDetails::default(),
        };
        let telling = Telling {
            id: "1".into(),
            kind: kind.into(),
            at: Utc.with_ymd_and_hms(2025, 11, 12, 10, 15, 0).unwrap(),
            subject: TellingSubject::Mail(Box::new(mail)),
        };
        String::from_utf8(write(&telling)).unwrap()
    }

    fn reply(code: u16, enhanced: &str, text: &str) -> Reply {
        Reply { code: Some(code), enhanced: Some(enhanced.into()), text: text.into() }
    }

    #[test]
    fn it_is_compact_and_in_the_order_of_the_upstream_api() {
        let told = told("email.delivered", "sent", None);
        let expected = r#"{"type":"email.delivered","createdAt":"2025-11-12T10:15:00.000Z","data":{"emailId":"00000000-0000-0000-0000-000000000000","from":"sender@yourdomain.com","to":{"email":"user@example.com","name":"John Doe"},"subject":"Grüße, \"Ada\"SEPARATOR","test":false}}"#;
        assert_eq!(told, expected.replace("SEPARATOR", "\u{2028}"));
    }

    #[test]
    fn each_type_tells_what_the_upstream_api_tells_with_it() {
        let full = reply(452, "4.2.2", "Mailbox full");
        assert!(told("email.deferred", "deferred", Some(full)).ends_with(
            r#","delayType":"MailboxFull","delayReason":"452 4.2.2 Mailbox full","expirationTime":"2025-11-13T10:15:00.000Z"}}"#
        ));
        let nobody = reply(550, "5.1.1", "No such user");
        assert!(told("email.bounced", "bounced", Some(nobody)).ends_with(
            r#","bounceType":"Permanent","bounceSubType":"NoEmail","reason":"550 5.1.1 No such user"}}"#
        ));
        assert!(
            told("email.bounced", "suppressed", None).contains(r#""bounceSubType":"Suppressed""#)
        );
        let late = Some(Reply::described("Nobody was there"));
        assert!(told("email.bounced", "failed", late).contains(r#""bounceType":"Transient""#));
        assert!(
            told("email.spam_reported", "complained", None)
                .ends_with(r#","complaintType":"abuse"}}"#)
        );
        assert!(
            told("email.clicked", "clicked", None)
                .ends_with(r#","clickedUrl":"https://example.com/a"}}"#)
        );
        let lost = Some(Reply::described("No answer"));
        assert!(told("email.ambiguous", "ambiguous", lost).ends_with(r#","reason":"No answer"}}"#));
    }
}
