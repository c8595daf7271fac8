//! What Amazon SES reports: its notifications, and the events of its configuration sets, as JSON.

use serde::Deserialize;

use super::delivery_status::{Said, first_code};
use super::{LONGEST_FIELD, MOST_ADDRESSES, Report, Verdict, bare_id, one_line};
use crate::domain::delivery::Reply;
use crate::domain::status_code::condemns_the_address;

/// Kinds of permanent bounces after which SES itself sends nothing more to an address.
const CONDEMNED: &[&str] = &["NoEmail", "Suppressed", "OnAccountSuppressionList"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Notification {
    #[serde(rename = "notificationType", alias = "eventType")]
    kind: String,
    mail: Mail,
    bounce: Option<Bounce>,
    complaint: Option<Complaint>,
    delivery_delay: Option<Delay>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mail {
    source: Option<String>,
    #[serde(default)]
    common_headers: CommonHeaders,
    #[serde(default)]
    headers: Vec<Header>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CommonHeaders {
    message_id: Option<String>,
}

#[derive(Deserialize)]
struct Header {
    name: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bounce {
    #[serde(rename = "bounceType")]
    kind: String,
    #[serde(default, rename = "bounceSubType")]
    sub_type: String,
    bounced_recipients: Vec<Recipient>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Complaint {
    complained_recipients: Vec<Recipient>,
    complaint_feedback_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delay {
    delayed_recipients: Vec<Recipient>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recipient {
    email_address: String,
    status: Option<String>,
    diagnostic_code: Option<String>,
}

/// The reports in a notification, one for each recipient; none where it tells of something else.
pub fn read(text: &str) -> Vec<Report> {
    let Ok(notification) = serde_json::from_str::<Notification>(text) else { return Vec::new() };
    let Notification { kind, mail, bounce, complaint, delivery_delay } = notification;
    let verdicts: Vec<(Recipient, Verdict)> = match kind.as_str() {
        "Bounce" => bounce.map(bounced).unwrap_or_default(),
        "Complaint" => complaint.map(complained).unwrap_or_default(),
        "DeliveryDelay" => delivery_delay.map(delayed).unwrap_or_default(),
        _ => Vec::new(),
    };
    let message_id = message_id(&mail);
    let report = |(recipient, verdict): (Recipient, Verdict)| Report {
        verdict,
        recipients: vec![bare_address(&recipient.email_address)],
        return_paths: mail.source.clone().into_iter().collect(),
        message_id: message_id.clone(),
    };
    verdicts.into_iter().take(MOST_ADDRESSES).map(report).collect()
}

/// The one that we gave: SES sends under another, and keeps ours among the headers.
fn message_id(mail: &Mail) -> Option<String> {
    let header = mail.headers.iter().find(|header| header.name.eq_ignore_ascii_case("message-id"));
    let text = header.map(|header| &header.value).or(mail.common_headers.message_id.as_ref())?;
    bare_id(text).or_else(|| Some(text.chars().take(LONGEST_FIELD).collect()))
}

/// Without the name that there may be.
fn bare_address(text: &str) -> String {
    super::addresses(text).next().unwrap_or_default()
}

fn reply(recipient: &Recipient, otherwise: String) -> Reply {
    let words = recipient.diagnostic_code.as_deref().unwrap_or_default();
    let said = Said::read(words.split_once(';').map_or(words, |(_, words)| words).trim());
    let status = recipient.status.as_deref().and_then(first_code);
    let text = if said.text.is_empty() { otherwise } else { said.text };
    Reply {
        code: said.code,
        enhanced: status.or(said.enhanced),
        ..Reply::described(one_line(&text))
    }
}

fn bounced(bounce: Bounce) -> Vec<(Recipient, Verdict)> {
    let Bounce { kind, sub_type, bounced_recipients } = bounce;
    let verdict = |recipient: Recipient| {
        let reply = reply(&recipient, format!("Amazon SES reports a bounce: {kind}, {sub_type}."));
        let condemns_the_address = kind == "Permanent"
            && (CONDEMNED.contains(&sub_type.as_str())
                || reply.enhanced.as_deref().is_some_and(condemns_the_address));
        (recipient, Verdict::Failed { reply, condemns_the_address })
    };
    bounced_recipients.into_iter().map(verdict).collect()
}

fn complained(complaint: Complaint) -> Vec<(Recipient, Verdict)> {
    let kind = complaint.complaint_feedback_type.unwrap_or_else(|| "abuse".to_owned());
    let said = if kind == "not-spam" {
        Verdict::Fine
    } else {
        Verdict::Complaint(Reply::described(one_line(&format!(
            "The recipient complained ({kind}), says Amazon SES."
        ))))
    };
    complaint.complained_recipients.into_iter().map(|recipient| (recipient, said.clone())).collect()
}

fn delayed(delay: Delay) -> Vec<(Recipient, Verdict)> {
    let verdict = |recipient: Recipient| {
        let reply = reply(&recipient, "Amazon SES reports a delay.".to_owned());
        (recipient, Verdict::Delayed(reply))
    };
    delay.delayed_recipients.into_iter().map(verdict).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_is_a_report_for_each_recipient() {
        let text = r#"{"notificationType":"Bounce","bounce":{"feedbackId":"x","bounceType":"Permanent",
            "bounceSubType":"General","bouncedRecipients":[
              {"emailAddress":"ada@example.org","action":"failed","status":"5.1.1",
               "diagnosticCode":"smtp; 550 5.1.1 user unknown"},
              {"emailAddress":"Bob <bob@example.org>","status":"5.7.1","diagnosticCode":"smtp; 550 5.7.1 policy"}]},
            "mail":{"timestamp":"2026-11-21T10:00:00.000Z","source":"b-x@bounces.example.com","messageId":"0100-ses",
              "commonHeaders":{"messageId":"<id@example.com>","from":["shop@example.com"]}}}"#;
        let [ada, bob] = &read(text)[..] else { panic!() };
        assert!(matches!(&ada.verdict, Verdict::Failed { reply, condemns_the_address: true }
            if reply.code == Some(550) && reply.text == "user unknown"));
        assert!(matches!(&bob.verdict, Verdict::Failed { condemns_the_address: false, .. }));
        assert_eq!(bob.recipients, ["bob@example.org"]);
        assert_eq!(ada.message_id.as_deref(), Some("id@example.com"));
        assert_eq!(ada.return_paths, ["b-x@bounces.example.com"]);
    }

    #[test]
    fn events_complaints_and_delays_are_told_apart() {
        let mail = r#""mail":{"headers":[{"name":"Message-ID","value":"<id@example.com>"}]}"#;
        let one =
            |text: &str| read(&format!("{{{text},{mail}}}")).pop().map(|report| report.verdict);
        let recipients = r#"[{"emailAddress":"ada@example.org"}]"#;
        let complaint = format!(
            r#""eventType":"Complaint","complaint":{{"complainedRecipients":{recipients}}}"#
        );
        assert!(matches!(one(&complaint), Some(Verdict::Complaint(_))));
        let delay = format!(
            r#""eventType":"DeliveryDelay","deliveryDelay":{{"delayedRecipients":{recipients}}}"#
        );
        assert!(matches!(one(&delay), Some(Verdict::Delayed(_))));
        let transient = format!(
            r#""eventType":"Bounce","bounce":{{"bounceType":"Transient","bounceSubType":"MailboxFull","bouncedRecipients":{recipients}}}"#
        );
        assert!(matches!(
            one(&transient),
            Some(Verdict::Failed { condemns_the_address: false, .. })
        ));
        assert_eq!(one(r#""eventType":"Delivery","delivery":{}"#), None);
        for other in
            ["", "[]", "{}", "\"Successfully validated SNS topic\"", "{\"notificationType\":1}"]
        {
            assert!(read(other).is_empty(), "{other}");
        }
    }
}
