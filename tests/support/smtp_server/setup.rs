//! What the server announces, and who it is.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::SmtpServer;

/// How a server is set up. By default: no TLS, no login, PIPELINING, 8BITMIME, SMTPUTF8, SIZE.
#[derive(Clone)]
pub struct Setup {
    pub(super) extensions: Vec<&'static str>,
    pub(super) tls: Option<Arc<ServerConfig>>,
    pub(super) implicit_tls: bool,
    pub(super) login: Option<(&'static str, &'static str)>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            extensions: vec!["PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 50000000"],
            tls: None,
            implicit_tls: false,
            login: None,
        }
    }
}

impl Setup {
    pub fn without(mut self, extension: &str) -> Self {
        self.extensions.retain(|line| !line.starts_with(extension));
        self
    }

    pub fn with(mut self, extension: &'static str) -> Self {
        self.extensions.push(extension);
        self
    }

    pub fn starttls(mut self, identity: &Identity) -> Self {
        self.tls = Some(identity.config.clone());
        self
    }

    pub fn implicit_tls(self, identity: &Identity) -> Self {
        Self { implicit_tls: true, ..self.starttls(identity) }
    }

    /// Lets this user log in, by PLAIN or LOGIN unless another AUTH is announced; inside TLS only, if there is TLS.
    pub fn login(mut self, user: &'static str, password: &'static str) -> Self {
        self.login = Some((user, password));
        self
    }

    pub async fn start(self) -> SmtpServer {
        SmtpServer::listen(self, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }
}

/// A certificate that it signed itself, with its key.
pub struct Identity {
    /// For those who are to trust it.
    pub root: CertificateDer<'static>,
    config: Arc<ServerConfig>,
}

impl Identity {
    pub fn of(host: &str) -> Self {
        let made = rcgen::generate_simple_self_signed([host.to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let root = made.cert.der().clone();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![root.clone()], key)
            .unwrap();
        Self { root, config: Arc::new(config) }
    }
}
