//! Whom we believe to be the relay: certificates and the roots they rest on.

use std::io;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Makes TLS connections to one relay, whose certificate must name it and lead to a trusted root.
pub(super) struct Connector {
    tls: TlsConnector,
    name: ServerName<'static>,
}

/// Why no TLS connection could ever be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsSetupError {
    /// The operating system trusts nobody.
    #[error(
        "the operating system has no trusted certificates: install its ca-certificates package"
    )]
    NoRoots,
    /// A root of ours is not a certificate.
    #[error("a certificate given as trusted for the relay cannot be read: {0}")]
    Root(#[source] rustls::Error),
    /// The library cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[source] rustls::Error),
    /// The host is nothing that a certificate could name.
    #[error("the relay's host is not a name or address that a certificate can carry")]
    Name,
}

impl Connector {
    /// Trusts what the operating system trusts, and `extra_roots` besides. Reads files; is made once, at the start.
    pub(super) fn new(
        host: &str,
        extra_roots: &[CertificateDer<'static>],
    ) -> Result<Self, TlsSetupError> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        for root in extra_roots {
            roots.add(root.clone()).map_err(TlsSetupError::Root)?;
        }
        if roots.is_empty() {
            return Err(TlsSetupError::NoRoots);
        }

        let config =
            ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .map_err(TlsSetupError::Setup)?
                .with_root_certificates(roots)
                .with_no_client_auth();
        Ok(Self {
            tls: TlsConnector::from(Arc::new(config)),
            name: ServerName::try_from(host.to_owned()).map_err(|_| TlsSetupError::Name)?,
        })
    }

    /// Shakes hands.
    pub(super) async fn connect(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.tls.connect(self.name.clone(), stream).await
    }
}
