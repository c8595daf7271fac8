//! Templates are programs of strangers.

use serde_json::{Value, json};

use super::Target;
use crate::letter_with;

/// Sends each template with its data and expects it to be refused.
async fn all_are_refused(cases: impl IntoIterator<Item = (String, Value)>) {
    let target = Target::start().await;
    for (template, data) in cases {
        for field in ["subject", "html", "text"] {
            if field == "subject" && template.chars().count() > 998 {
                continue;
            }
            let mail = letter_with(json!({field: template, "dynamicData": data}));
            let reply = target.app.send(&target.key, mail).await;
            let shown: String = template.chars().take(100).collect();
            assert_eq!(reply.status, 400, "{field} {shown}: {}", reply.body);
            reply.assert_refused(400, "VALIDATION_FAILED");
            assert_eq!(reply.fields(), [field], "{shown}");
        }
    }
    target.assert_unharmed().await;
}

#[tokio::test]
async fn what_is_broken_or_left_out_on_purpose_is_refused() {
    all_are_refused(
        [
            "{{",
            "{{#",
            "{{#if a}}",
            "{{/if}}",
            "{{#if a}}{{/each}}",
            "{{{a}}}",
            "{{&a}}",
            "{{> /etc/passwd}}",
            "{{#> layout}}{{/layout}}",
            "{{* inline}}",
            "{{a (b c)}}",
            "{{log \"x\"}}",
            "{{lookup this \"a\"}}",
            "{{env \"HOME\"}}",
            "{{{{raw}}}}{{a}}{{{{/raw}}}}",
            "{{#each}}{{/each}}",
            "{{eq a b}}",
            "{{a b=c}}",
        ]
        .map(|template| (template.to_owned(), json!({"a": 1}))),
    )
    .await;
}

#[tokio::test]
async fn what_would_be_too_much_work_is_refused_before_it_begins() {
    let wide = json!({"a": vec![1; 10_000]});
    let nested = "{{#each a}}{{#each @root.a}}{{#each @root.a}}x{{/each}}{{/each}}{{/each}}";
    let loud = json!({"a": vec![0; 2000], "b": "x".repeat(10_000)});
    all_are_refused([
        ("{{a}}".repeat(20_000), json!({"a": 1})),
        ("{{#each a}}".repeat(20_000) + &"{{/each}}".repeat(20_000), wide.clone()),
        ("{{#if a}}".repeat(65) + &"{{/if}}".repeat(65), wide.clone()),
        ("{{#if a}}".repeat(1_000_000), wide.clone()),
        (nested.to_owned(), wide),
        ("{{#each a}}{{@root.b}}{{/each}}".to_owned(), loud),
    ])
    .await;
}

#[tokio::test]
async fn a_value_cannot_bring_a_second_line_into_the_subject() {
    let target = Target::start().await;
    for value in ["a\r\nBcc: eve@evil.example", "a\nb", "a\0b"] {
        let data = json!({"subject": "Hello {{name}}", "dynamicData": {"name": value}});
        let reply = target.app.send(&target.key, letter_with(data)).await;
        reply.assert_refused(400, "VALIDATION_FAILED");
        assert_eq!(reply.fields(), ["subject"]);
    }
    let long = json!({"subject": "{{a}}", "dynamicData": {"a": "x".repeat(999)}});
    assert_eq!(target.app.send(&target.key, letter_with(long)).await.fields(), ["subject"]);
    let empty = json!({"subject": "{{a}}", "dynamicData": {}});
    assert_eq!(target.app.send(&target.key, letter_with(empty)).await.fields(), ["subject"]);
    target.assert_unharmed().await;
}

#[tokio::test]
async fn values_are_never_templates_themselves() {
    let Target { app, key } = Target::start().await;
    let data = json!({"html": "<p>{{a}}</p>", "dynamicData": {"a": "{{#each b}}{{/each}}{{{c}}}<script>"}});
    let id = app.accepted(&key, letter_with(data)).await;
    let mail = app.mail(&key, &id).await;
    assert_eq!(mail["html"], "<p>{{#each b}}{{/each}}{{{c}}}&lt;script&gt;</p>");
    app.stop().await;
}

#[tokio::test]
async fn odd_names_of_variables_are_only_names() {
    let Target { app, key } = Target::start().await;
    let long = format!("{{{{{}}}}}", "x".repeat(400));
    for template in ["{{[a\0b]}}", "{{[a\nb]}}", "{{[a b]}}", "{{[\u{202e}]}}", long.as_str()] {
        let mail = letter_with(json!({"html": format!("<p>.{template}.</p>"), "dynamicData": {}}));
        let id = app.accepted(&key, mail).await;
        let mail = app.mail_in(&key, &id, "captured").await;
        assert_eq!(mail["html"], "<p>..</p>");
        let told = mail["missingVariables"].as_array().unwrap();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].as_str().unwrap().chars().count() <= 200);
    }
    app.stop().await;
}
