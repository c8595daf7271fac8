//! Lists page by page: `limit` and `cursor` in, `hasMore` and `nextCursor` out.

use std::fmt::Display;
use std::str::FromStr;

use crate::domain::violations::Violations;

/// How many at once, if nothing is said.
const DEFAULT_LIMIT: u16 = 20;

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<Id> {
    /// How many at once: 1 to 100.
    pub limit: u16,
    /// Where the page before ended.
    pub before: Option<Id>,
}

impl<Id: FromStr<Err: Display>> Wanted<Id> {
    /// Reads the query's two members.
    pub fn read(limit: Option<u16>, cursor: Option<&str>, violations: &mut Violations) -> Self {
        let limit = limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=100).contains(&limit) {
            violations.add("limit", "must be a whole number from 1 to 100");
        }
        let before = cursor.and_then(|text| violations.check("cursor", text.parse()));
        Self { limit, before }
    }

    /// One more than is shown: it tells whether there is a next page.
    pub fn look_for(&self) -> u16 {
        self.limit + 1
    }
}

/// What was found of it.
#[derive(Debug)]
pub struct Found<T> {
    /// The page.
    pub items: Vec<T>,
    /// Whether another follows.
    pub has_more: bool,
    /// Asks for that one; `None` on the last.
    pub next_cursor: Option<String>,
}

impl<T> Found<T> {
    /// Cuts what was looked for down to the page.
    pub fn cut<Id: Display>(mut items: Vec<T>, limit: u16, id: impl Fn(&T) -> Id) -> Self {
        let has_more = items.len() > usize::from(limit);
        items.truncate(limit.into());
        let next_cursor = items.last().filter(|_| has_more).map(|item| id(item).to_string());
        Self { items, has_more, next_cursor }
    }
}
