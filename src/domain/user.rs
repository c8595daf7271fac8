//! People who may sign in, and the links that let them in for the first time.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use super::address::EmailAddress;
use super::caller::Role;
use super::id::{AccountId, OneTimeLinkId, SessionId, UserId};
use super::one_line::is_one_line;

/// Somebody who may sign in.
#[derive(Clone, Debug)]
pub struct User {
    /// Names the person.
    pub id: UserId,
    /// The account that the person belongs to.
    pub account: AccountId,
    /// Signs in with it.
    pub email: SignInAddress,
    /// As colleagues know the person; may be empty.
    pub name: String,
    /// What the person may do.
    pub role: Role,
    /// Whether a code is asked for beside the password.
    pub totp_enabled: bool,
    /// When the person joined.
    pub created_at: DateTime<Utc>,
    /// When the person last signed in.
    pub signed_in_at: Option<DateTime<Utc>>,
}

/// The address that somebody signs in with: in lower case, so that it is the same however it is typed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SignInAddress(String);

impl SignInAddress {
    /// The address as it was stored.
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&EmailAddress> for SignInAddress {
    fn from(address: &EmailAddress) -> Self {
        let plain = address.to_string().to_lowercase();
        // Some letters outside ASCII take more room in lower case, perhaps more than an address may have.
        let is_address = plain.parse::<EmailAddress>().is_ok();
        Self(if is_address { plain } else { address.to_string() })
    }
}

impl fmt::Debug for SignInAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignInAddress(***)")
    }
}

/// How colleagues know a person: up to 100 characters of one line, perhaps none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersonName(String);

/// The text cannot be shown as a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must have at most 100 characters, without line breaks or other control characters")]
pub struct InvalidPersonName;

impl PersonName {
    /// Reads a name, without the space around it.
    pub fn parse(text: &str) -> Result<Self, InvalidPersonName> {
        let name = text.trim();
        let fits = is_one_line(name) && name.chars().count() <= 100;
        if fits { Ok(Self(name.to_owned())) } else { Err(InvalidPersonName) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One browser in which somebody is signed in.
#[derive(Clone, Debug)]
pub struct Session {
    /// Names the session; no part of its cookie.
    pub id: SessionId,
    /// When the person signed in.
    pub created_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    pub last_seen_at: DateTime<Utc>,
    /// From which address the person signed in.
    pub ip: String,
    /// What the browser called itself then.
    pub user_agent: String,
}

/// What a one-time link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkPurpose {
    /// The first owner joins.
    SetUp,
    /// Somebody who was invited joins.
    Invitation,
    /// Somebody who forgot the password chooses another.
    PasswordReset,
}

impl LinkPurpose {
    /// The published name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SetUp => "set_up",
            Self::Invitation => "invitation",
            Self::PasswordReset => "password_reset",
        }
    }

    /// How long such a link is good.
    pub fn lifetime(self) -> TimeDelta {
        match self {
            Self::SetUp => TimeDelta::days(1),
            Self::Invitation => TimeDelta::days(7),
            Self::PasswordReset => TimeDelta::hours(1),
        }
    }

    /// The purpose of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::SetUp, Self::Invitation, Self::PasswordReset]
            .into_iter()
            .find(|purpose| purpose.as_str() == name)
    }
}

/// Somebody who was invited and has not come yet.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// Names the invitation; no part of its link.
    pub id: OneTimeLinkId,
    /// Who.
    pub email: SignInAddress,
    /// As what.
    pub role: Role,
    /// Who invited, in words.
    pub created_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// From then on the link is good for nothing.
    pub expires_at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_to_sign_in_with_is_an_address_in_any_case() {
        for text in ["Ada@Example.COM", "İ@example.com", &format!("{}@example.com", "Ⱥ".repeat(32))]
        {
            let address: EmailAddress = text.parse().unwrap();
            let own = SignInAddress::from(&address);
            let again: EmailAddress = own.as_str().parse().unwrap();
            assert_eq!(SignInAddress::from(&again), own, "{text}");
        }
        let address: EmailAddress = "Ada@Example.COM".parse().unwrap();
        assert_eq!(SignInAddress::from(&address).as_str(), "ada@example.com");
        assert_eq!(format!("{:?}", SignInAddress::from(&address)), "SignInAddress(***)");
    }

    #[test]
    fn a_name_is_one_line_or_none() {
        assert_eq!(PersonName::parse(" Ada ").unwrap().as_str(), "Ada");
        assert_eq!(PersonName::parse("").unwrap().as_str(), "");
        for bad in ["a\nb", "a\0", "a\u{2028}b", &"x".repeat(101)] {
            assert!(PersonName::parse(bad).is_err(), "{bad:?}");
        }
    }
}
