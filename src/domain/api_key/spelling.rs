//! How keys begin: as ours do, or as those of another service.

use std::str::FromStr;

use super::{KeyMode, KeyType};

/// How a key is written: as ours are, or with the prefix that clients of another service look for. It is the same key
/// whatever the prefix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Spelling {
    /// `AS_` and `ASA_`, with `test_` behind them in test mode.
    #[default]
    Native,
    /// `re_`.
    Resend,
    /// `SG.`, without which their clients warn.
    SendGrid,
    /// `tsend_`.
    ToSend,
    /// `tsend_admin_`, without which their client for administrators refuses a key.
    ToSendAdmin,
    /// `sk_live_` and `sk_test_`.
    SendMailOs,
    /// `ms_live_` and `ms_test_`.
    MailSage,
}

impl Spelling {
    /// Every spelling.
    pub const ALL: [Self; 7] = [
        Self::Native,
        Self::Resend,
        Self::SendGrid,
        Self::ToSend,
        Self::ToSendAdmin,
        Self::SendMailOs,
        Self::MailSage,
    ];

    /// The published name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Resend => "resend",
            Self::SendGrid => "sendgrid",
            Self::ToSend => "tosend",
            Self::ToSendAdmin => "tosend_admin",
            Self::SendMailOs => "sendmailos",
            Self::MailSage => "mailsage",
        }
    }

    /// The spelling of a key of which only [`ApiKeyToken::display`](super::ApiKeyToken::display) is known.
    pub fn of_displayed(display: &str) -> Self {
        PREFIXES
            .iter()
            .find(|prefix| {
                let seen = prefix.text.len().min(DISPLAYED);
                display.starts_with(&prefix.text[..seen])
            })
            .map_or(Self::Native, |prefix| prefix.spelling)
    }
}

/// The text names no spelling of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be one of native, resend, sendgrid, tosend, tosend_admin, sendmailos and mailsage")]
pub struct UnknownSpelling;

impl FromStr for Spelling {
    type Err = UnknownSpelling;

    fn from_str(text: &str) -> Result<Self, UnknownSpelling> {
        Self::ALL.into_iter().find(|one| one.as_str() == text).ok_or(UnknownSpelling)
    }
}

/// How many characters of a key's beginning may be shown.
pub(super) const DISPLAYED: usize = 8;

/// The beginning of a key, and what it says.
#[derive(Debug)]
pub(super) struct Prefix {
    pub(super) text: &'static str,
    pub(super) spelling: Spelling,
    /// `None` where the prefix does not tell.
    key_type: Option<KeyType>,
    /// `None` where the prefix does not tell.
    mode: Option<KeyMode>,
}

impl Prefix {
    const fn new(
        text: &'static str,
        spelling: Spelling,
        key_type: Option<KeyType>,
        mode: Option<KeyMode>,
    ) -> Self {
        Self { text, spelling, key_type, mode }
    }

    /// Whether a key of this kind may begin so.
    pub(super) fn suits(&self, key_type: KeyType, mode: KeyMode) -> bool {
        self.key_type.is_none_or(|said| said == key_type)
            && self.mode.is_none_or(|said| said == mode)
    }
}

/// Every prefix. Longer ones first, because `AS_` begins `AS_test_`.
pub(super) static PREFIXES: [Prefix; 12] = [
    Prefix::new("ASA_test_", Spelling::Native, Some(KeyType::Account), Some(KeyMode::Test)),
    Prefix::new("AS_test_", Spelling::Native, Some(KeyType::Project), Some(KeyMode::Test)),
    Prefix::new("ASA_", Spelling::Native, Some(KeyType::Account), Some(KeyMode::Live)),
    Prefix::new("AS_", Spelling::Native, Some(KeyType::Project), Some(KeyMode::Live)),
    Prefix::new("tsend_admin_", Spelling::ToSendAdmin, None, None),
    Prefix::new("tsend_", Spelling::ToSend, None, None),
    Prefix::new("sk_live_", Spelling::SendMailOs, None, Some(KeyMode::Live)),
    Prefix::new("sk_test_", Spelling::SendMailOs, None, Some(KeyMode::Test)),
    Prefix::new("ms_live_", Spelling::MailSage, None, Some(KeyMode::Live)),
    Prefix::new("ms_test_", Spelling::MailSage, None, Some(KeyMode::Test)),
    Prefix::new("re_", Spelling::Resend, None, None),
    Prefix::new("SG.", Spelling::SendGrid, None, None),
];
