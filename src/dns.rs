//! Asks DNS. A file of its own, so that the library behind it is nobody else's business.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use hickory_resolver::{Hosts, TokioResolver};

use crate::domain::dns_record::Answer;

/// How long one server is waited for, twice at most.
const TIMEOUT: Duration = Duration::from_secs(3);

/// How long an answer is waited for in all, whatever servers there are.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks the resolver of this machine, or one that the operator named.
#[derive(Clone)]
pub struct Dns {
    resolver: TokioResolver,
    /// What `/etc/hosts` said at the start.
    hosts: Arc<Hosts>,
}

/// The machine has no configuration for DNS that can be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read which DNS server to ask from /etc/resolv.conf; set DNS_SERVER")]
pub struct NoServer;

impl Dns {
    /// Asks this server; without one, those of `/etc/resolv.conf`. Nothing is sent yet.
    pub fn new(server: Option<SocketAddr>) -> Result<Self, NoServer> {
        let mut builder = match server {
            None => TokioResolver::builder_tokio().map_err(|_| NoServer)?,
            Some(address) => {
                let connections =
                    [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut way| {
                        way.port = address.port();
                        way
                    });
                let server = NameServerConfig::new(address.ip(), true, connections.into());
                TokioResolver::builder_with_config(
                    ResolverConfig::from_parts(None, Vec::new(), vec![server]),
                    TokioRuntimeProvider::default(),
                )
            }
        };
        let options = builder.options_mut();
        options.timeout = TIMEOUT;
        options.attempts = 2;
        // Whoever has just mended a record wants to see it.
        options.cache_size = 0;
        // Questions about records are about other people's domains, of which a file on this machine knows nothing.
        options.use_hosts_file = ResolveHosts::Never;
        let resolver = builder.build().map_err(|_| NoServer)?;
        Ok(Self { resolver, hosts: Arc::new(Hosts::from_system().unwrap_or_default()) })
    }

    /// The addresses of a host to connect to: those of `/etc/hosts` alone if it is named there, as the system's own resolver
    /// does it; else those of its A and AAAA records. It may take as long as the caller lets it.
    pub async fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let mut name = Name::from_ascii(host).map_err(io::Error::other)?;
        // This is no name to be completed by the search list of this machine.
        name.set_fqdn(true);
        let written_down: Vec<IpAddr> = [RecordType::A, RecordType::AAAA]
            .into_iter()
            .filter_map(|kind| self.hosts.lookup_static_host(&Query::query(name.clone(), kind)))
            .flat_map(|found| addresses_of(found.answers()))
            .collect();
        if !written_down.is_empty() {
            return Ok(written_down);
        }
        let ask = |kind| self.resolver.lookup(name.clone(), kind);
        let answers = tokio::join!(ask(RecordType::A), ask(RecordType::AAAA));
        let (mut found, mut is_unanswered) = (Vec::new(), false);
        for answer in [answers.0, answers.1] {
            match answer {
                Ok(answer) => found.extend(addresses_of(answer.answers())),
                Err(error) => is_unanswered |= !says_that_there_is_none(&error),
            }
        }
        if found.is_empty() && is_unanswered {
            // The error's own words name servers, which are nobody's business who named the host.
            return Err(io::Error::other("the DNS server gave no answer"));
        }
        Ok(found)
    }

    /// The TXT records of a name, the strings of each joined. What is not UTF-8 is replaced.
    pub async fn texts(&self, name: &str) -> Answer {
        self.look_up(name, RecordType::TXT, |data| match data {
            RData::TXT(text) => {
                let joined = text.txt_data.concat();
                Some(String::from_utf8_lossy(&joined).into_owned())
            }
            _ => None,
        })
        .await
    }

    /// The hosts that take mail for a domain: those of its MX records, or itself if it has none and an address
    /// (RFC 5321, section 5.1). A null MX (RFC 7505) is none.
    pub async fn mail_hosts(&self, domain: &str) -> Answer {
        let mut says_none = false;
        let hosts = self
            .look_up(domain, RecordType::MX, |data| match data {
                RData::MX(mx) if mx.exchange.is_root() => {
                    says_none = true;
                    None
                }
                RData::MX(mx) => Some(mx.exchange.to_string()),
                _ => None,
            })
            .await;
        if hosts != Answer::None || says_none {
            return hosts;
        }
        for kind in [RecordType::A, RecordType::AAAA] {
            let addresses =
                self.look_up(domain, kind, |data| data.ip_addr().map(|ip| ip.to_string()));
            let addresses = addresses.await;
            if addresses != Answer::None {
                return addresses;
            }
        }
        Answer::None
    }

    async fn look_up(
        &self,
        name: &str,
        kind: RecordType,
        mut read: impl FnMut(&RData) -> Option<String>,
    ) -> Answer {
        // With a dot at its end: this is no name to be completed by the search list of this machine.
        let Ok(name) = Name::from_ascii(format!("{name}.")) else { return Answer::None };
        let asked = tokio::time::timeout(PATIENCE, self.resolver.lookup(name, kind)).await;
        match asked {
            Ok(Ok(answer)) => {
                let found: Vec<String> =
                    answer.answers().iter().filter_map(|record| read(&record.data)).collect();
                if found.is_empty() { Answer::None } else { Answer::Records(found) }
            }
            Ok(Err(error)) if says_that_there_is_none(&error) => Answer::None,
            Ok(Err(_)) | Err(_) => Answer::Unanswered,
        }
    }
}

fn addresses_of(records: &[Record]) -> Vec<IpAddr> {
    records.iter().filter_map(|record| record.data.ip_addr()).collect()
}

/// Whether the servers said that there is nothing, and not that something is wrong with them.
fn says_that_there_is_none(error: &NetError) -> bool {
    use hickory_resolver::net::{DnsError, NoRecords};
    use hickory_resolver::proto::op::ResponseCode::{NXDomain, NoError};
    matches!(
        error,
        NetError::Dns(DnsError::NoRecordsFound(NoRecords {
            response_code: NXDomain | NoError,
            ..
        }))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks nobody who answers.
    fn with_hosts(text: &str) -> Dns {
        let mut dns = Dns::new(Some(([127, 0, 0, 1], 9).into())).unwrap();
        let mut hosts = Hosts::default();
        hosts.read_hosts_conf(text.as_bytes()).unwrap();
        dns.hosts = Arc::new(hosts);
        dns
    }

    #[tokio::test]
    async fn a_host_that_is_written_down_on_this_machine_is_asked_of_nobody() {
        let dns = with_hosts("10.1.2.3 consumer Consumer.internal\nfd12::5 consumer\n");
        for (host, expected) in [
            ("consumer", &["10.1.2.3", "fd12::5"][..]),
            ("CONSUMER.", &["10.1.2.3", "fd12::5"]),
            ("consumer.internal", &["10.1.2.3"]),
        ] {
            let expected: Vec<IpAddr> = expected.iter().map(|text| text.parse().unwrap()).collect();
            assert_eq!(dns.addresses(host).await.unwrap(), expected, "{host}");
        }
        assert!(dns.addresses("another").await.is_err());
    }
}
