//! The page that recipients see, written whole by the server: it works in every browser and without a script.

use std::fmt::Write;
use std::sync::LazyLock;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use crate::service::preferences::{Kind, Stand, Standing};

const STYLE: &str = include_str!("page.css");

/// Nothing is fetched and nothing runs; the one style is known by its digest, and forms lead back to us.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let digest = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
});

/// The policy of the page.
pub(super) fn policy() -> &'static str {
    &POLICY
}

/// The page of a recipient, with a note about what was just done.
pub(super) fn of(standing: &Standing, note: Option<&str>) -> String {
    let mut main = String::new();
    if let Some(note) = note {
        let _ = write!(main, "<p class=\"note\" role=\"status\">{}</p>", escaped(note));
    }
    let address = escaped(&standing.address);
    let _ = write!(main, "<h1>Your mail preferences</h1><p>For <strong>{address}</strong>.</p>");
    match standing.everything {
        Stand::Stopped => main.push_str("<p>This address gets no mail from this sender.</p>"),
        Stand::Unwanted => {
            main.push_str("<p>You get no mail from this sender.</p>");
            main.push_str(&button("resubscribe", "Get mail again", "quiet"));
        }
        Stand::Wanted => write_choices(&mut main, standing),
    }
    whole("Your mail preferences", &main)
}

/// The page for a link that was cut on its way, or is none of ours.
pub(super) fn of_no_link() -> String {
    let main = "<h1>This link is not complete</h1><p>Nothing was changed. Open the link once more from your mail; if \
                that does not help, answer the mail and ask its sender to take you off the list.</p>";
    whole("This link is not complete", main)
}

fn write_choices(main: &mut String, standing: &Standing) {
    let of_mail = standing.kinds.iter().find(|kind| kind.group == standing.of_mail);
    match of_mail {
        Some(Kind { stand: Stand::Wanted, name, .. }) => {
            let _ = write!(main, "<p>You get “{}”.</p>", escaped(name));
            main.push_str(&button("unsubscribe", "Unsubscribe", "loud"));
        }
        Some(Kind { stand: Stand::Unwanted, name, .. }) => {
            let _ = write!(main, "<p>You do not get “{}” any more.</p>", escaped(name));
            main.push_str(&button("resubscribe", "Subscribe again", "quiet"));
        }
        Some(Kind { stand: Stand::Stopped, name, .. }) => {
            let _ = write!(main, "<p>“{}” is not sent to this address.</p>", escaped(name));
        }
        None => main.push_str(&button("everything", "Unsubscribe", "loud")),
    }
    if !standing.kinds.is_empty() {
        main.push_str(
            "<form method=\"post\" id=\"preferences\"><fieldset><legend>What you want to get</legend>",
        );
        for (number, kind) in standing.kinds.iter().enumerate() {
            write_kind(main, number, kind);
        }
        main.push_str(
            "</fieldset><button name=\"action\" value=\"choose\" class=\"quiet\">Save your choice</button></form>",
        );
    }
    if of_mail.is_some() {
        main.push_str("<h2>No mail at all</h2><p>Also no receipts, no security notices, and nothing else of this sender.</p>");
        main.push_str(&button("everything", "Unsubscribe from everything", "quiet"));
    }
}

fn write_kind(main: &mut String, number: usize, kind: &Kind) {
    let (group, name) = (escaped(kind.group.as_str()), escaped(&kind.name));
    let state = match kind.stand {
        Stand::Wanted => " checked",
        Stand::Unwanted => "",
        Stand::Stopped => " disabled",
    };
    if kind.stand != Stand::Stopped {
        let _ = write!(main, "<input type=\"hidden\" name=\"shown\" value=\"{group}\">");
    }
    let described = match (&kind.description, kind.stand) {
        (_, Stand::Stopped) => Some("Not sent to this address".to_owned()),
        (Some(description), _) if !description.is_empty() => Some(escaped(description)),
        _ => None,
    };
    let _ = write!(
        main,
        "<p class=\"kind\"><input type=\"checkbox\" name=\"wanted\" value=\"{group}\" id=\"kind-{number}\"{state}>\
         <label for=\"kind-{number}\">{name}"
    );
    if let Some(described) = described {
        let _ = write!(main, "<small>{described}</small>");
    }
    main.push_str("</label></p>");
}

fn button(action: &str, label: &str, class: &str) -> String {
    format!(
        "<form method=\"post\"><button name=\"action\" value=\"{action}\" class=\"{class}\">{label}</button></form>"
    )
}

fn whole(title: &str, main: &str) -> String {
    format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"robots\" content=\"noindex\"><style>{STYLE}</style></head><body><main>{main}</main></body></html>"
    )
}

/// Text that stays text, in elements and in quoted attributes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::suppression::GroupCode;

    fn kind(name: &str, stand: Stand) -> Kind {
        Kind {
            group: "AB12C3".parse().unwrap(),
            name: name.into(),
            description: Some("<b>&\"'".into()),
            stand,
        }
    }

    fn standing(everything: Stand, kinds: Vec<Kind>) -> Standing {
        Standing {
            address: "a•••@example.org".into(),
            of_mail: "AB12C3".parse::<GroupCode>().unwrap(),
            everything,
            kinds,
        }
    }

    #[test]
    fn nothing_that_anybody_wrote_becomes_markup() {
        let page = of(&standing(Stand::Wanted, vec![kind("<script>\"'&", Stand::Wanted)]), None);
        assert!(page.contains("&lt;script&gt;&quot;&#39;&amp;"), "{page}");
        assert!(page.contains("&lt;b&gt;") && !page.contains("<script") && !page.contains("<b>"));
    }

    #[test]
    fn everybody_is_offered_what_they_can_do() {
        for (stand, action) in [
            (Stand::Wanted, Some("unsubscribe")),
            (Stand::Unwanted, Some("resubscribe")),
            (Stand::Stopped, None),
        ] {
            let page = of(&standing(Stand::Wanted, vec![kind("News", stand)]), None);
            for known in ["unsubscribe", "resubscribe"] {
                let is_offered = page.contains(&format!("value=\"{known}\""));
                assert_eq!(is_offered, action == Some(known), "{stand:?} {page}");
            }
            assert!(page.contains("value=\"everything\""));
        }
        let page = of(&standing(Stand::Unwanted, vec![kind("News", Stand::Wanted)]), Some("Done."));
        assert!(page.contains("value=\"resubscribe\"") && !page.contains("value=\"choose\""));
        assert!(page.contains("role=\"status\">Done.<"));
        let page = of(&standing(Stand::Stopped, Vec::new()), None);
        assert!(!page.contains("<button"));
    }
}
