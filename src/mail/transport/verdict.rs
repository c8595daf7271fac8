//! What the relay's replies mean for a delivery.

use std::fmt;

use super::conversation::Broken;
use super::reply::ServerReply;
use crate::domain::delivery::{Outcome, Reply};
use crate::domain::status_code::condemns_the_address;

/// How far a mail has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Who sends it.
    Mail,
    /// Who is to have it.
    Recipient,
    /// Whether the message may come.
    Data,
    /// The message, up to its end.
    Message,
    /// The end of the message has been sent, or a part of it.
    End,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mail => "MAIL",
            Self::Recipient => "RCPT",
            Self::Data => "DATA",
            Self::Message => "the message",
            Self::End => "the end of the message",
        })
    }
}

/// Words that replies without an enhanced code use for refusals that are about us or the message and not about the
/// address. One of them too many leaves a bad address off the suppression list; one too few puts a good address on it.
const POLICY_WORDS: &[&str] = &[
    "access",
    "authent",
    "authoriz",
    "black",
    "block",
    "content",
    "denied",
    "dkim",
    "dmarc",
    "greylist",
    "http",
    "listed",
    "policy",
    "quota",
    "rate",
    "rbl",
    "relay",
    "reputation",
    "sender",
    "spam",
    "spf",
    "virus",
];

/// What a 4xx or 5xx makes of the delivery.
pub(super) fn refused(stage: Stage, reply: &ServerReply) -> Outcome {
    if reply.code < 500 {
        return Outcome::Deferred(reply.to_reply());
    }
    Outcome::Rejected { reply: reply.to_reply(), hard_bounce: is_hard_bounce(stage, reply) }
}

/// What a reply after the end of the message makes of it.
pub(super) fn answered(reply: &ServerReply) -> Outcome {
    match reply {
        reply if reply.is_success() => Outcome::Sent(reply.to_reply()),
        reply if reply.is_refusal() => refused(Stage::End, reply),
        reply => Outcome::Ambiguous(reply.to_reply_saying(
            "the relay answered the end of the message with a code that means nothing there",
        )),
    }
}

/// What a conversation that ended at `stage` makes of it.
pub(super) fn lost(stage: Stage, broken: &Broken) -> Outcome {
    match stage {
        Stage::End => Outcome::Ambiguous(Reply::described(format!(
            "the message was sent to its end and {broken}: it may have been taken"
        ))),
        _ => Outcome::Deferred(Reply::described(format!("{broken}, at {stage}"))),
    }
}

/// Whether nothing sent to this address will ever arrive.
fn is_hard_bounce(stage: Stage, reply: &ServerReply) -> bool {
    // The answer to MAIL is about the sender.
    if stage == Stage::Mail {
        return false;
    }
    if let Some(enhanced) = reply.enhanced() {
        return condemns_the_address(enhanced);
    }
    // Mailbox not found, not here, not allowed (RFC 5321, section 4.2.3), as long as nothing but the address is known.
    stage == Stage::Recipient && matches!(reply.code, 550 | 551 | 553) && {
        let text = reply.text().to_ascii_lowercase();
        !POLICY_WORDS.iter().any(|word| text.contains(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(stage: Stage, code: u16, text: &str) -> Outcome {
        refused(stage, &ServerReply { code, lines: vec![text.to_owned()] })
    }

    fn is_hard(stage: Stage, code: u16, text: &str) -> bool {
        match outcome(stage, code, text) {
            Outcome::Rejected { hard_bounce, .. } => hard_bounce,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_bad_addresses_bounce_hard() {
        for (text, hard) in [
            ("5.1.1 no such user", true),
            ("5.1.2 no such domain", true),
            ("5.1.3 bad syntax", true),
            ("5.1.6 moved", true),
            ("5.1.10 null MX", true),
            ("5.2.1 disabled", true),
            ("5.1.0 other address status", false),
            ("5.1.7 bad sender", false),
            ("5.1.8 bad sender domain", false),
            ("5.2.2 mailbox full", false),
            ("5.7.1 no such user, says our policy", false),
            ("5.0.0 no", false),
        ] {
            assert_eq!(is_hard(Stage::Recipient, 550, text), hard, "{text}");
        }
        assert!(is_hard(Stage::End, 550, "5.1.1 no such user"));
        assert!(!is_hard(Stage::Mail, 550, "5.1.1 no such user"));
    }

    #[test]
    fn without_an_enhanced_code_the_stage_and_the_words_decide() {
        assert!(is_hard(Stage::Recipient, 550, "No such user here"));
        assert!(is_hard(Stage::Recipient, 551, "User not local"));
        assert!(is_hard(Stage::Recipient, 553, ""));
        for text in [
            "Relaying denied",
            "Blocked, see https://rbl.example",
            "Message looks like SPAM",
            "SPF check failed",
            "Authentication required",
        ] {
            assert!(!is_hard(Stage::Recipient, 550, text), "{text}");
        }
        assert!(!is_hard(Stage::Recipient, 552, "No space left"));
        assert!(!is_hard(Stage::Recipient, 554, "Transaction failed"));
        assert!(!is_hard(Stage::Mail, 550, "No such user here"));
        assert!(!is_hard(Stage::Data, 554, "No valid recipients"));
        assert!(!is_hard(Stage::End, 550, "No such user here"));
    }

    #[test]
    fn only_the_end_of_the_message_is_ambiguous() {
        for stage in [Stage::Mail, Stage::Recipient, Stage::Data, Stage::Message] {
            assert!(matches!(lost(stage, &Broken::Closed), Outcome::Deferred(_)), "{stage}");
        }
        assert!(matches!(lost(Stage::End, &Broken::NotSmtp), Outcome::Ambiguous(_)));
        let strange = ServerReply { code: 354, lines: vec![] };
        assert!(matches!(answered(&strange), Outcome::Ambiguous(_)));
    }
}
