//! The values of variables as they come over the wire, no more of them than fit.

use serde::Deserialize;
use serde::de::Deserializer;
use serde_json::{Map, Value};

use crate::domain::violations::Violations;
use crate::http::extract::bounded_value::{self, Budget, MAX_VALUES, VALUE_BYTES};

/// The most text in the values and their names together, in bytes.
const MAX_TEXT: usize = 1024 * 1024;

/// Values by name.
#[derive(Debug)]
pub(in crate::http) struct Variables {
    values: Map<String, Value>,
    /// How many there are; `None` if they were more than fit.
    count: Option<usize>,
}

impl<'de> Deserialize<'de> for Variables {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let budget = Budget::new(MAX_TEXT);
        let values = bounded_value::read_object(deserializer, &budget)?;
        Ok(Self { values, count: budget.spent() })
    }
}

impl Variables {
    /// How many there are, as far as they were read.
    pub(in crate::http) fn count(&self) -> usize {
        self.count.unwrap_or(MAX_VALUES)
    }

    /// About the memory that they take beyond their text, in bytes.
    pub(in crate::http) fn weight(&self) -> usize {
        self.count.unwrap_or_default() * VALUE_BYTES
    }

    /// The values; nothing if there were more than fit.
    pub(in crate::http) fn into_values(self) -> Option<Map<String, Value>> {
        self.count.map(|_| self.values)
    }

    /// The values, if all of them were read.
    pub(in crate::http) fn checked(
        self,
        field: &str,
        violations: &mut Violations,
    ) -> Map<String, Value> {
        if self.count.is_none() {
            violations.add(field, format!("may have at most 1 MB of text and {MAX_VALUES} values"));
        }
        self.values
    }
}
