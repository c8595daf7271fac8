//! Senders: addresses that a project writes from, with the name that readers see.

use super::address::{DisplayName, EmailAddress};
use super::id::SenderId;

/// An address that a project writes from.
#[derive(Clone, Debug)]
pub struct Sender {
    /// Names the sender.
    pub id: SenderId,
    /// The address.
    pub email: String,
    /// What readers see; may be empty.
    pub name: String,
    /// Where answers go instead; may be empty.
    pub reply_to: String,
}

/// What is asked for when a sender is made.
#[derive(Clone, Debug)]
pub struct NewSender {
    /// The address.
    pub email: EmailAddress,
    /// What readers see.
    pub name: Option<DisplayName>,
    /// Where answers go instead.
    pub reply_to: Option<EmailAddress>,
}
