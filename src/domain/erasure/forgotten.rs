//! Finding an address in texts, however it is written there.

use std::cmp::Reverse;

use super::ERASED;
use crate::domain::address::EmailAddress;

/// Finds an address in texts: in either case, and as it stands in links and in HTML.
#[derive(Clone)]
pub struct Forgotten {
    folded: String,
    spellings: Vec<String>,
}

impl Forgotten {
    /// Finds this address.
    pub fn new(address: &EmailAddress) -> Self {
        let folded = address.folded();
        let mut spellings = Vec::new();
        let lowered: String = folded.chars().flat_map(in_lower_case).collect();
        if let Some((local, domain)) = lowered.rsplit_once('@') {
            let (unicode, _) = idna::domain_to_unicode(domain);
            let unicode: String = unicode.chars().flat_map(in_lower_case).collect();
            let mut domains = vec![domain.to_owned()];
            if unicode != domain {
                domains.push(unicode);
            }
            let encoded = local.replace('+', "%2b");
            for domain in domains {
                for at in ["@", "%40", "&#64;", "&#x40;", "&commat;"] {
                    spellings.push(format!("{local}{at}{domain}"));
                    if encoded != local {
                        spellings.push(format!("{encoded}{at}{domain}"));
                    }
                }
            }
        }
        Self { folded, spellings }
    }

    /// The address in the form in which addresses are compared.
    pub fn folded(&self) -> &str {
        &self.folded
    }

    /// Whether this is the address.
    pub fn is(&self, address: &EmailAddress) -> bool {
        address.folded() == self.folded
    }

    /// Parts that every text has which names the address, in whatever spelling: of what stands before the `@`, and of what
    /// stands behind it, in lower-case ASCII. Either may be empty, which every text has.
    pub fn parts(&self) -> (&str, &str) {
        let (local, domain) = self.folded.rsplit_once('@').unwrap_or_default();
        let runs = local.split(|c: char| !c.is_ascii_alphanumeric());
        let longest = runs.max_by_key(|run| run.len()).unwrap_or_default();
        // One with letters outside ASCII is also written with them.
        (longest, if domain.contains("xn--") { "" } else { domain })
    }

    /// The text with another one wherever it names the address; nothing if it does not. Longer addresses that have this
    /// one in them are somebody else's, and stay.
    pub fn replaced(&self, text: &str, by: &str) -> Option<String> {
        let lowered = Lowered::of(text);
        let mut found: Vec<(usize, usize)> = Vec::new();
        for spelling in &self.spellings {
            let starts = lowered.text.match_indices(spelling.as_str());
            let stretches = starts.map(|(start, _)| (start, start + spelling.len()));
            found.extend(stretches.filter(|(start, end)| is_whole(&lowered.text, *start, *end)));
        }
        if found.is_empty() {
            return None;
        }
        // The longer first, where one spelling begins another.
        found.sort_unstable_by_key(|(start, end)| (*start, Reverse(*end)));
        let (mut result, mut copied, mut looked) = (String::new(), 0, 0);
        for (start, end) in found {
            if start >= looked {
                result.push_str(&text[copied..lowered.origin(start)]);
                result.push_str(by);
                (copied, looked) = (lowered.origin(end), end);
            }
        }
        result.push_str(&text[copied..]);
        Some(result)
    }

    /// The same for the name of a file, in which extensions may follow that would make a longer address elsewhere.
    pub(super) fn replaced_in_file_name(&self, name: &str) -> Option<String> {
        let ends = name.rmatch_indices('.').map(|(place, _)| place);
        std::iter::once(name.len()).chain(ends).find_map(|end| {
            let (stem, extensions) = name.split_at(end);
            Some(self.replaced(stem, ERASED)? + extensions)
        })
    }

    /// Whether the text names the address.
    pub fn is_named_in(&self, text: &str) -> bool {
        self.replaced(text, ERASED).is_some()
    }
}

/// A text in lower case that knows which place in it is which in the text: some letters have another length there.
struct Lowered {
    text: String,
    /// Where each byte of it comes from; nothing where all places are the same.
    origins: Option<Vec<usize>>,
}

impl Lowered {
    fn of(text: &str) -> Self {
        if text.is_ascii() {
            return Self { text: text.to_ascii_lowercase(), origins: None };
        }
        let mut lowered = String::with_capacity(text.len());
        let mut origins = Vec::with_capacity(text.len() + 1);
        for (place, letter) in text.char_indices() {
            lowered.extend(in_lower_case(letter));
            origins.resize(lowered.len(), place);
        }
        origins.push(text.len());
        Self { text: lowered, origins: Some(origins) }
    }

    /// Where in the text the letter begins that is at a place of this.
    fn origin(&self, place: usize) -> usize {
        self.origins.as_ref().map_or(place, |origins| origins[place])
    }
}

/// A letter in lower case, whatever stands beside it: of the two small sigmas, the one in words stands for both.
fn in_lower_case(letter: char) -> impl Iterator<Item = char> {
    letter.to_lowercase().map(|letter| if letter == 'ς' { 'σ' } else { letter })
}

/// Whether the stretch is an address of its own, and not a part of a longer one.
fn is_whole(text: &str, start: usize, end: usize) -> bool {
    let (before, after) = (&text[..start], &text[end..]);
    let last = before.chars().next_back();
    let is_escape = before.len() >= 3
        && before.is_char_boundary(before.len() - 3)
        && before[before.len() - 3..].strip_prefix('%').is_some_and(|digits| {
            digits.bytes().all(|byte| byte.is_ascii_hexdigit())
                && !digits.eq_ignore_ascii_case("2b")
        });
    let is_of_word = |c: char| c.is_alphanumeric() || is_mark(c);
    let begins = is_escape || !last.is_some_and(|c| is_of_word(c) || "._-+".contains(c));
    let mut next = after.chars();
    let ends = match next.next() {
        Some(c) if is_of_word(c) || c == '-' => false,
        Some('.') => !next.next().is_some_and(char::is_alphanumeric),
        _ => true,
    };
    begins && ends
}

/// Whether it belongs to the letter before it, as an accent that is written by itself.
fn is_mark(c: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::erasure::nobody;

    fn forgotten() -> Forgotten {
        Forgotten::new(&"Ada+x@Bücher.example".parse().unwrap())
    }

    #[test]
    fn an_address_is_found_in_every_spelling() {
        for text in [
            "ada+x@xn--bcher-kva.example",
            "<ADA+X@XN--BCHER-KVA.example>",
            "mailto:ada+x@bücher.example.",
            "https://example.com/?a=ada%2Bx%40xn--bcher-kva.example&b",
            "?a%3Dada%2bx%40xn--bcher-kva.example",
            "ada+x&#64;xn--bcher-kva.example",
            "x ada+x@xn--bcher-kva.example ada+x@xn--bcher-kva.example",
        ] {
            let changed = forgotten().replaced(text, "nobody").unwrap_or_else(|| panic!("{text}"));
            assert!(!changed.to_lowercase().contains("cher"), "{changed}");
            assert!(changed.contains("nobody"));
        }
    }

    #[test]
    fn letters_outside_ascii_are_found_in_either_case() {
        for (address, text, left) in [
            ("öla@example.org", "<b>ÖLA@Example.org</b>", "<b>x</b>"),
            ("Öla@example.org", "İ Straße öla@example.org Größe", "İ Straße x Größe"),
            ("öla@example.org", "İİİÖla@example.org", ""),
            ("ΟΔΟΣ@example.org", "an οδος@example.org, οδοσ@example.org", "an x, x"),
        ] {
            let forgotten = Forgotten::new(&address.parse().unwrap());
            let expected = (!left.is_empty()).then(|| left.to_owned());
            assert_eq!(forgotten.replaced(text, "x"), expected, "{text}");
        }
        let ola = Forgotten::new(&"öla@example.org".parse().unwrap());
        assert_eq!(ola.replaced("öla%40example.org&Öla@example.org", "x").unwrap(), "x&x");
    }

    #[test]
    fn names_of_files_may_have_extensions_behind_an_address() {
        let forgotten = Forgotten::new(&"ada@example.org".parse().unwrap());
        for (name, left) in [
            ("invoice Ada@example.org.txt", Some("invoice erased.txt")),
            ("ada@example.org", Some("erased")),
            ("ada@example.org.tar.gz", Some("erased.tar.gz")),
            ("grada@example.org.txt", None),
            ("ada@example.txt", None),
        ] {
            assert_eq!(forgotten.replaced_in_file_name(name).as_deref(), left, "{name}");
        }
    }

    #[test]
    fn a_text_that_names_an_address_has_its_parts() {
        let parts = |address: &str| {
            let forgotten = Forgotten::new(&address.parse().unwrap());
            let (local, domain) = forgotten.parts();
            (local.to_owned(), domain.to_owned())
        };
        let expect = |local: &str, domain: &str| (local.to_owned(), domain.to_owned());
        assert_eq!(parts("a.Lovelace+x@Example.org"), expect("lovelace", "example.org"));
        assert_eq!(parts("ö@bücher.example"), expect("", ""));
    }

    #[test]
    fn the_addresses_of_others_stay() {
        let forgotten = Forgotten::new(&"ada@example.com".parse().unwrap());
        for text in [
            "grada@example.com",
            "b.ada@example.com",
            "ada@example.com.au",
            "ada@example.community",
            "ada@example.co",
            "b+ada@example.com",
            "welcome-ada@example.com",
            "maria.ada@example.com",
        ] {
            assert_eq!(forgotten.replaced(text, "x"), None, "{text}");
        }
        assert_eq!(forgotten.replaced("(ada@example.com).", "x").unwrap(), "(x).");
        assert_eq!(nobody(3).to_string(), "erased-3@erased.invalid");
    }
}
