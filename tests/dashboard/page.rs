//! The dashboard in a browser, as a person sees it: things are found by their words.

use serde_json::{Value, json};

use crate::server_process::Server;
use crate::webdriver::Browser;

/// Finds what can be clicked by its words, and a field by its label; inside of the uppermost dialog, if one is open.
const FIND: &str = r#"
    const [kind, words] = arguments;
    const dialogs = document.querySelectorAll("dialog[open]");
    const root = dialogs[dialogs.length - 1] ?? document;
    const clean = (text) => (text ?? "").replace(/\s+/g, " ").trim();
    const inSight = (one) => one.checkVisibility({visibilityProperty: true, opacityProperty: false});
    const named = (one) => [clean(one.getAttribute("aria-label")), clean(one.innerText)].includes(words);
    if (kind === "field") {
        const label = [...root.querySelectorAll("label")].find((one) => clean(one.innerText) === words);
        const field = label && (label.control ?? document.getElementById(label.htmlFor));
        return field ?? [...root.querySelectorAll("input, textarea, select")].find((one) => one.getAttribute("aria-label") === words) ?? null;
    }
    if (kind === "option") return [...root.querySelectorAll("label")].find((one) => clean(one.querySelector("b")?.innerText) === words) ?? null;
    const what = {button: "button, [role=menuitem], [role=tab], summary", link: "a[href]", heading: "h1, h2"}[kind];
    return [...root.querySelectorAll(what)].find((one) => inSight(one) && named(one) && !one.disabled) ?? null;
"#;

/// The dashboard of a server of its own.
pub struct Page {
    pub server: Server,
    pub browser: Browser,
}

/// Whoever set the installation up.
pub const OWNER: &str = "owner@example.org";

/// A password that nobody else has.
pub const PASSWORD: &str = "seven quiet herons wading";

impl Page {
    /// Starts server and browser, both from nothing.
    pub async fn start() -> Self {
        Self::start_on(Server::new()).await
    }

    /// The same on a server with settings of its own.
    pub async fn start_on(mut server: Server) -> Self {
        let (started, browser) = tokio::join!(server.start(), Browser::start());
        let () = started;
        let page = Self { server, browser };
        page.size(1280, 860).await;
        page
    }

    /// The same, where the first owner has joined already.
    pub async fn signed_in() -> Self {
        let page = Self::start().await;
        page.set_up().await;
        page
    }

    /// The same on a server with settings of its own.
    pub async fn signed_in_on(server: Server) -> Self {
        let page = Self::start_on(server).await;
        page.set_up().await;
        page
    }

    /// Goes through the link that the server printed.
    pub async fn set_up(&self) {
        let link = self.set_up_link();
        self.browser.open(&link).await;
        self.fill("Email", OWNER).await;
        self.fill("Name", "Olivia Owner").await;
        self.fill("Password", PASSWORD).await;
        self.click("button", "Make my account").await;
        self.see_heading("Overview").await;
    }

    /// What the server printed for its first owner.
    pub fn set_up_link(&self) -> String {
        let printed = self.server.printed();
        let link = printed.split_whitespace().find(|word| word.contains("/dashboard/welcome#"));
        link.unwrap_or_else(|| panic!("no link in {printed}")).to_owned()
    }

    /// Opens a page by its path below `/dashboard`.
    pub async fn open(&self, path: &str) {
        self.browser.open(&self.server.url(&format!("/dashboard{path}"))).await;
    }

    /// The width and the height of the window.
    pub async fn size(&self, width: u32, height: u32) {
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.browser.tools("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// What the system's theme is, `light` or `dark`.
    pub async fn theme(&self, theme: &str) {
        let wish = json!({"features": [
            {"name": "prefers-color-scheme", "value": theme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]});
        self.browser.tools("Emulation.setEmulatedMedia", wish).await;
    }

    /// Clicks a `button`, a `link` or an `option` of these words.
    pub async fn click(&self, kind: &str, words: &str) {
        let begun = std::time::Instant::now();
        loop {
            let found = self.browser.element(words, FIND, json!([kind, words])).await;
            match self.browser.try_click(&found).await {
                Ok(()) => return,
                // It was drawn anew, or something still lay above it.
                Err(_) if begun.elapsed() < crate::webdriver::PATIENCE => {}
                Err(error) => panic!("cannot click {words}: {error}"),
            }
        }
    }

    /// Types into the field of this label.
    pub async fn fill(&self, label: &str, text: &str) {
        let field = self.browser.element(label, FIND, json!(["field", label])).await;
        self.browser.fill(&field, text).await;
    }

    /// Waits until the page says this.
    pub async fn see(&self, words: &str) {
        let script = "return document.body.innerText.includes(arguments[0])";
        self.browser.wait(words, script, json!([words])).await;
    }

    /// Waits until nothing on the page says this.
    pub async fn see_no_more(&self, words: &str) {
        let script = "return !document.body.innerText.includes(arguments[0])";
        self.browser.wait(&format!("the end of {words}"), script, json!([words])).await;
    }

    pub async fn see_heading(&self, words: &str) {
        self.browser.element(words, FIND, json!(["heading", words])).await;
    }

    /// Waits until nothing is under way.
    pub async fn settled(&self) {
        let script = "return document.querySelector('h1') !== null && document.querySelector('.loading') === null";
        self.browser.wait("the end of loading", script, json!([])).await;
    }

    /// The path and the query of the address bar.
    pub async fn place(&self) -> String {
        let place =
            self.browser.run("return location.href.slice(location.origin.length)", json!([]));
        place.await.as_str().unwrap().to_owned()
    }

    /// The text of the first element that a selector finds.
    pub async fn text(&self, selector: &str) -> String {
        let script = "return document.querySelector(arguments[0])?.innerText.trim() ?? null";
        let text = self.browser.wait(selector, script, json!([selector])).await;
        text.as_str().unwrap().to_owned()
    }

    /// Fails if the browser complained; what a test expects is named.
    pub async fn assert_no_complaints(&self, expected: &[&str]) {
        let complaints = self.browser.complaints().await;
        let unexpected: Vec<&String> = complaints
            .iter()
            .filter(|complaint| !expected.iter().any(|part| complaint.contains(part)))
            .collect();
        assert!(unexpected.is_empty(), "{unexpected:#?}");
    }

    /// Asks the server from the page, with its session.
    pub async fn ask(&self, method: &str, path: &str, body: Value) -> Value {
        self.ask_as(method, path, body, Value::Null).await
    }

    /// The same about what belongs to a project: the first one.
    pub async fn ask_in_project(&self, method: &str, path: &str, body: Value) -> Value {
        let project = self.project().await;
        self.ask_as(method, path, body, json!(project)).await
    }

    /// The id of the first project.
    pub async fn project(&self) -> String {
        let me = self.ask("GET", "/v1/auth/me", Value::Null).await;
        me["projects"][0]["id"].as_str().unwrap().to_owned()
    }

    async fn ask_as(&self, method: &str, path: &str, body: Value, project: Value) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1];
             const [body, project] = [{body}, {project}];
             const headers = {{\"content-type\": \"application/json\"}};
             if (project) headers[\"x-project-id\"] = project;
             fetch({path:?}, {{method: {method:?}, headers, body: body === null ? undefined : JSON.stringify(body)}})
                 .then((answer) => answer.json()).then(done, (error) => done({{error: String(error)}}));"
        );
        let answer = self.browser.run_async(&script).await;
        assert_eq!(answer["success"], json!(true), "{method} {path}: {answer}");
        answer["data"].clone()
    }

    pub async fn stop(self) {
        self.browser.stop().await;
    }
}
