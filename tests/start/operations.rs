//! What whoever runs a node can ask it, and what it says unasked.

use std::time::Instant;

use serde_json::Value;

use crate::PATIENCE;
use crate::server_process::Server;

/// An address that nobody listens on just now.
fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// Waits until a log line has these words.
async fn logged(server: &Server, words: &str) {
    let begun = Instant::now();
    while !server.log().contains(words) {
        assert!(begun.elapsed() < PATIENCE, "{words} was not logged: {}", server.log());
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_worker_tells_its_health_where_metrics_are() {
    let address = free_address();
    let mut server = Server::new().with("ROLE", "worker").with("METRICS_ADDR", &address);
    server.spawn();
    let client = crate::api_client::plain();
    let ask = async |path: &str| client.get(format!("http://{address}{path}")).send().await;
    let begun = Instant::now();
    while !ask("/readyz").await.is_ok_and(|answer| answer.status() == 200) {
        assert!(begun.elapsed() < PATIENCE, "the worker is not ready: {}", server.log());
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }

    let alive: Value = ask("/healthz").await.unwrap().json().await.unwrap();
    assert_eq!(alive["status"], "ok");
    let metrics = ask("/metrics").await.unwrap().text().await.unwrap();
    assert!(metrics.contains("posthaste_http_requests_total"), "{metrics}");
    let nothing = ask("/v1/mails").await.unwrap();
    assert_eq!(nothing.status(), 404);
    let nothing: Value = nothing.json().await.unwrap();
    assert_eq!(nothing["error"]["code"], "NOT_FOUND");
    let refused = client.get(server.url("/healthz")).send().await.unwrap_err();
    assert!(refused.is_connect(), "a worker takes no requests: {refused}");

    server.terminate();
    assert!(server.ended().await.success(), "{}", server.log());
}

#[tokio::test]
async fn a_proxy_that_was_forgotten_is_told_of_once() {
    const WORDS: &str = "is not named in TRUSTED_PROXIES";
    let mut server = Server::new();
    server.start().await;
    let client = crate::api_client::plain();
    assert!(!server.log().contains(WORDS), "{}", server.log());
    for _ in 0..3 {
        let request = client.get(server.url("/healthz")).header("x-forwarded-for", "192.0.2.1");
        assert_eq!(request.send().await.unwrap().status(), 200);
    }
    logged(&server, WORDS).await;
    server.terminate();
    assert!(server.ended().await.success());
    assert_eq!(server.log().matches(WORDS).count(), 1, "{}", server.log());
    assert!(!server.log().contains("192.0.2.1"), "{}", server.log());

    server.set("TRUSTED_PROXIES", "127.0.0.1");
    server.start().await;
    let request = client.get(server.url("/healthz")).header("x-forwarded-for", "192.0.2.1");
    request.send().await.unwrap();
    assert_eq!(server.log().matches(WORDS).count(), 1, "{}", server.log());
}
