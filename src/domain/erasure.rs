//! Forgetting a person: which texts name an address, and what stands in its place.

use chrono::{DateTime, Utc};

use super::address::EmailAddress;
use super::header::CustomHeader;
use super::id::ErasureId;
use super::mail::Content;
use super::mailbox::{DisplayName, Mailbox};
use super::subject::Subject;

/// What stands where an address stood that is no recipient's.
pub const ERASED: &str = "erased";

/// Somebody's wish to be forgotten.
#[derive(Clone, Debug)]
pub struct Erasure {
    /// Names it.
    pub id: ErasureId,
    /// Tells the same address, and not which.
    pub digest: String,
    /// Whether the address goes on to get no mail.
    pub keep_suppressions: bool,
    /// Mails that had no other recipient, and are gone.
    pub mails_removed: i64,
    /// Mails to others that do not name the address any more.
    pub mails_changed: i64,
    /// When it was wished.
    pub created_at: DateTime<Utc>,
    /// Since when nothing is left.
    pub completed_at: Option<DateTime<Utc>>,
}

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
        if let Some((local, domain)) = folded.rsplit_once('@') {
            let (unicode, _) = idna::domain_to_unicode(domain);
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

    /// The text with another one wherever it names the address; nothing if it does not. Longer addresses that have this
    /// one in them are somebody else's, and stay.
    pub fn replaced(&self, text: &str, by: &str) -> Option<String> {
        let mut changed: Option<String> = None;
        for spelling in &self.spellings {
            let current = changed.as_deref().unwrap_or(text);
            // ASCII alone, so that every place in it is the same place in the text.
            let lowered = current.to_ascii_lowercase();
            let mut result = String::new();
            let mut copied = 0;
            for (start, _) in lowered.match_indices(spelling.as_str()) {
                let end = start + spelling.len();
                if start >= copied && is_whole(&lowered, start, end) {
                    result.push_str(&current[copied..start]);
                    result.push_str(by);
                    copied = end;
                }
            }
            if copied > 0 {
                result.push_str(&current[copied..]);
                changed = Some(result);
            }
        }
        changed
    }

    /// The places of the address among the recipients of a mail.
    pub fn places(&self, content: &Content) -> Vec<i16> {
        let places = (0..).zip(content.recipients());
        places.filter(|(_, address)| self.is(address)).map(|(place, _)| place).collect()
    }

    /// Takes the address, and the name beside it, out of all that a mail to others says. The places of its recipients
    /// stay. The author stays as well, whose address is the project's.
    pub fn forget_in(&self, content: &mut Content, place: i16) {
        let nobody = nobody(place);
        let lists = content.to.iter_mut().chain(&mut content.cc).chain(&mut content.bcc);
        for mailbox in lists.chain(&mut content.reply_to) {
            self.forget_in_mailbox(mailbox, &nobody);
        }
        let by = nobody.to_string();
        if let Some(subject) = self.replaced(content.subject.as_str(), &by) {
            let shortened: String = subject.chars().take(Subject::MAX_CHARACTERS).collect();
            let erased = || Subject::parse(ERASED).ok();
            if let Some(subject) = Subject::parse(shortened).ok().or_else(erased) {
                content.subject = subject;
            }
        }
        for part in [&mut content.html, &mut content.text] {
            if let Some(changed) = part.as_deref().and_then(|text| self.replaced(text, &by)) {
                *part = Some(changed);
            }
        }
        content.headers = std::mem::take(&mut content.headers)
            .into_iter()
            .filter_map(|header| match self.replaced(header.value(), &by) {
                Some(value) => CustomHeader::new(header.name().to_owned(), value).ok(),
                None => Some(header),
            })
            .collect();
        for file in &mut content.attachments {
            // What is no text may be packed in ways that nobody can list.
            let text = std::str::from_utf8(file.content()).ok();
            if let Some(changed) = text.and_then(|text| self.replaced(text, &by)) {
                file.set_content(changed.into_bytes());
            }
        }
    }

    fn forget_in_mailbox(&self, mailbox: &mut Mailbox, nobody: &EmailAddress) {
        if self.is(&mailbox.address) {
            *mailbox = Mailbox::new(nobody.clone(), None);
        } else if let Some(name) = &mailbox.name
            && let Some(changed) = self.replaced(name.as_str(), ERASED)
        {
            mailbox.name = DisplayName::parse(changed).ok();
        }
    }
}

/// The address that stands in place of a recipient's: another one at each place, so that nobody becomes somebody else.
///
/// # Panics
///
/// Never: it is an address.
pub fn nobody(place: i16) -> EmailAddress {
    format!("erased-{place}@erased.invalid").parse().expect("it is an address")
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
    let begins = is_escape || !last.is_some_and(|c| c.is_alphanumeric() || "._-+".contains(c));
    let mut next = after.chars();
    let ends = match next.next() {
        Some(c) if c.is_alphanumeric() || c == '-' => false,
        Some('.') => !next.next().is_some_and(char::is_alphanumeric),
        _ => true,
    };
    begins && ends
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn the_addresses_of_others_stay() {
        let forgotten = Forgotten::new(&"ada@example.com".parse().unwrap());
        for text in [
            "grada@example.com",
            "b.ada@example.com",
            "ada@example.com.au",
            "ada@example.community",
            "ada@example.co",
            "b+ada@example.com",
        ] {
            assert_eq!(forgotten.replaced(text, "x"), None, "{text}");
        }
        assert_eq!(forgotten.replaced("(ada@example.com).", "x").unwrap(), "(x).");
        assert_eq!(nobody(3).to_string(), "erased-3@erased.invalid");
    }
}
