//! Where a webhook is told.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

/// An `http` or `https` URL with a host, at most [`EndpointUrl::MAX_LENGTH`] characters, without credentials. Which
/// addresses may be reached is not its business.
#[derive(Clone, PartialEq, Eq)]
pub struct EndpointUrl(Url);

/// Masked: paths of webhooks are often secrets.
impl fmt::Debug for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EndpointUrl(***)")
    }
}

/// Why a text is no such URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEndpointUrl {
    /// Longer than any that is meant.
    #[error("must have at most {} characters", EndpointUrl::MAX_LENGTH)]
    Length,
    /// Not a URL, or one of another scheme.
    #[error("must be a URL that begins with https:// or http://")]
    Form,
    /// `user:password@`, which would be shown with the URL.
    #[error(
        "must not contain a user name or a password; put a secret into the path, or check the signature instead"
    )]
    Credentials,
}

impl EndpointUrl {
    /// The longest URL, in characters.
    pub const MAX_LENGTH: usize = 2048;

    /// Reads a URL. What browsers forgive is put right (`HTTP://2130706433` is `http://127.0.0.1/`), so that what is
    /// shown is what is connected to. A fragment is dropped.
    pub fn parse(text: &str) -> Result<Self, InvalidEndpointUrl> {
        let has_scheme = ["http://", "https://"].iter().any(|scheme| {
            text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
                // A browser would look for the host behind further slashes.
                && !text[scheme.len()..].starts_with('/')
        });
        let is_clean = !text.contains(|c: char| c.is_control() || c.is_whitespace() || c == '\\');
        if !has_scheme || !is_clean {
            return Err(InvalidEndpointUrl::Form);
        }
        let mut url = Url::parse(text).map_err(|_| InvalidEndpointUrl::Form)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidEndpointUrl::Credentials);
        }
        if url.port() == Some(0) || url.host_str().is_none_or(|host| host.len() > 253) {
            return Err(InvalidEndpointUrl::Form);
        }
        url.set_fragment(None);
        if text.len() > Self::MAX_LENGTH || url.as_str().len() > Self::MAX_LENGTH {
            return Err(InvalidEndpointUrl::Length);
        }
        Ok(Self(url))
    }

    /// The URL.
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// The address, where the host is one.
    pub fn address(&self) -> Option<IpAddr> {
        match self.0.host()? {
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
            Host::Domain(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_urls_of_web_servers_without_credentials_are_taken() {
        for good in [
            "https://example.com/webhooks/autosend",
            "http://example.com:8080/?token=1",
            "HTTPS://bücher.example/x",
            "https://[2001:db8::1]:444/",
        ] {
            assert!(EndpointUrl::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "example.com",
            "ftp://example.com",
            "file:///etc/passwd",
            "https://",
            "https:///x",
            "http:example.com",
            "https:\\\\example.com",
            "https://exa mple.com",
            "https://example.com\r\nX: y",
            "https://example.com:0/",
            "https://example.com:65536/",
            "https://[::1",
            "gopher://example.com",
            "https://256.1.1.1/",
        ] {
            assert_eq!(EndpointUrl::parse(bad), Err(InvalidEndpointUrl::Form), "{bad:?}");
        }
        for secret in [
            "https://user@example.com/",
            "https://user:password@example.com/",
            "https://:p@example.com/",
        ] {
            assert_eq!(
                EndpointUrl::parse(secret),
                Err(InvalidEndpointUrl::Credentials),
                "{secret}"
            );
        }
        let long = format!("https://example.com/{}", "x".repeat(2048));
        assert_eq!(EndpointUrl::parse(&long), Err(InvalidEndpointUrl::Length));
    }

    #[test]
    fn an_address_is_known_in_whatever_form_it_is_written() {
        for text in ["http://2130706433/", "http://0x7f.1/", "http://0177.0.0.1", "http://127.1"] {
            let url = EndpointUrl::parse(text).unwrap();
            assert_eq!(url.address(), Some(IpAddr::from([127, 0, 0, 1])), "{text}");
            assert_eq!(url.as_url().as_str(), "http://127.0.0.1/");
        }
        assert_eq!(EndpointUrl::parse("http://localhost/").unwrap().address(), None);
        let fragment = EndpointUrl::parse("https://example.com/a#b").unwrap();
        assert_eq!(fragment.as_url().as_str(), "https://example.com/a");
    }
}
