//! A mark in browsers in which somebody has signed in before, so that a flood of wrong passwords for an address locks
//! its owner out of no browser of his own.
//!
//! It lets nobody in: whoever shows it for an address has attempts of his own at its password. It holds no address, and
//! nothing is stored: it is signed for the address.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;

use crate::domain::randomness::random_bytes;
use crate::domain::user::SignInAddress;
use crate::service::seal::Seal;

/// A mark for a browser in which the owner of this address has just signed in.
pub fn mark(seal: &Seal, email: &SignInAddress) -> String {
    let name = random_bytes();
    let signature = sign(seal, &name, email);
    BASE64_URL_SAFE_NO_PAD.encode([name.as_slice(), &signature].concat())
}

/// The name of the browser, if this is a mark of ours for this address.
pub fn name(seal: &Seal, mark: &str, email: &SignInAddress) -> Option<String> {
    if mark.len() != 64 {
        return None;
    }
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(mark).ok()?;
    let (name, signature) = bytes.split_first_chunk::<16>()?;
    let is_ours: bool = sign(seal, name, email).as_slice().ct_eq(signature).into();
    is_ours.then(|| BASE64_URL_SAFE_NO_PAD.encode(name))
}

fn sign(seal: &Seal, name: &[u8; 16], email: &SignInAddress) -> [u8; 32] {
    seal.sign(&[name.as_slice(), email.as_str().as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_good_for_its_address_only() {
        let seal = Seal::derive(&"a secret".into());
        let address = |text: &str| SignInAddress::stored(text.into());
        let mark = mark(&seal, &address("ada@example.com"));
        assert!(name(&seal, &mark, &address("ada@example.com")).is_some());
        assert!(name(&seal, &mark, &address("eve@example.com")).is_none());
        assert!(name(&seal, &mark[1..], &address("ada@example.com")).is_none());
        let bent = mark.replace(&mark[..2], if mark.starts_with("AA") { "BB" } else { "AA" });
        assert!(name(&seal, &bent, &address("ada@example.com")).is_none());
    }
}
