//! What differs between the recipients of one mail: their way to unsubscribe, and what tells that they read it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::id::ProjectId;
use super::suppression::GroupCode;

/// What is put into each recipient's own message when it is composed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Personal {
    /// Whose mail it is: its links say so, because they outlive the mail.
    pub project: ProjectId,
    /// What the recipient can unsubscribe from: the mail's group, or all mail of the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsubscribe: Option<GroupCode>,
    /// Whether an image tells that the mail was opened.
    #[serde(default)]
    pub track_opens: bool,
    /// Whether links lead past us, so that we know that they were followed.
    #[serde(default)]
    pub track_clicks: bool,
}

/// What a mail tells of its readers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tracking {
    /// That they open it.
    pub opens: bool,
    /// That they follow its links.
    pub clicks: bool,
}

/// The most unsubscribe links of one mail: each is ten times as long in the message as in what was asked for.
pub const MOST_UNSUBSCRIBE_LINKS: usize = 100;

/// Stands for the link in what is rendered and stored. It is a URL, so that it is treated as one, and leads nowhere
/// (RFC 2606, section 2).
const UNSUBSCRIBE: &str = "https://unsubscribe.posthaste.invalid/";

/// The same for the page on which all is chosen.
const PREFERENCES: &str = "https://preferences.posthaste.invalid/";

/// The variables that are links, with what stands for each until the message is composed.
const TAGS: [(&str, &str); 3] = [
    ("unsubscribe", UNSUBSCRIBE),
    ("unsubscribe_preference", PREFERENCES),
    ("unsubscribe_preferences", PREFERENCES),
];

/// The longest tag that is a link, with space around the name, in bytes.
const LONGEST_TAG: usize = 64;

/// Gives the variables that are links their values, unless the author has values of the same name.
pub fn add_link_variables(data: &mut Map<String, Value>) {
    for (name, mark) in TAGS {
        data.entry(name).or_insert_with(|| mark.into());
    }
}

/// Fills in the tags that are links, and nothing else, where no variables were given.
pub fn fill_link_tags(source: &str) -> Cow<'_, str> {
    let mut filled = String::new();
    let mut rest = source;
    while let Some(start) = rest.find("{{") {
        let opened = rest[start..].trim_start_matches('{');
        let braces = rest.len() - start - opened.len();
        // No tag of ours is longer, and whoever writes only opening braces must not have us read all behind each.
        let end = opened.bytes().take(LONGEST_TAG).position(|byte| byte == b'}');
        let mark = end.and_then(|end| {
            let (inside, after) = (&opened[..end], &opened[end + 1..]);
            let after = after_closing(after, braces)?;
            let (_, mark) = TAGS.iter().find(|(name, _)| *name == inside.trim())?;
            Some((*mark, after))
        });
        let Some((mark, after)) = mark else {
            filled.push_str(&rest[..rest.len() - opened.len()]);
            rest = opened;
            continue;
        };
        filled.push_str(&rest[..start]);
        filled.push_str(mark);
        rest = after;
    }
    if rest.len() == source.len() {
        return Cow::Borrowed(source);
    }
    filled.push_str(rest);
    Cow::Owned(filled)
}

/// What follows the closing braces of a tag, of which the first was read; nothing if they are not as many as opened it,
/// two or three.
fn after_closing(after: &str, braces: usize) -> Option<&str> {
    match braces {
        2 => after.strip_prefix('}'),
        3 => after.strip_prefix("}}"),
        _ => None,
    }
}

/// How many links to unsubscribe a rendered part has.
pub fn count_links(part: &str) -> usize {
    if part.contains(".posthaste.invalid/") {
        part.matches(UNSUBSCRIBE).count() + part.matches(PREFERENCES).count()
    } else {
        0
    }
}

/// A part with the recipient's own links.
pub fn with_links<'a>(part: &'a str, unsubscribe: &str) -> Cow<'a, str> {
    if count_links(part) == 0 {
        return Cow::Borrowed(part);
    }
    let filled = part.replace(UNSUBSCRIBE, unsubscribe);
    Cow::Owned(filled.replace(PREFERENCES, &format!("{unsubscribe}#preferences")))
}

/// A part as its author wrote it, for those who are no recipients and whom the links do not concern.
pub fn with_tags(part: String) -> String {
    if count_links(&part) == 0 {
        return part;
    }
    part.replace(UNSUBSCRIBE, "{{unsubscribe}}").replace(PREFERENCES, "{{unsubscribe_preference}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_that_are_links_become_them_and_others_stay() {
        for (source, expected) in [
            ("<a href=\"{{unsubscribe}}\">x</a>", "<a href=\"U\">x</a>"),
            (
                "{{ unsubscribe_preference }}{{unsubscribe_preferences}}",
                "U#preferencesU#preferences",
            ),
            ("{{{unsubscribe}}}", "U"),
            ("{{name}} {{unsubscribed}} {{unsubscribe", "{{name}} {{unsubscribed}} {{unsubscribe"),
            ("{{{{unsubscribe}}}}", "{{{{unsubscribe}}}}"),
            ("{ {unsubscribe} } {{}} {{{", "{ {unsubscribe} } {{}} {{{"),
            ("{{unsubscribe}", "{{unsubscribe}"),
            ("nothing", "nothing"),
        ] {
            let filled = fill_link_tags(source);
            assert_eq!(with_links(&filled, "U"), expected, "{source}");
        }
    }

    #[test]
    fn the_authors_own_values_are_the_authors() {
        let mut data = Map::new();
        data.insert("unsubscribe".into(), "https://example.com/bye".into());
        add_link_variables(&mut data);
        assert_eq!(data["unsubscribe"], "https://example.com/bye");
        assert_eq!(data["unsubscribe_preferences"], PREFERENCES);
    }

    #[test]
    fn who_is_no_recipient_sees_the_tags() {
        let filled =
            fill_link_tags("{{unsubscribe}} or {{ unsubscribe_preferences }}").into_owned();
        assert_eq!(count_links(&filled), 2);
        assert_eq!(with_tags(filled), "{{unsubscribe}} or {{unsubscribe_preference}}");
    }
}
