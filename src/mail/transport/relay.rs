//! Where mail goes: the relay named by `SMTP_URL`.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use rustls::pki_types::ServerName;
use secrecy::SecretString;
use url::{Host, Url};

/// The port for submission with STARTTLS (RFC 6409, section 3.1), for every `smtp://` without a port.
const SUBMISSION_PORT: u16 = 587;

/// The port for submission inside TLS (RFC 8314, section 7.3), for every `smtps://` without a port.
const SUBMISSIONS_PORT: u16 = 465;

/// The mail server that takes our mail and carries it on, parsed from `SMTP_URL`.
///
/// `smtp://user:password@host:587` (STARTTLS required), `smtps://host:465` (TLS from the first byte), and
/// `?tls=required|opportunistic|none` for `smtp://`. Credentials are percent-decoded. `Debug` prints neither of them.
#[derive(Clone)]
pub struct Relay {
    host: String,
    port: u16,
    tls: Tls,
    credentials: Option<Credentials>,
}

/// How the connection to the relay is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// TLS from the first byte (RFC 8314): `smtps://`.
    Implicit,
    /// STARTTLS (RFC 3207) or no mail at all: `smtp://` as it is, so that nobody on the way can strip it.
    Required,
    /// STARTTLS where the relay offers it, else in clear. A certificate that is shown is verified all the same, and
    /// credentials are never sent in clear.
    Opportunistic,
    /// In clear always, for a relay on this machine or in a network that is trusted.
    None,
}

/// Who we are to the relay.
#[derive(Clone)]
pub(super) struct Credentials {
    /// The user name; not a secret, and still nobody's business.
    pub user: SecretString,
    /// The password.
    pub password: SecretString,
}

/// Why a text is not the URL of a relay. Never quotes the text, which may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRelay {
    /// Not a URL, most often because the password has a character in it that means something in URLs.
    #[error(
        "is not a URL such as smtp://user:password@host:587 ({0}); write /, ?, #, @, : and % in the user name and \
         password as %2F, %3F, %23, %40, %3A and %25"
    )]
    NotAUrl(url::ParseError),
    /// Another scheme.
    #[error("must begin with smtp:// (STARTTLS) or smtps:// (TLS from the first byte)")]
    Scheme,
    /// No host, or one that cannot be looked up.
    #[error("must name a host: a domain name or an IP address, as in smtp://mail.example.com:587")]
    Host,
    /// Port 0.
    #[error("must name a port from 1 to 65535, or none")]
    Port,
    /// Something behind the port.
    #[error(
        "must not have a path or a fragment, only ?tls= behind the host and port; write / and # in a password as %2F \
         and %23"
    )]
    Path,
    /// A parameter other than `tls`, one twice, or a value that `tls` does not have.
    #[error("may have one parameter: ?tls=required, ?tls=opportunistic or ?tls=none")]
    Parameter,
    /// `smtps://` with `?tls=`.
    #[error("uses smtps://, which is always TLS: drop the tls parameter, or use smtp://")]
    Contradiction,
    /// A user without a password, or a password without a user.
    #[error("must have both a user name and a password, or neither")]
    HalfCredentials,
    /// Credentials whose escapes are not UTF-8, or that hold control characters.
    #[error("has a user name or password that is not text after percent-decoding")]
    Credentials,
    /// A password that would travel in clear.
    #[error(
        "has a password and tls=none, which would send the password in clear to another machine: use \
         ?tls=required, or drop the credentials"
    )]
    PasswordInClear,
}

impl Relay {
    /// The host as it is looked up and as its certificate must name it, without brackets around an IPv6 address.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How the connection is protected.
    pub fn tls(&self) -> Tls {
        self.tls
    }

    /// Whether we log in.
    pub fn has_credentials(&self) -> bool {
        self.credentials.is_some()
    }

    pub(super) fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// Whether the relay is this machine by name or by address, so that nothing crosses a network.
    pub(super) fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }
}

impl FromStr for Relay {
    type Err = InvalidRelay;

    fn from_str(text: &str) -> Result<Self, InvalidRelay> {
        let url = Url::parse(text.trim()).map_err(InvalidRelay::NotAUrl)?;
        let implicit = match url.scheme() {
            "smtp" => false,
            "smtps" => true,
            _ => return Err(InvalidRelay::Scheme),
        };
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(InvalidRelay::Path);
        }

        let relay = Self {
            host: host_of(&url)?,
            port: match url.port() {
                Some(0) => return Err(InvalidRelay::Port),
                Some(port) => port,
                None if implicit => SUBMISSIONS_PORT,
                None => SUBMISSION_PORT,
            },
            tls: tls_of(&url, implicit)?,
            credentials: credentials_of(&url)?,
        };
        if relay.tls == Tls::None && relay.has_credentials() && !relay.is_loopback() {
            return Err(InvalidRelay::PasswordInClear);
        }
        Ok(relay)
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("tls", &self.tls)
            .field("credentials", &self.credentials.as_ref().map(|_| "***"))
            .finish()
    }
}

/// `url` leaves the hosts of schemes that it does not know as they were written: they are parsed once more here.
fn host_of(url: &Url) -> Result<String, InvalidRelay> {
    let written = url.host_str().filter(|host| !host.is_empty()).ok_or(InvalidRelay::Host)?;
    let host = match Host::parse(written).map_err(|_| InvalidRelay::Host)? {
        Host::Domain(domain) => domain,
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    };
    // What no certificate could name, no relay is called.
    ServerName::try_from(host.as_str()).map_err(|_| InvalidRelay::Host)?;
    Ok(host)
}

fn tls_of(url: &Url, implicit: bool) -> Result<Tls, InvalidRelay> {
    let mut parameters = url.query_pairs();
    let tls = match parameters.next() {
        None => return Ok(if implicit { Tls::Implicit } else { Tls::Required }),
        Some((name, value)) if name == "tls" => match &*value {
            "required" => Tls::Required,
            "opportunistic" => Tls::Opportunistic,
            "none" => Tls::None,
            _ => return Err(InvalidRelay::Parameter),
        },
        Some(_) => return Err(InvalidRelay::Parameter),
    };
    if parameters.next().is_some() {
        return Err(InvalidRelay::Parameter);
    }
    if implicit { Err(InvalidRelay::Contradiction) } else { Ok(tls) }
}

fn credentials_of(url: &Url) -> Result<Option<Credentials>, InvalidRelay> {
    match (url.username(), url.password().unwrap_or_default()) {
        ("", "") => Ok(None),
        ("", _) | (_, "") => Err(InvalidRelay::HalfCredentials),
        (user, password) => {
            Ok(Some(Credentials { user: decode(user)?, password: decode(password)? }))
        }
    }
}

/// NUL would end the user name inside AUTH PLAIN (RFC 4616, section 2), and no control character is meant.
fn decode(escaped: &str) -> Result<SecretString, InvalidRelay> {
    let text = percent_decode_str(escaped).decode_utf8().map_err(|_| InvalidRelay::Credentials)?;
    if text.chars().any(char::is_control) {
        return Err(InvalidRelay::Credentials);
    }
    Ok(SecretString::from(text.into_owned()))
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse().is_ok_and(|address: Ipv4Addr| address.is_loopback())
        || host.parse().is_ok_and(|address: Ipv6Addr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    fn parse(text: &str) -> Result<Relay, InvalidRelay> {
        text.parse()
    }

    #[test]
    fn schemes_choose_protection_and_port() {
        let relay = parse("smtp://mail.example.com").unwrap();
        assert_eq!((relay.tls(), relay.port()), (Tls::Required, 587));
        let relay = parse("smtps://mail.example.com").unwrap();
        assert_eq!((relay.tls(), relay.port()), (Tls::Implicit, 465));
        let relay = parse("smtp://10.0.0.1:2525/?tls=none").unwrap();
        assert_eq!((relay.host(), relay.tls(), relay.port()), ("10.0.0.1", Tls::None, 2525));
        let relay = parse("smtp://[2001:DB8::1]?tls=opportunistic").unwrap();
        assert_eq!((relay.host(), relay.tls()), ("2001:db8::1", Tls::Opportunistic));
        assert_eq!(
            parse("smtp://MÜLLER.example?tls=none").unwrap().host(),
            "xn--mller-kva.example"
        );
    }

    #[test]
    fn credentials_are_decoded() {
        let relay = parse("smtp://a%40b.example:p%2Fw%20%F0%9F%94%91@host.example").unwrap();
        let credentials = relay.credentials().unwrap();
        assert_eq!(credentials.user.expose_secret(), "a@b.example");
        assert_eq!(credentials.password.expose_secret(), "p/w 🔑");
    }

    #[test]
    fn mistakes_are_named() {
        for (text, problem) in [
            ("mail.example.com:587", InvalidRelay::Scheme),
            ("http://mail.example.com", InvalidRelay::Scheme),
            ("smtp://", InvalidRelay::Host),
            ("smtp://a b", InvalidRelay::NotAUrl(url::ParseError::InvalidDomainCharacter)),
            ("smtp:mail.example.com", InvalidRelay::Path),
            ("smtp://host:0", InvalidRelay::Port),
            ("smtp://host/inbox", InvalidRelay::Path),
            ("smtp://host#x", InvalidRelay::Path),
            ("smtp://host?tls=maybe", InvalidRelay::Parameter),
            ("smtp://host?tls=none&tls=required", InvalidRelay::Parameter),
            ("smtp://host?starttls=1", InvalidRelay::Parameter),
            ("smtps://host?tls=none", InvalidRelay::Contradiction),
            ("smtp://user@host", InvalidRelay::HalfCredentials),
            ("smtp://:password@host", InvalidRelay::HalfCredentials),
            ("smtp://us%00er:password@host", InvalidRelay::Credentials),
            ("smtp://us%FFer:password@host", InvalidRelay::Credentials),
            ("smtp://user:password@host?tls=none", InvalidRelay::PasswordInClear),
            ("smtp://user:password@127.evil.example?tls=none", InvalidRelay::PasswordInClear),
        ] {
            match parse(text) {
                Err(found) if matches!(problem, InvalidRelay::NotAUrl(_)) => {
                    assert!(
                        matches!(found, InvalidRelay::NotAUrl(_) | InvalidRelay::Host),
                        "{text}"
                    );
                }
                found => assert_eq!(found.err(), Some(problem), "{text}"),
            }
        }
    }

    #[test]
    fn a_password_may_travel_in_clear_only_on_this_machine() {
        for host in ["localhost", "127.0.0.1", "[::1]"] {
            assert!(parse(&format!("smtp://user:password@{host}?tls=none")).is_ok(), "{host}");
        }
    }

    #[test]
    fn debug_shows_no_credentials() {
        let shown = format!("{:?}", parse("smtp://heinrich:hunter2@host.example").unwrap());
        assert!(!shown.contains("heinrich") && !shown.contains("hunter2"), "{shown}");
    }

    proptest! {
        #[test]
        fn no_text_makes_an_error_that_quotes_it(secret in "[A-Za-z0-9]{12}", noise in r"[/?#@:%\[\] ]{0,4}") {
            for text in [
                format!("smtp://user:{secret}{noise}@host?x"),
                format!("smtp://{noise}{secret}:{secret}@:99999"),
            ] {
                if let Err(problem) = parse(&text) {
                    let shown = format!("{problem} {problem:?}");
                    prop_assert!(!shown.contains(&secret), "{}", shown);
                }
            }
        }
    }
}
