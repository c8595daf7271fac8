//! Names of fields in other dialects.

/// A path of the native API in another dialect's words: each name in it that `table` knows is replaced, but not those
/// that callers made up.
pub(super) fn renamed(path: &str, table: &[(&str, &str)]) -> String {
    let made_up = path.find("headers.").map_or(path.len(), |at| at + "headers".len());
    let (ours, theirs) = path.split_at(made_up);
    let mut written = String::with_capacity(path.len());
    let mut rest = ours;
    while !rest.is_empty() {
        let end = rest.find(['.', '[', ']']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        written.push_str(
            table.iter().find(|(native, _)| *native == name).map_or(name, |(_, foreign)| foreign),
        );
        let mark = usize::from(!after.is_empty());
        written.push_str(&after[..mark]);
        rest = &after[mark..];
    }
    written + theirs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_name_in_a_path_is_replaced() {
        const TABLE: &[(&str, &str)] =
            &[("replyTo", "reply_to"), ("fileName", "filename"), ("headers", "Headers")];
        for (native, foreign) in [
            ("replyTo.email", "reply_to.email"),
            ("attachments[2].fileName", "attachments[2].filename"),
            ("headers.replyTo", "Headers.replyTo"),
            ("subject", "subject"),
            ("", ""),
            ("a..[", "a..["),
        ] {
            assert_eq!(renamed(native, TABLE), foreign);
        }
    }
}
