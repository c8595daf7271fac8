//! The message behind DATA: its dots undone, its end found, its beginning kept.

/// Reads a message as it arrives. Nothing but `CRLF . CRLF` ends it (RFC 5321, section 4.1.1.4): who takes a bare LF for a
/// line's end can be made to see two messages where there is one.
pub(super) struct Incoming {
    kept: Vec<u8>,
    most_kept: usize,
    /// How much came, in bytes.
    pub came: u64,
    at: At,
}

/// Where in a line it is.
#[derive(Clone, Copy)]
enum At {
    Start,
    Dot,
    DotReturn,
    Return,
    Middle,
}

impl Incoming {
    /// Of longer messages the first `most_kept` bytes are kept.
    pub(super) fn new(most_kept: usize) -> Self {
        Self { kept: Vec::new(), most_kept, came: 0, at: At::Start }
    }

    /// Takes bytes; how many of them belong to the message, if it ends among them.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Option<usize> {
        for (place, byte) in bytes.iter().enumerate() {
            self.came += 1;
            if self.ends_with(*byte) {
                return Some(place + 1);
            }
        }
        None
    }

    /// The message, or its beginning.
    pub(super) fn into_kept(self) -> Vec<u8> {
        self.kept
    }

    fn ends_with(&mut self, byte: u8) -> bool {
        self.at = match (self.at, byte) {
            (At::DotReturn, b'\n') => return true,
            (At::Start, b'.') => At::Dot,
            (At::Dot, b'\r') => At::DotReturn,
            (at, byte) => {
                if matches!(at, At::DotReturn) {
                    self.keep(b'\r');
                }
                self.keep(byte);
                match (at, byte) {
                    (At::Return, b'\n') => At::Start,
                    (_, b'\r') => At::Return,
                    _ => At::Middle,
                }
            }
        };
        false
    }

    fn keep(&mut self, byte: u8) {
        if self.kept.len() < self.most_kept {
            self.kept.push(byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(wire: &[u8]) -> Option<(Vec<u8>, usize)> {
        let mut incoming = Incoming::new(100);
        let end = incoming.take(wire)?;
        Some((incoming.into_kept(), end))
    }

    #[test]
    fn dots_are_undone_and_only_a_lone_one_ends_it() {
        assert_eq!(read(b".\r\n"), Some((b"".to_vec(), 3)));
        assert_eq!(read(b"a\r\n..b\r\n.\r\nQUIT"), Some((b"a\r\n.b\r\n".to_vec(), 11)));
        assert_eq!(read(b"a\r\n.b\r\n.\r\n"), Some((b"a\r\nb\r\n".to_vec(), 10)));
        assert_eq!(read(b"a\r\n.\rb\r\n.\r\n"), Some((b"a\r\n\rb\r\n".to_vec(), 11)));
        for smuggled in
            [&b"a\n.\nb"[..], b"a\n.\r\nb", b"a\r\n.\nb", b"a\r.\r\nb", b"a\r\n.", b"\n.\r\n"]
        {
            assert_eq!(read(smuggled), None, "{}", smuggled.escape_ascii());
        }
    }

    #[test]
    fn it_is_the_same_however_it_arrives_and_only_its_beginning_is_kept() {
        let wire = [vec![b'x'; 200], b"\r\n.\r\n".to_vec()].concat();
        let mut incoming = Incoming::new(100);
        let ends: Vec<_> = wire.iter().map(|byte| incoming.take(&[*byte])).collect();
        assert_eq!(ends.iter().filter(|end| end.is_some()).count(), 1);
        assert!(ends.last().unwrap().is_some());
        assert_eq!((incoming.came, incoming.into_kept().len()), (205, 100));
    }
}
