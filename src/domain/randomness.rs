//! Bytes that nobody can guess.

use rand::TryRng;
use rand::rngs::SysRng;

/// Bytes from the operating system's randomness.
///
/// # Panics
///
/// If it has none to give, which does not happen once it is up: whoever went on without it would hand out secrets that
/// can be guessed.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SysRng.try_fill_bytes(&mut bytes).expect("the operating system provides randomness");
    bytes
}
