//! Names of domains, as keys are held to them.

use std::fmt;
use std::str::FromStr;

use super::address::ascii_domain;

/// The name of a domain in the one form in which names are compared: A-labels (RFC 5890), in lower case, without a dot
/// at the end.
///
/// It is compared as a whole: `mail.example.com` and `notexample.com` are other domains than `example.com`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DomainName(String);

/// The text is not the name of a domain; completes the sentence that the field begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDomainName {
    /// A pattern.
    #[error(
        "must be the name of one domain; list each sub-domain by its own name instead of using `*`"
    )]
    Wildcard,
    /// Anything else.
    #[error("must be the name of a domain, such as example.com")]
    Malformed,
}

impl DomainName {
    /// The name as it is stored and compared.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DomainName {
    type Err = InvalidDomainName;

    /// Reads a name in either spelling, `bücher.example` or `xn--bcher-kva.example`, in any case.
    fn from_str(text: &str) -> Result<Self, InvalidDomainName> {
        if text.contains('*') {
            return Err(InvalidDomainName::Wildcard);
        }
        ascii_domain(text.trim()).map(Self).map_err(|_| InvalidDomainName::Malformed)
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_domain_is_the_same_domain() {
        let domain: DomainName = "bücher.example".parse().unwrap();
        for spelling in
            ["BÜCHER.example", "xn--bcher-kva.example", "XN--BCHER-KVA.EXAMPLE", " bücher.example "]
        {
            assert_eq!(spelling.parse(), Ok(domain.clone()), "{spelling}");
        }
    }

    #[test]
    fn patterns_addresses_and_fragments_are_no_domains() {
        for text in [
            "",
            ".",
            "com",
            ".example.com",
            "example.com.",
            "a@example.com",
            "192.0.2.1",
            "a b.example",
        ] {
            assert_eq!(text.parse::<DomainName>(), Err(InvalidDomainName::Malformed), "{text}");
        }
        assert_eq!("*.example.com".parse::<DomainName>(), Err(InvalidDomainName::Wildcard));
    }
}
