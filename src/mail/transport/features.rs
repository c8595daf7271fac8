//! What the relay can do: its answer to EHLO (RFC 5321, section 4.1.1.1).

use super::reply::ServerReply;

/// The extensions that the relay announced, as far as we use them.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one word of the relay's answer, and none rules out another"
)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Features {
    /// Several commands may share a round trip (RFC 2920).
    pub pipelining: bool,
    /// The connection can be encrypted (RFC 3207).
    pub starttls: bool,
    /// Messages may have bytes above 127 (RFC 6152).
    pub eight_bit: bool,
    /// Addresses may have them too (RFC 6531).
    pub utf8: bool,
    /// The size of a message may be declared (RFC 1870).
    pub size: bool,
    /// AUTH PLAIN (RFC 4616).
    pub plain: bool,
    /// AUTH LOGIN, which some relays offer alone.
    pub login: bool,
}

impl Features {
    /// Reads the lines behind the first, which is the relay's name.
    pub(super) fn of(ehlo: &ServerReply) -> Self {
        let mut features = Self::default();
        for line in ehlo.lines.iter().skip(1) {
            // Exchange 2003 and its time wrote "AUTH=LOGIN" as well.
            let mut words = line.split([' ', '=']).filter(|word| !word.is_empty());
            let keyword = words.next().unwrap_or_default().to_ascii_uppercase();
            match keyword.as_str() {
                "PIPELINING" => features.pipelining = true,
                "STARTTLS" => features.starttls = true,
                "8BITMIME" => features.eight_bit = true,
                "SMTPUTF8" => features.utf8 = true,
                "SIZE" => features.size = true,
                "AUTH" => {
                    for mechanism in words {
                        features.plain |= mechanism.eq_ignore_ascii_case("PLAIN");
                        features.login |= mechanism.eq_ignore_ascii_case("LOGIN");
                    }
                }
                _ => {}
            }
        }
        features
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(lines: &[&str]) -> Features {
        Features::of(&ServerReply {
            code: 250,
            lines: lines.iter().copied().map(Into::into).collect(),
        })
    }

    #[test]
    fn keywords_are_read_in_any_case() {
        let found = features(&[
            "relay.example",
            "pipelining",
            "Size 1000",
            "8BITMIME",
            "SMTPUTF8",
            "AUTH GSSAPI plain",
        ]);
        assert!(found.pipelining && found.size && found.eight_bit && found.utf8 && found.plain);
        assert!(!found.starttls && !found.login);
        assert!(features(&["relay.example", "AUTH=LOGIN"]).login);
    }

    #[test]
    fn a_host_may_be_called_like_an_extension() {
        assert_eq!(features(&["PIPELINING", "", "XPIPELINING", " STARTTLSX"]), Features::default());
    }
}
