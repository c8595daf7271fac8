//! Every example of the upstream API's reference, held against the server: status and members, at every depth.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use reqwest::Method;
use serde_json::Value;

use crate::app::{Reply, Setup, TestApp, TestKey, eventually};
use crate::dns_server::DnsServer;
use crate::webhook_endpoint::WebhookEndpoint;

/// Where the examples are; what its lines mean stands at its beginning. Read when the test runs, which spares a compilation
/// to whoever changes it.
const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/api/reference.txt");

/// One request and what it is answered.
#[derive(Default)]
struct Example<'a> {
    before: Option<&'a str>,
    request: &'a str,
    body: Option<&'a str>,
    answered: &'a str,
    answer: Option<&'a str>,
    more: BTreeSet<String>,
    less: BTreeSet<String>,
    kept: Vec<(&'a str, &'a str)>,
}

fn examples(text: &str) -> impl Iterator<Item = Example<'_>> {
    text.split("\n\n").filter_map(|block| {
        let mut example = Example::default();
        for line in block.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let members = || line[2..].split(' ').map(str::to_owned);
            match &line[..2] {
                "! " => example.before = Some(&line[2..]),
                "> " => example.request = &line[2..],
                "< " => example.answered = &line[2..],
                "+ " => example.more.extend(members()),
                "- " => example.less.extend(members()),
                "= " => example.kept.push(line[2..].split_once(' ').unwrap()),
                "{ " if example.answered.is_empty() => example.body = Some(line),
                "{ " => example.answer = Some(line),
                _ => panic!("{line} is unknown"),
            }
        }
        (!example.request.is_empty()).then_some(example)
    })
}

/// The paths of all members, each with the kinds of value that stand there; those of a list stand for all of its items.
fn members(value: &Value, path: &str, found: &mut BTreeMap<String, BTreeSet<&'static str>>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                let path = format!("{path}.{name}");
                let kind = match value {
                    Value::Null => "null",
                    Value::Bool(_) => "boolean",
                    Value::Number(_) => "number",
                    Value::String(_) => "string",
                    Value::Array(_) => "array",
                    Value::Object(_) => "object",
                };
                let kinds = found.entry(path.trim_start_matches('.').to_owned()).or_default();
                kinds.insert(kind);
                members(value, &path, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| members(item, path, found)),
        _ => {}
    }
}

/// What differs between the members of both, and is not named among `more` and `less`.
fn differences(example: &Example<'_>, answer: &Value, documented: &Value) -> Vec<String> {
    let (mut ours, mut theirs) = (BTreeMap::new(), BTreeMap::new());
    members(answer, "", &mut ours);
    members(documented, "", &mut theirs);
    let names = |found: &BTreeMap<String, _>| found.keys().cloned().collect::<BTreeSet<_>>();
    let (our_names, their_names) = (names(&ours), names(&theirs));
    let more: BTreeSet<_> = our_names.difference(&their_names).cloned().collect();
    let less: BTreeSet<_> = their_names.difference(&our_names).cloned().collect();
    let mut differences = Vec::new();
    for (mark, found, named) in [("+", &more, &example.more), ("-", &less, &example.less)] {
        if found != named {
            let found: Vec<_> = found.iter().map(String::as_str).collect();
            differences.push(format!("{mark} {}", found.join(" ")));
        }
    }
    for (name, kinds) in &ours {
        let is_null = |kinds: &BTreeSet<_>| kinds.iter().all(|kind| *kind == "null");
        if let Some(documented) = theirs.get(name)
            && !is_null(kinds)
            && !is_null(documented)
            && kinds.iter().all(|kind| !documented.contains(kind))
        {
            differences.push(format!("{name} is {kinds:?} instead of {documented:?}"));
        }
    }
    if answer["message"] != documented["message"] && !documented["message"].is_null() {
        differences.push(format!("it says {}", answer["message"]));
    }
    differences
}

/// What the examples need beside the server.
struct Surroundings {
    app: TestApp,
    dns: DnsServer,
    endpoint: WebhookEndpoint,
    project: TestKey,
    account: TestKey,
    kept: HashMap<String, String>,
}

impl Surroundings {
    async fn start() -> Self {
        let (dns, endpoint) = (DnsServer::start().await, WebhookEndpoint::start().await);
        let address = dns.address().to_string();
        let setup = Setup::default().telling_this_machine();
        let app = setup.with(|settings| settings.dns_server = Some(address)).start().await;
        let (project, account) = (app.full_key().await, app.account_key().await);
        let kept = [("first", app.project.to_string()), ("endpoint", endpoint.url())];
        let kept = kept.map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
        Self { app, dns, endpoint, project, account, kept }
    }

    /// A text in which the names of what was kept are its values.
    fn filled(&self, text: &str) -> String {
        let fill = |text: String, (name, value): (&String, &String)| {
            text.replace(&format!("«{name}»"), value)
        };
        self.kept.iter().fold(text.to_owned(), fill)
    }

    /// Brings about what an example is about.
    async fn bring_about(&self, what: &str) {
        match what {
            "prove" => {
                let path = self.filled("/v1/domains/«domain»");
                let domain = self.app.get(&path, &self.project).await.body["data"].clone();
                for (_, record) in domain["dnsRecords"].as_object().unwrap() {
                    for record in record.as_array().unwrap_or(&vec![record.clone()]) {
                        let text = |name: &str| record[name].as_str().unwrap();
                        self.dns.set_text(text("name"), text("value"));
                    }
                }
                // Instead of waiting for the next turn.
                self.app.sql("UPDATE domains SET asked_at = NULL").await;
            }
            "captured" => {
                self.app.mail_in(&self.project, &self.kept["mail"], "captured").await;
            }
            "told" => {
                self.endpoint.wait_for(1).await;
                let path = self.filled("/v1/webhooks/«webhook»/logs");
                let is_told = async || {
                    let log = self.app.get(&path, &self.project).await;
                    (log.body["data"]["logs"][0]["success"] == true).then_some(())
                };
                eventually(is_told).await.expect("the log says that it was told");
            }
            _ => panic!("{what} is unknown"),
        }
    }

    async fn ask(&self, example: &Example<'_>) -> Reply {
        let (request, key) = match example.request.split_once(" as the account") {
            Some((request, _)) => (request, &self.account),
            None => (example.request, &self.project),
        };
        let (method, path) = request.split_once(' ').unwrap();
        let method: Method = method.parse().unwrap();
        let request = self.app.request(method, &self.filled(path)).bearer_auth(key.text());
        // As clients do it, also where there is no body.
        let request = request.header("content-type", "application/json");
        self.app.ask(request.body(self.filled(example.body.unwrap_or_default()))).await
    }
}

#[tokio::test]
async fn every_example_of_the_reference_is_answered_as_it_says() {
    let mut with = Surroundings::start().await;
    let mut wrong = Vec::new();
    for example in examples(&std::fs::read_to_string(EXAMPLES).unwrap()) {
        if let Some(what) = example.before {
            with.bring_about(what).await;
        }
        let reply = with.ask(&example).await;
        let (status, code) = example.answered.split_once(' ').unwrap_or((example.answered, ""));
        let mut differences = Vec::new();
        if (reply.status.to_string().as_str(), reply.code()) != (status, code) {
            differences.push(format!("{} {}", reply.status, reply.body));
        } else if let Some(documented) = example.answer {
            let documented = serde_json::from_str(documented).unwrap();
            differences = self::differences(&example, &reply.body, &documented);
        } else if !code.is_empty() {
            reply.assert_enveloped();
        }
        for (name, path) in &example.kept {
            let pointer = format!("/{}", path.replace('.', "/"));
            let value = reply.body.pointer(&pointer).and_then(Value::as_str).unwrap_or_default();
            with.kept.insert((*name).to_owned(), value.to_owned());
        }
        if !differences.is_empty() {
            wrong.push(format!("{}\n  {}", example.request, differences.join("\n  ")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    with.app.stop().await;
}
