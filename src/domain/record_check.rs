//! Holds what DNS says against what a domain needs, and says in words what to do.

use super::dns_record::{Answer, ExpectedRecord, ExpectedRecords, OWNERSHIP_PREFIX};
use super::sending_domain::{Finding, Findings, RecordState};

/// Records that are shown of one name.
const MOST_SHOWN: usize = 5;

/// Characters that are shown of one record: a little more than the longest of ours has.
const LONGEST_SHOWN: usize = 500;

/// What DNS says of every name that matters to a domain.
#[derive(Clone, Debug)]
pub struct Answers {
    /// At the name of the ownership record.
    pub ownership: Answer,
    /// At the RSA key's name.
    pub dkim: Answer,
    /// At the Ed25519 key's name.
    pub dkim_ed25519: Answer,
    /// At the domain itself.
    pub spf: Answer,
    /// At the name of the policy, or at that of the nearest domain above that has one.
    pub dmarc: Answer,
    /// The hosts that take mail for the domain.
    pub mail_hosts: Answer,
}

impl Answers {
    /// What to make of them.
    pub fn judge(&self, expected: &ExpectedRecords) -> Findings {
        Findings {
            ownership: ownership(&self.ownership, &expected.ownership),
            dkim: key(&self.dkim, &expected.dkim, "rsa"),
            dkim_ed25519: key(&self.dkim_ed25519, &expected.dkim_ed25519, "ed25519"),
            spf: spf(&self.spf),
            dmarc: dmarc(&self.dmarc),
            mail_host: mail_host(&self.mail_hosts),
        }
    }
}

/// The records that concern us: whoever adds a domain is not to read what else its name servers know, which may be ours.
fn relevant(answer: &Answer, concerns_us: impl Fn(&str) -> bool) -> Vec<&str> {
    match answer {
        Answer::Records(records) => {
            records.iter().map(|record| record.trim()).filter(|text| concerns_us(text)).collect()
        }
        Answer::None | Answer::Unanswered => Vec::new(),
    }
}

fn finding(state: RecordState, found: &[&str], explanation: impl Into<String>) -> Finding {
    let shorten = |text: &&str| text.chars().take(LONGEST_SHOWN).collect();
    let found = found.iter().take(MOST_SHOWN).map(shorten).collect();
    Finding { state, found, explanation: explanation.into() }
}

/// What there is to say when there is nothing to look at.
fn nothing(answer: &Answer, missing: impl Into<String>) -> Finding {
    if *answer == Answer::Unanswered {
        let explanation =
            "The name servers of the domain gave no answer. This is asked again by itself.";
        return finding(RecordState::NoAnswer, &[], explanation);
    }
    finding(RecordState::Missing, &[], missing)
}

fn not_there(expected: &ExpectedRecord) -> String {
    format!(
        "There is no such TXT record at {}. Set it at the provider of your DNS; it may take until an older answer is \
         forgotten, an hour in most cases.",
        expected.name
    )
}

fn ownership(answer: &Answer, expected: &ExpectedRecord) -> Finding {
    let found = relevant(answer, |text| text.starts_with(OWNERSHIP_PREFIX));
    if found.contains(&&*expected.value) {
        return finding(RecordState::Found, &[&expected.value], "The domain is yours.");
    }
    if found.is_empty() {
        return nothing(answer, not_there(expected));
    }
    let explanation = format!(
        "The TXT records at {} belong to other projects. Add this project's value beside them.",
        expected.name
    );
    finding(RecordState::Different, &found, explanation)
}

/// The value of a tag in `name=value; …` (RFC 6376, section 3.2), without white space.
fn tag(record: &str, name: &str) -> Option<String> {
    record.split(';').find_map(|tag| {
        let (found, value) = tag.split_once('=')?;
        (found.trim() == name).then(|| value.split_whitespace().collect())
    })
}

fn key(answer: &Answer, expected: &ExpectedRecord, kind: &str) -> Finding {
    let found = relevant(answer, |_| true);
    let Some(first) = found.first() else { return nothing(answer, not_there(expected)) };
    let different = |explanation: String| finding(RecordState::Different, &found, explanation);
    if found.len() > 1 {
        return different(format!(
            "There are {} TXT records at {}, and receivers may take any of them. Leave only this one.",
            found.len(),
            expected.name
        ));
    }
    let ours = tag(&expected.value, "p").unwrap_or_default();
    let theirs = tag(first, "p").unwrap_or_default();
    let lists = |name: &str, wanted: &[&str]| {
        tag(first, name).is_none_or(|list| list.split(':').any(|item| wanted.contains(&item)))
    };
    if tag(first, "v").is_some_and(|version| version != "DKIM1") {
        different("It must begin with v=DKIM1.".into())
    } else if theirs.is_empty() {
        different("It holds no key (p=). Enter the value as it is shown.".into())
    } else if theirs != ours && ours.starts_with(&theirs) {
        different(
            "The key is cut short. Some providers take 255 characters a string at most: enter the value as several \
             strings, one after the other."
                .into(),
        )
    } else if theirs != ours {
        different("It holds another key. Enter the value as it is shown.".into())
    } else if tag(first, "k").unwrap_or_else(|| "rsa".into()) != kind {
        different(format!("It must say k={kind}."))
    } else if !lists("h", &["sha256"]) || !lists("s", &["*", "email"]) {
        different(
            "Its tags h= or s= forbid what it is needed for. Enter the value as it is shown."
                .into(),
        )
    } else if tag(first, "t").is_some_and(|flags| flags.split(':').any(|flag| flag == "y")) {
        let explanation =
            "The key is there, but t=y says that it is only tried out: receivers may ignore it.";
        finding(RecordState::Found, &found, explanation)
    } else {
        finding(RecordState::Found, &found, "Receivers can check signatures with it.")
    }
}

fn spf(answer: &Answer) -> Finding {
    let found = relevant(answer, |text| {
        let version = text.split_whitespace().next().unwrap_or_default();
        version.eq_ignore_ascii_case("v=spf1")
    });
    let [record] = found[..] else {
        if found.is_empty() {
            return nothing(
                answer,
                "The domain has no SPF record. Signed mail is accepted without one, but some receivers trust it less.",
            );
        }
        let explanation = "There are several SPF records, which is as bad as none (RFC 7208, section 4.5). Make one of them.";
        return finding(RecordState::Different, &found, explanation);
    };
    let terms: Vec<String> = record.split_whitespace().map(str::to_ascii_lowercase).collect();
    if terms.iter().any(|term| term == "+all" || term == "all") {
        let explanation = "It lets everybody send for the domain. Let it end with ~all or -all.";
        return finding(RecordState::Different, &found, explanation);
    }
    let explanation = "There is one. Only your relay's provider knows whether it names all servers that the relay sends from.";
    finding(RecordState::Found, &found, explanation)
}

fn dmarc(answer: &Answer) -> Finding {
    let found = relevant(answer, |text| {
        let version = tag(text.split(';').next().unwrap_or_default(), "v");
        version.is_some_and(|version| version == "DMARC1")
    });
    let [record] = found[..] else {
        if found.is_empty() {
            let explanation = "There is no DMARC policy. Gmail and Yahoo ask senders of much mail for one; p=none is enough.";
            return nothing(answer, explanation);
        }
        let explanation =
            "There are several DMARC policies, which is as good as none (RFC 7489, section 6.6.3).";
        return finding(RecordState::Different, &found, explanation);
    };
    match tag(record, "p").as_deref() {
        Some("none") => {
            let explanation = "Receivers report, and do nothing about mail that others send in your name. When all your \
                               mail passes, let it say p=quarantine or p=reject.";
            finding(RecordState::Found, &found, explanation)
        }
        Some("quarantine" | "reject") => finding(
            RecordState::Found,
            &found,
            "Receivers stop mail that others send in your name.",
        ),
        _ => {
            let explanation = "It says no policy. Let it say p=none, p=quarantine or p=reject.";
            finding(RecordState::Different, &found, explanation)
        }
    }
}

fn mail_host(answer: &Answer) -> Finding {
    // Their names are not told: only whether there are any.
    match answer {
        Answer::Records(_) => {
            finding(RecordState::Found, &[], "Bounces and answers find a host that takes mail.")
        }
        Answer::None | Answer::Unanswered => nothing(
            answer,
            "No host takes mail for the domain (MX): bounces and answers to its addresses are lost, and some receivers \
             refuse mail from it.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use RecordState::{Different, Found, Missing, NoAnswer};

    fn records(texts: &[&str]) -> Answer {
        Answer::Records(texts.iter().map(|text| (*text).to_owned()).collect())
    }

    fn expected(value: &str) -> ExpectedRecord {
        ExpectedRecord { name: "name.example.com".into(), value: value.into(), purpose: "" }
    }

    #[test]
    fn a_token_is_found_among_those_of_others_and_nothing_else_is_shown() {
        let wanted = expected("posthaste-verify-a");
        let found = ownership(&records(&["posthaste-verify-b", "posthaste-verify-a"]), &wanted);
        assert_eq!((found.state, found.found), (Found, vec!["posthaste-verify-a".to_owned()]));
        let found = ownership(&records(&["posthaste-verify-b", "a secret of the zone"]), &wanted);
        assert_eq!((found.state, found.found), (Different, vec!["posthaste-verify-b".to_owned()]));
        assert_eq!(ownership(&records(&["posthaste-verify-ab"]), &wanted).state, Different);
        assert_eq!(ownership(&records(&["other"]), &wanted).state, Missing);
        assert_eq!(ownership(&Answer::Unanswered, &wanted).state, NoAnswer);
    }

    #[test]
    fn keys_are_compared_as_receivers_read_them() {
        let wanted = expected("v=DKIM1; k=rsa; p=MIIBabc");
        let judged = |texts: &[&str]| key(&records(texts), &wanted, "rsa").state;
        assert_eq!(judged(&["v=DKIM1; k=rsa; p=MIIBabc"]), Found);
        assert_eq!(judged(&["p=MIIB abc"]), Found);
        assert_eq!(judged(&["v=DKIM1;p=MIIBabc;t=y;s=email:x;h=sha1:sha256;"]), Found);
        for other in [
            "v=DKIM1; k=rsa; p=MIIB",
            "v=DKIM1; k=rsa; p=",
            "v=DKIM2; k=rsa; p=MIIBabc",
            "v=DKIM1; k=ed25519; p=MIIBabc",
            "v=DKIM1; h=sha1; p=MIIBabc",
            "v=DKIM1; s=other; p=MIIBabc",
            "v=DKIM1; k=rsa; p=MIIBabcd",
            "nothing of this kind",
        ] {
            assert_eq!(judged(&[other]), Different, "{other}");
        }
        assert_eq!(judged(&["p=MIIBabc", "p=other"]), Different);
        let cut = key(&records(&["v=DKIM1; k=rsa; p=MIIB"]), &wanted, "rsa");
        assert!(cut.explanation.contains("cut short"));
    }

    #[test]
    fn policies_are_read_with_their_usual_mistakes() {
        assert_eq!(spf(&records(&["v=spf1 a -all", "other"])).state, Found);
        assert_eq!(spf(&records(&["v=spf1 a -all", "V=SPF1 mx ~all"])).state, Different);
        assert_eq!(spf(&records(&["v=spf1 +all"])).state, Different);
        assert_eq!(spf(&records(&["v=spf10 a"])).state, Missing);
        assert_eq!(dmarc(&records(&["v=DMARC1; p=reject; rua=mailto:a@example.com"])).state, Found);
        assert_eq!(dmarc(&records(&["v=DMARC1; rua=mailto:a@example.com"])).state, Different);
        assert_eq!(dmarc(&records(&["v=DMARC1; p=none", "v=DMARC1; p=reject"])).state, Different);
        assert_eq!(dmarc(&records(&["v=DMARC12; p=none"])).state, Missing);
    }

    #[test]
    fn what_hostile_name_servers_say_is_cut() {
        let long = "x".repeat(60_000);
        let found = key(&records(&[long.as_str(); 40]), &expected("p=abc"), "rsa");
        assert_eq!(found.found.len(), MOST_SHOWN);
        assert!(found.found.iter().all(|text| text.len() == LONGEST_SHOWN));
    }
}
