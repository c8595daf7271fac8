//! One mail to one recipient on an open session: MAIL, RCPT, DATA, the message, and its answer.

use tokio::time::Instant;

use super::body::{Body, TERMINATOR};
use super::conversation::Broken;
use super::features::Features;
use super::limits::Deadlines;
use super::opening::Session;
use super::reply::ServerReply;
use super::verdict::{self, Stage};
use crate::domain::address::EmailAddress;
use crate::domain::delivery::{Outcome, Reply};

/// How much of a message is written at once, in bytes: nearly every mail whole, and of a large one no second copy.
const PIECE: usize = 64 * 1024;

/// A mail as it is put to the relay.
#[derive(Clone, Copy)]
pub(super) struct Envelope<'a> {
    from: &'a EmailAddress,
    to: &'a EmailAddress,
    message: &'a [u8],
}

/// How a transaction ended.
pub(super) struct Ended {
    pub outcome: Outcome,
    pub then: Then,
    /// How far it came.
    pub stage: Stage,
}

/// What the session is good for after a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// The next mail.
    Keep,
    /// Nothing.
    Discard,
    /// Nothing, and it was dead before this mail: the relay took notice of no command.
    Replace,
}

impl<'a> Envelope<'a> {
    /// `None` where an address cannot be written between angle brackets without becoming something else. Addresses
    /// are checked long before this; here it would make a second command of them.
    pub(super) fn new(
        from: &'a EmailAddress,
        to: &'a EmailAddress,
        message: &'a [u8],
    ) -> Option<Self> {
        let is_safe = |address: &EmailAddress| {
            let unsafe_char = |char: char| char.is_control() || matches!(char, ' ' | '<' | '>');
            !address.local().contains(unsafe_char) && !address.domain().contains(unsafe_char)
        };
        (is_safe(from) && is_safe(to)).then_some(Self { from, to, message })
    }

    /// The three commands, for a relay that can do `features`; what is missing, where it cannot carry this mail.
    fn commands(&self, features: Features) -> Result<[String; 3], &'static str> {
        let Self { from, to, message } = self;
        let mut mail = format!("MAIL FROM:<{from}>");
        if features.size {
            mail = format!("{mail} SIZE={}", message.len());
        }
        let eight_bit = !message.is_ascii();
        let envelope_utf8 = from.needs_smtputf8() || to.needs_smtputf8();
        let headers_utf8 = eight_bit && !header_section(message).is_ascii();
        if (envelope_utf8 || headers_utf8) && !features.utf8 {
            return Err(if envelope_utf8 {
                "an address has characters outside ASCII and the relay does not take those (SMTPUTF8)"
            } else {
                "an address in the headers of the message has characters outside ASCII and the relay does not take \
                 those (SMTPUTF8)"
            });
        }
        if eight_bit {
            if !features.eight_bit {
                return Err(
                    "the message has 8-bit text and the relay does not take that (8BITMIME)",
                );
            }
            mail.push_str(" BODY=8BITMIME");
        }
        if envelope_utf8 || headers_utf8 {
            mail.push_str(" SMTPUTF8");
        }
        mail.push_str("\r\n");
        Ok([mail, format!("RCPT TO:<{to}>\r\n"), "DATA\r\n".to_owned()])
    }
}

/// The headers of a message, with the empty line behind them; all of it where there is none.
///
/// Text outside ASCII in them needs SMTPUTF8 whatever the envelope is (RFC 6531, section 3.4), in the body only 8BITMIME.
fn header_section(message: &[u8]) -> &[u8] {
    let end = message.windows(4).position(|window| window == b"\r\n\r\n");
    end.map_or(message, |end| &message[..end + 4])
}

impl Session {
    /// Puts the mail to the relay. Dropping the future leaves the session good for nothing but dropping, too.
    pub(super) async fn transact(
        &mut self,
        envelope: Envelope<'_>,
        deadlines: &Deadlines,
    ) -> Ended {
        let commands = match envelope.commands(self.features) {
            Ok(commands) => commands,
            Err(missing) => {
                let outcome =
                    Outcome::Rejected { reply: Reply::described(missing), hard_bounce: false };
                return Ended { outcome, then: Then::Keep, stage: Stage::Mail };
            }
        };
        match self.agree(&commands, deadlines).await {
            Ok(()) => self.send(envelope.message, deadlines).await,
            Err(ended) => ended,
        }
    }

    /// Gets the relay to wait for the message: in one round trip where it can (RFC 2920), else in three.
    async fn agree(&mut self, commands: &[String; 3], deadlines: &Deadlines) -> Result<(), Ended> {
        let pipelined = self.features.pipelining;
        if pipelined {
            let all = commands.concat();
            if let Err(broken) =
                self.conversation.say(all.as_bytes(), &mut 0, deadlines.command()).await
            {
                return Err(lost(Stage::Mail, &broken));
            }
        }

        let mut refusal: Option<(Stage, ServerReply)> = None;
        for (stage, command) in
            [Stage::Mail, Stage::Recipient, Stage::Data].into_iter().zip(commands)
        {
            let until = deadlines.command();
            let answer = if pipelined {
                self.conversation.reply(until).await
            } else {
                self.conversation.ask(command, until).await
            };
            let reply = match (answer, &refusal) {
                (Ok(reply), None) => reply,
                (Ok(reply), Some((refused_at, refusal))) => {
                    // Only the replies to what was sent along with the refused command.
                    if stage == Stage::Data && reply.code == 354 {
                        self.abandon_data(*refused_at, deadlines.tidying()).await;
                    }
                    if reply.is_farewell() || reply.code == 354 {
                        return Err(refused(*refused_at, refusal, Then::Discard));
                    }
                    continue;
                }
                (Err(broken), None) => return Err(lost(stage, &broken)),
                (Err(_), Some((stage, refusal))) => {
                    return Err(refused(*stage, refusal, Then::Discard));
                }
            };

            let expected = match stage {
                Stage::Data => reply.code == 354,
                _ => reply.is_success(),
            };
            if reply.is_farewell() {
                let then = if stage == Stage::Mail { Then::Replace } else { Then::Discard };
                return Err(refused(stage, &reply, then));
            } else if reply.is_refusal() {
                refusal = Some((stage, reply));
                if !pipelined {
                    break;
                }
            } else if !expected {
                return Err(Ended {
                    outcome: Outcome::Deferred(
                        reply.to_reply_saying(format!(
                            "the relay answered {} to {stage}",
                            reply.code
                        )),
                    ),
                    then: Then::Discard,
                    stage,
                });
            }
        }

        let Some((stage, refusal)) = refusal else { return Ok(()) };
        let reset = self.conversation.ask("RSET\r\n", deadlines.tidying()).await;
        let is_reset = reset.is_ok_and(|reply| reply.is_success());
        Err(refused(stage, &refusal, if is_reset { Then::Keep } else { Then::Discard }))
    }

    /// The relay refused the recipient and waits for a message all the same. It gets an empty one, which it must
    /// refuse (RFC 2920, section 3.1). Had it refused the sender and taken the recipient, an empty mail might arrive:
    /// then the connection just ends.
    async fn abandon_data(&mut self, refused_at: Stage, until: Instant) {
        if refused_at == Stage::Recipient {
            // The connection is dropped next, whatever comes of this.
            let _ = self.conversation.say(b".\r\nQUIT\r\n", &mut 0, until).await;
        }
    }

    /// Sends the message and waits for the answer to its end.
    async fn send(&mut self, message: &[u8], deadlines: &Deadlines) -> Ended {
        let mut body = Body::new(message);
        let mut piece = Vec::with_capacity(PIECE.min(message.len() + 256));
        loop {
            let is_last = body.next(&mut piece, PIECE);
            let mut sent = 0;
            let said = self.conversation.say(&piece, &mut sent, deadlines.message()).await;
            if is_last && sent > piece.len().saturating_sub(TERMINATOR.len()) {
                // Even where sending failed in the end: the relay may have all of it, or an answer may be waiting.
                return self.hear_answer(said, deadlines).await;
            }
            if let Err(broken) = said {
                return self.hear_protest(&broken, deadlines).await;
            }
        }
    }

    /// The message may have been taken: only a reply can say.
    async fn hear_answer(&mut self, said: Result<(), Broken>, deadlines: &Deadlines) -> Ended {
        let answer = self.conversation.reply(deadlines.answer()).await;
        match (answer, said) {
            (Ok(reply), said) => {
                let usable = said.is_ok() && !reply.is_farewell() && reply.code != 354;
                Ended {
                    outcome: verdict::answered(&reply),
                    then: if usable { Then::Keep } else { Then::Discard },
                    stage: Stage::End,
                }
            }
            (Err(broken), Ok(())) | (Err(_), Err(broken)) => lost(Stage::End, &broken),
        }
    }

    /// The message could not be sent to its end, perhaps because the relay had had enough of it and said so.
    async fn hear_protest(&mut self, broken: &Broken, deadlines: &Deadlines) -> Ended {
        match self.conversation.reply(deadlines.tidying()).await {
            Ok(reply) if reply.is_refusal() => refused(Stage::Message, &reply, Then::Discard),
            _ => lost(Stage::Message, broken),
        }
    }
}

fn refused(stage: Stage, reply: &ServerReply, then: Then) -> Ended {
    Ended { outcome: verdict::refused(stage, reply), then, stage }
}

/// A session on which nothing was heard was dead, perhaps, before the mail.
fn lost(stage: Stage, broken: &Broken) -> Ended {
    let unheard = stage == Stage::Mail && !matches!(broken, Broken::NotSmtp);
    Ended {
        outcome: verdict::lost(stage, broken),
        then: if unheard { Then::Replace } else { Then::Discard },
        stage,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> EmailAddress {
        text.parse().unwrap()
    }

    fn mail(
        from: &str,
        to: &str,
        message: &[u8],
        features: Features,
    ) -> Result<String, &'static str> {
        let (from, to) = (address(from), address(to));
        Ok(Envelope::new(&from, &to, message).unwrap().commands(features)?.concat())
    }

    #[test]
    fn parameters_are_given_only_where_they_are_needed_and_known() {
        let none = Features::default();
        let all = Features { size: true, eight_bit: true, utf8: true, ..none };
        assert_eq!(
            mail("a@x.example", "b@y.example", b"hi\r\n", none).unwrap(),
            "MAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nDATA\r\n"
        );
        assert!(
            mail("a@x.example", "b@y.example", "A: b\r\n\r\né\r\n".as_bytes(), all)
                .unwrap()
                .starts_with("MAIL FROM:<a@x.example> SIZE=12 BODY=8BITMIME\r\n")
        );
        assert!(mail("a@x.example", "b@y.example", "hé".as_bytes(), none).is_err());
    }

    #[test]
    fn headers_outside_ascii_need_smtputf8_and_bodies_do_not() {
        let all = Features { eight_bit: true, utf8: true, ..Features::default() };
        let parameters = |message: &str, features| {
            mail("a@x.example", "b@y.example", message.as_bytes(), features)
                .map(|commands| commands.split_once("\r\n").unwrap().0[23..].to_owned())
        };
        let header = "To: zoë@y.example\r\n\r\nhi";
        assert_eq!(parameters(header, all).unwrap(), " BODY=8BITMIME SMTPUTF8");
        assert_eq!(parameters("To: b@y.example\r\n\r\nzoë", all).unwrap(), " BODY=8BITMIME");
        assert_eq!(parameters("To: zoë@y.example", all).unwrap(), " BODY=8BITMIME SMTPUTF8");
        let old = Features { utf8: false, ..all };
        assert!(parameters(header, old).unwrap_err().contains("in the headers"));
        let strange = Features { eight_bit: false, ..all };
        assert!(parameters(header, strange).unwrap_err().contains("8BITMIME"));
    }

    #[test]
    fn an_address_cannot_become_a_command() {
        let good = address("a@x.example");
        for hostile in ["a>\r\nRCPT TO:<b", "a> NOTIFY=NEVER x=<", "a\0", "a\u{85}b"] {
            if let Ok(hostile) = format!("{hostile}@x.example").parse::<EmailAddress>() {
                assert!(Envelope::new(&good, &hostile, b"").is_none());
                assert!(Envelope::new(&hostile, &good, b"").is_none());
            }
        }
    }
}
