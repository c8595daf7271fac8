//! What Resend's API knows of a template beside its text.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::domain::address::Mailbox;
use crate::domain::mail::Content;
use crate::domain::template::MAX_VARIABLES;
use crate::domain::violations::Violations;
use crate::error::{Error, Result};

/// Where the notes stand among those of other authors.
const PLACE: &str = "resend";

/// The most variables that are described.
const MOST_VARIABLES: usize = 50;

/// The longest name of a variable, in characters.
const LONGEST_KEY: usize = 50;

/// Notes about a template.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Notes {
    /// Who writes, where a mail does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<String>,
    /// Where answers go, where a mail does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reply_to: Option<Vec<String>>,
    /// The variables that are described.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) variables: Vec<VariableBody>,
}

/// A variable.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct VariableBody {
    /// What it is called.
    pub(super) key: String,
    r#type: Option<String>,
    /// What it is worth where a mail does not say it; null where each mail must.
    #[serde(default)]
    pub(super) fallback_value: Value,
}

impl VariableBody {
    /// A text that nobody described.
    pub(super) fn text(key: String) -> Self {
        Self { key, r#type: None, fallback_value: Value::Null }
    }

    /// What it holds.
    pub(super) fn kind(&self) -> &str {
        self.r#type.as_deref().unwrap_or("string")
    }
}

impl Notes {
    /// Those among all notes about a template; none where nobody made any.
    pub(super) fn of(all: &Map<String, Value>) -> Self {
        let own = all.get(PLACE).cloned().unwrap_or_default();
        serde_json::from_value(own).unwrap_or_default()
    }

    /// As they are kept, if they can be.
    pub(super) fn checked(self) -> Result<Map<String, Value>> {
        let mut violations = Violations::default();
        for (field, text) in self
            .from
            .iter()
            .map(|text| ("from", text))
            .chain(self.reply_to.iter().flatten().map(|text| ("reply_to", text)))
        {
            violations.check(field, text.parse::<Mailbox>());
        }
        if self.reply_to.as_ref().is_some_and(|texts| texts.len() > Content::MAX_REPLY_TO) {
            violations.add("reply_to", "may be 50 addresses at most");
        }
        if self.variables.len() > MOST_VARIABLES {
            violations.add("variables", format!("may be {MOST_VARIABLES} at most"));
        }
        for (place, variable) in self.variables.iter().enumerate() {
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let fits = (1..=LONGEST_KEY).contains(&variable.key.len())
                && variable.key.chars().all(is_name);
            if !fits {
                let problem = "must have 1 to 50 ASCII letters, digits and underscores";
                violations.add(format!("variables[{place}].key"), problem);
            }
            let fits = match variable.kind() {
                "string" => variable.fallback_value.is_string(),
                "number" => variable.fallback_value.is_number(),
                _ => {
                    let problem = "must be `string` or `number`";
                    violations.add(format!("variables[{place}].type"), problem);
                    continue;
                }
            };
            if !fits && !variable.fallback_value.is_null() {
                let problem = "must be of the type of its variable";
                violations.add(format!("variables[{place}].fallback_value"), problem);
            }
        }
        let text = serde_json::to_value(&self).unwrap_or_default();
        let written = text.to_string();
        if written.len() > MAX_VARIABLES - 64 || written.contains("\\u0000") {
            violations.add("variables", "must be less than 16 KB, without the character U+0000");
        }
        if violations.is_empty() {
            return Ok(Map::from_iter([(PLACE.to_owned(), text)]));
        }
        Err(Error::Invalid(violations))
    }

    /// What the variables are worth that `given` does not name. Those that must be named are at fault.
    pub(super) fn fill(&self, mut given: Map<String, Value>) -> Result<Map<String, Value>> {
        let mut violations = Violations::default();
        for variable in &self.variables {
            if given.contains_key(&variable.key) {
                continue;
            }
            if variable.fallback_value.is_null() {
                let field = format!("template.variables.{}", variable.key);
                violations.add(field, "is missing, and has no fallback_value");
            }
            given.insert(variable.key.clone(), variable.fallback_value.clone());
        }
        if violations.is_empty() { Ok(given) } else { Err(Error::Invalid(violations)) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn notes(variables: &Value) -> Notes {
        serde_json::from_value(json!({ "variables": variables })).unwrap()
    }

    #[test]
    fn what_a_mail_does_not_say_is_filled_in() {
        let notes = notes(&json!([
            {"key": "NAME", "type": "string", "fallback_value": "you"},
            {"key": "PLAN", "type": "string"},
        ]));
        assert!(notes.fill(Map::new()).is_err());
        let given = Map::from_iter([("PLAN".to_owned(), json!("free"))]);
        let filled = notes.fill(given).unwrap();
        assert_eq!(Value::Object(filled), json!({"NAME": "you", "PLAN": "free"}));
    }

    #[test]
    fn notes_read_back_and_those_of_others_are_none_of_ours() {
        let variable = json!([{"key": "SEATS", "type": "number", "fallback_value": 3}]);
        let kept = notes(&variable).checked().unwrap();
        assert_eq!(Notes::of(&kept).variables[0].fallback_value, json!(3));
        for other in [json!({}), json!({"resend": 1}), json!({"resend": {"variables": "x"}})] {
            assert!(Notes::of(other.as_object().unwrap()).variables.is_empty());
        }
    }

    #[test]
    fn mistakes_in_variables_are_refused() {
        for bad in [
            json!([{"key": "a b", "type": "string"}]),
            json!([{"key": "A", "type": "date"}]),
            json!([{"key": "A", "type": "number", "fallback_value": "x"}]),
            json!([{"key": "A", "type": "string", "fallback_value": "x".repeat(20_000)}]),
        ] {
            assert!(notes(&bad).checked().is_err());
        }
    }
}
