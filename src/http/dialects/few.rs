//! Lists and objects that strangers write, of which there are never many: reading stops where a mail could not have more.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, de};

/// As many as any list may have.
const MOST: usize = 500;

/// As many as any object may have.
const MOST_MEMBERS: usize = 100;

/// As much text as the members of any object may have, in bytes.
const MOST_TEXT: usize = 128 * 1024;

/// A list.
#[derive(Debug)]
pub(super) struct Few<T>(pub(super) Vec<T>);

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// Texts by name, in the order in which they were written.
#[derive(Clone, Debug, Default)]
pub(super) struct Pairs(pub(super) Vec<(String, String)>);

impl Pairs {
    /// Whether there are no more of them, and none longer, in characters.
    pub(super) fn fit(&self, most: usize, longest_name: usize, longest_text: usize) -> bool {
        let fits = |(name, text): &(String, String)| {
            name.chars().count() <= longest_name && text.chars().count() <= longest_text
        };
        self.0.len() <= most && self.0.iter().all(fits)
    }

    /// How much text they are together, in bytes.
    pub(super) fn length(&self) -> usize {
        self.0.iter().map(|(name, text)| name.len() + text.len()).sum()
    }

    /// As values of the author's own.
    pub(super) fn into_values(self) -> serde_json::Map<String, serde_json::Value> {
        self.0.into_iter().map(|(name, text)| (name, text.into())).collect()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(FewVisitor(PhantomData))
    }
}

struct FewVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for FewVisitor<T> {
    type Value = Few<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Few<T>, A::Error> {
        let mut read = Vec::new();
        while let Some(item) = items.next_element()? {
            if read.len() == MOST {
                return Err(de::Error::custom("has far too many entries"));
            }
            read.push(item);
        }
        Ok(Few(read))
    }
}

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PairsVisitor)
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Pairs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of names with text values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Pairs, A::Error> {
        let (mut read, mut text) = (Vec::new(), 0);
        while let Some(member) = members.next_entry()? {
            if read.len() == MOST_MEMBERS {
                return Err(de::Error::custom("has far too many members"));
            }
            let (name, value): &(String, String) = &member;
            text += name.len() + value.len();
            if text > MOST_TEXT {
                return Err(de::Error::custom("has far too much text"));
            }
            read.push(member);
        }
        Ok(Pairs(read))
    }

    /// What programs in PHP write where there are none.
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Pairs, A::Error> {
        match items.next_element::<IgnoredAny>()? {
            None => Ok(Pairs::default()),
            Some(_) => Err(de::Error::invalid_type(Unexpected::Seq, &self)),
        }
    }
}

/// The name of a file; one for those that some clients send without any.
pub(super) fn named(name: Option<String>) -> Option<String> {
    name.map(|name| if name.is_empty() { "attachment".to_owned() } else { name })
}

/// Whether something is said at all: what is null, empty or false is nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Said(pub(super) bool);

impl<'de> Deserialize<'de> for Said {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SaidVisitor).map(Self)
    }
}

struct SaidVisitor;

impl<'de> Visitor<'de> for SaidVisitor {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_bool<E>(self, value: bool) -> Result<bool, E> {
        Ok(value)
    }

    fn visit_i64<E>(self, _: i64) -> Result<bool, E> {
        Ok(true)
    }

    fn visit_u64<E>(self, _: u64) -> Result<bool, E> {
        Ok(true)
    }

    fn visit_f64<E>(self, _: f64) -> Result<bool, E> {
        Ok(true)
    }

    fn visit_str<E>(self, text: &str) -> Result<bool, E> {
        Ok(!text.is_empty())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<bool, A::Error> {
        let mut is_said = false;
        while items.next_element::<IgnoredAny>()?.is_some() {
            is_said = true;
        }
        Ok(is_said)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<bool, A::Error> {
        let mut is_said = false;
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            is_said = true;
        }
        Ok(is_said)
    }
}

/// One word or several.
#[derive(Debug, Default)]
pub(super) struct Words(pub(super) Vec<String>);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WordsVisitor)
    }
}

struct WordsVisitor;

impl<'de> Visitor<'de> for WordsVisitor {
    type Value = Words;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a list of texts")
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<Words, E> {
        Ok(Words(vec![word.to_owned()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Words, A::Error> {
        FewVisitor(PhantomData).visit_seq(items).map(|Few(words)| Words(words))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_stops_where_there_are_far_too_many() {
        let list = |count: usize| format!("[{}]", vec!["1"; count].join(","));
        assert_eq!(serde_json::from_str::<Few<u8>>(&list(500)).unwrap().0.len(), 500);
        serde_json::from_str::<Few<u8>>(&list(501)).unwrap_err();
        assert_eq!(serde_json::from_str::<Words>(r#""x""#).unwrap().0, ["x"]);
        let members = |count: usize| {
            let members: Vec<_> = (0..count).map(|n| format!(r#""{n}":"x""#)).collect();
            format!("{{{}}}", members.join(","))
        };
        assert!(serde_json::from_str::<Pairs>(&members(100)).unwrap().fit(100, 2, 1));
        serde_json::from_str::<Pairs>(&members(101)).unwrap_err();
        let long = |length: usize| format!(r#"{{"a":"{}"}}"#, "x".repeat(length));
        assert!(!serde_json::from_str::<Pairs>(&long(100_000)).unwrap().fit(1, 1, 99_999));
        serde_json::from_str::<Pairs>(&long(200_000)).unwrap_err();
    }

    #[test]
    fn what_is_empty_says_nothing() {
        let said = |json: &str| serde_json::from_str::<Said>(json).unwrap().0;
        assert!(["null", "false", r#""""#, "[]", "{}"].iter().all(|json| !said(json)));
        assert!(
            ["true", "0", "-1", "0.5", r#""x""#, "[0]", r#"{"a":0}"#].iter().all(|json| said(json))
        );
    }

    #[test]
    fn an_empty_list_is_an_object_without_members() {
        assert!(serde_json::from_str::<Pairs>("[]").unwrap().0.is_empty());
        serde_json::from_str::<Pairs>(r#"["a"]"#).unwrap_err();
        serde_json::from_str::<Pairs>(r#""a""#).unwrap_err();
    }
}
