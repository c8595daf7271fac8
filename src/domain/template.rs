//! Templates: subjects and bodies that a project keeps, while their values come with each send.

pub mod id;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::id::{ProjectId, SenderId};
use super::one_line::{changes_direction, is_one_line};
use super::sender::Sender;
pub use id::{InvalidTemplateId, TemplateId};

/// The most templates of one project.
pub const MOST_PER_PROJECT: i64 = 1000;

/// Versions that are kept of one template. Older ones go, but never the published one.
pub const KEPT_VERSIONS: i32 = 50;

/// The most that the HTML and the text of a version may have together, in bytes.
pub const MAX_PARTS: usize = 1024 * 1024;

/// The most that the description of the variables may have, in bytes of JSON.
pub const MAX_VARIABLES: usize = 16 * 1024;

/// The longest subject, in characters, before its variables are filled in.
pub const LONGEST_SUBJECT: usize = 988;

/// Defines a choice with its published names.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident: $invalid:literal { $($(#[$case_doc:meta])* $case:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub enum $name {
            $($(#[$case_doc])* $case,)+
        }

        impl $name {
            /// The published name.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$case => $text,)+ }
            }

            /// Reads a published name; the refusal completes the sentence that the field begins.
            pub fn named(text: &str) -> Result<Self, &'static str> {
                match text {
                    $($text => Ok(Self::$case),)+
                    _ => Err($invalid),
                }
            }
        }
    };
}

choice! {
    /// What a template is for. It is kept and changes nothing.
    TemplateType: "must be `transactional` or `marketing`" {
        /// Mail that somebody's own doing brings about.
        #[default]
        Transactional = "transactional",
        /// Mail to many.
        Marketing = "marketing",
    }
}

choice! {
    /// What a template is edited with. It is kept and changes nothing.
    BuilderType: "must be `code` or `visual`" {
        /// A text editor.
        #[default]
        Code = "code",
        /// An editor of boxes.
        Visual = "visual",
    }
}

/// The name of a template: 1 to 90 characters on one line, none of which makes it read as another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateName(String);

impl TemplateName {
    /// The longest name, in characters.
    pub const LONGEST: usize = 90;

    /// Reads a name; space around it is no part of it. The refusal completes the sentence that the field begins.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        let fits = !text.is_empty()
            && text.chars().count() <= Self::LONGEST
            && is_one_line(text)
            && !text.chars().any(changes_direction);
        if fits {
            return Ok(Self(text.to_owned()));
        }
        Err("must be 1 to 90 characters on one line, without control characters")
    }

    /// The name as it is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What programs may call a template by in place of its id: 1 to 128 letters, digits, `-`, `_`, `.` and `:`. What reads as
/// an id is none, so that nobody names a template by the id of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateAlias(String);

impl TemplateAlias {
    /// The longest alias, in characters.
    pub const LONGEST: usize = 128;

    /// Reads an alias; space around it is no part of it. The refusal completes the sentence that the field begins.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        let fits = (1..=Self::LONGEST).contains(&text.chars().count())
            && text.chars().all(|c| c.is_alphanumeric() || "-_.:".contains(c));
        if !fits {
            return Err("must be 1 to 128 letters, digits, `-`, `_`, `.` or `:`");
        }
        if text.parse::<TemplateId>().is_ok() || Uuid::try_parse(text).is_ok() {
            return Err("must not be the id of a template");
        }
        Ok(Self(text.to_owned()))
    }

    /// The alias as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Reads a text of one line that may be empty: a description or a preview text.
pub fn short_line(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    if text.chars().count() <= 140 && is_one_line(text) {
        return Ok(text.to_owned());
    }
    Err("must have at most 140 characters on one line, without control characters")
}

/// Reads a subject whose variables are not filled in yet.
pub fn subject_source(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    let fits = !text.is_empty() && text.chars().count() <= LONGEST_SUBJECT && is_one_line(text);
    if fits {
        return Ok(text.to_owned());
    }
    Err("must be 1 to 988 characters on one line, without control characters")
}

/// What a version of a template says. Nothing changes it once it is stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TemplateContent {
    /// The subject, perhaps with variables.
    pub subject: String,
    /// What mailboxes show beside the subject, perhaps with variables; may be empty.
    pub preview_text: String,
    /// The HTML part, perhaps with variables.
    pub html: Option<String>,
    /// The text part, perhaps with variables; made from the HTML of each mail where it is absent.
    pub text: Option<String>,
    /// What its author says of the variables; the server makes nothing of it.
    pub variables: Map<String, Value>,
}

/// A template without what it says: what is the same for all of its versions.
#[derive(Clone, Debug)]
pub struct Template {
    /// Names it.
    pub id: TemplateId,
    /// The owner.
    pub project: ProjectId,
    /// What people call it.
    pub name: String,
    /// What programs may call it by; no other template of the project has the same.
    pub alias: Option<String>,
    /// What people say of it; may be empty.
    pub description: String,
    /// What it is for.
    pub kind: TemplateType,
    /// What it is edited with.
    pub builder: BuilderType,
    /// Whom its mails are from, where the request does not say.
    pub sender: Option<SenderId>,
    /// The newest version, from 1.
    pub latest: i32,
    /// The version that is sent; `None` before one was published.
    pub published: Option<i32>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it or what it says last changed.
    pub updated_at: DateTime<Utc>,
}

/// A template with what one of its versions says.
#[derive(Clone, Debug)]
pub struct TemplateVersion {
    /// The template.
    pub template: Template,
    /// Which version, from 1.
    pub version: i32,
    /// What it says.
    pub content: TemplateContent,
}

/// A template as lists show it.
#[derive(Clone, Debug)]
pub struct TemplateSummary {
    /// The template.
    pub template: Template,
    /// The subject of its newest version.
    pub subject: String,
    /// The preview text of its newest version.
    pub preview_text: String,
}

/// One version as the list of them shows it.
#[derive(Clone, Debug)]
pub struct VersionSummary {
    /// Which, from 1.
    pub version: i32,
    /// Its subject.
    pub subject: String,
    /// Its preview text.
    pub preview_text: String,
    /// How much HTML it has, in bytes.
    pub html_bytes: i32,
    /// How much text of its own it has, in bytes.
    pub text_bytes: i32,
    /// Whether it is the one that is sent.
    pub published: bool,
    /// The version that it was made from; `None` for the first.
    pub based_on: Option<i32>,
    /// Who made it, in words.
    pub created_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// The template that a mail is to be made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TemplateChoice {
    /// Which.
    pub id: TemplateId,
    /// Which version of it; `None` for the published one.
    pub version: Option<i32>,
}

/// What a mail takes from a template.
#[derive(Clone, Debug)]
pub struct ChosenTemplate {
    /// Which version; `None` if none was published, or there is none of that number.
    pub version: Option<i32>,
    /// What it says.
    pub content: TemplateContent,
    /// Whom its mails are from.
    pub sender: Option<Sender>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_a_word_and_no_id() {
        for good in ["order-confirmation", " welcome ", "Grüße_2.v1:b", &"x".repeat(128)] {
            assert_eq!(TemplateAlias::parse(good).unwrap().as_str(), good.trim());
        }
        let (id, long) = (TemplateId::generate(), "x".repeat(129));
        let uuid = id.as_uuid();
        let ids = [id.to_string(), uuid.to_string(), uuid.simple().to_string()];
        let words = ["", " ", "a b", "a/b", "a?b", "a#b", "a%20b", "a\u{202e}b", "a\0", &long];
        for bad in words.into_iter().chain(ids.iter().map(String::as_str)) {
            assert!(TemplateAlias::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_and_subjects_are_counted_in_characters() {
        assert_eq!(
            TemplateName::parse(&format!(" {} ", "ü".repeat(90))).unwrap().as_str().len(),
            180
        );
        for bad in ["", "  ", "a\nb", "a\u{202e}b", "a\0", &"x".repeat(91)] {
            assert!(TemplateName::parse(bad).is_err(), "{bad:?}");
        }
        assert!(subject_source(&"ü".repeat(988)).is_ok());
        for bad in ["", " ", "a\r\nBcc: b", &"x".repeat(989)] {
            assert!(subject_source(bad).is_err(), "{bad:?}");
        }
        assert_eq!(short_line("").unwrap(), "");
        assert!(short_line(&"🎉".repeat(140)).is_ok());
        assert!(short_line(&"x".repeat(141)).is_err() && short_line("a\nb").is_err());
    }

    #[test]
    fn choices_read_back_from_their_names() {
        assert_eq!(TemplateType::named("marketing"), Ok(TemplateType::Marketing));
        assert_eq!(BuilderType::named(BuilderType::Visual.as_str()), Ok(BuilderType::Visual));
        assert!(TemplateType::named("Marketing").is_err());
    }
}
