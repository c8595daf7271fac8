//! Every problem with a request, gathered, so that its author can mend them all at once.

use std::fmt::Display;

use serde::{Deserialize, Serialize};

/// One field of a request, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// The path of the field as the caller wrote it, such as `to.email` or `attachments[2].content`.
    pub field: String,
    /// Completes the sentence that the field begins: "is not a valid email address".
    pub message: String,
}

/// The problems found so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// Problems that are noted; nobody reads more.
    const MOST: usize = 100;

    /// A request with one problem.
    pub fn one(field: impl Into<String>, message: impl Display) -> Self {
        let mut violations = Self::default();
        violations.add(field, message);
        violations
    }

    /// Notes a problem.
    pub fn add(&mut self, field: impl Into<String>, message: impl Display) {
        if self.0.len() >= Self::MOST {
            return;
        }
        self.0.push(Violation { field: field.into(), message: message.to_string() });
    }

    /// Notes the problems of a part, each under the part's own path.
    pub fn add_all(&mut self, part: &str, problems: &Self) {
        for Violation { field, message } in &problems.0 {
            self.add(format!("{part}.{field}"), message);
        }
    }

    /// Keeps the value of a check that passed, and notes the problem of one that did not.
    pub fn check<T, E: Display>(
        &mut self,
        field: impl Into<String>,
        checked: Result<T, E>,
    ) -> Option<T> {
        checked.map_err(|problem| self.add(field, problem)).ok()
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The problems, in the order in which they were found.
    pub fn iter(&self) -> impl Iterator<Item = &Violation> {
        self.0.iter()
    }
}
