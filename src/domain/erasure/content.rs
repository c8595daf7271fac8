//! Forgetting a person in mails to others.

use super::{ERASED, Forgotten, nobody};
use crate::domain::address::EmailAddress;
use crate::domain::attachment::{Attachment, Description, FileName};
use crate::domain::header::CustomHeader;
use crate::domain::mail::Content;
use crate::domain::mailbox::{DisplayName, Mailbox};
use crate::domain::subject::Subject;

impl Forgotten {
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
        self.forget_in_subject(&mut content.subject, &by);
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
            self.forget_in_file(file, &by);
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

    fn forget_in_subject(&self, subject: &mut Subject, by: &str) {
        let Some(changed) = self.replaced(subject.as_str(), by) else { return };
        let shortened: String = changed.chars().take(Subject::MAX_CHARACTERS).collect();
        let erased = || Subject::parse(ERASED).ok();
        if let Some(changed) = Subject::parse(shortened).ok().or_else(erased) {
            *subject = changed;
        }
    }

    fn forget_in_file(&self, file: &mut Attachment, by: &str) {
        // What is no text may be packed in ways that nobody can list.
        let text = std::str::from_utf8(file.content()).ok();
        if let Some(changed) = text.and_then(|text| self.replaced(text, by)) {
            file.set_content(changed.into_bytes());
        }
        if let Some(changed) = self.replaced_in_file_name(file.file_name()) {
            let name = FileName::parse(changed).or_else(|_| FileName::parse(ERASED.into()));
            if let Ok(name) = name {
                file.set_file_name(name);
            }
        }
        if let Some(changed) = file.description().and_then(|text| self.replaced(text, ERASED)) {
            file.set_description(Description::parse(changed).ok());
        }
    }
}
