//! What mail systems say with enhanced status codes (RFC 3463), at once or in a report days later.

/// The codes of RFC 3463 (and RFC 7505) that condemn the address itself.
const BAD_ADDRESS: &[&str] = &[
    "5.1.1",  // there is no such mailbox
    "5.1.2",  // there is no such mail system
    "5.1.3",  // the address is not well formed
    "5.1.6",  // the mailbox has moved, nobody says where
    "5.1.10", // the domain takes no mail (null MX)
    "5.2.1",  // the mailbox is disabled, for good as its class says
];

/// Whether nothing sent to an address of which this is said will ever arrive. A full mailbox (`5.2.2`) may be emptied, and
/// a policy (`5.7.x`) is about us or the message.
pub fn condemns_the_address(code: &str) -> bool {
    BAD_ADDRESS.contains(&code)
}

/// Whether the text is a code: `class.subject.detail`, of class 2, 4 or 5, its numbers of one to three digits and without
/// a leading zero (RFC 3463, section 2).
pub fn is_enhanced_code(text: &str) -> bool {
    let mut parts = text.split('.');
    matches!(parts.next(), Some("2" | "4" | "5"))
        && parts.clone().count() == 2
        && parts.all(is_status_number)
}

fn is_status_number(part: &str) -> bool {
    (1..=3).contains(&part.len())
        && part.bytes().all(|byte| byte.is_ascii_digit())
        && (part.len() == 1 || !part.starts_with('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_three_numbers() {
        for code in ["5.1.1", "4.2.2", "2.0.0", "5.7.509"] {
            assert!(is_enhanced_code(code), "{code}");
        }
        for other in
            ["", "5", "5.1", "5.1.1.1", "3.0.0", "5.01.1", "5.1.1234", "5..1", "05.1.1", "5.1.x"]
        {
            assert!(!is_enhanced_code(other), "{other}");
        }
    }

    #[test]
    fn only_what_is_wrong_with_the_address_condemns_it() {
        assert!(condemns_the_address("5.1.1") && condemns_the_address("5.2.1"));
        for other in ["4.1.1", "4.2.1", "5.2.2", "5.7.1", "5.0.0", "4.4.7", "5.1.0"] {
            assert!(!condemns_the_address(other), "{other}");
        }
    }
}
