//! Delivery status notifications (RFC 3464; RFC 6533 for addresses outside ASCII).

use super::{Report, Verdict, field, fields, one_line, typed_address};
use crate::domain::delivery::Reply;
use crate::domain::status_code::{condemns_the_address, is_enhanced_code};

/// Recipients of one report that are read. Each of our deliveries has one, but a list may report on all of its members.
const MOST_RECIPIENTS: usize = 50;

/// Reads the machine-readable part; nothing if it says of no recipient what became of the mail.
pub(super) fn read(text: &str) -> Option<Report> {
    let mut recipients = Vec::new();
    let mut worst: Option<Verdict> = None;
    for block in blocks(text).into_iter().take(MOST_RECIPIENTS + 1) {
        let fields = fields(block);
        let Some(verdict) = verdict(&fields) else { continue };
        let named = ["original-recipient", "final-recipient"];
        recipients.extend(named.iter().filter_map(|name| typed_address(field(&fields, name)?)));
        if worst.as_ref().is_none_or(|worst| weight(&verdict) > weight(worst)) {
            worst = Some(verdict);
        }
    }
    Some(Report { verdict: worst?, recipients, return_paths: Vec::new(), message_id: None })
}

/// What is between empty lines. Some systems leave out the one before the first recipient.
fn blocks(text: &str) -> Vec<&str> {
    let mut blocks = Vec::new();
    let (mut begin, mut at) = (0, 0);
    for line in text.split_inclusive('\n') {
        if line.trim().is_empty() {
            blocks.push(&text[begin..at]);
            begin = at + line.len();
        }
        at += line.len();
    }
    blocks.push(&text[begin..]);
    blocks.retain(|block| !block.trim().is_empty());
    blocks
}

fn weight(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Failed { condemns_the_address: true, .. } => 3,
        Verdict::Failed { .. } => 2,
        Verdict::Delayed(_) => 1,
        Verdict::Complaint(_) | Verdict::Fine => 0,
    }
}

fn verdict(fields: &[(String, String)]) -> Option<Verdict> {
    let action = field(fields, "action").map(|action| {
        let word = action.split([' ', '(']).next().unwrap_or_default();
        word.to_ascii_lowercase()
    });
    let status = field(fields, "status").and_then(first_code);
    let diagnostic = field(fields, "diagnostic-code").unwrap_or_default();
    let action = action.or_else(|| {
        // Without it the class of the status must do.
        let class = status.as_deref()?.chars().next()?;
        Some(
            match class {
                '5' => "failed",
                '4' => "delayed",
                _ => "delivered",
            }
            .to_owned(),
        )
    })?;
    let reply = reply(status, diagnostic);
    Some(match action.as_str() {
        "failed" => {
            // `4.x.x` with it means that somebody gave up trying, which condemns nothing.
            let condemns_the_address = reply.enhanced.as_deref().is_some_and(condemns_the_address);
            Verdict::Failed { reply, condemns_the_address }
        }
        "delayed" => Verdict::Delayed(reply),
        "delivered" | "relayed" | "expanded" => Verdict::Fine,
        _ => return None,
    })
}

/// What the other side said, from the status and the words of whom it was heard from (RFC 3464, section 2.3.6).
fn reply(status: Option<String>, diagnostic: &str) -> Reply {
    let words = diagnostic.split_once(';').map_or(diagnostic, |(_, words)| words).trim();
    let said = Said::read(words);
    // A status that says only "no" is told better by the words, where they agree that it is one.
    let vague = |code: &String| code.ends_with(".0.0");
    let enhanced = match (status, said.enhanced) {
        (Some(status), Some(said))
            if vague(&status) && said.as_bytes().first() == status.as_bytes().first() =>
        {
            Some(said)
        }
        (None, said) => said,
        (status, _) => status,
    };
    let text = if said.text.is_empty() { "The report gives no reason." } else { &said.text };
    Reply { code: said.code, enhanced, ..Reply::described(text) }
}

/// An SMTP reply inside a text.
pub(super) struct Said {
    pub code: Option<u16>,
    pub enhanced: Option<String>,
    pub text: String,
}

impl Said {
    /// Reads `550 5.1.1 No such user`, `550-5.1.1 No such user`, or a text without any code.
    pub(super) fn read(words: &str) -> Self {
        let digits = words.get(..3).filter(|digits| {
            matches!(digits.as_bytes(), [b'4' | b'5', second, third] if second.is_ascii_digit() && third.is_ascii_digit())
                && words[3..].chars().next().is_none_or(|next| matches!(next, ' ' | '-'))
        });
        let code = digits.and_then(|digits| digits.parse().ok());
        let rest = if code.is_some() { words[3..].trim_start_matches([' ', '-']) } else { words };
        let enhanced = rest.split_whitespace().next().and_then(|word| {
            let word = word.trim_matches(['#', '(', ')', ':', ',', '[', ']', '<', '>']);
            is_enhanced_code(word).then(|| word.to_owned())
        });
        let text = match &enhanced {
            Some(_) => rest.split_once(char::is_whitespace).map_or("", |(_, text)| text),
            None => rest,
        };
        Self { code, enhanced, text: one_line(text) }
    }
}

/// The first enhanced status code of a text.
pub(super) fn first_code(text: &str) -> Option<String> {
    let apart = |char: char| !char.is_ascii_digit() && char != '.';
    text.split(apart)
        .map(|word| word.trim_end_matches('.'))
        .find(|word| is_enhanced_code(word))
        .map(ToOwned::to_owned)
}
