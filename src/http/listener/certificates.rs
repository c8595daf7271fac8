//! The listener's certificate, read again when its files change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use axum_server::tls_rustls::RustlsConfig;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// How often the files are read. They are small, and whoever renews a certificate has days, not seconds.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// A certificate chain and its private key, and the files that they came from.
pub struct Certificates {
    cert: PathBuf,
    key: PathBuf,
    /// What the files held when they were last looked at; nothing if they could not be read. Their times of change
    /// would miss a link that was turned to another file, which is how Kubernetes and certbot renew.
    seen: Option<(Vec<u8>, Vec<u8>)>,
    config: RustlsConfig,
}

/// What a look at the files came to.
#[derive(Debug)]
pub enum Reload {
    /// They hold what they held before.
    Unchanged,
    /// New connections get the new certificate.
    Reloaded,
    /// They changed and are of no use: the certificate from before stays.
    Kept(anyhow::Error),
}

impl Certificates {
    /// Reads two PEM files: the chain with our own certificate first, and its private key.
    pub async fn load(cert: PathBuf, key: PathBuf) -> anyhow::Result<Self> {
        let seen = read_both(&cert, &key).await?;
        let config = server_config(&seen.0, &seen.1)
            .with_context(|| format!("{} and {}", cert.display(), key.display()))?;
        Ok(Self { cert, key, seen: Some(seen), config: RustlsConfig::from_config(config) })
    }

    /// The configuration of the moment, now and after every reload.
    pub fn current(&self) -> impl Fn() -> Arc<ServerConfig> + Send + Sync + use<> {
        let config = self.config.clone();
        move || config.get_inner()
    }

    /// The live configuration: its clones follow every reload.
    pub(super) fn config(&self) -> RustlsConfig {
        self.config.clone()
    }

    /// Reads the files again, and takes up what they hold if it is new and good.
    pub async fn reload(&mut self) -> Reload {
        let found = read_both(&self.cert, &self.key).await;
        if found.as_ref().ok() == self.seen.as_ref() {
            return Reload::Unchanged;
        }
        let built = match &found {
            Ok((cert, key)) => server_config(cert, key),
            Err(error) => Err(anyhow!("{error:#}")),
        };
        self.seen = found.ok();
        match built {
            Ok(config) => {
                self.config.reload_from_config(config);
                Reload::Reloaded
            }
            Err(error) => Reload::Kept(error),
        }
    }

    /// Reloads whenever the files change, until `stop` is cancelled.
    pub async fn follow_files(mut self, stop: CancellationToken) {
        let mut ticks = interval(CHECK_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            match self.reload().await {
                Reload::Unchanged => {}
                Reload::Reloaded => tracing::info!("Took up the new TLS certificate"),
                Reload::Kept(error) => tracing::warn!(
                    error = format!("{error:#}"),
                    "The TLS files changed and cannot be used; the certificate from before stays"
                ),
            }
        }
    }
}

async fn read_both(cert: &Path, key: &Path) -> anyhow::Result<(Vec<u8>, Vec<u8>)> {
    let read = async |setting: &str, path: &Path| {
        tokio::fs::read(path)
            .await
            .with_context(|| format!("cannot read {} (set by {setting})", path.display()))
    };
    Ok((read("TLS_CERT", cert).await?, read("TLS_KEY", key).await?))
}

fn server_config(cert: &[u8], key: &[u8]) -> anyhow::Result<Arc<ServerConfig>> {
    let chain = CertificateDer::pem_slice_iter(cert)
        .collect::<Result<Vec<_>, _>>()
        .context("TLS_CERT is not a PEM file")?;
    ensure!(!chain.is_empty(), "TLS_CERT holds no certificate");
    // The error of the parser may quote the key, so it is not passed on.
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|_| anyhow!("TLS_KEY holds no private key in PEM form"))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .context("TLS 1.2 and 1.3 are not available")?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .context("the certificate and its key do not fit each other")?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
