use super::*;

fn address(text: &str) -> EmailAddress {
    text.parse().unwrap()
}

fn list<T: FromStr<Err: fmt::Debug>>(entries: &[&str]) -> Vec<T> {
    entries.iter().map(|entry| entry.parse().unwrap()).collect()
}

fn domains(entries: &[&str]) -> Restrictions {
    Restrictions { domains: Some(list(entries)), ..Restrictions::default() }
}

fn recipients(entries: &[&str]) -> Restrictions {
    Restrictions { recipients: Some(list(entries)), ..Restrictions::default() }
}

fn networks(entries: &[&str]) -> Restrictions {
    Restrictions { ip_allowlist: Some(list(entries)), ..Restrictions::default() }
}

#[test]
fn a_sender_is_allowed_by_its_whole_domain_and_by_nothing_like_it() {
    let allowed = domains(&["example.com", "bücher.example"]);
    for sender in ["a@example.com", "a@EXAMPLE.Com", "a@bücher.example", "a@XN--bcher-KVA.example"]
    {
        assert!(allowed.allow_sender(&address(sender)), "{sender}");
    }
    for sender in [
        "a@notexample.com",
        "a@mail.example.com",
        "a@example.com.evil.example",
        "a@example.co",
        "example.com@evil.example",
        "a@bucher.example",
    ] {
        assert!(!allowed.allow_sender(&address(sender)), "{sender}");
    }
}

#[test]
fn a_recipient_is_allowed_by_address_or_by_domain() {
    let allowed = recipients(&["Ada@example.org", "example.com", "ÜNA@bücher.example"]);
    for recipient in
        ["ada@example.org", "ADA@EXAMPLE.ORG", "anyone@example.com", "üna@xn--bcher-kva.example"]
    {
        assert!(allowed.allow_recipient(&address(recipient)), "{recipient}");
    }
    for recipient in [
        "ada+label@example.org",
        "bob@example.org",
        "ada@mail.example.org",
        "ada@notexample.com",
        "anyone@sub.example.com",
        "ada%example.org@evil.example",
        "una@bücher.example",
    ] {
        assert!(!allowed.allow_recipient(&address(recipient)), "{recipient}");
    }
}

#[test]
fn empty_lists_allow_nothing() {
    assert!(!domains(&[]).allow_sender(&address("a@example.com")));
    assert!(!recipients(&[]).allow_recipient(&address("a@example.com")));
    assert!(!networks(&[]).admit_address(IpAddr::from([127, 0, 0, 1])));
}

#[test]
fn a_dry_run_blocks_nobody_and_knows_whom_it_would_block() {
    let dry_run = Restrictions { ip_allowlist_dry_run: true, ..networks(&["192.0.2.0/24"]) };
    let outside = IpAddr::from([198, 51, 100, 1]);
    assert!(dry_run.admit_address(outside) && !dry_run.list_address(outside));
}

#[test]
fn what_is_no_wider_exceeds_nothing() {
    let own = Restrictions {
        domains: Some(list(&["example.com", "example.net"])),
        recipients: Some(list(&["example.org", "ada@example.com"])),
        ip_allowlist: Some(list(&["10.0.0.0/8", "2001:db8::/32"])),
        ip_allowlist_dry_run: false,
    };
    let narrower = Restrictions {
        domains: Some(list(&["EXAMPLE.net"])),
        recipients: Some(list(&["bob@example.org", "ADA@example.com"])),
        ip_allowlist: Some(list(&["::ffff:10.1.0.0/112"])),
        ip_allowlist_dry_run: false,
    };
    assert_eq!(own.exceeded_by(&own), Vec::<&str>::new());
    assert_eq!(own.exceeded_by(&narrower), Vec::<&str>::new());
    assert_eq!(Restrictions::default().exceeded_by(&own), Vec::<&str>::new());
    assert_eq!(narrower.exceeded_by(&own), ["domains", "recipients", "ipAllowlist"]);
    assert_eq!(own.exceeded_by(&Restrictions::default()), ["domains", "recipients", "ipAllowlist"]);
}

#[test]
fn a_dry_run_is_wider_than_the_list_itself() {
    let enforced = networks(&["10.0.0.0/8"]);
    let dry_run = Restrictions { ip_allowlist_dry_run: true, ..enforced.clone() };
    assert_eq!(enforced.exceeded_by(&dry_run), ["ipAllowlist"]);
    assert_eq!(dry_run.exceeded_by(&enforced), Vec::<&str>::new());
}

#[test]
fn an_address_is_narrower_than_its_domain_and_never_the_other_way() {
    let (domain, address) = (recipients(&["example.com"]), recipients(&["ada@example.com"]));
    assert_eq!(domain.exceeded_by(&address), Vec::<&str>::new());
    assert_eq!(address.exceeded_by(&domain), ["recipients"]);
    assert_eq!(recipients(&["ample.com"]).exceeded_by(&address), ["recipients"]);
}

#[test]
fn quoted_local_parts_and_patterns_are_refused_by_name() {
    for text in ["\"a@b.example c\"@example.com", "@example.com", "ada@", "a@b@", "ada@*"] {
        assert_eq!(text.parse::<RecipientRule>(), Err(InvalidRecipientRule::Address), "{text}");
    }
    assert!("*.example.com".parse::<RecipientRule>().is_err());
    assert!("example".parse::<RecipientRule>().is_err());
}

#[test]
fn debug_names_nobody() {
    let shown = format!("{:?}", recipients(&["ada@example.com"]));
    assert!(!shown.contains("ada"), "{shown}");
}
