//! What must be in no log, and the search for it.

/// In every address, subject, name, body, password and setting that the tests use, and in nothing else.
pub const MARK: &str = "zqx";

/// So much of a key's secret tells which one it is.
const TELLING: usize = 8;

/// What a server was given and must keep to itself.
#[derive(Default)]
pub struct Secrets {
    keys: Vec<String>,
}

impl Secrets {
    /// A key, right or wrong. Its public half may be told; the secret half begins behind it.
    pub fn add_key(&mut self, key: &str) {
        let (_, random) = key.trim().rsplit_once('_').unwrap();
        self.keys.push(random[12..44].to_owned());
    }

    /// A token of a session or a link.
    pub fn add_token(&mut self, token: &str) {
        self.keys.push(token.trim().to_owned());
    }

    /// Fails if any of it is in the text.
    pub fn hold(&self, what: &str, text: &str) {
        for line in text.lines() {
            assert!(!line.to_ascii_lowercase().contains(MARK), "{what} tells too much: {line}");
            for key in &self.keys {
                let told =
                    (0..=key.len() - TELLING).any(|at| line.contains(&key[at..at + TELLING]));
                assert!(!told, "{what} tells a key: {line}");
            }
        }
    }
}
