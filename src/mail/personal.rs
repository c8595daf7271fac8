//! What is put into each recipient's own message: the links that are the recipient's alone.

use std::borrow::Cow;

use crate::domain::id::MailId;
use crate::domain::link_token::{Place, Unsubscribe};
use crate::domain::links::Links;
use crate::domain::mail::Content;
use crate::domain::personal::{Personal, with_links};
use crate::mail::tracking::tracked;

/// Whose message it is.
#[derive(Clone, Copy, Debug)]
pub struct Recipient<'a> {
    /// Makes the links.
    pub links: &'a Links,
    /// The mail.
    pub mail: MailId,
    /// The place in [`Content::recipients`].
    pub position: i16,
}

/// What differs between the messages of one mail.
pub(super) struct Parts<'a> {
    /// The text part.
    pub text: Option<Cow<'a, str>>,
    /// The HTML part.
    pub html: Option<Cow<'a, str>>,
    /// Where the recipient unsubscribes.
    pub unsubscribe: Option<String>,
}

impl<'a> Parts<'a> {
    /// The parts as they are stored.
    pub fn of_all(content: &'a Content) -> Self {
        let part = |part: &'a Option<String>| part.as_deref().map(Cow::Borrowed);
        Self { text: part(&content.text), html: part(&content.html), unsubscribe: None }
    }

    /// The parts of one recipient: as they are stored, where nothing differs.
    pub fn of_one(content: &'a Content, recipient: &Recipient<'_>) -> Self {
        let mut parts = Self::of_all(content);
        let Some(personal) = &content.personal else { return parts };
        let place = Place { mail: recipient.mail, position: recipient.position };
        if let Some(group) = &personal.unsubscribe
            && let Some(address) =
                usize::try_from(place.position).ok().and_then(|at| content.recipients().nth(at))
        {
            let link = recipient.links.unsubscribe(Unsubscribe {
                place,
                project: personal.project,
                group: group.clone(),
                address: address.folded(),
            });
            let fill =
                |part: &'a Option<String>| part.as_deref().map(|part| with_links(part, &link));
            (parts.text, parts.html) = (fill(&content.text), fill(&content.html));
            parts.unsubscribe = Some(link);
        }
        // After the links to unsubscribe stand in it, which are not tracked.
        if let Some(html) = parts.html.take() {
            parts.html = Some(with_tracking(html, personal, recipient.links, place));
        }
        parts
    }
}

fn with_tracking<'a>(
    html: Cow<'a, str>,
    personal: &Personal,
    links: &Links,
    place: Place,
) -> Cow<'a, str> {
    if !personal.track_opens && !personal.track_clicks {
        return html;
    }
    let image = personal.track_opens.then(|| links.open(place));
    let way = |url: &str| {
        let is_tracked = personal.track_clicks && !links.is_own(url);
        is_tracked.then(|| links.click(place, url)).flatten()
    };
    match tracked(&html, way, image.as_deref()) {
        Cow::Borrowed(_) => html,
        Cow::Owned(tracked) => Cow::Owned(tracked),
    }
}
