//! Lists, which go on after an entry or end before one.

use std::fmt::Display;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domain::violations::Violations;
use crate::error::{Error, Result};

/// How many are on a page, if nothing is said.
const DEFAULT_LIMIT: u16 = 20;

/// Which page of a list.
#[derive(Debug, Deserialize)]
pub(super) struct ListQuery {
    limit: Option<u16>,
    after: Option<String>,
    before: Option<String>,
    /// Of suppressions only.
    pub(super) origin: Option<String>,
}

/// Where a page is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place<Id> {
    /// It is the first, or begins behind an entry.
    After(Option<Id>),
    /// It ends in front of an entry.
    Before(Id),
}

/// A page, newest first.
#[derive(Debug)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    /// Whether there are more in the direction in which the pages are turned.
    pub(super) has_more: bool,
}

/// A page in the shape of the API.
#[derive(Debug, Serialize)]
pub(super) struct List<B> {
    object: &'static str,
    has_more: bool,
    data: Vec<B>,
}

impl ListQuery {
    /// Where the page is, and how many are on it.
    pub(super) fn place<Id: FromStr<Err: Display>>(&self) -> Result<(Place<Id>, u16)> {
        let mut violations = Violations::default();
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=100).contains(&limit) {
            violations.add("limit", "must be a whole number from 1 to 100");
        }
        if self.after.is_some() && self.before.is_some() {
            violations.add("before", "cannot be given together with `after`");
        }
        let mut id = |field: &str, text: &Option<String>| {
            violations.check(field, text.as_ref()?.parse::<Id>())
        };
        let (after, before) = (id("after", &self.after), id("before", &self.before));
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        Ok((before.map_or(Place::After(after), Place::Before), limit))
    }

    /// The page of a list that is there as a whole.
    pub(super) fn page_of<T>(&self, mut all: Vec<T>, id: impl Fn(&T) -> String) -> Result<Page<T>> {
        let (place, limit) = self.place::<String>()?;
        let limit = usize::from(limit);
        let unknown =
            |field: &str| Error::Invalid(Violations::one(field, "names nothing in this list"));
        let of = |name: &String, all: &[T]| all.iter().position(|item| id(item) == *name);
        let start = match place {
            Place::After(None) => 0,
            Place::After(Some(name)) => of(&name, &all).ok_or_else(|| unknown("after"))? + 1,
            Place::Before(name) => {
                let end = of(&name, &all).ok_or_else(|| unknown("before"))?;
                all.truncate(end);
                let start = end.saturating_sub(limit);
                return Ok(Page { items: all.split_off(start), has_more: start > 0 });
            }
        };
        let mut items = all.split_off(start);
        let has_more = items.len() > limit;
        items.truncate(limit);
        Ok(Page { items, has_more })
    }
}

impl<T> Page<T> {
    /// The page as it is shown.
    pub(super) fn of<B>(self, body: impl FnMut(T) -> B) -> List<B> {
        let data = self.items.into_iter().map(body).collect();
        List { object: "list", has_more: self.has_more, data }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(query: &str) -> (Vec<i32>, bool) {
        let query: ListQuery = serde_json::from_str(query).unwrap();
        let page = query.page_of(vec![5, 4, 3, 2, 1], i32::to_string).unwrap();
        (page.items, page.has_more)
    }

    #[test]
    fn pages_are_turned_in_both_directions() {
        assert_eq!(page("{}"), (vec![5, 4, 3, 2, 1], false));
        assert_eq!(page(r#"{"limit":2}"#), (vec![5, 4], true));
        assert_eq!(page(r#"{"limit":2,"after":"4"}"#), (vec![3, 2], true));
        assert_eq!(page(r#"{"limit":2,"after":"3"}"#), (vec![2, 1], false));
        assert_eq!(page(r#"{"limit":2,"before":"2"}"#), (vec![4, 3], true));
        assert_eq!(page(r#"{"limit":2,"before":"4"}"#), (vec![5], false));
        assert_eq!(page(r#"{"limit":2,"before":"5"}"#), (vec![], false));
    }

    #[test]
    fn places_that_mean_nothing_are_refused() {
        for query in [r#"{"limit":0}"#, r#"{"after":"1","before":"2"}"#, r#"{"after":"9"}"#] {
            let query: ListQuery = serde_json::from_str(query).unwrap();
            assert!(query.page_of(vec![1], i32::to_string).is_err());
        }
    }
}
