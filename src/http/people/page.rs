//! A page of a list.

use std::str::FromStr;

use serde::Deserialize;
use utoipa::IntoParams;

use crate::domain::violations::Violations;
use crate::error::{Error, Result};

/// Which page of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// How many at once: 1 to 100.
    #[param(default = 20, minimum = 1, maximum = 100)]
    limit: Option<u16>,
    /// Where the last page ended: its `nextCursor`.
    cursor: Option<String>,
}

impl PageQuery {
    /// After which id, and how many.
    pub fn check<I: FromStr>(&self) -> Result<(Option<I>, u16)>
    where
        I::Err: std::fmt::Display,
    {
        let mut violations = Violations::default();
        let limit = self.limit.unwrap_or(20);
        if !(1..=100).contains(&limit) {
            violations.add("limit", "must be a whole number from 1 to 100");
        }
        let cursor = self.cursor.as_deref().map(|text| violations.check("cursor", text.parse()));
        if violations.is_empty() {
            Ok((cursor.flatten(), limit))
        } else {
            Err(Error::Invalid(violations))
        }
    }
}

/// Cuts a list to the page, and says whether there is a next one. The list has one more than the page, if there is.
pub fn cut<T>(found: &mut Vec<T>, limit: u16) -> bool {
    let has_more = found.len() > usize::from(limit);
    found.truncate(limit.into());
    has_more
}
