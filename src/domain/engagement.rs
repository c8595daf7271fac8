//! What recipients do with a mail once they have it.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::link_token::Place;

/// Something that a recipient did with a message, or a program on the way.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Seen {
    /// The message.
    pub place: Place,
    /// The link that was followed; `None` if the message was looked at.
    pub link: Option<String>,
    /// Whether it was a program.
    pub automated: bool,
}

impl Seen {
    /// The kind of event: `opened` or `clicked`.
    pub fn kind(&self) -> &'static str {
        if self.link.is_some() { "clicked" } else { "opened" }
    }

    /// What stands for the link where it is counted: half of its SHA-256, or nothing.
    pub fn link_digest(&self) -> Vec<u8> {
        self.link.as_ref().map_or_else(Vec::new, |link| Sha256::digest(link)[..16].to_vec())
    }
}

/// How often it was done, and when.
#[derive(Clone, Copy, Debug)]
pub struct Engagement {
    /// How often.
    pub times: i64,
    /// For the first time.
    pub first: DateTime<Utc>,
    /// For the last time.
    pub last: DateTime<Utc>,
}

impl Engagement {
    /// Adds the same, done at another time.
    pub fn add(&mut self, other: Self) {
        self.times = self.times.saturating_add(other.times);
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
    }
}

/// How often each recipient of a mail did what, by kind and by whether it was a program.
#[derive(Clone, Debug)]
pub struct Tally {
    /// The recipient's place.
    pub position: i16,
    /// `opened` or `clicked`.
    pub kind: String,
    /// Whether programs did it.
    pub automated: bool,
    /// How often.
    pub times: i64,
}
