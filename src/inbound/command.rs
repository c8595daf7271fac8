//! What clients say (RFC 5321, section 4.1).

/// A command, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// `HELO`.
    Hello,
    /// `EHLO` or `LHLO`: who says so is told of extensions.
    ExtendedHello,
    /// `MAIL`, with the size that was announced (RFC 1870). Who sends it does not matter: a bounce has no sender.
    Mail {
        size: Option<u64>,
    },
    /// `RCPT`, with the address.
    Recipient(String),
    Data,
    Reset,
    Noop,
    /// `VRFY`, whose answer tells nothing.
    Verify,
    Help,
    StartTls,
    Quit,
    /// A command that is known and cannot be read.
    Malformed,
    Unknown,
}

impl Command {
    /// Reads a line without its end.
    pub(super) fn read(line: &[u8]) -> Self {
        let Ok(line) = std::str::from_utf8(line) else { return Self::Unknown };
        let (verb, rest) = line.trim_end().split_once(' ').unwrap_or((line.trim_end(), ""));
        match verb.to_ascii_uppercase().as_str() {
            "HELO" => Self::Hello,
            "EHLO" | "LHLO" => Self::ExtendedHello,
            "MAIL" => path(rest, "FROM:")
                .map_or(Self::Malformed, |(_, parameters)| Self::Mail { size: size(parameters) }),
            "RCPT" => {
                path(rest, "TO:").map_or(Self::Malformed, |(to, _)| Self::Recipient(to.to_owned()))
            }
            "DATA" => Self::Data,
            "RSET" => Self::Reset,
            "NOOP" => Self::Noop,
            "VRFY" => Self::Verify,
            "HELP" => Self::Help,
            "STARTTLS" => Self::StartTls,
            "QUIT" => Self::Quit,
            _ => Self::Unknown,
        }
    }
}

/// The address between the brackets of `FROM:<…>`, without its source route (RFC 5321, appendix C), and what follows.
fn path<'a>(text: &'a str, keyword: &str) -> Option<(&'a str, &'a str)> {
    let text = text.trim_start();
    let start = text.get(..keyword.len())?;
    if !start.eq_ignore_ascii_case(keyword) {
        return None;
    }
    // Some systems leave a space before the bracket.
    let (path, parameters) =
        text[keyword.len()..].trim_start().strip_prefix('<')?.split_once('>')?;
    let address = match path.strip_prefix('@') {
        Some(route) => route.split_once(':')?.1,
        None => path,
    };
    Some((address, parameters))
}

fn size(parameters: &str) -> Option<u64> {
    parameters.split_whitespace().find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        // More digits than there are numbers are too many bytes all the same.
        name.eq_ignore_ascii_case("SIZE").then(|| value.parse().unwrap_or(u64::MAX))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn commands_are_read_as_clients_write_them() {
        for (line, command) in [
            ("helo mx.example.org", Command::Hello),
            ("LHLO mx", Command::ExtendedHello),
            ("MAIL FROM:<>", Command::Mail { size: None }),
            ("mail from: <a@b.example> BODY=8BITMIME size=123", Command::Mail { size: Some(123) }),
            ("MAIL FROM:<> SIZE=99999999999999999999999", Command::Mail { size: Some(u64::MAX) }),
            ("RCPT TO:<b-x@y.example> NOTIFY=NEVER", Command::Recipient("b-x@y.example".into())),
            (
                "RCPT TO:<@a.example,@b.example:c@d.example>",
                Command::Recipient("c@d.example".into()),
            ),
            ("RCPT TO:a@b.example", Command::Malformed),
            ("RCPT TO:<a@b.example", Command::Malformed),
            ("RCPT", Command::Malformed),
            ("DATA ", Command::Data),
            ("AUTH PLAIN x", Command::Unknown),
            ("", Command::Unknown),
        ] {
            assert_eq!(Command::read(line.as_bytes()), command, "{line}");
        }
        assert_eq!(Command::read(b"\xff\xfe"), Command::Unknown);
    }

    proptest! {
        #[test]
        fn no_line_makes_the_parser_panic(line in "(MAIL|RCPT|mail) (FROM:|TO:|é)? ?<?\\PC{0,20}>?\\PC{0,20}") {
            Command::read(line.as_bytes());
        }
    }
}
