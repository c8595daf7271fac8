//! Where bounces come back to: addresses that only this installation can make.

use std::sync::Arc;

use secrecy::SecretString;

use crate::domain::address::EmailAddress;
use crate::domain::domain_name::DomainName;
use crate::domain::hmac_sha256::derived_key;
use crate::domain::id::MailId;
use crate::domain::return_path::ReturnPath;

/// Makes and reads return paths. Clones share them.
#[derive(Clone)]
pub struct ReturnPaths {
    key: Arc<[u8; 32]>,
    domain: Option<Arc<str>>,
}

impl ReturnPaths {
    /// Return paths at `domain`, under a key derived from `SECRET_KEY`. Without a domain none are made, and those that
    /// were made before are still read.
    pub fn derive(secret_key: &SecretString, domain: Option<&DomainName>) -> Self {
        let key = derived_key(secret_key, b"posthaste return path v1");
        Self { key: Arc::new(key), domain: domain.map(|name| name.as_str().into()) }
    }

    /// Where the bounce of one delivery comes back to; nothing where bounces go to the author.
    pub fn of(&self, mail: MailId, position: i16) -> Option<EmailAddress> {
        let domain = self.domain.as_ref()?;
        let local = ReturnPath { mail, position }.local_part(&self.key);
        format!("{local}@{domain}").parse().ok()
    }

    /// The delivery that an address of ours names, at whatever domain: what proves it is in the local part.
    pub fn read(&self, address: &str) -> Option<ReturnPath> {
        let (local, _) = address.rsplit_once('@')?;
        ReturnPath::read(local, &self.key)
    }

    /// Whether the address looks like one of ours.
    pub fn resembles(address: &str) -> bool {
        address.rsplit_once('@').is_some_and(|(local, _)| ReturnPath::resembles(local))
    }

    /// The domain of return paths, in its ASCII form and lower case.
    pub fn domain(&self) -> Option<&str> {
        self.domain.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_return_path_is_read_by_whoever_has_the_secret_key() {
        let domain: DomainName = "bounces.example.com".parse().unwrap();
        let paths = ReturnPaths::derive(&"one secret".into(), Some(&domain));
        let mail = MailId::generate();
        let address = paths.of(mail, 2).unwrap();
        assert_eq!(address.domain(), "bounces.example.com");

        let later = ReturnPaths::derive(&"one secret".into(), None);
        assert_eq!(later.of(mail, 2), None);
        assert_eq!(later.read(&address.to_string()), Some(ReturnPath { mail, position: 2 }));
        assert_eq!(ReturnPaths::derive(&"another".into(), None).read(&address.to_string()), None);
        assert!(ReturnPaths::resembles(&address.to_string()));
        assert!(!ReturnPaths::resembles("b-team@example.com"));
    }
}
