//! Notices of systems that say in words alone that a mail did not arrive: qmail, older Exchange and Exim, and others.

use super::delivery_status::{Said, first_code};
use super::mime::Head;
use super::{Report, Verdict, one_line};
use crate::domain::delivery::Reply;
use crate::domain::status_code::condemns_the_address;

/// How many lines of a notice are looked at. Behind them stands the original, which may speak of codes as well.
const MOST_LINES: usize = 100;

/// Who writes notices, by what stands before the `@`.
const SYSTEMS: &[&str] =
    &["mailer-daemon", "mail-daemon", "postmaster", "mailerdaemon", "maildaemon"];

/// What the original begins with, below the notice.
const ORIGINAL_BEGINS: &[&str] = &[
    "--- Below this line",
    "--- Enclosed are",
    "------ This is a copy",
    "----- Original message",
    "--- The message",
];

/// Reads a notice; nothing if no system wrote it, or if it names no reason that can be understood.
pub(super) fn read(head: &Head<'_>, text: &str) -> Option<Report> {
    if !is_from_a_system(head) {
        return None;
    }
    let lines = text.lines().take(MOST_LINES);
    let mut lines =
        lines.take_while(|line| !ORIGINAL_BEGINS.iter().any(|begin| line.starts_with(begin)));
    let (line, code) = lines.find_map(|line| Some((line, first_code(line)?)))?;
    let code = code.as_str();
    let said = line.find(['4', '5']).map(|at| Said::read(&line[at..]));
    let reply = Reply {
        code: said.and_then(|said| said.code),
        enhanced: Some(code.to_owned()),
        ..Reply::described(one_line(line))
    };
    let verdict = match code.as_bytes().first() {
        Some(b'5') => Verdict::Failed { reply, condemns_the_address: condemns_the_address(code) },
        Some(b'4') => Verdict::Delayed(reply),
        _ => Verdict::Fine,
    };
    Some(Report { verdict, recipients: Vec::new(), return_paths: Vec::new(), message_id: None })
}

/// Whether a mail system wrote the message, and no person or vacation program (RFC 3834).
fn is_from_a_system(head: &Head<'_>) -> bool {
    let answers_by_itself = head
        .get("auto-submitted")
        .is_some_and(|text| text.to_ascii_lowercase().contains("auto-replied"));
    let from = head.get("from").unwrap_or_default().to_ascii_lowercase();
    let names_a_system = super::addresses(&from)
        .any(|address| SYSTEMS.iter().any(|system| address.split('@').next() == Some(*system)));
    let has_no_sender = head.get("return-path").is_some_and(|path| path == "<>");
    !answers_by_itself && (names_a_system || has_no_sender)
}
