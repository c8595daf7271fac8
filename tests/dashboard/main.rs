//! The dashboard as a person uses it, in a browser, on the program as it is run.
//!
//! Needs Chromium and its driver; where there is none the tests say so and pass, unless `REQUIRE_BROWSER=1`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]
#![expect(clippy::print_stderr, reason = "a test that cannot run on this machine says so")]

#[expect(dead_code, reason = "other tests need more of it")]
#[path = "../support/api_client.rs"]
mod api_client;
mod appearance;
mod contacts;
#[expect(dead_code, reason = "other tests need more of it")]
#[path = "../support/dns_server.rs"]
mod dns_server;
mod domains;
mod history;
mod hostile;
mod journey;
mod keyboard;
mod page;
mod preferences;
#[expect(dead_code, reason = "other tests need more of it")]
#[path = "../support/server_process.rs"]
mod server_process;
mod sessions;
mod suppressions;
mod templates;
mod webdriver;
#[expect(dead_code, reason = "other tests need more of it")]
#[path = "../support/webhook_endpoint.rs"]
mod webhook_endpoint;
mod webhooks;

/// Whether the tests can run here.
fn has_browser() -> bool {
    if webdriver::Browser::is_installed() {
        return true;
    }
    #[expect(clippy::disallowed_methods, reason = "it is a wish of whoever runs the tests")]
    let required = std::env::var_os("REQUIRE_BROWSER").is_some_and(|value| value == "1");
    assert!(!required, "REQUIRE_BROWSER=1, and there is no chromedriver");
    eprintln!(
        "skipped: no chromedriver on this machine (Debian: apt-get install chromium chromium-driver)"
    );
    false
}
