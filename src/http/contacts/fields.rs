//! Custom fields as they come over the wire, no more of them than fit and nothing below their surface.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

use crate::domain::custom_fields::{
    CustomFields, FieldValue, InvalidField, LONGEST_FIELD_NAME, MOST_FIELDS, check_name,
};
use crate::domain::violations::Violations;

/// Values by name, each as far as it can be noted; null stands for nothing.
#[derive(Debug, Default)]
pub(super) struct FieldsBody {
    read: Vec<(String, Result<FieldValue, InvalidField>)>,
    are_too_many: bool,
}

impl FieldsBody {
    /// The fields, if nothing is wrong with them.
    pub(super) fn check(self, at: &str, violations: &mut Violations) -> CustomFields {
        let mut fields = CustomFields::default();
        if self.are_too_many {
            violations.add(at, InvalidField::Amount);
        }
        for (name, value) in self.read {
            // A name may be as long as the body.
            let shown: String = name.chars().take(LONGEST_FIELD_NAME).collect();
            let path = format!("{at}.{shown}");
            let is_name = violations.check(path.as_str(), check_name(&name)).is_some();
            if let (Some(value), true) = (violations.check(path, value), is_name) {
                fields.set(name, value);
            }
        }
        fields
    }
}

impl<'de> Deserialize<'de> for FieldsBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = FieldsBody;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<FieldsBody, A::Error> {
                let mut body = FieldsBody::default();
                while body.read.len() < MOST_FIELDS {
                    let Some((name, Scalar(value))) = members.next_entry()? else {
                        return Ok(body);
                    };
                    if let Some(value) = value {
                        body.read.push((name, value));
                    }
                }
                while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    body.are_too_many = true;
                }
                Ok(body)
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// One value; nothing for null.
struct Scalar(Option<Result<FieldValue, InvalidField>>);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor).map(Self)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Option<Result<FieldValue, InvalidField>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a number or a boolean")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Some(Ok(FieldValue::Boolean(value))))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Some(Ok(FieldValue::Number(value.into()))))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Some(Ok(FieldValue::Number(value.into()))))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("is no number"))?;
        Ok(Some(Ok(FieldValue::Number(number))))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(FieldValue::text(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Some(Err(InvalidField::Depth)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Some(Err(InvalidField::Depth)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<CustomFields, Violations> {
        let mut violations = Violations::default();
        let body: FieldsBody = serde_json::from_str(json).unwrap();
        let fields = body.check("customFields", &mut violations);
        if violations.is_empty() { Ok(fields) } else { Err(violations) }
    }

    #[test]
    fn scalars_are_taken_and_null_is_nothing() {
        let fields = read(r#"{"a":"x","b":1.5,"c":-3,"d":true,"e":null}"#).unwrap();
        assert_eq!(serde_json::to_string(&fields).unwrap(), r#"{"a":"x","b":1.5,"c":-3,"d":true}"#);
    }

    #[test]
    fn what_is_hostile_is_refused_by_name() {
        for (json, field) in [
            (r#"{"__proto__":"x"}"#, "customFields.__proto__"),
            (r#"{"constructor":1}"#, "customFields.constructor"),
            (r#"{"a":{"b":{"c":[1]}}}"#, "customFields.a"),
            (r#"{"a":[[[[]]]]}"#, "customFields.a"),
            (r#"{"a":"\u0000"}"#, "customFields.a"),
            (&format!(r#"{{"a":"{}"}}"#, "x".repeat(1001)), "customFields.a"),
        ] {
            let violations = read(json).unwrap_err();
            assert_eq!(violations.iter().next().unwrap().field, field, "{json}");
        }
        let many = (0..101).map(|place| format!(r#""x{place}":1"#)).collect::<Vec<_>>().join(",");
        assert!(read(&format!("{{{many}}}")).is_err());
        assert!(serde_json::from_str::<FieldsBody>("[1]").is_err());
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(5000), "]".repeat(5000));
        assert!(read(&deep).is_err());
    }
}
