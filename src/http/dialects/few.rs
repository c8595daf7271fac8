//! Lists and objects that strangers write, of which there are never many: reading stops where a mail could not have more.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};

/// As many as any list may have.
const MOST: usize = 500;

/// As many as any object may have.
const MOST_MEMBERS: usize = 100;

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
        deserializer.deserialize_map(PairsVisitor)
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = Pairs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of names with text values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Pairs, A::Error> {
        let mut read = Vec::new();
        while let Some(member) = members.next_entry()? {
            if read.len() == MOST_MEMBERS {
                return Err(de::Error::custom("has far too many members"));
            }
            read.push(member);
        }
        Ok(Pairs(read))
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
    }
}
