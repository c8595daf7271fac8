//! Reports of Amazon SES, which come by Amazon SNS: signed requests from anywhere.

mod envelope;

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use tokio::sync::Semaphore;
use url::Url;

use self::envelope::{Envelope, Kind};
use super::bounces::{Bounces, Source};
use crate::error::{Error, Result};
use crate::mail::report::ses;
use crate::outbound::{Client, Limits};

/// Certificates that are kept; each region has one.
const MOST_CERTIFICATES: u64 = 64;

/// How long a certificate is believed before it is fetched again.
const CERTIFICATE_AGE: Duration = Duration::from_hours(24);

/// Fetches at once: whoever has our address may send us requests without end, each of which names a certificate.
const MOST_FETCHES: usize = 4;

/// Bounds of one fetch.
const LIMITS: Limits = Limits {
    time: Duration::from_secs(10),
    body_time: Duration::from_secs(5),
    body_bytes: 64 * 1024,
};

/// Takes in what SES reports.
#[derive(Clone)]
pub struct Ses {
    bounces: Bounces,
    client: Client,
    /// Whose notifications are believed.
    topics: Arc<[String]>,
    certificates: Cache<String, Arc<Vec<u8>>>,
    places: Arc<Semaphore>,
}

impl Ses {
    /// Reports that come through these topics, by their ARNs; with none of them nothing is taken.
    pub fn new(bounces: Bounces, client: Client, topics: Vec<String>) -> Self {
        let certificates =
            Cache::builder().max_capacity(MOST_CERTIFICATES).time_to_live(CERTIFICATE_AGE).build();
        let places = Arc::new(Semaphore::new(MOST_FETCHES));
        Self { bounces, client, topics: topics.into(), certificates, places }
    }

    /// Takes in one request of SNS, whose signature proves that it comes from one of the topics. A new subscription is
    /// confirmed.
    pub async fn take(&self, body: &[u8]) -> Result<()> {
        let envelope = Envelope::read(body)
            .ok_or_else(|| Error::Malformed("The body is no message of Amazon SNS.".into()))?;
        if !self.topics.contains(&envelope.topic_arn) {
            return Err(refused("The topic is not among SES_TOPIC_ARNS."));
        }
        let source = envelope.certificate_url().ok_or_else(|| {
            refused("SigningCertURL does not lead to Amazon SNS in the region of the topic.")
        })?;
        let certificate = self.certificate(&source).await?;
        if !envelope.is_signed_by(&certificate) {
            return Err(refused("The signature is not that of Amazon SNS."));
        }
        match envelope.kind {
            Kind::Notification => self.report(&envelope.message).await,
            Kind::SubscriptionConfirmation => {
                let url = envelope.confirmation_url().ok_or_else(|| {
                    refused("SubscribeURL does not lead to Amazon SNS in the region of the topic.")
                })?;
                self.fetch(&url).await?;
                tracing::info!("Confirmed a subscription to a topic of SES_TOPIC_ARNS");
                Ok(())
            }
            Kind::UnsubscribeConfirmation => {
                tracing::warn!("A subscription to a topic of SES_TOPIC_ARNS was ended");
                Ok(())
            }
        }
    }

    async fn report(&self, message: &str) -> Result<()> {
        for report in ses::read(message) {
            match self.bounces.take_report(Source::Operator, &report).await {
                // Nobody mends it by sending it again; the topic may also tell of mail of others.
                Ok(_) | Err(Error::NotFound(_)) => {}
                // SNS takes a 4xx for its own mistake and comes again after a 5xx.
                Err(Error::Conflict { message, .. }) => {
                    return Err(Error::Unavailable(anyhow::anyhow!(message)));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn certificate(&self, url: &Url) -> Result<Arc<Vec<u8>>> {
        if let Some(known) = self.certificates.get(url.as_str()) {
            return Ok(known);
        }
        let fetched = Arc::new(self.fetch(url).await?);
        self.certificates.insert(url.as_str().to_owned(), Arc::clone(&fetched));
        Ok(fetched)
    }

    async fn fetch(&self, url: &Url) -> Result<Vec<u8>> {
        let away = |why: String| Error::Unavailable(anyhow::anyhow!("Amazon SNS: {why}"));
        let _place =
            self.places.try_acquire().map_err(|_| away("too many requests at once".into()))?;
        let answer = self.client.get(url, LIMITS).await.map_err(|error| away(error.to_string()))?;
        if answer.status == 200 && answer.complete {
            return Ok(answer.body);
        }
        Err(away(format!("it answered {}", answer.status)))
    }
}

fn refused(why: &'static str) -> Error {
    Error::Forbidden { code: "NOT_FROM_SNS", message: why.into() }
}
