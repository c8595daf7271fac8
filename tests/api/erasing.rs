//! Forgetting a recipient.

use posthaste::domain::permission::Permission;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Row};

use crate::app::{Reply, Setup, TestApp, TestKey, eventually};
use crate::smtp_server::{Answer, Rule, SmtpServer, Stage};
use crate::webhook_endpoint::{Behavior, WebhookEndpoint};
use crate::{letter, letter_with};

/// Every row of every table as text, contents unpacked, with the name of its table.
async fn dump(app: &TestApp) -> Vec<(String, String)> {
    let tables = "SELECT table_name::text FROM information_schema.tables
                  WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations'";
    let tables =
        sqlx::query_scalar::<_, String>(tables).fetch_all(&app.database.pool).await.unwrap();
    let mut rows = Vec::new();
    for table in tables {
        let statement = format!("SELECT row_to_json(t)::text AS text FROM {table} AS t");
        let found =
            sqlx::query(AssertSqlSafe(statement)).fetch_all(&app.database.pool).await.unwrap();
        rows.extend(found.iter().map(|row| (table.clone(), row.get::<String, _>("text"))));
    }
    let bodies = sqlx::query_scalar::<_, Vec<u8>>("SELECT content FROM mail_bodies");
    for body in bodies.fetch_all(&app.database.pool).await.unwrap() {
        let plain = posthaste::domain::packing::unpack_bytes(&body).unwrap();
        rows.push(("mail_bodies".into(), String::from_utf8_lossy(&plain).into_owned()));
    }
    rows
}

/// The tables that name somebody.
async fn tables_that_name(app: &TestApp, name: &str) -> Vec<String> {
    let rows = dump(app).await.into_iter();
    let mut tables: Vec<_> = rows
        .filter(|(_, text)| text.to_lowercase().contains(name))
        .map(|(table, _)| table)
        .collect();
    tables.sort();
    tables.dedup();
    tables
}

async fn erase(app: &TestApp, key: &TestKey, request: Value) -> Value {
    let reply = app.post("/v1/recipients/erase", key, request).await;
    assert_eq!(reply.status, 202, "{}", reply.body);
    reply.body["data"].clone()
}

async fn when_erased(app: &TestApp, key: &TestKey, erasure: &Value) -> Value {
    let path = format!("/v1/recipients/erasures/{}", erasure["id"].as_str().unwrap());
    let look = async || {
        let Reply { body, .. } = app.get(&path, key).await;
        (body["data"]["status"] == "completed").then(|| body["data"].clone())
    };
    eventually(look).await.unwrap()
}

#[tokio::test]
async fn nothing_that_is_kept_names_who_was_erased() {
    let server = SmtpServer::start().await;
    let quoting = Answer::reply("550 5.1.1 <ada@example.org>: nobody of this name");
    server.add(Rule::at(Stage::Recipient, quoting).only_to("ada@example.org"));
    let setup = Setup::default().telling_this_machine().delivering_to(&server);
    let (app, endpoint) = (setup.start().await, WebhookEndpoint::start().await);
    let key = app.full_key().await;
    let hook = json!({"url": endpoint.url(), "events": ["email.bounced", "contact.created", "contact.deleted"]});
    assert_eq!(app.post("/v1/webhooks", &key, hook).await.status, 201);
    let contact = json!({"email": "ADA@example.org", "firstName": "Ada"});
    app.post("/v1/contacts", &key, contact).await;
    let list = json!({"contactListId": "GLOBAL_CONTACT_LIST", "emails": ["bob@example.org"]});
    app.post("/v1/contact-lists/contacts/bulk-add", &key, list).await;

    let alone = app.accepted(&key, letter_with(json!({"subject": "For ada@example.org"}))).await;
    let shared = app
        .accepted(
            &key,
            letter_with(json!({
                "to": {"email": "ada@example.org", "name": "Ada L"}, "cc": ["bob@example.org"], "bcc": ["grada@example.org"],
                "bypassSuppressions": true, "subject": "For ADA@example.org and others", "replyTo": "ada@example.org",
                "html": "<a href=\"https://example.com/?u=ada%40example.org\">ada@example.org</a> grada@example.org",
                "headers": {"X-For": "ada@example.org"}, "metadata": {"who": "ada@example.org"},
                "attachments": [{
                    "fileName": "invoice ada@example.org.txt", "description": "For ADA@example.org", "content": "aGk=",
                }],
            })),
        )
        .await;
    app.mail_in(&key, &alone, "bounced").await;
    app.mail_when(&key, &shared, |mail| mail["status"] == "partially_sent").await;
    let repeated = app.request(reqwest::Method::POST, "/v1/mails/send").bearer_auth(key.text());
    let repeated = repeated.header("idempotency-key", "welcome-ada@example.org").json(&letter());
    assert_eq!(app.ask(repeated).await.status, 200);
    endpoint.wait_for(5).await;
    let before = tables_that_name(&app, "ada@example.org").await;
    assert!(before.len() > 6, "{before:?}");

    let erasure =
        erase(&app, &key, json!({"email": " Ada@Example.org ", "keepSuppressions": false})).await;
    let done = when_erased(&app, &key, &erasure).await;
    assert_eq!((&done["mailsRemoved"], &done["mailsChanged"]), (&json!(2), &json!(1)));
    for row in dump(&app).await {
        let text = row.1.replace("grada@example.org", "").to_lowercase();
        assert!(!text.contains("ada@example.org") && !text.contains("ada%40"), "{row:?}");
        assert!(!text.contains("ada l"), "{row:?}");
    }
    app.get(&format!("/v1/mails/{alone}"), &key).await.assert_refused(404, "NOT_FOUND");
    let mail = app.mail(&key, &shared).await;
    assert!(dump(&app).await.iter().any(|(_, text)| text.contains("invoice erased.txt")));
    let told = mail.to_string();
    assert!(told.contains("bob@example.org") && told.contains("grada@example.org"), "{told}");
    assert!(told.contains("erased-0@erased.invalid"), "{told}");
    assert_eq!(mail["status"], "partially_sent");
    let audit = app.number(
        "SELECT count(*) FROM audit_log WHERE action IN ('recipient.erasure_requested', 'recipient.erased')",
    );
    assert_eq!(audit.await, 2);
    // Of a contact that is erased webhooks are told by its id alone.
    let told = endpoint.wait_for(6).await;
    let told = told.iter().find(|told| told.kind() == "contact.deleted").unwrap().json();
    assert_eq!(
        (&told["data"]["email"], told["data"]["contactId"].is_string()),
        (&Value::Null, true)
    );
    app.stop().await;
}

#[tokio::test]
async fn who_has_a_longer_address_loses_nothing_and_gets_nothing_twice() {
    let (app, endpoint) = (
        Setup::default().telling_this_machine().start().await,
        WebhookEndpoint::behaving(Behavior::Answer(500, "no MARIA@example.org".into())).await,
    );
    let key = app.full_key().await;
    let hook = json!({"url": endpoint.url(), "events": ["contact.created"]});
    assert_eq!(app.post("/v1/webhooks", &key, hook).await.status, 201);
    for contact in [
        json!({"email": "maria@example.org"}),
        json!({"email": "bob@example.org", "firstName": "of a@example.org"}),
        json!({"email": "a@example.org"}),
    ] {
        app.post("/v1/contacts", &key, contact).await;
    }
    endpoint.wait_for(1).await;
    let answered = "SELECT count(*) FROM webhook_deliveries WHERE answer = 'no MARIA@example.org'";
    eventually(async || (app.number(answered).await > 0).then_some(())).await.unwrap();
    let send = async |name: &str, to: &str| {
        let request = app.request(reqwest::Method::POST, "/v1/mails/send").bearer_auth(key.text());
        let request = request.header("idempotency-key", name).json(&letter_with(json!({"to": to})));
        let reply = app.ask(request).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.body["data"]["emailId"].as_str().unwrap().to_owned()
    };
    let theirs = send("welcome-maria@example.org", "maria@example.org").await;
    let own = send("welcome a@example.org", "a@example.org").await;
    app.mail_in(&key, &own, "captured").await;

    let erasure = erase(&app, &key, json!({"email": "a@example.org"})).await;
    when_erased(&app, &key, &erasure).await;
    let named = async |name: &str| {
        let told =
            "SELECT count(*) FROM webhook_deliveries WHERE due_at IS NOT NULL AND payload LIKE";
        app.number(&format!("{told} '%{name}%'")).await
    };
    assert_eq!((named("maria@example.org").await, named("bob@example.org").await), (1, 1));
    assert_eq!((named("\"a@example.org").await, named("of erased").await), (0, 1));
    assert!(app.number(answered).await > 0);
    // Whoever repeats a request sends nothing again, not even to who was erased.
    assert_eq!(send("welcome-maria@example.org", "maria@example.org").await, theirs);
    assert_eq!(send("welcome a@example.org", "a@example.org").await, own);
    assert_eq!(app.mails_stored().await, 1);
    app.stop().await;
}

#[tokio::test]
async fn who_is_named_in_mails_to_others_alone_is_forgotten_there_too() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    // A form on a page writes to the shop, and an answer goes to who filled it in.
    let mut mails = Vec::new();
    for members in [
        json!({"replyTo": "Öla@example.org"}),
        json!({"replyTo": ["help@example.com", "Öla@example.org"]}),
        json!({"subject": "New customer: öla@example.org"}),
        json!({"text": "From ÖLA@example.org."}),
        json!({"metadata": {"who": "öla@EXAMPLE.org"}}),
    ] {
        let mut letter = letter_with(members);
        letter["to"] = json!("shop@example.com");
        mails.push(app.accepted(&key, letter).await);
    }
    for id in &mails {
        app.mail_in(&key, id, "captured").await;
    }
    assert_eq!(tables_that_name(&app, "öla@example.org").await, ["mail_bodies", "mails"]);
    let erasure = erase(&app, &key, json!({"email": "öla@example.org"})).await;
    let done = when_erased(&app, &key, &erasure).await;
    assert_eq!((&done["mailsRemoved"], &done["mailsChanged"]), (&json!(0), &json!(5)));
    assert!(tables_that_name(&app, "öla@example.org").await.is_empty());
    for id in &mails {
        let mail = app.mail(&key, id).await;
        assert_eq!(
            (&mail["status"], mail["to"].to_string().contains("shop@")),
            (&json!("captured"), true)
        );
    }
    app.stop().await;
}

#[tokio::test]
async fn what_keeps_mail_from_somebody_stays_unless_it_is_not_wanted() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let unwanted = json!({"groupId": "GLOBAL", "emails": ["ada@example.org"]});
    assert_eq!(
        app.post("/v1/suppression-groups/emails/suppress", &key, unwanted).await.status,
        200
    );
    let erasure = erase(&app, &key, json!({"email": "ada@example.org"})).await;
    when_erased(&app, &key, &erasure).await;
    assert_eq!(tables_that_name(&app, "ada@example.org").await, ["suppressions"]);
    let erasure =
        erase(&app, &key, json!({"email": "ada@example.org", "keepSuppressions": false})).await;
    when_erased(&app, &key, &erasure).await;
    assert!(tables_that_name(&app, "ada@example.org").await.is_empty());
    app.stop().await;
}

#[tokio::test]
async fn what_waits_is_stopped_for_who_is_erased_and_goes_to_the_others() {
    let server = SmtpServer::start().await;
    server.add(Rule::at(Stage::Recipient, Answer::reply("450 4.2.0 later, bob@example.org")));
    let app = TestApp::delivering_to(&server).await;
    let key = app.full_key().await;
    let letter = letter_with(json!({"to": "bob@example.org", "cc": ["ada@example.org"]}));
    let shared = app.accepted(&key, letter).await;
    let alone = app.accepted(&key, crate::letter()).await;
    let deferred = |mail: &Value| mail["status"] == "deferred";
    app.mail_when(&key, &shared, deferred).await;
    app.mail_when(&key, &alone, deferred).await;

    let erasure = erase(&app, &key, json!({"email": "ada@example.org"})).await;
    let again = erase(&app, &key, json!({"email": "ADA@example.org"})).await;
    assert_eq!(again["recipientDigest"], erasure["recipientDigest"]);
    let done = when_erased(&app, &key, &erasure).await;
    assert_eq!((&done["mailsRemoved"], &done["mailsChanged"]), (&json!(1), &json!(1)));
    assert!(tables_that_name(&app, "ada@example.org").await.is_empty());
    assert_eq!(app.number("SELECT count(*) FROM deliveries").await, 1);
    assert_eq!(app.number("SELECT count(*) FROM deliveries WHERE position = 0").await, 1);
    app.stop().await;
}

#[tokio::test]
async fn what_a_node_that_died_has_begun_is_finished_by_another() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    for _ in 0..3 {
        let id = app.accepted(&key, letter()).await;
        app.mail_in(&key, &id, "captured").await;
    }
    // As if it had been claimed by a node that is no more, in the middle of its work.
    app.sql("CREATE FUNCTION claimed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 NEW.claimed_until = now() + interval '1 hour'; RETURN NEW; END $$;
             CREATE TRIGGER claimed BEFORE INSERT ON erasures FOR EACH ROW EXECUTE FUNCTION claimed()")
        .await;
    let erasure = erase(&app, &key, json!({"email": "ada@example.org"})).await;
    app.sql("DELETE FROM mails WHERE id = (SELECT id FROM mails ORDER BY id LIMIT 1)").await;
    assert_eq!(app.number("SELECT count(*) FROM erasures WHERE completed_at IS NULL").await, 1);
    app.sql("UPDATE erasures SET claimed_until = now()").await;
    let done = when_erased(&app, &key, &erasure).await;
    assert_eq!(done["mailsRemoved"], 2);
    app.stop().await;
}

#[tokio::test]
async fn nobody_erases_in_another_project_or_without_the_permission() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let id = app.accepted(&key, letter()).await;
    app.mail_in(&key, &id, "captured").await;
    let stranger = app.key_of(app.another_project().await).await;
    let erasure = erase(&app, &stranger, json!({"email": "ada@example.org"})).await;
    let done = when_erased(&app, &stranger, &erasure).await;
    assert_eq!(done["mailsRemoved"], 0);
    assert_eq!(app.mail(&key, &id).await["status"], "captured");
    let path = format!("/v1/recipients/erasures/{}", erasure["id"].as_str().unwrap());
    app.get(&path, &key).await.assert_refused(404, "ERASURE_NOT_FOUND");
    app.get("/v1/recipients/erasures/x", &key).await.assert_refused(404, "ERASURE_NOT_FOUND");
    for email in [json!(null), json!(""), json!("a@b"), json!("ada@example.org\0")] {
        let refused = app.post("/v1/recipients/erase", &key, json!({ "email": email })).await;
        refused.assert_refused(400, "VALIDATION_FAILED");
    }
    let powerless = app.key(&[Permission::ContactsWrite, Permission::MailsSend]).await;
    let refused =
        app.post("/v1/recipients/erase", &powerless, json!({"email": "ada@example.org"})).await;
    refused.assert_refused(403, "INSUFFICIENT_PERMISSIONS");
    app.stop().await;
}

#[tokio::test]
async fn what_somebody_did_with_a_mail_and_what_it_was_found_by_is_forgotten_too() {
    let app = TestApp::start().await;
    let key = app.full_key().await;
    let tags = json!({"to": "bob@example.org", "cc": ["ada@example.org"], "tags": ["for ada@example.org", "news"]});
    let id = app.accepted(&key, letter_with(tags)).await;
    let alone = app.accepted(&key, letter_with(json!({"tags": ["ada@example.org"]}))).await;
    app.mail_in(&key, &id, "captured").await;
    app.mail_in(&key, &alone, "captured").await;
    let hour = "now() - interval '1 hour'";
    app.sql(&format!(
        "INSERT INTO engagements (mail_id, position, type, automated, link, times, first_at, last_at)
         SELECT '{id}'::uuid, position, 'clicked', false, '\\x00'::bytea, 1, {hour}, {hour} FROM generate_series(0, 1) AS position
         UNION ALL SELECT '{alone}', 0, 'opened', false, '\\x', 1, {hour}, {hour};
         INSERT INTO events (id, mail_id, position, type, url)
         VALUES (gen_random_uuid(), '{id}', 0, 'clicked', 'https://example.com/?u=ADA%40example.org'),
                (gen_random_uuid(), '{id}', 0, 'clicked', 'https://example.com/bob'),
                (gen_random_uuid(), '{id}', 1, 'clicked', 'https://example.com/somebody-known')"
    ))
    .await;
    // A refusal of one of many, which is answered again, may quote an address.
    app.sql(&format!(
        "INSERT INTO idempotency_keys (project_id, key, request_digest, mail_id, recipients, answer)
         VALUES ('{}', 'many', '', '{id}', 1, '{{\"batchId\": \"Ada@example.org\"}}')",
        app.project
    ))
    .await;

    let erasure = erase(&app, &key, json!({"email": "ada@example.org"})).await;
    when_erased(&app, &key, &erasure).await;
    assert!(tables_that_name(&app, "ada@example.org").await.is_empty());
    assert!(tables_that_name(&app, "ada%40example.org").await.is_empty());
    let urls = "SELECT coalesce(url, '') FROM events WHERE type = 'clicked' ORDER BY url";
    let urls: Vec<String> = sqlx::query_scalar(urls).fetch_all(&app.database.pool).await.unwrap();
    assert_eq!(
        urls,
        ["https://example.com/?u=erased-1@erased.invalid", "https://example.com/bob", ""]
    );
    assert_eq!(app.number("SELECT count(*) FROM engagements").await, 1);
    assert_eq!(app.number("SELECT count(*) FROM engagements WHERE position = 0").await, 1);
    // The other tag still finds the mail, and so does the tag as it reads now.
    let found = app.get("/v1/mails?tag=news", &key).await;
    assert_eq!(found.body["data"]["mails"][0]["id"], id);
    let tags = found.body["data"]["mails"][0]["tags"].clone();
    assert_eq!(tags, json!(["for erased", "news"]));
    let found = app.get("/v1/mails?tag=for%20erased", &key).await;
    assert_eq!(found.body["data"]["mails"][0]["id"], id);
    assert_eq!(app.number("SELECT count(*) FROM mail_labels").await, 2);
    app.stop().await;
}
