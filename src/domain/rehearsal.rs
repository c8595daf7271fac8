//! Outcomes that test mail can ask for by its recipient's address, with no network at all.

use super::address::EmailAddress;
use super::delivery::{Outcome, Reply};

/// What happens to a captured mail for this recipient at the given attempt, counted from one.
///
/// The local parts `bounced`, `delayed`, `complained`, `suppressed` and `ambiguous`, with any `+label`, play their
/// outcome; every other address gets its mail.
pub fn outcome(recipient: &EmailAddress, attempt: i16) -> Outcome {
    let local = recipient.local().to_ascii_lowercase();
    match local.split('+').next().unwrap_or_default() {
        "bounced" => Outcome::Rejected {
            reply: reply(550, "5.1.1", "No such mailbox (played by a test address)."),
            // Nothing that a test does may change what happens to live mail.
            hard_bounce: false,
        },
        "delayed" if attempt == 1 => {
            Outcome::Deferred(reply(451, "4.3.0", "Try again later (played by a test address)."))
        }
        "complained" => Outcome::Complained,
        "suppressed" => Outcome::Suppressed,
        "ambiguous" if attempt == 1 => Outcome::Ambiguous(Reply::described(
            "No answer to the message (played by a test address).",
        )),
        _ => Outcome::Captured,
    }
}

fn reply(code: u16, enhanced: &str, text: &str) -> Reply {
    Reply { code: Some(code), enhanced: Some(enhanced.to_owned()), text: text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn played(address: &str, attempt: i16) -> Outcome {
        outcome(&address.parse().unwrap(), attempt)
    }

    #[test]
    fn reserved_local_parts_play_their_outcome_with_any_label() {
        assert!(matches!(played("Bounced+order-7@example.com", 1), Outcome::Rejected { .. }));
        assert!(matches!(played("delayed@example.com", 1), Outcome::Deferred(_)));
        assert_eq!(played("delayed@example.com", 2), Outcome::Captured);
        assert!(matches!(played("ambiguous+1@example.com", 1), Outcome::Ambiguous(_)));
        assert_eq!(played("suppressed@example.com", 1), Outcome::Suppressed);
        assert_eq!(played("complained@example.com", 1), Outcome::Complained);
        assert_eq!(played("notbounced@example.com", 1), Outcome::Captured);
    }
}
