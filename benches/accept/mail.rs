//! The requests that are sent: a shop's confirmations of orders, no two alike.

use std::fmt::Write;
use std::io::Write as _;
use std::sync::Arc;

use posthaste::domain::api_key::ApiKeyToken;

use crate::load::Requests;

/// How many different texts there are.
const TEXTS: usize = 61;

/// One in so many requests names itself with an `Idempotency-Key`.
const NAMED: u64 = 10;

/// Requests with keys in turn. The body has `bytes` bytes of JSON, within a few.
pub fn sends(tokens: &[ApiKeyToken], bytes: usize) -> Requests {
    let keys: Vec<String> = tokens.iter().map(|token| token.reveal().to_owned()).collect();
    let texts: Vec<String> = (0..TEXTS).map(|text| body(text, bytes)).collect();
    Arc::new(move |number, request| {
        let place = usize::try_from(number).unwrap_or_default();
        let (key, text) = (&keys[place % keys.len()], &texts[place % TEXTS]);
        let start = format!(
            r#"{{"from":{{"email":"orders@shop.example","name":"The Shop"}},"to":{{"email":"mail-{number}@customers.example"}},"subject":"Your order {number}","#
        );
        request.extend_from_slice(
            b"POST /v1/mails/send HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n",
        );
        if number % NAMED == 0 {
            let _ = write!(request, "Idempotency-Key: order-{number}\r\n");
        }
        let length = start.len() + text.len();
        let _ = write!(
            request,
            "Authorization: Bearer {key}\r\nContent-Length: {length}\r\n\r\n{start}"
        );
        request.extend_from_slice(text.as_bytes());
    })
}

/// Requests with keys that have the right shape and are nobody's.
pub fn floods(tokens: &[ApiKeyToken]) -> Requests {
    let keys: Vec<String> = tokens.iter().map(|token| token.reveal().to_owned()).collect();
    Arc::new(move |number, request| {
        let key = &keys[usize::try_from(number).unwrap_or_default() % keys.len()];
        let _ = write!(
            request,
            "POST /v1/mails/send HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Authorization: Bearer {key}\r\nContent-Length: 2\r\n\r\n{{}}"
        );
    })
}

/// The rest of a body: three parts of HTML and one of text, which compress about as well as people's mails do.
fn body(number: usize, bytes: usize) -> String {
    const WORDS: [&str; 24] = [
        "order",
        "parcel",
        "delivered",
        "Thursday",
        "payment",
        "received",
        "thank",
        "you",
        "invoice",
        "address",
        "question",
        "account",
        "please",
        "return",
        "within",
        "thirty",
        "days",
        "shipping",
        "number",
        "confirm",
        "total",
        "including",
        "discount",
        "warehouse",
    ];
    let mut seed = u64::try_from(number).unwrap_or_default() + 1;
    let mut draw = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap_or_default()
    };
    let mut words = |room: usize, tags: bool| {
        let mut text = String::new();
        while text.len() < room {
            let word = WORDS[draw() % WORDS.len()];
            let _ = match draw() % 12 {
                0 => write!(text, "{:06} ", draw() % 1_000_000),
                1 if tags => write!(text, "<p style=\\\"margin:{}px\\\">{word}</p> ", draw() % 64),
                _ => write!(text, "{word} "),
            };
        }
        text
    };
    let room = bytes.saturating_sub(180);
    let html = words(room * 3 / 4, true);
    let text = words(room / 4, false);
    format!(r#""html":"{html}","text":"{text}"}}"#)
}
