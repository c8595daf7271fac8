//! What clients send, every word of it marked.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::api_client::{ApiClient, plain};
use crate::invented_key;
use crate::secrets::Secrets;

pub const BOUNCED: &str = "zqx-bounced@example.net";
pub const DEFERRED: &str = "zqx-deferred@example.net";
pub const REFUSED: &str = "zqx-refused@example.net";
pub const AMBIGUOUS: &str = "zqx-ambiguous@example.net";

/// A mail with everything that a mail may have.
pub fn rich_mail(to: &str) -> Value {
    let to = if to.contains('@') { to.to_owned() } else { format!("zqx-{to}@example.net") };
    json!({
        "from": {"email": "zqx-from@example.com", "name": "Zqx From"},
        "to": {"email": to, "name": "Zqx To"},
        "cc": [{"email": "zqx-cc@example.net", "name": "Zqx Cc"}],
        "bcc": [{"email": "zqx-bcc@example.net"}],
        "replyTo": {"email": "zqx-reply@example.net"},
        "subject": "zqx-subject {{zqxvariable}} {{zqxmissing}}",
        "html": "<p>zqx-html {{zqxvariable}}</p>",
        "text": "zqx-text",
        "dynamicData": {"zqxvariable": "zqx-value"},
        "headers": {"X-Zqx": "zqx-header"},
        "attachments": [{"fileName": "zqx.txt", "content": "enF4LWZpbGU=", "description": "zqx"}],
    })
}

/// Sends to everyone, and answers the mails' ids.
pub async fn send_good_mail(client: &ApiClient) -> Vec<String> {
    let mut ids = Vec::new();
    for to in ["ada", BOUNCED, DEFERRED, REFUSED, AMBIGUOUS, "bob"] {
        ids.push(client.send(&rich_mail(to)).await.id());
    }
    let mut hold = rich_mail("hold");
    hold["onAmbiguous"] = json!("hold");
    ids.push(client.send(&hold).await.id());
    let mut test = rich_mail("test");
    test["test"] = json!(true);
    ids.push(client.send(&test).await.id());
    ids
}

/// Requests with the right key and everything else wrong.
pub async fn send_bad_mail(base: &str, key: &str) {
    let client = plain();
    let url = format!("{base}/v1/mails/send");
    let with = |name: &str, value: Value| {
        let mut mail = rich_mail("bad");
        mail[name] = value;
        mail.to_string()
    };
    let bodies = [
        "zqx is no JSON".to_owned(),
        r#"{"to": {"email": "zqx@example.net""#.to_owned(),
        r#"["zqx"]"#.to_owned(),
        r#"{"zqx": "\ud800"}"#.to_owned(),
        with("to", json!({"email": "zqx is no address"})),
        with("to", json!("zqx\r\nBcc: zqx@example.net")),
        with("to", json!([["zqx@example.net"]])),
        with("to", json!(7)),
        with("from", json!({"email": "zqx@[127.0.0.1]", "name": "zqx\u{0}"})),
        with("subject", json!("zqx\r\nX-Zqx: zqx")),
        with("subject", json!("zqx\u{0}zqx")),
        with("subject", json!("zqx ".repeat(1000))),
        with("subject", json!({"zqx": "zqx"})),
        with("html", json!("{{#zqx")),
        with("html", json!("{{zqx zqx zqx}}{{{{zqx}}}}")),
        with("text", json!("zqx\u{0}")),
        with("headers", json!({"Bcc": "zqx@example.net"})),
        with("headers", json!({"X-Zqx\r\nBcc": "zqx"})),
        with("headers", json!({"X-Zqx": "zqx\r\nBcc: zqx@example.net"})),
        with("attachments", json!([{"fileName": "../../zqx", "content": "zqx!"}])),
        with("dynamicData", json!("zqx")),
        with("onAmbiguous", json!("zqx")),
        with("templateId", json!("zqx")),
    ];
    for body in bodies {
        let request = client.post(&url).bearer_auth(key).header("content-type", "application/json");
        let answer = request.body(body.clone()).send().await.unwrap();
        assert!(answer.status().is_client_error() || answer.status() == 200, "{body}");
    }
    let request = |path: &str| client.get(format!("{base}{path}")).bearer_auth(key);
    for path in [
        "/v1/mails/zqx",
        "/v1/mails/zqx/status",
        "/v1/zqx?zqx=zqx",
        "/v1/mails?to=zqx-bounced@example.net",
        "/v1/mails?to=zqx&cursor=zqx&status=zqx&limit=zqx",
        "/v1/templates/zqx",
        "/v1/templates/search?query=zqx&templateId=zqx&sortBy=zqx",
        "/zqx//zqx/",
    ] {
        request(path).send().await.unwrap();
        request(path).header("x-project-id", "zqx").send().await.unwrap();
        request(path).header("x-request-id", "zqx").header("cookie", "zqx").send().await.unwrap();
        request(path).header("x-forwarded-for", "zqx").send().await.unwrap();
    }
    for key_of_request in ["zqx-idempotency", "zqx\u{7f}zqx", &"zqx".repeat(200)] {
        for to in ["once", "twice"] {
            let request = client.post(&url).bearer_auth(key).json(&rich_mail(to));
            let _ = request.header("idempotency-key", key_of_request).send().await;
        }
    }
    let words = json!({
        "templateName": "zqx", "subject": "zqx {{zqxvariable}}", "description": "zqx", "previewText": "zqx",
        "emailTemplate": "<p>zqx {{zqxvariable}}</p>", "dynamicVariables": {"zqx": "zqx"}, "html": "zqx {{#zqx",
        "dynamicData": {"zqxvariable": "zqx"},
    });
    let post = async |path: &str, body: &Value| {
        let request = client.post(format!("{base}{path}")).bearer_auth(key).json(body);
        request.send().await.unwrap().json::<Value>().await.unwrap()
    };
    let template = post("/v1/templates", &words).await["data"]["templateId"].clone();
    post("/v1/templates/preview", &words).await;
    post("/v1/templates", &json!({"templateName": ["zqx"], "emailTemplate": "{{#zqx"})).await;
    let mut mail = rich_mail("template");
    mail["templateId"] = template.clone();
    assert_eq!(post("/v1/mails/send", &mail).await["success"], true);
    let url_of = format!("{base}/v1/templates/{}", template.as_str().unwrap());
    let put = client.put(&url_of).bearer_auth(key).json(&json!({"subject": "zqx"}));
    assert_eq!(put.send().await.unwrap().status(), 200);
    assert_eq!(client.delete(&url_of).bearer_auth(key).send().await.unwrap().status(), 200);
    let zqx = reqwest::Method::from_bytes(b"ZQX").unwrap();
    client.request(zqx, &url).bearer_auth(key).send().await.unwrap();
}

/// Keys that are none, and keys that nobody made.
pub async fn come_with_wrong_keys(base: &str, secrets: &mut Secrets) {
    let client = plain();
    let mut keys = vec!["zqx".to_owned(), "AS_zqx".to_owned(), "Bearer zqx".to_owned()];
    for _ in 0..5 {
        let token = invented_key();
        secrets.add_key(token.reveal());
        keys.push(token.reveal().to_owned());
        let mistyped: String = token.reveal().chars().rev().skip(1).collect();
        keys.push(mistyped.chars().rev().collect());
    }
    for key in keys {
        let request = client.post(format!("{base}/v1/mails/send")).json(&rich_mail("nobody"));
        let answer = request.bearer_auth(&key).send().await.unwrap();
        assert!([401, 429].contains(&answer.status().as_u16()), "{key}");
        let request = client.get(format!("{base}/v1/mails")).basic_auth(&key, Some("zqx"));
        assert!([401, 429].contains(&request.send().await.unwrap().status().as_u16()), "{key}");
    }
}

/// Joining, signing in rightly and wrongly, inviting, forgetting.
pub async fn live_as_people(base: &str, set_up_link: &str, secrets: &mut Secrets) {
    let client = plain();
    let mut cookies = String::new();
    let token = set_up_link.trim().split_once('#').unwrap().1;
    secrets.add_token(token);
    let (email, password) = ("zqx-owner@example.com", "zqx and a long phrase");
    let good = json!({"email": email, "password": password});
    let invite = json!({"email": "zqx-eve@example.com", "role": "viewer"});
    for (method, path, body) in [
        (
            "POST",
            "/v1/auth/links/accept",
            json!({"token": token, "email": "zqx", "password": "zqx"}),
        ),
        ("POST", "/v1/auth/links/inspect", json!({"token": token})),
        (
            "POST",
            "/v1/auth/links/accept",
            json!({"token": token, "email": email, "name": "zqx", "password": password}),
        ),
        (
            "POST",
            "/v1/auth/sign-in",
            json!({"email": email, "password": "zqx wrong", "code": "zqx"}),
        ),
        (
            "POST",
            "/v1/auth/sign-in",
            json!({"email": "zqx-nobody@example.com", "password": password}),
        ),
        ("POST", "/v1/auth/sign-in", json!({"email": ["zqx"], "password": {"zqx": "zqx"}})),
        ("POST", "/v1/auth/sign-in", good),
        ("PATCH", "/v1/auth/me", json!({"name": "zqx"})),
        ("POST", "/v1/account/invitations", invite.clone()),
        ("POST", "/v1/account/invitations", invite),
        ("POST", "/v1/auth/password-reset", json!({"email": email})),
        ("POST", "/v1/auth/totp", json!({"password": password})),
        ("POST", "/v1/auth/totp/confirm", json!({"code": "zqx"})),
        (
            "POST",
            "/v1/auth/password",
            json!({"currentPassword": password, "newPassword": "zqx and another phrase"}),
        ),
        ("DELETE", "/v1/account/invitations/zqx", json!({"zqx": "zqx"})),
    ] {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = client.request(method, format!("{base}{path}")).json(&body);
        let request = request.header("sec-fetch-site", "same-origin").header("cookie", &cookies);
        let answer = request.header("user-agent", "zqx").send().await.unwrap();
        let set: Vec<_> = answer.headers().get_all("set-cookie").iter().collect();
        if let [session, browser] = set[..] {
            let pair = |cookie: &reqwest::header::HeaderValue| {
                cookie.to_str().unwrap().split(';').next().unwrap().to_owned()
            };
            secrets.add_token(pair(session).split_once('=').unwrap().1);
            cookies = format!("{}; {}", pair(session), pair(browser));
        }
        let body: Value = answer.json().await.unwrap();
        if let Some(link) = body["data"]["link"].as_str() {
            secrets.add_token(link.split_once('#').unwrap().1);
        }
        if let Some(secret) = body["data"]["secret"].as_str() {
            secrets.add_token(secret);
        }
    }
    assert!(!cookies.is_empty(), "nobody signed in");
}

/// Bytes that are no requests.
pub async fn speak_no_http(address: SocketAddr) {
    let head = "POST /v1/mails/send HTTP/1.1\r\nhost: zqx\r\n";
    for bytes in [
        "zqx\r\n\r\n".to_owned(),
        "GET /zqx HTTP/9.9\r\n\r\n".to_owned(),
        format!("{head}content-length: zqx\r\n\r\n"),
        format!("{head}zqx zqx: zqx\r\n\r\n"),
        format!("{head}x-zqx: {}\r\n\r\n", "zqx".repeat(40_000)),
        format!("{head}transfer-encoding: chunked\r\n\r\nzqx\r\n"),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nzqxzqxzqxzqxzqxzqx".to_owned(),
        "\u{16}\u{3}\u{1}zqxzqxzqxzqx".to_owned(),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // It may be refused before its end.
        let _ = stream.write_all(bytes.as_bytes()).await;
        let _ = stream.shutdown().await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
}
