//! A real DNS server for tests: it answers over UDP and TCP what it was told, or misbehaves.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::{MX, TXT};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinHandle;

/// What the server knows of a name.
#[derive(Clone)]
pub enum Zone {
    /// TXT records, each in strings of at most 255 octets.
    Texts(Vec<String>),
    /// The same, but too long for UDP: whoever wants them has to come by TCP.
    LongTexts(Vec<String>),
    /// One MX record.
    Mx(&'static str),
    /// A and AAAA records.
    Addresses(&'static [&'static str]),
    /// No AAAA record; the server cannot say which A records.
    FailsForIpv4,
    /// The server cannot say.
    Fails,
    /// The server says nothing at all.
    Silent,
    /// What comes is no DNS.
    Garbage,
}

/// The server. Stops when it is dropped.
pub struct DnsServer {
    address: SocketAddr,
    zones: Arc<Mutex<HashMap<String, Zone>>>,
    listening: Vec<JoinHandle<()>>,
}

impl DnsServer {
    /// On 127.0.0.1, on a port of its own for UDP and TCP.
    pub async fn start() -> Self {
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            // Somebody else may have the same port for TCP.
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
                break (udp, tcp);
            }
        };
        let address = udp.local_addr().unwrap();
        let zones = Arc::default();
        let listening = vec![
            tokio::spawn(serve_udp(udp, Arc::clone(&zones))),
            tokio::spawn(serve_tcp(tcp, Arc::clone(&zones))),
        ];
        Self { address, zones, listening }
    }

    /// For `DNS_SERVER`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Says this about the name from now on.
    pub fn set(&self, name: &str, zone: Zone) {
        self.zones.lock().unwrap().insert(name.to_owned(), zone);
    }

    /// Has one TXT record at the name from now on.
    pub fn set_text(&self, name: &str, text: &str) {
        self.set(name, Zone::Texts(vec![text.to_owned()]));
    }

    /// Knows nothing of the name any more.
    pub fn remove(&self, name: &str) {
        self.zones.lock().unwrap().remove(name);
    }
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        self.listening.iter().for_each(JoinHandle::abort);
    }
}

type Zones = Arc<Mutex<HashMap<String, Zone>>>;

async fn serve_udp(socket: UdpSocket, zones: Zones) {
    let mut question = [0; 4096];
    loop {
        let Ok((length, peer)) = socket.recv_from(&mut question).await else { continue };
        if let Some(answer) = answer(&question[..length], &zones, false) {
            let _ = socket.send_to(&answer, peer).await;
        }
    }
}

async fn serve_tcp(listener: TcpListener, zones: Zones) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        tokio::spawn(converse(stream, Arc::clone(&zones)));
    }
}

async fn converse(mut stream: TcpStream, zones: Zones) -> std::io::Result<()> {
    loop {
        let mut question = vec![0; stream.read_u16().await?.into()];
        stream.read_exact(&mut question).await?;
        if let Some(answer) = answer(&question, &zones, true) {
            stream.write_u16(answer.len().try_into().unwrap()).await?;
            stream.write_all(&answer).await?;
        }
    }
}

fn answer(question: &[u8], zones: &Zones, over_tcp: bool) -> Option<Vec<u8>> {
    let question = Message::from_vec(question).ok()?;
    let query = question.queries.first()?.clone();
    let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
    answer.metadata.recursion_available = true;
    answer.add_query(query.clone());
    let name = query.name().to_ascii().trim_end_matches('.').to_lowercase();
    let zone = zones.lock().unwrap().get(&name).cloned();
    let add = |answer: &mut Message, data| {
        answer.add_answer(Record::from_rdata(query.name().clone(), 60, data));
    };
    match (zone, query.query_type()) {
        (None, _) => answer.metadata.response_code = ResponseCode::NXDomain,
        (Some(Zone::Silent), _) => return None,
        (Some(Zone::Garbage), _) => return Some(b"this is no DNS".to_vec()),
        (Some(Zone::Fails), _) | (Some(Zone::FailsForIpv4), RecordType::A) => {
            answer.metadata.response_code = ResponseCode::ServFail;
        }
        (Some(Zone::LongTexts(_)), RecordType::TXT) if !over_tcp => {
            answer.metadata.truncation = true;
        }
        (Some(Zone::Texts(texts) | Zone::LongTexts(texts)), RecordType::TXT) => {
            for text in texts {
                let strings = text.as_bytes().chunks(255);
                let strings = strings.map(|part| String::from_utf8_lossy(part).into_owned());
                add(&mut answer, RData::TXT(TXT::new(strings.collect())));
            }
        }
        (Some(Zone::Mx(host)), RecordType::MX) => {
            add(&mut answer, RData::MX(MX::new(10, Name::from_ascii(host).unwrap())));
        }
        (Some(Zone::Addresses(addresses)), kind @ (RecordType::A | RecordType::AAAA)) => {
            let all =
                addresses.iter().map(|address| RData::from(address.parse::<IpAddr>().unwrap()));
            all.filter(|data| data.record_type() == kind).for_each(|data| add(&mut answer, data));
        }
        // The name is there, and has nothing of this kind.
        (Some(_), _) => {}
    }
    Some(answer.to_vec().unwrap())
}
