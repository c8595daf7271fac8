//! Pages that are counted from one, over lists that are kept newest first.

use serde::Serialize;

use crate::domain::violations::Violations;

/// How far back pages reach; what is older is found by its time.
const LAST: u16 = 2000;

/// Which page is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    number: u16,
    length: u16,
}

/// A page.
#[derive(Debug, Serialize)]
pub struct Listed<T> {
    data: Vec<T>,
    /// How many there are; one more than were looked at, if there are more.
    total: i64,
    page: u16,
    per_page: u16,
}

impl Page {
    /// Reads the query's two members.
    pub fn read(page: Option<u16>, per_page: Option<u16>, violations: &mut Violations) -> Self {
        let (number, length) = (page.unwrap_or(1), per_page.unwrap_or(20));
        if !(1..=100).contains(&length) {
            violations.add("per_page", "must be a whole number from 1 to 100");
        }
        if number == 0 || u32::from(number) * u32::from(length) > u32::from(LAST) {
            let problem = format!("must be 1 or more, and within the first {LAST} entries");
            violations.add("page", problem);
        }
        Self { number, length }
    }

    /// Which it is, from one.
    pub fn number(self) -> u16 {
        self.number
    }

    /// How many are on it.
    pub fn length(self) -> u16 {
        self.length
    }

    /// How many must be looked at, counted from the first of all: one more than up to its end.
    pub fn look_at(self) -> u16 {
        self.number.saturating_mul(self.length).saturating_add(1)
    }

    /// The page, of all that were looked at.
    pub fn cut<T>(self, found: Vec<T>) -> Listed<T> {
        let total = i64::try_from(found.len()).unwrap_or(i64::MAX);
        let before = usize::from(self.number.saturating_sub(1)) * usize::from(self.length);
        let data = found.into_iter().skip(before).take(self.length.into()).collect();
        self.of(data, total)
    }

    /// The page, where it was looked for by itself.
    pub fn of<T>(self, data: Vec<T>, total: i64) -> Listed<T> {
        Listed { data, total, page: self.number, per_page: self.length }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_cut_out_of_what_comes_before_it() {
        let mut violations = Violations::default();
        let page = Page::read(Some(2), Some(3), &mut violations);
        assert_eq!(page.look_at(), 7);
        let listed = page.cut((1..=7).collect());
        assert_eq!((listed.data, listed.total), (vec![4, 5, 6], 7));
        assert!(violations.is_empty());
        for (number, length) in [(0, 3), (1, 0), (1, 101), (21, 100), (u16::MAX, u16::MAX)] {
            let mut violations = Violations::default();
            Page::read(Some(number), Some(length), &mut violations);
            assert!(!violations.is_empty(), "{number} {length}");
        }
    }
}
