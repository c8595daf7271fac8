//! Feedback reports (RFC 5965): somebody called our mail spam.

use super::{Report, Verdict, addresses, field, fields};
use crate::domain::delivery::Reply;

/// Kinds of feedback that are no complaint of a recipient about a mail (RFC 5965, section 7.3; RFC 6430; RFC 6591).
const NO_COMPLAINTS: &[&str] = &["not-spam", "auth-failure", "dmarc"];

/// Reads the machine-readable part; nothing if it is none.
pub(super) fn read(text: &str) -> Option<Report> {
    let fields = fields(text);
    let kind = field(&fields, "feedback-type")?.to_ascii_lowercase();
    let verdict = if NO_COMPLAINTS.contains(&kind.as_str()) {
        Verdict::Fine
    } else {
        let who =
            field(&fields, "user-agent").map(|agent| format!(", says {agent}")).unwrap_or_default();
        Verdict::Complaint(Reply::described(format!("The recipient complained ({kind}){who}.")))
    };
    let all = |wanted: &str| -> Vec<String> {
        let found = fields.iter().filter(|(name, _)| name == wanted);
        found.flat_map(|(_, value)| addresses(value)).collect()
    };
    let mut recipients = all("original-rcpt-to");
    recipients.extend(all("removal-recipient"));
    Some(Report { verdict, recipients, return_paths: all("original-mail-from"), message_id: None })
}
