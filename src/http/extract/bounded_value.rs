//! JSON of the caller's own shape, of which there may be no more than fits: a value takes up to eighty times the memory
//! of its text, because the smallest object has room for eleven members.

use std::cell::Cell;
use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor,
};
use serde_json::{Map, Number, Value};

/// The most values in one body: objects, lists, and all that is in them.
pub const MAX_VALUES: usize = 20_000;

/// About what a value takes at most, in bytes: half an object with room for eleven members, and the other half is the
/// member that it has at least.
pub const VALUE_BYTES: usize = 336;

/// What may still be read. Past it everything is passed over, so that the end of the text is found all the same.
#[derive(Debug)]
pub struct Budget {
    values: Cell<usize>,
    text: Cell<usize>,
}

impl Budget {
    /// [`MAX_VALUES`], and so many bytes of text in strings and names.
    pub fn new(text: usize) -> Self {
        Self { values: Cell::new(MAX_VALUES), text: Cell::new(text) }
    }

    /// How many values were read, if they fitted.
    pub fn spent(&self) -> Option<usize> {
        MAX_VALUES.checked_sub(self.values.get()).filter(|_| !self.is_exceeded())
    }

    fn is_exceeded(&self) -> bool {
        self.values.get() == 0 || self.text.get() == 0
    }

    fn spend(&self, text: usize) {
        self.values.set(self.values.get().saturating_sub(1));
        self.spend_text(text);
    }

    fn spend_text(&self, text: usize) {
        self.text.set(self.text.get().saturating_sub(text));
    }
}

/// Reads the one value of a text; `None` if there is more of it than fits.
pub fn read(json: &[u8], budget: &Budget) -> serde_json::Result<Option<Value>> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let value = Within(budget).deserialize(&mut reader)?;
    reader.end()?;
    Ok(budget.spent().map(|_| value))
}

/// Reads an object, as much of it as fits; an empty list is one without members.
pub fn read_object<'de, D: Deserializer<'de>>(
    deserializer: D,
    budget: &Budget,
) -> Result<Map<String, Value>, D::Error> {
    let value = Within(budget).deserialize(deserializer)?;
    let unexpected = match value {
        Value::Object(members) => return Ok(members),
        // What programs in PHP write for an object without members.
        Value::Array(items) if items.is_empty() && !budget.is_exceeded() => return Ok(Map::new()),
        Value::Array(_) => Unexpected::Seq,
        Value::String(_) => Unexpected::Other("text"),
        Value::Number(_) => Unexpected::Other("a number"),
        Value::Bool(value) => Unexpected::Bool(value),
        Value::Null => Unexpected::Unit,
    };
    Err(D::Error::invalid_type(unexpected, &"an object"))
}

struct Within<'a>(&'a Budget);

impl<'de> DeserializeSeed<'de> for Within<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        if self.0.is_exceeded() {
            return deserializer.deserialize_ignored_any(IgnoredAny).map(|_| Value::Null);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Within<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        self.0.spend(0);
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        self.0.spend(0);
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        self.0.spend(0);
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        self.0.spend(0);
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        self.0.spend(0);
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        self.0.spend(text.len());
        let fits = !self.0.is_exceeded();
        Ok(Value::String(if fits { text.to_owned() } else { String::new() }))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        self.0.spend(0);
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Within(self.0))? {
            if !self.0.is_exceeded() {
                list.push(item);
            }
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        self.0.spend(0);
        let mut object = Map::new();
        while !self.0.is_exceeded() {
            let Some(name) = members.next_key::<String>()? else {
                return Ok(Value::Object(object));
            };
            self.0.spend_text(name.len());
            let value = members.next_value_seed(Within(self.0))?;
            object.insert(name, value);
        }
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: usize = 1000;

    fn read_text(json: &str) -> Option<Value> {
        read(json.as_bytes(), &Budget::new(TEXT)).unwrap()
    }

    fn list_of(item: &str, count: usize) -> String {
        format!("[{}]", vec![item; count].join(","))
    }

    #[test]
    fn a_value_is_what_any_reader_makes_of_it() {
        let json = r#" {"a":[1,-2,3.5,true,null,"x\n",{},[]],"b":{"c":18446744073709551615}} "#;
        assert_eq!(read_text(json), Some(serde_json::from_str(json).unwrap()));
        assert!(read(b"{} x", &Budget::new(TEXT)).is_err());
        assert!(read(b"[1e999]", &Budget::new(TEXT)).is_err());
        assert!(read("[".repeat(10_000).as_bytes(), &Budget::new(TEXT)).is_err());
    }

    #[test]
    fn what_does_not_fit_is_passed_over() {
        assert!(read_text(&list_of("0", MAX_VALUES - 2)).is_some());
        assert!(read_text(&list_of("0", MAX_VALUES)).is_none());
        assert!(read_text(&list_of(r#"{"a":0}"#, MAX_VALUES / 2)).is_none());
        assert!(read_text(&format!("[{}]", list_of("{}", 2_000_000))).is_none());
        assert!(read_text(&format!(r#""{}""#, "x".repeat(TEXT))).is_none());
        assert!(read_text(&format!(r#"{{"{}":0}}"#, "x".repeat(TEXT))).is_none());
        assert!(read_text(&format!(r#""{}""#, "x".repeat(TEXT - 1))).is_some());
        let broken = format!("{}x", list_of("0", MAX_VALUES));
        assert!(read(broken.as_bytes(), &Budget::new(TEXT)).is_err());
    }

    proptest! {
        #[test]
        fn every_text_is_read_as_any_reader_does(json in r#"[\[\]{}:,"a0\\u-]{0,24}"#) {
            let ours = read(json.as_bytes(), &Budget::new(TEXT)).ok().flatten();
            prop_assert_eq!(ours, serde_json::from_str(&json).ok());
        }
    }
}
