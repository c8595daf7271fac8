//! Addresses that mail can be sent to.

use std::fmt;
use std::str::FromStr;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use serde::{Deserialize, Serialize};

use super::one_line::is_invisible;

pub use super::mailbox::{DisplayName, InvalidDisplayName, InvalidMailbox, Mailbox};

/// A deliverable address such as `ada@example.com` (RFC 5321, section 4.1.2).
///
/// The local part is a dot-atom of at most 64 octets, which may be UTF-8 (RFC 6531), and is kept as it was written,
/// because only the receiving host may decide that `Ada` and `ada` are the same. Quoted local parts are refused: hardly
/// anyone has one, and `"a@b.example c"@d.example` has reached the wrong host in other servers. The domain is a host
/// name of two labels at least, kept in its ASCII form (A-labels by UTS 46, RFC 5890) and lower case; address literals and
/// what looks like an IP address are refused.
/// Together they are at most 254 octets (RFC 3696, erratum 1690).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress {
    local: String,
    domain: String,
}

/// Why a text is not an address that we would deliver to; completes the sentence that the field begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a valid email address: {0}")]
pub struct InvalidAddress(&'static str);

impl EmailAddress {
    /// The longest address, in octets.
    pub const MAX_BYTES: usize = 254;

    /// The part before the `@`, as it was written.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The part after the `@`: ASCII, in lower case.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The form by which addresses are compared with each other: all in lower case. Hosts that tell `Ada` from `ada`
    /// exist on paper only.
    pub fn folded(&self) -> String {
        self.to_string().to_lowercase()
    }

    /// Whether a relay needs SMTPUTF8 (RFC 6531) to take it, in the envelope or in a header.
    pub fn needs_smtputf8(&self) -> bool {
        !self.local.is_ascii()
    }
}

impl FromStr for EmailAddress {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let (local, domain) = text.rsplit_once('@').ok_or(InvalidAddress("it has no @"))?;
        check_local(local)?;
        let domain = ascii_domain(domain)?;
        if local.len() + 1 + domain.len() > Self::MAX_BYTES {
            return Err(InvalidAddress("it is longer than 254 bytes"));
        }
        Ok(Self { local: local.to_owned(), domain })
    }
}

fn check_local(local: &str) -> Result<(), InvalidAddress> {
    if local.is_empty() {
        return Err(InvalidAddress("there is nothing before the @"));
    }
    if local.len() > 64 {
        return Err(InvalidAddress("the part before the @ is longer than 64 bytes"));
    }
    if local.starts_with('.') || local.ends_with('.') || local.contains("..") {
        return Err(InvalidAddress("dots before the @ must stand between other characters"));
    }
    let is_atom = |c: char| {
        if c.is_ascii() {
            c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c)
        } else {
            is_plain(c)
        }
    };
    if local.chars().all(is_atom) {
        Ok(())
    } else {
        Err(InvalidAddress("the part before the @ has a character that is not allowed there"))
    }
}

/// Whether it is a letter, a mark, a digit or a symbol, and not something that nobody sees or that is no character.
fn is_plain(c: char) -> bool {
    let is_no_character = u32::from(c) & 0xfffe == 0xfffe || matches!(c, '\u{fdd0}'..='\u{fdef}');
    !c.is_control() && !c.is_whitespace() && !is_invisible(c) && !is_no_character
}

/// The domain in its ASCII form and lower case.
pub(super) fn ascii_domain(domain: &str) -> Result<String, InvalidAddress> {
    const NOT_A_DOMAIN: InvalidAddress =
        InvalidAddress("the part after the @ is not a domain name");
    if domain.starts_with('[') {
        return Err(InvalidAddress(
            "the part after the @ must be a domain name and not an IP address",
        ));
    }
    // Long before any mapping, whose cost grows with the text; no domain is longer in UTF-8.
    if domain.len() > 1000 {
        return Err(NOT_A_DOMAIN);
    }
    // Two hyphens in the third place are refused by the strict rules but stand in names that exist.
    let ascii = Uts46::new()
        .to_ascii(
            domain.as_bytes(),
            AsciiDenyList::STD3,
            Hyphens::CheckFirstLast,
            DnsLength::Verify,
        )
        .map_err(|_| NOT_A_DOMAIN)?;
    let Some((_, top)) = ascii.rsplit_once('.') else {
        return Err(InvalidAddress("the part after the @ needs a dot, as in example.com"));
    };
    if is_number(top) {
        return Err(InvalidAddress(
            "the part after the @ must be a domain name and not an IP address",
        ));
    }
    Ok(ascii.into_owned())
}

/// Whether a resolver would take a name that ends in this label for an IP address, such as `127.0x1`.
fn is_number(label: &str) -> bool {
    match label.strip_prefix("0x") {
        Some(hex) => hex.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => label.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = InvalidAddress;

    fn try_from(text: String) -> Result<Self, InvalidAddress> {
        text.parse()
    }
}

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> Self {
        address.to_string()
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

/// Masks the local part, so that an address never reaches a log by accident.
impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EmailAddress(***@{})", self.domain)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<EmailAddress, InvalidAddress> {
        text.parse()
    }

    #[test]
    fn addresses_as_people_have_them_are_read() {
        for good in [
            "ada@example.com",
            "a.b+c@sub.example.co.uk",
            "o'neil@example.com",
            "x@xn--bcher-kva.example",
            "x@my--shop.example",
            "x@1.2.3.example",
            "x@example.c0m",
        ] {
            assert_eq!(parse(good).unwrap().to_string(), good);
        }
        assert_eq!(parse("Ada@EXAMPLE.com").unwrap().to_string(), "Ada@example.com");
        assert_eq!(parse("ada@bücher.example").unwrap().domain(), "xn--bcher-kva.example");
        assert!(parse("用户@例子.中国").unwrap().needs_smtputf8());
    }

    #[test]
    fn what_is_no_deliverable_address_is_refused() {
        for bad in [
            "",
            "@",
            "ada",
            "ada@",
            "@example.com",
            "a@b",
            "a@127.0.0.1",
            "a@[127.0.0.1]",
            "a@[IPv6:::1]",
            "\"x@gmail.com y\"@internal.example",
            "\"a b\"@example.com",
            "a b@example.com",
            "a..b@example.com",
            ".a@example.com",
            "a.@example.com",
            "a@example.com.",
            "a@.example.com",
            "a@-x.example",
            "a@x_y.example",
            "a@example.com\r\nRCPT TO:<b@example.com>",
            "a\0@example.com",
            "a@exa\tmple.com",
            "<a@example.com>",
            "a@example.com>",
            "a,b@example.com",
            "a@example.123",
            "a@127.0x1",
            "a@１２７.０.０.１",
            "a@exa\u{202e}mple.com",
            "a@example.com\u{3002}",
            "a\u{200b}b@example.com",
            "a\u{ffff}b@example.com",
            "a\u{202e}b@example.com",
            "a\u{a0}b@example.com",
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
        assert!(parse(&format!("{}@example.com", "a".repeat(65))).is_err());
        assert!(parse(&format!("a@{}.example", "b".repeat(64))).is_err());
        let long = format!("{}@{}com", "a".repeat(60), "abcdefghij.".repeat(18));
        assert!(long.len() > EmailAddress::MAX_BYTES && parse(&long).is_err());
    }

    #[test]
    fn the_reason_is_told() {
        for (bad, why) in [
            ("ada", "it has no @"),
            ("@example.com", "nothing before"),
            ("a@b", "needs a dot"),
            ("a@[127.0.0.1]", "IP address"),
            ("a@127.0.0.1", "IP address"),
            ("a b@example.com", "not allowed there"),
            (&format!("{}@example.com", "ä".repeat(33)), "longer than 64 bytes"),
        ] {
            let told = parse(bad).unwrap_err().to_string();
            assert!(
                told.starts_with("is not a valid email address: ") && told.contains(why),
                "{told}"
            );
        }
    }

    #[test]
    fn a_domain_outside_ascii_has_a_form_for_the_wire() {
        let address = parse("ada@BÜCHER.example").unwrap();
        assert_eq!(address.domain(), "xn--bcher-kva.example");
        assert_eq!(parse("ADA@xn--bcher-kva.example").unwrap().folded(), address.folded());
        assert!(parse("a@xn--a.example").is_err(), "an A-label that stands for nothing");
    }

    #[test]
    fn every_character_is_seen_or_refused() {
        let accepted =
            ('\0'..=char::MAX).filter(|c| check_local(c.encode_utf8(&mut [0; 4])).is_ok());
        for c in accepted {
            assert!(!c.is_control() && !c.is_whitespace(), "{c:?}");
            assert!(!"()<>[]:;@\\,\"\u{200b}\u{202e}\u{2066}\u{feff}\u{ffff}".contains(c), "{c:?}");
            assert!(c.is_ascii_graphic() || !c.is_ascii(), "{c:?}");
        }
    }

    #[test]
    fn debug_shows_no_person() {
        assert_eq!(
            format!("{:?}", parse("ada@example.com").unwrap()),
            "EmailAddress(***@example.com)"
        );
    }

    proptest! {
        #[test]
        fn what_is_accepted_reads_back_as_itself_and_fits_on_the_wire(
            text in "(?s).{0,20}@.{0,20}|[a-zé.+'\" ]{1,8}@[a-zü.0-9-]{1,20}|[a-z]{1,70}@([a-z]{1,70}\\.){1,5}[a-z]{1,5}",
        ) {
            if let Ok(address) = parse(&text) {
                let written = address.to_string();
                prop_assert!(written.len() <= EmailAddress::MAX_BYTES && address.local().len() <= 64);
                prop_assert!(!written.chars().any(|c| c.is_control() || c.is_whitespace() || "<>\",;".contains(c)));
                prop_assert!(address.domain().is_ascii());
                prop_assert!(address.domain().split('.').all(|label| (1..=63).contains(&label.len())));
                let stored = serde_json::to_string(&address).unwrap();
                prop_assert_eq!(&serde_json::from_str::<EmailAddress>(&stored).unwrap(), &address);
                prop_assert_eq!(parse(&written).unwrap(), address);
            }
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in any::<String>()) {
            let _ = parse(&text);
            let _ = parse(&format!("a@{text}"));
        }
    }
}
