//! Who gets no mail of a project, and the kinds of mail that recipients can want or not want.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::id::{SuppressionGroupId, SuppressionId};
use super::one_line::{changes_direction, is_one_line};
use super::randomness::random_bytes;

/// The short name of a group, by which mails name it: upper-case letters and digits, six in those that are made here.
///
/// `GLOBAL` is the name of the one that all mail of the project belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GroupCode(String);

/// The text is the short name of no group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not the id of a suppression group: it has 5 to 12 letters and digits, as in AB12C3")]
pub struct InvalidGroupCode;

impl GroupCode {
    /// The name of the group that all mail of a project belongs to.
    pub const GLOBAL: &str = "GLOBAL";

    /// The group that all mail of a project belongs to.
    pub fn global() -> Self {
        Self(Self::GLOBAL.to_owned())
    }

    /// Draws a name: one of 36⁶, never the global one.
    pub fn generate() -> Self {
        const ALPHABET: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        loop {
            // A little uneven, which is no matter: it is no secret, and a name that is taken is drawn again.
            let bytes: [u8; 6] = random_bytes();
            let text: String =
                bytes.iter().map(|byte| char::from(ALPHABET[usize::from(*byte) % 36])).collect();
            if text != Self::GLOBAL {
                return Self(text);
            }
        }
    }

    /// Whether all mail of the project belongs to it.
    pub fn is_global(&self) -> bool {
        self.0 == Self::GLOBAL
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// In letters of either case.
impl FromStr for GroupCode {
    type Err = InvalidGroupCode;

    fn from_str(text: &str) -> Result<Self, InvalidGroupCode> {
        let text = text.trim();
        let fits =
            (5..=12).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if fits { Ok(Self(text.to_ascii_uppercase())) } else { Err(InvalidGroupCode) }
    }
}

impl TryFrom<String> for GroupCode {
    type Error = InvalidGroupCode;

    fn try_from(text: String) -> Result<Self, InvalidGroupCode> {
        text.parse()
    }
}

impl From<GroupCode> for String {
    fn from(code: GroupCode) -> Self {
        code.0
    }
}

impl fmt::Display for GroupCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why an address gets no mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Its owner wants none. Only this one can be taken back by the owner.
    Unsubscribe,
    /// Nothing that is sent there arrives.
    Bounce,
    /// Its owner called a mail spam.
    Complaint,
    /// Somebody of the project said so.
    Manual,
}

/// The text is no reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be one of UNSUBSCRIBE, BOUNCE, COMPLAINT and MANUAL")]
pub struct UnknownReason;

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 4] = [Self::Unsubscribe, Self::Bounce, Self::Complaint, Self::Manual];

    /// The name that is stored; the published one is the same in capitals.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unsubscribe => "unsubscribe",
            Self::Bounce => "bounce",
            Self::Complaint => "complaint",
            Self::Manual => "manual",
        }
    }
}

/// In letters of either case.
impl FromStr for Reason {
    type Err = UnknownReason;

    fn from_str(text: &str) -> Result<Self, UnknownReason> {
        let is_it = |reason: &Self| reason.as_str().eq_ignore_ascii_case(text);
        Self::ALL.into_iter().find(is_it).ok_or(UnknownReason)
    }
}

/// What a group is called, as recipients read it: 1 to 200 characters on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupName(String);

/// The text cannot be the name of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 200 characters on one line, without control characters")]
pub struct InvalidGroupName;

impl GroupName {
    /// The name as it is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for GroupName {
    type Err = InvalidGroupName;

    fn from_str(text: &str) -> Result<Self, InvalidGroupName> {
        let text = text.trim();
        let fits = (1..=200).contains(&text.chars().count())
            && is_one_line(text)
            && !text.chars().any(changes_direction);
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidGroupName) }
    }
}

/// A kind of mail that recipients can want or not want.
#[derive(Clone, Debug)]
pub struct Group {
    /// Names the group among all of its kind.
    pub id: SuppressionGroupId,
    /// Names it in the project.
    pub code: GroupCode,
    /// What recipients read.
    pub name: String,
    /// What recipients read below it.
    pub description: Option<String>,
    /// Whether mail may be sent in it, and recipients see it.
    pub active: bool,
    /// How many addresses get no mail of it.
    pub entries: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// An address that gets no mail of a group.
#[derive(Clone, Debug)]
pub struct Suppression {
    /// Names the entry; sorts by time.
    pub id: SuppressionId,
    /// The address, in lower case.
    pub address: String,
    /// The group.
    pub group: String,
    /// Why: [`Reason::as_str`].
    pub reason: String,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// When the reason last changed.
    pub updated_at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_groups_are_read_in_any_letters_and_made_in_one_form() {
        assert_eq!("ab12c3".parse::<GroupCode>().unwrap().as_str(), "AB12C3");
        assert!("Global".parse::<GroupCode>().unwrap().is_global());
        for bad in ["", "ABCD", "AB-123", "ÄBCDEF", "ABCDEFGHIJKLM"] {
            assert_eq!(bad.parse::<GroupCode>(), Err(InvalidGroupCode), "{bad}");
        }
        for _ in 0..1000 {
            let made = GroupCode::generate();
            assert_eq!(made.as_str().parse::<GroupCode>().unwrap(), made);
            assert!(made.as_str().len() == 6 && !made.is_global());
        }
    }

    #[test]
    fn reasons_read_back_from_their_names() {
        for reason in Reason::ALL {
            assert_eq!(reason.as_str().parse(), Ok(reason));
            assert_eq!(reason.as_str().to_uppercase().parse(), Ok(reason));
        }
        assert_eq!("spite".parse::<Reason>(), Err(UnknownReason));
    }

    #[test]
    fn a_name_for_recipients_is_one_line() {
        assert_eq!(" News ".parse::<GroupName>().unwrap().as_str(), "News");
        for bad in ["", " ", "a\nb", "a\u{202e}b", &"x".repeat(201)] {
            assert_eq!(bad.parse::<GroupName>(), Err(InvalidGroupName), "{bad}");
        }
    }
}
