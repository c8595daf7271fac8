use std::fmt::Write;

use proptest::prelude::*;

use super::*;

fn report(kind: &str, parts: &[(&str, &str)]) -> Vec<u8> {
    let mut message = format!(
        "From: MAILER-DAEMON@mx.example.org\r\nTo: b-abc@bounces.example.com\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type={kind};\r\n\tboundary=\"=_b 1\"\r\n\r\nPreamble\r\n"
    );
    for (part, content) in parts {
        write!(message, "--=_b 1\r\nContent-Type: {part}\r\n\r\n{content}\r\n").unwrap();
    }
    message.push_str("--=_b 1--\r\nEpilogue\r\n");
    message.into_bytes()
}

fn status_report(recipient: &str) -> Verdict {
    let status = format!("Reporting-MTA: dns; mx.example.org\r\n\r\n{recipient}");
    let message = report("delivery-status", &[("message/delivery-status", &status)]);
    read(&message, Notices::Ignored).unwrap().verdict
}

fn failed(recipient: &str) -> (Reply, bool) {
    match status_report(recipient) {
        Verdict::Failed { reply, condemns_the_address } => (reply, condemns_the_address),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_report_says_who_why_and_about_which_mail() {
    let message = report(
        "delivery-status",
        &[
            ("text/plain", "Sorry."),
            (
                "message/delivery-status",
                "Reporting-MTA: dns; mx.example.org\r\n\r\nOriginal-Recipient: rfc822;Ada@example.org\r\n\
                 Final-Recipient: RFC822; <ada@inner.example.org>\r\nAction: failed\r\nStatus: 5.1.1 (bad\r\n mailbox)\r\n\
                 Diagnostic-Code: smtp; 550-5.1.1 No such\r\n\tuser here\r\n",
            ),
            (
                "message/rfc822",
                "Return-Path: <b-xyz@bounces.example.com>\r\nMessage-ID:\r\n <id@example.com>\r\n\r\nHi",
            ),
        ],
    );
    let found = read(&message, Notices::Ignored).unwrap();
    let reply =
        Reply { code: Some(550), enhanced: Some("5.1.1".into()), text: "No such user here".into() };
    assert_eq!(found.verdict, Verdict::Failed { reply, condemns_the_address: true });
    assert_eq!(found.recipients, ["Ada@example.org", "ada@inner.example.org"]);
    assert_eq!(found.return_paths, ["b-abc@bounces.example.com", "b-xyz@bounces.example.com"]);
    assert_eq!(found.message_id.unwrap(), "id@example.com");
}

#[test]
fn reports_are_judged_by_the_rules_of_replies() {
    for (status, diagnostic, condemned) in [
        ("5.1.1", "smtp; 550 5.1.1 unknown", true),
        ("5.1.10", "", true),
        ("5.2.1", "smtp; 550 5.2.1 disabled", true),
        ("5.0.0", "smtp; 550 5.1.1 unknown", true),
        ("5.2.2", "smtp; 552 5.2.2 over quota", false),
        ("5.7.1", "smtp; 550 5.7.1 no such user, says our policy", false),
        ("5.0.0", "smtp; 550 no such user", false),
        ("4.4.7", "smtp; 451 4.1.1 greylisted for five days", false),
        ("4.2.2", "x-unix; quota", false),
        ("5.0.0", "smtp; 450 4.1.1 not now", false),
    ] {
        let text =
            format!("Action: failed\r\nStatus: {status}\r\nDiagnostic-Code: {diagnostic}\r\n");
        assert_eq!(failed(&text).1, condemned, "{status} {diagnostic}");
    }
    let without_status = failed(
        "Final-Recipient: rfc822; a@b.example\r\nAction: failed\r\nDiagnostic-Code: smtp; 550 5.1.1 x",
    );
    assert_eq!(without_status.0.enhanced.unwrap(), "5.1.1");
}

#[test]
fn what_is_delayed_or_arrived_is_no_failure() {
    let delayed = status_report("Action: delayed\r\nStatus: 4.4.1\r\n");
    assert!(
        matches!(delayed, Verdict::Delayed(reply) if reply.enhanced.as_deref() == Some("4.4.1"))
    );
    for fine in [
        "Action: delivered\r\nStatus: 2.0.0",
        "Action: relayed\r\nStatus: 2.0.0",
        "Action: expanded",
    ] {
        assert_eq!(status_report(fine), Verdict::Fine, "{fine}");
    }
    // The worst of several counts, and some systems leave out the action or an empty line.
    let several = "Action: delivered\r\nStatus: 2.0.0\r\n\r\nAction: delayed\r\nStatus: 4.0.0\r\n\r\nStatus: 5.2.2\r\n";
    assert_eq!(failed(several).0.enhanced.unwrap(), "5.2.2");
    let joined = "Reporting-MTA: dns; x\r\nFinal-Recipient: rfc822; a@b.example\r\nAction: failed\r\nStatus: 5.1.1";
    let message = report("delivery-status", &[("message/delivery-status", joined)]);
    assert!(matches!(read(&message, Notices::Ignored).unwrap().verdict, Verdict::Failed { .. }));
}

#[test]
fn parts_are_read_in_every_encoding() {
    let encoded = "UmVwb3J0aW5nLU1UQTogZG5zOyB4DQoNCkFjdGlvbjogZmFpbGVkDQpTdGF0dXM6IDUuMS4xDQo=";
    let kind = "message/global-delivery-status\r\nContent-Transfer-Encoding: base64";
    let message = report("delivery-status", &[(kind, encoded)]);
    assert!(matches!(read(&message, Notices::Ignored).unwrap().verdict, Verdict::Failed { .. }));

    let kind = "message/delivery-status\r\nContent-Transfer-Encoding: quoted-printable";
    let message = report(
        "delivery-status",
        &[(kind, "Reporting-MTA: x\r\n\r\nAction: fai=\r\nled\r\nStatus: 5=2E1.1=\r\n\r\n")],
    );
    assert!(matches!(read(&message, Notices::Ignored).unwrap().verdict, Verdict::Failed { .. }));
}

#[test]
fn complaints_are_told_from_other_feedback() {
    let feedback = |kind: &str| {
        let fields = format!(
            "Feedback-Type: {kind}\r\nUser-Agent: Yahoo!-Mail-Feedback/2.0\r\nVersion: 0.1\r\n\
             Original-Mail-From: <b-xyz@bounces.example.com>\r\nOriginal-Rcpt-To: ada@example.org\r\n"
        );
        let original = "Message-ID: <id@example.com>\r\n\r\n";
        let parts =
            [("message/feedback-report", fields.as_str()), ("text/rfc822-headers", original)];
        read(&report("feedback-report", &parts), Notices::Ignored).unwrap()
    };
    let complaint = feedback("abuse");
    assert!(
        matches!(&complaint.verdict, Verdict::Complaint(reply) if reply.text.contains("abuse"))
    );
    assert_eq!(complaint.recipients, ["ada@example.org"]);
    assert!(complaint.return_paths.contains(&"b-xyz@bounces.example.com".to_owned()));
    assert_eq!(complaint.message_id.unwrap(), "id@example.com");
    for other in ["not-spam", "auth-failure"] {
        assert_eq!(feedback(other).verdict, Verdict::Fine, "{other}");
    }
}

#[test]
fn notices_in_words_count_only_where_they_are_asked_for() {
    let qmail = b"Return-Path: <>\r\nFrom: MAILER-DAEMON@example.org\r\nSubject: failure notice\r\n\r\n\
        Hi. This is the qmail-send program at example.org.\r\n\r\n<ada@example.org>:\r\n\
        Sorry, no mailbox here by that name. (#5.1.1)\r\n\r\n--- Below this line is a copy of the message.\r\n5.7.1\r\n";
    assert_eq!(read(qmail, Notices::Ignored), None);
    let Verdict::Failed { reply, condemns_the_address } =
        read(qmail, Notices::Read).unwrap().verdict
    else {
        panic!()
    };
    assert_eq!((reply.enhanced.as_deref(), condemns_the_address), (Some("5.1.1"), true));

    for other in [
        "From: ada@example.org\r\n\r\nOut of office; 5.1.1 is my room.\r\n",
        "From: mailer-daemon@example.org\r\nAuto-Submitted: auto-replied\r\n\r\nAway. 5.1.1\r\n",
        "From: mailer-daemon@example.org\r\n\r\nSomething went wrong.\r\n\r\n--- Below this line\r\n5.1.1\r\n",
    ] {
        assert_eq!(read(other.as_bytes(), Notices::Read), None, "{other}");
    }
}

#[test]
fn hostile_messages_end_soon_and_say_nothing() {
    let mut nested = String::from("From: a@b.example\r\n");
    for depth in 0..2000 {
        write!(nested, "Content-Type: multipart/mixed; boundary=b{depth}\r\n\r\n--b{depth}\r\n")
            .unwrap();
    }
    let same = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n".repeat(10_000);
    let empty_parts =
        format!("Content-Type: multipart/report; boundary=b\r\n\r\n{}", "--b\r\n".repeat(100_000));
    let headers = "X: y\r\n".repeat(1_000_000);
    let folded = format!("From:{}", "\r\n x".repeat(500_000));
    let status = format!(
        "Content-Type: message/delivery-status\r\n\r\n{}",
        "Action: failed\r\nStatus: 9.9.9\r\n\r\n".repeat(100_000)
    );
    for hostile in [
        nested,
        same,
        empty_parts,
        headers,
        folded,
        "\0".repeat(3_000_000),
        "\r\n".repeat(1_000_000),
    ] {
        assert_eq!(read(hostile.as_bytes(), Notices::Read), None);
    }
    let found = read(status.as_bytes(), Notices::Read).unwrap();
    assert!(matches!(found.verdict, Verdict::Failed { reply, .. } if reply.enhanced.is_none()));
    let shown = failed(
        "Action: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 a\0b\u{1b}[31m\u{202e}c",
    );
    assert!(!shown.0.text.contains(['\0', '\u{1b}', '\u{202e}']));
}

proptest! {
    #[test]
    fn nothing_makes_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        read(&bytes, Notices::Read);
    }

    #[test]
    fn nothing_like_a_report_makes_the_parser_panic(
        status in "(Action|Status|Final-Recipient|Diagnostic-Code|é)?:? ?(failed|5\\.1\\.1|smtp; 5é0 |\\PC{0,20})",
        encoding in "(base64|quoted-printable|7bit)",
        content in "[A-Za-z0-9=\r\n:;. é]{0,200}",
    ) {
        let kind = format!("message/delivery-status\r\nContent-Transfer-Encoding: {encoding}");
        let message = report("delivery-status", &[("message/delivery-status", &status), (&kind, &content)]);
        read(&message, Notices::Read);
        let text = format!("From: postmaster@x.example\r\n\r\n{content} 5.1.1 {status}");
        read(text.as_bytes(), Notices::Read);
    }
}
