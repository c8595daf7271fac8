//! A browser without a window, led over `WebDriver` (W3C): JSON over HTTP, of which these tests need a dozen calls.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long what must happen may take. Reached only by a test that fails.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// Between two looks at what is waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(25);

/// The key under which an element travels (`WebDriver`, section 12.1).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

const ARGUMENTS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
];

/// A browser with a profile of its own, and the driver that leads it.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    profile: PathBuf,
    http: reqwest::Client,
}

/// Something on the page.
#[derive(Clone, Debug)]
pub struct Element(String);

impl Browser {
    /// Whether this machine has one.
    pub fn is_installed() -> bool {
        let mut command = Command::new("chromedriver");
        command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    pub async fn start() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("posthaste-browser-{}-{number}", std::process::id());
        let profile = std::env::temp_dir().join(name);
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("chromedriver");
        command.arg(format!("--port={port}")).stdout(Stdio::null()).stderr(Stdio::null());
        let driver = command.spawn().unwrap();
        let http = crate::api_client::plain();
        let mut browser = Self { driver, port, session: String::new(), profile, http };

        let begun = Instant::now();
        while browser.http.get(browser.url("/status")).send().await.is_err() {
            assert!(begun.elapsed() < PATIENCE, "chromedriver does not answer");
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        let profile = format!("--user-data-dir={}", browser.profile.display());
        let mut arguments = ARGUMENTS.to_vec();
        arguments.push(&profile);
        let capabilities = json!({
            "goog:loggingPrefs": {"browser": "ALL"},
            "goog:chromeOptions": {"args": arguments},
        });
        let body = json!({"capabilities": {"alwaysMatch": capabilities}});
        let session = browser.call("/session", body).await;
        session["sessionId"].as_str().unwrap().clone_into(&mut browser.session);
        browser
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Posts a command; its `value`.
    async fn call(&self, path: &str, body: Value) -> Value {
        self.try_call(path, body).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    async fn try_call(&self, path: &str, body: Value) -> Result<Value, String> {
        let sent = self.http.post(self.url(path)).json(&body).send().await;
        let mut answer: Value = sent.unwrap().json().await.unwrap();
        let value = answer["value"].take();
        match value["error"].as_str() {
            Some(error) => Err(format!("{error}: {}", value["message"])),
            None => Ok(value),
        }
    }

    async fn in_session(&self, command: &str, body: Value) -> Value {
        self.call(&format!("/session/{}/{command}", self.session), body).await
    }

    /// Goes to an address.
    pub async fn open(&self, url: &str) {
        self.in_session("url", json!({"url": url})).await;
    }

    /// Runs a script on the page, which the page's own policy does not keep from running.
    pub async fn run(&self, script: &str, arguments: Value) -> Value {
        self.in_session("execute/sync", json!({"script": script, "args": arguments})).await
    }

    /// Runs a script that answers by the callback that it gets as its last argument.
    pub async fn run_async(&self, script: &str) -> Value {
        self.in_session("execute/async", json!({"script": script, "args": []})).await
    }

    /// Asks the browser itself, over the protocol of its developer tools.
    pub async fn tools(&self, command: &str, parameters: Value) -> Value {
        self.in_session("goog/cdp/execute", json!({"cmd": command, "params": parameters})).await
    }

    /// Waits until a script answers something other than null or false.
    pub async fn wait(&self, what: &str, script: &str, arguments: Value) -> Value {
        let begun = Instant::now();
        loop {
            let found = self.run(script, arguments.clone()).await;
            if !found.is_null() && found != json!(false) {
                return found;
            }
            if begun.elapsed() > PATIENCE {
                let seen = self.run("return document.body.innerText", json!([])).await;
                panic!("waited in vain for {what}; the page says: {seen}");
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Waits for an element that a script answers.
    pub async fn element(&self, what: &str, script: &str, arguments: Value) -> Element {
        let found = self.wait(what, script, arguments).await;
        Element(found[ELEMENT].as_str().unwrap().to_owned())
    }

    /// Clicks, as a person does: in the middle, and only if nothing lies above. What is drawn anew at that moment is
    /// looked for once more by the caller.
    pub async fn try_click(&self, Element(id): &Element) -> Result<(), String> {
        let path = format!("/session/{}/element/{id}/click", self.session);
        self.try_call(&path, json!({})).await.map(drop)
    }

    /// Types into a field, in place of what is there.
    pub async fn fill(&self, Element(id): &Element, text: &str) {
        self.in_session(&format!("element/{id}/clear"), json!({})).await;
        self.in_session(&format!("element/{id}/value"), json!({"text": text})).await;
    }

    /// Presses keys, one after the other, wherever the focus is.
    pub async fn press(&self, keys: &[&str]) {
        let actions: Vec<Value> = keys
            .iter()
            .flat_map(|key| {
                [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})]
            })
            .collect();
        let keyboard = json!({"type": "key", "id": "keyboard", "actions": actions});
        self.in_session("actions", json!({"actions": [keyboard]})).await;
    }

    /// The text of the page in a frame.
    pub async fn text_in_frame(&self, frame: &Element) -> String {
        let script = "return document.body?.innerText || null";
        self.wait_in_frame(frame, "the page in the frame", script)
            .await
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Waits until a script in a frame returns something.
    pub async fn wait_in_frame(&self, Element(id): &Element, what: &str, script: &str) -> Value {
        self.in_session("frame", json!({"id": {ELEMENT: id}})).await;
        let found = self.wait(what, script, json!([])).await;
        self.in_session("frame", json!({"id": null})).await;
        found
    }

    /// Clicks what a selector finds in a frame.
    pub async fn click_in_frame(&self, Element(id): &Element, selector: &str) {
        self.in_session("frame", json!({"id": {ELEMENT: id}})).await;
        let script = "return document.querySelector(arguments[0])";
        let found = self.element(selector, script, json!([selector])).await;
        self.try_click(&found).await.unwrap();
        self.in_session("frame", json!({"id": null})).await;
    }

    /// Goes a page back, as the button of the browser does.
    pub async fn back(&self) {
        self.in_session("back", json!({})).await;
    }

    /// Whatever the browser complained of since the last time: errors of scripts, violations of the policy.
    pub async fn complaints(&self) -> Vec<String> {
        let entries = self.in_session("se/log", json!({"type": "browser"})).await;
        let entries = entries.as_array().unwrap().iter();
        entries.map(|entry| entry["message"].as_str().unwrap().to_owned()).collect()
    }

    /// Ends the browser.
    pub async fn stop(self) {
        let url = self.url(&format!("/session/{}", self.session));
        self.http.delete(url).send().await.unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // A test that failed did not end its session, and the driver's end alone leaves the browser behind.
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
            let _ = stream.set_read_timeout(Some(PATIENCE));
            let _ = write!(
                stream,
                "DELETE /session/{} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                self.session
            );
            let _ = stream.read(&mut [0; 64]);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
        let _ = fs::remove_dir_all(&self.profile);
    }
}
