//! Uses Resend's own client for Rust, as far as its API is spoken, against the server in `RESEND_BASE_URL` with the key in
//! `KEY`. It is the strictest of its clients: it refuses answers in which the others miss nothing.

use reqwest::Url;
use resend_rs::events::EmailEventType;
use resend_rs::list_opts::ListOptions;
use resend_rs::types::{
    AddSuppressionOptions, BatchAddSuppressionOptions, BatchRemoveSuppressionOptions,
    BatchValidation, CreateApiKeyOptions, CreateAttachment, CreateDomainOptions,
    CreateEmailBaseOptions, CreateTemplateOptions, CreateWebhookOptions, DomainChanges,
    EmailTemplate, Tag, UpdateApiKeyOptions, UpdateEmailOptions, UpdateTemplateOptions,
    UpdateWebhookOptions, Variable, VariableType, WebhookStatus,
};
use resend_rs::{ConfigBuilder, Error, Resend};
use serde_json::{Value, json};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// The server, without a client.
struct Server {
    base: Url,
    key: String,
}

impl Server {
    fn client(&self, key: &str) -> Resend {
        Resend::with_config(ConfigBuilder::new(key).base_url(self.base.clone()).build())
    }

    async fn stored(&self) -> Outcome<usize> {
        let request = reqwest::Client::new().get(self.base.join("/v1/mails?limit=100")?);
        let answer: Value = request.bearer_auth(&self.key).send().await?.json().await?;
        Ok(answer["data"]["mails"].as_array().map_or(0, Vec::len))
    }

    /// What a call answers, after which so many mails more are stored.
    async fn storing<T>(&self, mails: usize, call: impl Future<Output = T>) -> Outcome<T> {
        let before = self.stored().await?;
        let answer = call.await;
        assert_eq!(self.stored().await? - before, mails);
        Ok(answer)
    }
}

fn refused<T>(answer: Result<T, Error>, status: u16, name: &str) {
    match answer {
        Err(Error::Resend(refusal)) => {
            assert_eq!((refusal.status_code, refusal.name.as_str()), (status, name), "{refusal:?}");
        }
        Err(error) => panic!("{error:?} is not what the API refuses with"),
        Ok(_) => panic!("nothing was refused, not even as {name}"),
    }
}

fn letter() -> CreateEmailBaseOptions {
    CreateEmailBaseOptions::new("Acme <hello@example.com>", ["ada@example.org"], "Hi")
        .with_html("<p>Hello</p>")
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let base = Url::parse(&std::env::var("BASE_URL")?)?;
    let server = Server { base, key: std::env::var("KEY")? };
    let resend = server.client(&server.key);
    mails(&server, &resend).await?;
    domains_and_keys(&server, &resend).await?;
    webhooks(&resend).await?;
    templates(&server, &resend).await?;
    suppressions(&resend).await?;
    too_many(&server).await?;
    println!("resend-rs: every method does what it says");
    Ok(())
}

async fn mails(server: &Server, resend: &Resend) -> Outcome<()> {
    let everything = letter()
        .with_text("Hello")
        .with_cc("cyd@example.org")
        .with_bcc("dan@example.org")
        .with_reply("answers@example.com")
        .with_header("X-Entity-Ref-ID", "1")
        .with_tag(Tag::new("category", "welcome"))
        .with_attachment(
            CreateAttachment::from_content(b"hello".to_vec())
                .with_filename("a.txt")
                .with_content_id("a"),
        );
    let sent = server.storing(1, resend.emails.send(everything)).await??;
    let shown = resend.emails.get(&sent.id).await?;
    assert_eq!(shown.to, ["ada@example.org"]);
    assert_eq!(shown.html.as_deref(), Some("<p>Hello</p>"));

    let key = format!("rust/{}", sent.id);
    let once = || letter().with_idempotency_key(&key);
    let first = server.storing(1, resend.emails.send(once())).await??;
    let again = server.storing(0, resend.emails.send(once())).await??;
    assert_eq!(first.id, again.id);
    let at_once = format!("rust/{}/at-once", sent.id);
    let racing = || resend.emails.send(letter().with_idempotency_key(&at_once));
    let (one, two) = server.storing(1, async { tokio::join!(racing(), racing()) }).await?;
    assert_eq!(one?.id, two?.id);

    let other = letter().with_text("Other").with_idempotency_key(&key);
    refused(resend.emails.send(other).await, 409, "invalid_idempotent_request");

    let later = resend.emails.send(letter().with_scheduled_at("in 1 hour")).await?;
    let moved = UpdateEmailOptions::new().with_scheduled_at("in 2 hours");
    assert_eq!(resend.emails.update(&later.id, moved).await?.id, later.id);
    assert_eq!(resend.emails.cancel(&later.id).await?.id, later.id);
    assert_eq!(resend.emails.get(&later.id).await?.id, later.id);
    let stopped = CreateEmailBaseOptions::new("a@example.com", ["suppressed@example.org"], "Hi");
    let stopped = resend.emails.send(stopped.with_text("Hi")).await?;
    assert_eq!(resend.emails.get(&stopped.id).await?.id, stopped.id);

    let two = server.storing(2, resend.batch.send(vec![letter(), letter()])).await??;
    assert_eq!(two.len(), 2);
    let nobody = CreateEmailBaseOptions::new("a@example.com", ["nobody"], "Hi").with_text("Hi");
    let some = vec![letter(), nobody.clone()];
    let some = resend.batch.send_with_batch_validation(some, BatchValidation::Permissive);
    let some = server.storing(1, some).await??;
    assert_eq!((some.data.len(), some.errors[0].index), (1, 1));

    let page = resend.emails.list(ListOptions::default().with_limit(2)).await?;
    assert!(page.has_more && page.len() == 2);
    let next = ListOptions::default().with_limit(2).list_after(&page[1].id);
    let next = resend.emails.list(next).await?;
    let back = ListOptions::default().with_limit(2).list_before(&next[0].id);
    assert_eq!(resend.emails.list(back).await?[0].id, page[0].id);

    refused(resend.emails.send(nobody).await, 422, "validation_error");
    let empty = CreateEmailBaseOptions::new("a@example.com", ["ada@example.org"], "Hi");
    refused(resend.emails.send(empty).await, 422, "missing_required_field");
    let author = CreateEmailBaseOptions::new("nobody", ["ada@example.org"], "Hi").with_text("Hi");
    refused(resend.emails.send(author).await, 422, "invalid_from_address");
    refused(resend.emails.get("nothing").await, 404, "not_found");
    let stranger = server.client("re_nobody");
    refused(stranger.emails.send(letter()).await, 403, "invalid_api_key");
    Ok(())
}

async fn domains_and_keys(server: &Server, resend: &Resend) -> Outcome<()> {
    let name = "resend-rs.example.com";
    let domain = resend.domains.create(CreateDomainOptions::new(name)).await?;
    assert_eq!(resend.domains.get(&domain.id).await?.name, name);
    assert!(resend.domains.list(ListOptions::default()).await?.len() >= 1);
    let changes = DomainChanges::new().with_open_tracking(false);
    assert_eq!(resend.domains.update(&domain.id, changes).await?.id, domain.id);
    resend.domains.verify(&domain.id).await?;
    assert_eq!(resend.domains.get(&domain.id).await?.id, domain.id);

    let asked = CreateApiKeyOptions::new("Rust").with_domain_access(&domain.id);
    let key = resend.api_keys.create(asked).await?;
    let limited = server.client(&key.token);
    refused(limited.domains.list(ListOptions::default()).await, 401, "restricted_api_key");
    let renamed = resend.api_keys.update(&key.id, UpdateApiKeyOptions::new("Other")).await?;
    assert_eq!(renamed.id, key.id);
    let listed = resend.api_keys.list(ListOptions::default()).await?;
    assert!(listed.data.iter().any(|other| other.id == key.id && other.name == "Other"));
    resend.api_keys.delete(&key.id).await?;
    assert!(resend.domains.delete(&domain.id).await?.deleted);
    Ok(())
}

async fn webhooks(resend: &Resend) -> Outcome<()> {
    let events = [EmailEventType::EmailSent, EmailEventType::EmailBounced];
    let asked = CreateWebhookOptions::new("https://example.com/hook", events);
    let webhook = resend.webhooks.create(asked).await?;
    assert!(webhook.signing_secret.starts_with("whsec_"));
    assert_eq!(resend.webhooks.get(&webhook.id).await?.events.len(), 2);
    assert!(resend.webhooks.list(ListOptions::default()).await?.len() >= 1);
    let update = UpdateWebhookOptions::default()
        .with_events([EmailEventType::EmailDelivered])
        .with_status(WebhookStatus::Disabled);
    resend.webhooks.update(&webhook.id, update).await?;
    assert_eq!(resend.webhooks.get(&webhook.id).await?.status, "disabled");
    assert!(resend.webhooks.delete(&webhook.id).await?);
    refused(resend.webhooks.get(&webhook.id).await, 404, "not_found");
    Ok(())
}

async fn templates(server: &Server, resend: &Resend) -> Outcome<()> {
    let variable = Variable::new("NAME", VariableType::String).with_fallback("friend");
    let asked = CreateTemplateOptions::new("Welcome", "<p>{{{NAME}}}</p>")
        .with_subject("Hi {{{NAME}}}")
        .with_variable(variable.clone());
    let template = resend.templates.create(asked).await?.id;
    assert_eq!(resend.templates.get(&template).await?.variables, [variable]);
    resend.templates.publish(&template).await?;
    let filled = EmailTemplate::new(&template).with_variable("NAME", json!("Ada"));
    let mail = CreateEmailBaseOptions::new("a@example.com", ["ada@example.org"], "Own");
    let mail = server.storing(1, resend.emails.send(mail.with_template(filled))).await??;
    let shown = resend.emails.get(&mail.id).await?;
    assert_eq!(shown.html.as_deref(), Some("<p>Ada</p>"));
    let update = UpdateTemplateOptions::new("Other", "<p>Other</p>");
    resend.templates.update(&template, update).await?;
    let copy = resend.templates.duplicate(&template).await?.id;
    assert!(resend.templates.list(ListOptions::default()).await?.len() >= 2);
    for id in [template, copy] {
        assert!(resend.templates.delete(&id).await?.deleted);
    }
    Ok(())
}

async fn suppressions(resend: &Resend) -> Outcome<()> {
    let asked = AddSuppressionOptions::new().with_email("kim@example.org");
    let entry = resend.suppressions.add(asked).await?.id;
    assert_eq!(resend.suppressions.get("kim@example.org").await?.id, entry);
    assert!(resend.suppressions.list(ListOptions::default()).await?.len() >= 1);
    assert!(resend.suppressions.remove(&entry).await?.deleted);
    let emails = ["leo@example.org", "mia@example.org"];
    let asked = BatchAddSuppressionOptions::new().add_emails(emails);
    assert_eq!(resend.suppressions.batch_add(asked).await?.data.len(), 2);
    let asked = BatchRemoveSuppressionOptions::new().add_emails(emails);
    assert_eq!(resend.suppressions.batch_remove(asked).await?.data.len(), 2);
    Ok(())
}

async fn too_many(server: &Server) -> Outcome<()> {
    let slow = server.client(&std::env::var("SLOW_KEY")?);
    server.storing(1, slow.emails.send(letter())).await??;
    let limited = server.storing(0, slow.emails.send(letter())).await?;
    let Err(Error::RateLimit { ratelimit_limit, ratelimit_remaining, ratelimit_reset }) = limited
    else {
        panic!("{limited:?} is not what a limit says");
    };
    assert_eq!((ratelimit_limit, ratelimit_remaining), (Some(1), Some(0)));
    assert!(ratelimit_reset.is_some_and(|seconds| (1..=60).contains(&seconds)));
    Ok(())
}
